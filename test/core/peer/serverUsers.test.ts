import { beforeEach, expect, test } from "bun:test";
import type { RegisteredUser, Users } from "../../../core/kdc/realm.ts";
import { parseUserName } from "../../../core/name.ts";
import { passwordOf, registerAll, testRealm } from "../../support/realm.ts";
import { ScriptedServer } from "../../support/scriptedPeers.ts";
import { SecretWatch } from "../../support/secretWatch.ts";

const realm = testRealm();
const users = await registerAll(realm, ["Alice", "Bob", "Chris"]);
const alice = parseUserName("alice");
const original = entry(users);
const other = { ...original, record: await realm.record("Alice", "another") };

function entry(from: Users): RegisteredUser {
  const found = from.get(alice);
  if (found === undefined) throw new Error("no Alice");
  return found;
}

function withAlice(now: RegisteredUser | null): Users {
  const changed = new Map(users);
  if (now === null) changed.delete(alice);
  else changed.set(alice, now);
  return changed;
}

/** Each ends whatever Alice has, and nothing else. */
const ENDINGS: readonly (readonly [string, RegisteredUser | null])[] = [
  ["locked", { ...original, active: false }],
  ["removed", null],
  ["given a new password", { ...other, epoch: 2 }],
  ["removed and registered again, which begins at the first epoch again", other],
];

let bench: ScriptedServer;
beforeEach(() => {
  bench = new ScriptedServer(realm.keys, users);
});

test.each(ENDINGS)("a user who is %s is logged out everywhere, and the others stay", (_, now) => {
  const sessions = [bench.attached("alice"), bench.attached("alice")];
  const bob = bench.attached("bob");
  for (const peer of [...sessions, bob]) peer.take();
  using watch = new SecretWatch();
  bench.handle({ kind: "users", users: withAlice(now) });
  expect(watch.alive()).toEqual([]);
  for (const peer of sessions) {
    expect(bench.endOf(peer)).toBe("auth.ended");
    expect(peer.goodbye()).toBe("auth.ended");
  }
  expect(bench.endOf(bob)).toBeUndefined();
  const last = bob.take().at(-1);
  expect(last as unknown).toEqual(
    now === null ? { kind: "unregistered", user: "alice" } : { kind: "presence", name: "Alice", devices: [] },
  );
  expect(bench.server.online.devices).toBe(1);
});

test.each(ENDINGS)("a user who is %s between proof and attachment is not let in", (_, now) => {
  const peer = bench.connect();
  peer.shake();
  peer.login("alice");
  bench.handle({ kind: "users", users: withAlice(now) });
  expect(bench.endOf(peer)).toBe("auth.ended");
  peer.attach();
  expect(bench.server.online.devices).toBe(0);
});

test.each(ENDINGS)("a proof for a user who is %s meanwhile does not count", (_, now) => {
  const peer = bench.connect();
  peer.shake();
  const { handle } = bench;
  // The file changes when the server has answered KE1 and KE3 is yet to come.
  let frames = 0;
  bench.handle = (event) => {
    if (event.kind === "frame") frames += 1;
    if (frames === 2) bench.handle = handle;
    if (frames === 2) handle.call(bench, { kind: "users", users: withAlice(now) });
    handle.call(bench, event);
  };
  peer.login("alice");
  expect(frames).toBe(2);
  expect(bench.endOf(peer)).toBe("auth.rejected");
  expect(peer.closeCode).toBe(4301);
});

test.each([
  ["unlocked again", { ...original }],
  ["written in another case", { ...original, name: "ALICE" }],
])("a user who is %s stays logged in", (_, now) => {
  const peer = bench.attached("alice");
  peer.take();
  bench.handle({ kind: "users", users: withAlice(now) });
  expect(bench.endOf(peer)).toBeUndefined();
  const told = peer.take();
  if (now.name === "Alice") expect(told).toEqual([]);
  else expect(told as unknown[]).toEqual([{ kind: "presence", name: "ALICE", devices: [peer.device] }]);
});

test("a new user is shown to all and can log in at once", async () => {
  const bob = bench.attached("bob");
  bob.take();
  const record = await realm.record("Zoe", passwordOf("zoe"));
  const now = new Map(users).set(parseUserName("zoe"), { name: "Zoe", active: true, record, epoch: 1, initial: false });
  bench.handle({ kind: "users", users: now });
  expect(bob.take() as unknown[]).toEqual([{ kind: "presence", name: "Zoe", devices: [] }]);
  expect(bench.endOf(bench.attached("zoe"))).toBeUndefined();
});

test("unknown, locked and wrong are alike: the same records, the same silence, the same close code", () => {
  const locked = new Map(users).set(alice, { ...original, active: false });
  const tries = [
    { of: users, user: "alice", password: "wrong" },
    { of: users, user: "nobody", password: passwordOf("nobody") },
    { of: locked, user: "alice", password: passwordOf("alice") },
  ];
  const seen = tries.map(({ of, user, password }) => {
    bench = new ScriptedServer(realm.keys, of);
    const peer = bench.connect();
    peer.shake();
    const lengths: number[] = [];
    const receive = peer.receive.bind(peer);
    peer.receive = (bytes) => {
      lengths.push(bytes.length);
      receive(bytes);
    };
    // A client gives up here, as it cannot prove anything; one that goes on is refused.
    expect(() => peer.login(user, password)).toThrow("auth.rejected");
    peer.padded({ kind: "loginFinish", ke3: new Uint8Array(64) });
    return { lengths, closeCode: peer.closeCode, end: bench.endOf(peer) };
  });
  const expected = { lengths: [1024], closeCode: 4301, end: "auth.rejected" as const };
  expect(seen).toEqual([expected, expected, expected]);
});

test("a login that was begun and not completed is reported as an attempt, by name for a registered user only", () => {
  for (const [user, attempted] of [
    ["alice", { user: "alice" }],
    ["nobody", {}],
  ] as const) {
    const peer = bench.connect();
    peer.shake();
    expect(() => peer.login(user, "wrong")).toThrow("auth.rejected");
    bench.handle({ kind: "disconnected", connection: peer.connection });
    const ended = bench.effects.findLast(({ kind }) => kind === "ended");
    // What is reported, and so logged, comes after the close: the peer must not be able to time it.
    expect(bench.effects.slice(-2).map(({ kind }) => kind)).toEqual(["close", "ended"]);
    expect(ended as unknown).toEqual({
      ...{ kind: "ended", connection: peer.connection, device: null },
      ...{ attempted, code: null },
    });
  }
});
