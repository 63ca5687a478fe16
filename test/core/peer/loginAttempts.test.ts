/** What becomes of a login at the server machine when its driver says: serve, work first, wait. */
import { beforeEach, describe, expect, test } from "bun:test";
import { utf8 } from "../../../core/bytes.ts";
import type { Verdict } from "../../../core/kdc/guessing.ts";
import { startLogin } from "../../../core/kdc/login.ts";
import { solves } from "../../../core/kdc/puzzle.ts";
import { LOGIN_RECORD_BYTES } from "../../../core/limits.ts";
import { parseUserName, type UserName } from "../../../core/name.ts";
import type { ServerEffect } from "../../../core/peer/serverEvents.ts";
import { Secret, wipe } from "../../../core/secret.ts";
import { clientFrames } from "../../../core/wire/messages.ts";
import { solutionOf } from "../../support/answers.ts";
import { registerAll, testRealm } from "../../support/realm.ts";
import { type RawPeer, ScriptedServer } from "../../support/scriptedPeers.ts";
import { SecretWatch } from "../../support/secretWatch.ts";

const realm = testRealm();
const users = await registerAll(realm, ["Alice", "Bob"]);
const BITS = 6;

let bench: ScriptedServer;
beforeEach(() => {
  bench = new ScriptedServer(realm.keys, users);
});

/** Begins a login; the KE1 is a valid one of nobody's password. */
function begin(peer: RawPeer, name = "alice"): void {
  peer.user = parseUserName(name);
  const ke1 = quickKe1(peer, peer.user);
  peer.padded({ kind: "loginStart", user: peer.user, ke1 });
}

function quickKe1(peer: RawPeer, user: UserName): Uint8Array {
  using password = Secret.take(utf8("a wrong one"));
  const context = {
    user,
    realm: realm.keys.realm,
    handshakeHash: peer.channel.handshakeHash,
    purpose: "login",
  } as const;
  const { ke1, state } = startLogin(bench.env, context, password);
  wipe(state);
  return ke1;
}

const asked = (): readonly Extract<ServerEffect, { kind: "attempt" }>[] =>
  bench.effects.filter((effect) => effect.kind === "attempt");

/** Puzzles whoever has solved none. */
const busy: ScriptedServer["judge"] = ({ solved }): Verdict =>
  solved ? { kind: "serve" } : { kind: "puzzle", bits: BITS };

describe("the driver is asked", () => {
  test("for known, locked and unknown names, before OPAQUE has been worked on", () => {
    const locked = new Map(users);
    for (const [name, user] of users) if (name === "bob") locked.set(name, { ...user, active: false });
    bench = new ScriptedServer(realm.keys, locked);
    bench.judge = () => ({ kind: "wait", seconds: 1 });
    for (const name of ["alice", "bob", "nobody"]) {
      const peer = bench.connect();
      peer.shake();
      begin(peer, name);
    }
    expect(asked().map(({ user, registered, solved }) => [user, registered, solved])).toEqual([
      ["alice", true, false],
      ["bob", true, false],
      ["nobody", false, false],
    ] as never);
    expect(bench.effects.some(({ kind }) => kind === "proved")).toBe(false);
  });

  test("once for each login, and told when it was the password", () => {
    const peer = bench.attached("alice");
    expect(asked()).toHaveLength(1);
    expect(bench.effects.filter(({ kind }) => kind === "proved")).toEqual([
      { kind: "proved", user: "alice", connection: peer.connection } as never,
    ]);
  });
});

describe("who has to wait", () => {
  test("hears for how long, in a padded goodbye, and all is wiped; the journal knows the name if it is one", () => {
    using watch = new SecretWatch();
    bench.judge = () => ({ kind: "wait", seconds: 900 });
    for (const [name, attempted] of [
      ["alice", { user: "alice" }],
      ["nobody", {}],
    ] as const) {
      const peer = bench.connect();
      watch.forget();
      peer.shake();
      begin(peer, name);
      expect(peer.records.map(({ length }) => length)).toEqual([LOGIN_RECORD_BYTES]);
      expect(peer.take()).toEqual([{ kind: "goodbye", reason: 305, waitSeconds: 900 }]);
      expect([peer.closeCode, bench.endOf(peer)]).toEqual([1000, "auth.tooManyAttempts"]);
      const ended = bench.effects.find((effect) => effect.kind === "ended" && effect.connection === peer.connection);
      expect(ended).toMatchObject({ attempted });
      expect(bench.server.online.connections).toBe(0);
    }
  });
});

describe("who has to work first", () => {
  const puzzled = (): RawPeer => {
    bench.judge = busy;
    const peer = bench.connect();
    peer.shake();
    begin(peer);
    return peer;
  };

  test("is given a padded puzzle, and is served once it is solved", () => {
    const peer = puzzled();
    expect(peer.records.map(({ length }) => length)).toEqual([LOGIN_RECORD_BYTES]);
    expect(peer.take()).toEqual([{ kind: "puzzle", bits: BITS }]);
    peer.padded({ kind: "solution", nonce: solutionOf({ handshakeHash: peer.channel.handshakeHash, bits: BITS }) });
    expect(peer.take().map(({ kind }) => kind)).toEqual(["loginResponse"]);
    expect(asked().map(({ solved }) => solved)).toEqual([false, true]);
  });

  test("may still be told to wait", () => {
    const peer = puzzled();
    peer.take();
    bench.judge = () => ({ kind: "wait", seconds: 2 });
    peer.padded({ kind: "solution", nonce: solutionOf({ handshakeHash: peer.channel.handshakeHash, bits: BITS }) });
    expect(peer.take()).toEqual([{ kind: "goodbye", reason: 305, waitSeconds: 2 }]);
  });

  test("with the solution of another channel: ended, and no login was worked on", () => {
    const [peer, other] = [puzzled(), puzzled()];
    peer.take();
    let nonce = solutionOf({ handshakeHash: other.channel.handshakeHash, bits: BITS });
    // Of 64 channels one takes it by chance: then another number is no solution.
    if (solves(bench.env.crypto, { handshakeHash: peer.channel.handshakeHash, bits: BITS }, nonce)) {
      nonce = solutionOf({ handshakeHash: other.channel.handshakeHash, bits: 2 * BITS });
    }
    peer.padded({ kind: "solution", nonce });
    expect([peer.goodbye(), bench.endOf(peer)]).toEqual(["channel.puzzle", "channel.puzzle"]);
    expect(asked().filter(({ solved }) => solved)).toEqual([]);
  });

  test.each([
    ["nothing at all", "solution"],
    ["a second login", "loginStart"],
    ["a proof", "loginFinish"],
    ["a device", "attach"],
  ] as const)("and says %s that has no place there: ended", (_what, kind) => {
    const peer = bench.connect();
    peer.shake();
    if (kind !== "solution") {
      bench.judge = busy;
      begin(peer);
      peer.take();
    }
    const ke1 = new Uint8Array(96);
    const messages = {
      solution: { kind: "solution", nonce: new Uint8Array(8) },
      loginStart: { kind: "loginStart", user: parseUserName("alice"), ke1 },
      loginFinish: { kind: "loginFinish", ke3: new Uint8Array(64) },
      attach: { kind: "attach", device: peer.device, logins: 1 },
    } as const;
    peer.raw(peer.channel.sealPadded(clientFrames.encode(messages[kind])));
    expect(bench.endOf(peer)).toBe("state.unexpected");
  });

  test("and goes away: nothing is left", () => {
    using watch = new SecretWatch();
    bench.judge = busy;
    const peer = bench.connect();
    watch.forget();
    watch.as("server", () => peer.shake());
    begin(peer);
    bench.handle({ kind: "disconnected", connection: peer.connection });
    expect(bench.server.online.connections).toBe(0);
  });
});

describe("failed logins", () => {
  const prefixes = [{ from: "192.0.2.0/24", count: 3, firstMs: 1, lastMs: 2 }];

  test("are told before the login is complete; with none there is no word of it", () => {
    expect(
      bench
        .attached("bob")
        .take()
        .map(({ kind }) => kind),
    ).not.toContain("guesses");
    bench.guesses = { prefixes, others: 4 };
    const told = bench.attached("alice").take();
    const kinds = told.map(({ kind }) => kind);
    expect(told.filter(({ kind }) => kind === "guesses")).toEqual([{ kind: "guesses", prefixes, others: 4 }]);
    expect(kinds.indexOf("guesses")).toBe(kinds.indexOf("attached") - 1);
  });

  test("that have been seen are said to the driver, from a session only", () => {
    const peer = bench.attached("alice");
    peer.send({ kind: "guessesSeen" });
    expect(bench.effects.filter(({ kind }) => kind === "guessesSeen")).toHaveLength(1);
    const stranger = bench.connect();
    stranger.shake();
    stranger.padded({ kind: "guessesSeen" });
    expect(bench.endOf(stranger)).toBe("state.unexpected");
  });
});

test("what a session asks for in one record is said to the driver", () => {
  const [alice, bob] = [bench.attached("alice"), bench.attached("bob")];
  bench.effects.length = 0;
  alice.send(
    { kind: "ticketRequest", ...bob.address },
    { kind: "ticketRequest", ...bob.address },
    { kind: "guessesSeen" },
  );
  expect(bench.effects.filter(({ kind }) => kind === "asked")).toEqual([
    { kind: "asked", connection: alice.connection, frames: 3, tickets: 2 },
  ]);
});
