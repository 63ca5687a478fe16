import { describe, expect, test } from "bun:test";
import type { GuessId } from "../../../cmd/server/attempts.ts";
import { PeerLogin } from "../../../cmd/server/peerLogin.ts";
import type { Throttling } from "../../../cmd/server/throttle.ts";
import { ALICE } from "../../support/storeRequests.ts";

const ATTEMPT = { user: ALICE, registered: true, solved: true };
const LOAD = { waiting: 0, inWork: 8 };
const PREFIXES = [{ from: "192.0.2.0/24", count: 1, firstMs: 1, lastMs: 2 }];

/** A login, and what its throttle was told, by the number of the guess. */
function counted() {
  const calls: (readonly [string, number])[] = [];
  let last = 0;
  const throttle: Throttling = {
    knows: () => false,
    judge: ({ user }) => {
      last += 1;
      return { verdict: { kind: "serve" }, guess: { id: last as GuessId, user, prefix: "p", name: user } };
    },
    prove: ({ id }) => {
      calls.push(["prove", id]);
      return { guesses: { prefixes: PREFIXES, others: 0 }, atMs: id * 100 };
    },
    told: (_, atMs) => void calls.push(["told", atMs]),
    over: ({ id }) => void calls.push(["over", id]),
  };
  return { calls, login: new PeerLogin(throttle, "192.0.2.1") };
}

describe("guesses at the old password, in a session", () => {
  test("that are right are taken back, and the user is told only of what there was at the login", () => {
    const { calls, login } = counted();
    login.judge(ATTEMPT, LOAD);
    expect(login.prove()?.prefixes).toEqual(PREFIXES);
    login.judge(ATTEMPT, LOAD);
    expect(login.prove()).toBeNull();
    login.told();
    login.end();
    expect(calls).toEqual([
      ["prove", 1],
      ["prove", 2],
      ["told", 100],
    ]);
  });

  test("that are wrong are over with the next, or with the connection", () => {
    const { calls, login } = counted();
    login.judge(ATTEMPT, LOAD);
    login.prove();
    for (let times = 0; times < 3; times += 1) login.judge(ATTEMPT, LOAD);
    login.end();
    login.end();
    expect(calls).toEqual([
      ["prove", 1],
      ["over", 2],
      ["over", 3],
      ["over", 4],
    ]);
  });
});
