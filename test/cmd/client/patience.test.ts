/** A sign-in that the server puts off: how long it waits by itself, and what it says. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { openPrompter, signIn, withSession } from "../../../cmd/client/signIn.ts";
import { endingOf } from "../../../cmd/host/exit.ts";
import type { Io } from "../../../cmd/host/io.ts";
import type { Prompter } from "../../../cmd/host/prompt.ts";
import { rejection } from "../../support/codes.ts";
import { Heard, LocalRealm, worldOf } from "../../support/localRealm.ts";
import { personIo } from "../../support/personIo.ts";
import { passwordOf } from "../../support/realm.ts";

let realm: LocalRealm;
let judge: LocalRealm["rig"]["throttle"]["judge"];
beforeAll(async () => {
  realm = await LocalRealm.start("Alice");
  judge = realm.rig.throttle.judge;
});
afterAll(() => realm[Symbol.asyncDispose]());
beforeEach(() => {
  realm.rig.throttle.judge = judge;
});

/** The next `times` logins have to wait for so long. */
function putOff(times: number, seconds: number): void {
  let left = times;
  realm.rig.throttle.judge = (...asked) => {
    left -= 1;
    return left < 0 ? judge(...asked) : { verdict: { kind: "wait", seconds }, guess: null };
  };
}

const QUIETLY = { interactive: false, serves: false };
const script = () => realm.world("Alice").io;
const tries = (): number => realm.rig.log.filter(({ code }) => code === "auth.tooManyAttempts").length;

async function signInAt(io: Io, interrupted = new Promise<never>(() => {})): Promise<string | undefined> {
  const events = new Heard();
  let prompter: Prompter | null = null;
  const questions = (): Prompter => {
    prompter ??= openPrompter(io, () => {});
    return prompter;
  };
  try {
    const options = { config: undefined, user: undefined, state: "none", password: {} };
    const session = await signIn(options, io, realm.env(), { ...QUIETLY, events, questions, interrupted });
    await session.logout();
    return events.of("attached")[0]?.name;
  } finally {
    (prompter as Prompter | null)?.close();
  }
}

test("a script that is put off for a moment waits, and says nothing", async () => {
  putOff(1, 1);
  const began = performance.now();
  const io = script();
  expect(await signInAt(io)).toBe("Alice");
  expect(performance.now() - began).toBeGreaterThan(1000);
  expect(io.err()).toBe("");
});

test("it tries again three times, and no more", async () => {
  putOff(9, 1);
  const before = tries();
  const error = await rejection(signInAt(script()));
  expect([error.code, tries() - before]).toEqual(["auth.tooManyAttempts", 4]);
}, 15_000);

test.each([
  [11, "try again in 11 s"],
  [900, "try again in 15 minutes, or from where you have logged in before"],
])("a script that is put off for %d s ends at once: exit 3, and when to come back", async (seconds, words) => {
  putOff(1, seconds);
  const error = await rejection(signInAt(script()));
  expect(endingOf(error)).toEqual({ code: 3, line: `ims: too many logins of that name have failed; ${words}` });
});

test("a person sees why it takes so long, and need not type again", async () => {
  putOff(1, 1);
  const io = personIo(realm.folder.path);
  io.type(`Alice\r${passwordOf("Alice")}\r`);
  expect(await signInAt(io)).toBe("Alice");
  expect(io.err()).toContain("Too many logins of that name have failed; trying again in 1 s");
});

test("whoever interrupts the wait is not kept", async () => {
  putOff(1, 9);
  const interrupt = Promise.withResolvers<never>();
  interrupt.promise.catch(() => {});
  const began = performance.now();
  setTimeout(() => interrupt.reject(new Error("enough")), 200);
  expect(signInAt(script(), interrupt.promise)).rejects.toThrow("enough");
  expect(performance.now() - began).toBeLessThan(5000);
});

test("a server that is busy is worked for, and a person sees that", async () => {
  realm.rig.throttle.judge = (attempt, ...rest) =>
    attempt.solved ? judge(attempt, ...rest) : { verdict: { kind: "puzzle", bits: 12 }, guess: null };
  const io = personIo(realm.folder.path);
  io.type(`Alice\r${passwordOf("Alice")}\r`);
  expect(await signInAt(io)).toBe("Alice");
  expect(io.err()).toContain("The server is busy and asks for some work first");
});

describe("failed logins, in a command that does one thing", () => {
  const prefixes = [
    { from: "192.0.2.0/24", count: 3, firstMs: Date.UTC(2026, 0, 1), lastMs: Date.UTC(2026, 0, 2) },
    { from: "2001:db8::/48", count: 1, firstMs: 0, lastMs: 0 },
  ];
  const told: unknown[] = [];
  beforeEach(() => {
    told.length = 0;
    realm.rig.throttle.prove = () => ({ guesses: { prefixes, others: 2 }, atMs: 5 });
    realm.rig.throttle.told = ({ user }, atMs) => void told.push([user, atMs]);
  });
  const NOTHING = { config: undefined, user: undefined, state: "none", password: {} };
  const run = (world: Parameters<typeof withSession>[1]) =>
    withSession(NOTHING, world, { mayAsk: true, events: new Heard() }, () => 0);

  test("are told to a person who has typed the password, and not again", async () => {
    const io = personIo(realm.folder.path);
    io.type(`Alice\r${passwordOf("Alice")}\r`);
    expect(await run(worldOf(io, realm.env()))).toBe(0);
    expect(io.err()).toContain(
      "6 logins with your name have failed since you were last told:\n  3 from 192.0.2.0/24, last at ",
    );
    expect(io.err()).toContain("\n  2 from elsewhere\n");
    expect(told).toEqual([["alice", 5]]);
  });

  test("are not wasted on a script", async () => {
    const world = realm.world("Alice");
    expect(await run(world)).toBe(0);
    expect([world.io.err(), told]).toEqual(["", []]);
  });
});
