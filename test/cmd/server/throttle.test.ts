import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { Attempts } from "../../../cmd/server/attempts.ts";
import { Throttle } from "../../../cmd/server/throttle.ts";
import { GUESSES_FREE, GUESSES_PER_HOUR, PREFIX_GUESSES_PER_DAY } from "../../../core/limits.ts";
import { parseUserName } from "../../../core/name.ts";
import { Secret } from "../../../core/secret.ts";
import { fixedEnv, quickCrypto } from "../../support/fixedEnv.ts";
import { temporaryFolder } from "../../support/folder.ts";

const KEY = Secret.take(new Uint8Array(32).fill(7));
const QUIET = { waiting: 0, inWork: 8 };
const BUSY = { waiting: 64, inWork: 8 };

let folder: ReturnType<typeof temporaryFolder>;
let attempts: Attempts;
let env: ReturnType<typeof fixedEnv>;
let throttle: Throttle;
beforeEach(() => {
  folder = temporaryFolder();
  attempts = Attempts.open(folder.path);
  env = { ...fixedEnv("throttle", quickCrypto) };
  throttle = new Throttle(env, attempts, KEY);
});
afterEach(() => {
  attempts[Symbol.dispose]();
  folder[Symbol.dispose]();
});

const judge = (name: string, address = "192.0.2.7", { load = QUIET, registered = true, solved = false } = {}) =>
  throttle.judge({ user: parseUserName(name), registered, solved }, address, load);
const logIn = (name: string, address: string) => {
  const { guess } = judge(name, address);
  if (guess === null) throw new Error("not served");
  return throttle.prove(guess);
};

test("five guesses from a prefix, whatever the address in it; the sixth waits, and that is not counted", () => {
  for (let at = 1; at <= GUESSES_FREE; at += 1) {
    expect(judge("alice", `192.0.2.${at}`).verdict).toEqual({ kind: "serve" });
  }
  for (let at = 0; at < 3; at += 1) {
    expect(judge("alice", "192.0.2.200")).toEqual({ verdict: { kind: "wait", seconds: 2 }, guess: null });
  }
  expect(judge("alice", "192.0.3.1").verdict).toEqual({ kind: "serve" });
  env.now += 2000;
  expect(judge("alice").verdict).toEqual({ kind: "serve" });
  expect(judge("alice").verdict).toEqual({ kind: "wait", seconds: 4 });
});

test("where a user has been before, logins under way do not count until they are given up", () => {
  logIn("alice", "192.0.2.7");
  env.now += 1;
  const under = Array.from({ length: 16 }, () => judge("alice").guess);
  expect(under.every((guess) => guess !== null)).toBe(true);
  expect(judge("alice").verdict).toEqual({ kind: "wait", seconds: 2 });
  for (const guess of under.slice(0, 8)) if (guess !== null) throttle.prove(guess);
  expect(judge("alice").verdict).toEqual({ kind: "serve" });
  for (const guess of under.slice(8)) if (guess !== null) throttle.over(guess);
  expect(judge("alice").verdict).toEqual({ kind: "wait", seconds: 16 });
  expect(judge("bob").verdict).toEqual({ kind: "serve" });
});

test("known and unknown names meet the same, step for step", () => {
  const run = (name: string, registered: boolean) =>
    Array.from({ length: 40 }, (_, step) => {
      env.now += 1000;
      return judge(name, `10.0.${step % 3}.1`, { registered }).verdict;
    });
  const start = env.now;
  const known = run("alice", true);
  env.now = start;
  expect(run("zoe", false)).toEqual(known);
  expect(known.some(({ kind }) => kind === "wait")).toBe(true);
});

describe("a name under fire", () => {
  beforeEach(() => {
    logIn("alice", "203.0.113.5");
    env.now += 1;
    for (let at = 0; at < GUESSES_PER_HOUR; at += 1) judge("alice", `10.0.${at}.1`);
  });

  test("is served where its owner has been before, and nowhere else", () => {
    expect(judge("alice", "10.9.9.9").verdict).toEqual({ kind: "wait", seconds: 900 });
    expect(judge("alice", "203.0.113.99").verdict).toEqual({ kind: "serve" });
    expect(judge("bob", "10.9.9.9").verdict).toEqual({ kind: "serve" });
  });

  test("is a name like any other an hour later", () => {
    env.now += 3_600_000;
    expect(judge("alice", "10.9.9.9").verdict).toEqual({ kind: "serve" });
  });

  test("its owner hears of it until it has been seen", () => {
    for (let time = 0; time < 2; time += 1) {
      const { guesses } = logIn("alice", "203.0.113.5");
      expect(guesses.prefixes.reduce((sum, { count }) => sum + count, guesses.others)).toBe(GUESSES_PER_HOUR);
    }
    const { guess } = judge("alice", "203.0.113.5");
    if (guess !== null) throttle.told(guess, throttle.prove(guess).atMs);
    expect(logIn("alice", "203.0.113.5").guesses).toEqual({ prefixes: [], others: 0 });
  });

  test("an operator who clears it ends that", () => {
    attempts.clear(parseUserName("alice"));
    expect(judge("alice", "10.9.9.9").verdict).toEqual({ kind: "serve" });
  });
});

describe("under load", () => {
  test("a stranger works first, then is judged like anybody", () => {
    const asked = judge("alice", "192.0.2.1", { load: BUSY });
    expect(asked).toEqual({ verdict: { kind: "puzzle", bits: 19 }, guess: null });
    const served = judge("alice", "192.0.2.1", { load: BUSY, solved: true });
    expect(served.verdict).toEqual({ kind: "serve" });
    expect(attempts.historyOf({ name: "alice", prefix: "192.0.2.0/24" }, env.now).here).toBe(1);
  });

  test("who comes from where anybody has logged in does not, whatever the name", () => {
    logIn("bob", "203.0.113.5");
    expect([throttle.knows("203.0.113.200"), throttle.knows("192.0.2.1")]).toEqual([true, false]);
    for (const name of ["bob", "alice", "nobody"]) {
      expect(judge(name, "203.0.113.9", { load: BUSY }).verdict).toEqual({ kind: "serve" });
    }
  });
});

test("logins under way are borne alike for every name where anybody has been, and nowhere else", () => {
  logIn("bob", "192.0.2.7");
  const answered = (name: string, address: string, registered: boolean) =>
    Array.from({ length: 20 }, () => judge(name, address, { registered })).filter(({ guess }) => guess !== null).length;
  expect([answered("alice", "192.0.2.1", true), answered("zoe", "192.0.2.1", false)]).toEqual([16, 16]);
  expect([answered("alice", "192.0.3.1", true), answered("zoe", "192.0.3.1", false)]).toEqual([5, 5]);
});

test("a prefix that has tried hundreds of names serves only those who have been there", () => {
  logIn("alice", "192.0.2.7");
  for (let at = 0; at < PREFIX_GUESSES_PER_DAY; at += 1) judge(`n${at}`, "192.0.2.9", { registered: at % 2 === 0 });
  expect(judge("bob", "192.0.2.8").verdict).toEqual({ kind: "wait", seconds: 900 });
  expect(judge("nobody", "192.0.2.8", { registered: false }).verdict).toEqual({ kind: "wait", seconds: 900 });
  expect(judge("alice", "192.0.2.8").verdict).toEqual({ kind: "serve" });
  expect(judge("bob", "192.0.3.8").verdict).toEqual({ kind: "serve" });
});

test("a name that nobody has, which may be a password in the wrong place, is not written down", () => {
  judge("alice");
  judge("sesame-open", "192.0.2.7", { registered: false });
  const file = readFileSync(folder.at("attempts.db-wal"), "latin1") + readFileSync(folder.at("attempts.db"), "latin1");
  expect([file.includes("alice"), file.includes("sesame")]).toEqual([true, false]);
});
