/** A client whose login is not simply answered: it has to work first, to wait, or hears of others who tried. */
import { describe, expect, test } from "bun:test";
import { LOGIN_RECORD_BYTES } from "../../../core/limits.ts";
import { solutionOf } from "../../support/answers.ts";
import { Duo, type Stage } from "../../support/duo.ts";
import { registerAll, testRealm } from "../../support/realm.ts";

const realm = testRealm();
const users = await registerAll(realm, ["Alice", "Bob"]);
const at = (stage: Stage) => Duo.at(stage, realm.keys, users);

describe("a puzzle", () => {
  const BITS = 5;
  /** A client that has been asked for work, and the puzzle. */
  const puzzled = () => {
    const duo = at("channel");
    duo.admission = { kind: "puzzle", bits: BITS };
    duo.compute(); // the channel stands, and the login has been asked for
    const effects = duo.handle({ kind: "frame", bytes: duo.serve() });
    const [solve] = effects.filter((effect) => effect.kind === "solve");
    if (solve?.kind !== "solve") throw new Error("no puzzle was asked for");
    return { duo, puzzle: solve.puzzle };
  };

  test("is for the caller to solve; the solution goes out padded, and the login goes on", () => {
    const { duo, puzzle } = puzzled();
    expect(puzzle).toEqual({ bits: BITS, handshakeHash: expect.any(Uint8Array) });
    duo.handle({ kind: "solved", nonce: solutionOf(puzzle) });
    expect(duo.toServer.map(({ length }) => length)).toEqual([LOGIN_RECORD_BYTES]);
    duo.admission = { kind: "serve" };
    duo.frame(duo.serve());
    duo.compute();
    duo.attach();
    expect(duo.client.attached).toBe(true);
  });

  test("is asked for once: a second one ends the login", () => {
    const { duo, puzzle } = puzzled();
    duo.handle({ kind: "solved", nonce: solutionOf(puzzle) });
    duo.admission = { kind: "puzzle", bits: 1 };
    duo.frame(duo.serve());
    expect(duo.ended).toBe("state.unexpected");
  });

  test("a goodbye while it is being solved is heard, and the solution then has nowhere to go", () => {
    const { duo, puzzle } = puzzled();
    const { goodbye } = duo.connection.end("channel.deadline");
    duo.frame(goodbye ?? new Uint8Array(0));
    expect(duo.ended).toBe("channel.deadline");
    expect(duo.handle({ kind: "solved", nonce: solutionOf(puzzle) })).toEqual([]);
  });
});

test("a goodbye says how long to wait", () => {
  const duo = at("login");
  const { goodbye } = duo.connection.end("auth.tooManyAttempts", 17);
  const effects = duo.handle({ kind: "frame", bytes: goodbye ?? new Uint8Array(0) });
  expect(effects).toEqual([{ kind: "ended", code: "auth.tooManyAttempts", waitSeconds: 17 }]);
});

test("failed logins are told before the roster is complete, and seen when the caller says so", () => {
  const duo = at("roster");
  const guesses = { prefixes: [{ from: "192.0.2.0/24", count: 1, firstMs: 5, lastMs: 6 }], others: 0 };
  duo.attach({ kind: "guesses", ...guesses });
  expect(duo.notices.map(({ kind }) => kind)).toEqual(["opened", "guesses", "attached"]);
  expect(duo.notices[1]).toEqual({ kind: "guesses", ...guesses });
  duo.handle({ kind: "sawGuesses" });
  expect(duo.toServer).toHaveLength(1);
  duo.say({ kind: "guesses", ...guesses });
  expect(duo.ended).toBe("state.unexpected");
});
