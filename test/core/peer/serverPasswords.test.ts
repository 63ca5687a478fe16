/** Changes of passwords at the server machine: proof of the old one, and either all of the new one or nothing. */
import { beforeEach, describe, expect, test } from "bun:test";
import type { Users } from "../../../core/kdc/realm.ts";
import { parseUserName } from "../../../core/name.ts";
import type { ServerEffect } from "../../../core/peer/serverEvents.ts";
import type { ClientMessage } from "../../../core/wire/messages.ts";
import { only } from "../../support/channelPair.ts";
import { beginPassword } from "../../support/passwordSteps.ts";
import { passwordOf, registerAll, testRealm } from "../../support/realm.ts";
import { type RawPeer, ScriptedServer } from "../../support/scriptedPeers.ts";
import { SecretWatch } from "../../support/secretWatch.ts";

type Finish = Extract<ClientMessage, { kind: "passwordFinish" }>;

const realm = testRealm();
const users = await registerAll(realm, ["Alice", "Bob"]);
const alice = parseUserName("alice");
const owner = { realm: realm.keys.realm, user: alice };
const DONE = { kind: "passwordResult", reason: 0, waitSeconds: 0 } as const;
const REJECTED = { ...DONE, reason: 301 } as const;
const FAULT = { ...DONE, reason: 503 } as const;
const NEW = "another password";

let bench: ScriptedServer;
beforeEach(() => {
  bench = new ScriptedServer(realm.keys, users);
});

/** All up to the last message, which is given. */
const begin = (peer: RawPeer, old = passwordOf("alice"), hasAccount = true): Finish =>
  beginPassword(peer, { owner, old, next: NEW, hasAccount });

/** Whether the account opens with `password` at a login. */
function opens(password: string): boolean {
  const peer = bench.connect();
  peer.shake();
  peer.login("alice", password);
  peer.attach();
  return bench.server.sessions().some(({ connection }) => connection === peer.connection);
}

const setting = (): readonly Extract<ServerEffect, { kind: "setPassword" }>[] =>
  bench.effects.filter((effect) => effect.kind === "setPassword");
const initial = (): Users => {
  const entry = users.get(alice);
  return entry === undefined ? users : new Map(users).set(alice, { ...entry, initial: true });
};

describe("a password that is changed", () => {
  test("opens the account from now on; this session goes on, and all others of the user end", () => {
    const [peer, other, bob] = [bench.attached("alice"), bench.attached("alice"), bench.attached("bob")];
    peer.take();
    const finish = begin(peer);
    peer.send(finish);
    expect(peer.taken("passwordResult")).toEqual([DONE]);
    expect(other.goodbye()).toBe("auth.ended");
    for (const kept of [peer, bob]) expect(bench.endOf(kept)).toBeUndefined();
    expect(bench.store.asked("putWraps").map(({ epoch, accountWrap }) => [epoch, accountWrap])).toEqual([
      [2, finish.accountWrap],
    ]);
    expect(setting()).toEqual([
      {
        kind: "setPassword",
        connection: peer.connection,
        id: expect.any(Number),
        user: alice,
        epoch: 2,
        record: finish.record,
      } as never,
    ]);
    expect(opens(NEW)).toBe(true);
    expect(() => opens(passwordOf("alice"))).toThrow("auth.rejected");
  });

  test("is a guess at the old one that counts until it is proved, and tells nothing of other guesses", () => {
    const peer = bench.attached("alice");
    peer.take();
    bench.effects.length = 0;
    bench.guesses = { prefixes: [{ from: "192.0.2.0/24", count: 3, firstMs: 1, lastMs: 2 }], others: 0 };
    const finish = begin(peer);
    const asked = bench.effects.filter(({ kind }) => kind === "attempt" || kind === "proved");
    const { connection } = peer;
    expect(asked as unknown[]).toEqual([{ kind: "attempt", connection, user: alice, registered: true, solved: true }]);
    peer.send(finish);
    expect(bench.effects.filter(({ kind }) => kind === "proved") as unknown[]).toEqual([
      { kind: "proved", connection, user: alice },
    ]);
    expect(peer.take().map(({ kind }) => kind)).not.toContain("guesses");
  });

  test("may be read from the file before the change is answered", () => {
    const [peer, other] = [bench.attached("alice"), bench.attached("alice")];
    bench.setPassword = () => undefined;
    peer.take();
    peer.send(begin(peer));
    const effect = only(setting());
    const now = bench.changed(effect) ?? users;
    bench.handle({ kind: "users", users: now });
    expect([bench.endOf(peer), bench.endOf(other)]).toEqual([undefined, "auth.ended"]);
    bench.passwordSet(effect, now);
    expect(peer.taken("passwordResult")).toEqual([DONE]);
  });

  test("takes in what it was answered with, also when the connection has gone", () => {
    const [peer, other] = [bench.attached("alice"), bench.attached("alice")];
    bench.setPassword = () => undefined;
    peer.send(begin(peer));
    peer.send({ kind: "logout" });
    const effect = only(setting());
    bench.passwordSet(effect, bench.changed(effect));
    expect(other.goodbye()).toBe("auth.ended");
    expect(opens(NEW)).toBe(true);
  });

  test("can be changed again on the same connection", () => {
    const peer = bench.attached("alice");
    peer.take();
    peer.send(begin(peer));
    peer.send(begin(peer, NEW));
    expect(peer.taken("passwordResult")).toEqual([DONE]);
    expect(bench.users.get(alice)?.epoch).toBe(3);
  });
});

describe("nothing is changed", () => {
  const unchanged = (peer: RawPeer, result: unknown): void => {
    expect(peer.taken("passwordResult") as unknown[]).toEqual([result]);
    expect(bench.endOf(peer)).toBeUndefined();
    expect(bench.users.get(alice)?.epoch).toBe(1);
    expect(opens(passwordOf("alice"))).toBe(true);
  };

  test("by a proof that is none: the guess stays counted", () => {
    const peer = bench.attached("alice");
    peer.take();
    bench.effects.length = 0;
    peer.send({ ...begin(peer), ke3: new Uint8Array(64) });
    expect(bench.effects.some(({ kind }) => kind === "proved")).toBe(false);
    expect(setting()).toEqual([]);
    unchanged(peer, REJECTED);
  });

  test("by who has to wait, and hears for how long", () => {
    const peer = bench.attached("alice");
    peer.take();
    bench.judge = () => ({ kind: "wait", seconds: 4 });
    peer.send({ kind: "passwordStart", ke1: new Uint8Array(96), request: new Uint8Array(32) });
    bench.judge = () => ({ kind: "serve" });
    unchanged(peer, { kind: "passwordResult", reason: 305, waitSeconds: 4 });
  });

  test("when somebody else has changed the user meanwhile", () => {
    const peer = bench.attached("alice");
    peer.take();
    bench.setPassword = () => null;
    peer.send(begin(peer));
    unchanged(peer, FAULT);
  });

  test("by a second session while the first is being saved, so that no wrap is mixed with the record of another", () => {
    const [one, two] = [bench.attached("alice"), bench.attached("alice")];
    for (const peer of [one, two]) peer.take();
    const finishes = [begin(one), begin(two)] as const;
    bench.setPassword = () => undefined;
    one.send(finishes[0]);
    one.send({ kind: "logout" });
    two.send(finishes[1]);
    expect(two.taken("passwordResult") as unknown[]).toEqual([FAULT]);
    expect(bench.store.asked("putWraps")).toHaveLength(1);
    bench.passwordSet(only(setting()), null);
    two.send(begin(two));
    expect(setting()).toHaveLength(2);
  });

  test("when the connection goes before the wraps are saved; then another may", () => {
    const [one, two] = [bench.attached("alice"), bench.attached("alice")];
    for (const peer of [one, two]) peer.take();
    const finishes = [begin(one), begin(two)] as const;
    bench.store.hold = true;
    one.send(finishes[0], { kind: "logout" });
    bench.letStore();
    bench.store.hold = false;
    expect(setting()).toEqual([]);
    two.send(finishes[1]);
    expect(two.taken("passwordResult")).toEqual([DONE]);
    expect(opens(NEW)).toBe(true);
  });

  test("by a fault of ours, after which another session may", () => {
    const [one, two] = [bench.attached("alice"), bench.attached("alice")];
    for (const peer of [one, two]) peer.take();
    bench.setPassword = () => undefined;
    one.send(begin(one));
    bench.handle({ kind: "end", connection: one.connection, code: "server.fault" });
    two.send(begin(two));
    expect(setting()).toHaveLength(2);
  });
});

describe("what has no place in it ends the connection", () => {
  test.each<readonly [string, (peer: RawPeer) => readonly ClientMessage[], string]>([
    ["a finish that nobody began", () => [{ ...EMPTY_FINISH }], "state.unexpected"],
    ["a record that is none", (peer) => [{ ...begin(peer), record: new Uint8Array(192) }], "wire.malformed"],
    [
      "a KE1 that is none",
      () => [{ kind: "passwordStart", ke1: new Uint8Array(96), request: new Uint8Array(32) }],
      "wire.malformed",
    ],
    ["a finish said twice", (peer) => [{ ...begin(peer), ke3: new Uint8Array(64) }, EMPTY_FINISH], "state.unexpected"],
  ])("%s", (_, make, code) => {
    const peer = bench.attached("alice");
    peer.take();
    using watch = new SecretWatch();
    watch.as("server", () => peer.send(...make(peer)));
    expect(peer.goodbye() as string).toBe(code);
    expect(setting()).toEqual([]);
  });
  const EMPTY_FINISH: Finish = {
    ...{ kind: "passwordFinish", ke3: new Uint8Array(64), record: new Uint8Array(192), accountWrap: new Uint8Array(0) },
  };

  test("a start while the last one is being saved", () => {
    const peer = bench.attached("alice");
    peer.take();
    bench.setPassword = () => undefined;
    peer.send(begin(peer));
    peer.send({ kind: "passwordStart", ke1: new Uint8Array(96), request: new Uint8Array(32) });
    expect(peer.goodbye()).toBe("state.unexpected");
  });

  test("and of what was begun no secret is left", () => {
    const peer = bench.attached("alice");
    peer.take();
    using watch = new SecretWatch();
    const finish = begin(peer);
    const before = watch.count;
    bench.handle({ kind: "disconnected", connection: peer.connection });
    expect(before).toBeGreaterThan(20);
    const { ke3 } = finish;
    // The server's end of the proof is the MAC that it waits for.
    expect(watch.alive().some((secret) => secret.use((bytes) => bytes.toHex()) === ke3.toHex())).toBe(false);
  });
});

describe("a password that the operator chose", () => {
  const begun = (): RawPeer => {
    bench = new ScriptedServer(realm.keys, initial());
    const peer = bench.connect();
    peer.shake();
    peer.login("alice");
    return peer;
  };

  test("opens nothing: the account is not shown", () => {
    bench.attached("alice");
    expect(begun().take()).toEqual([{ kind: "account", initial: 1, nowMs: bench.env.now, account: null }]);
  });

  test.each<ClientMessage>([
    { kind: "attach", device: "0123456789abcdef" as never, logins: 1 },
    { kind: "putPin", pin: { name: "1".repeat(32) as never, version: 1, sealed: new Uint8Array(1) } },
    { kind: "guessesSeen" },
  ])("and $kind has to wait for another password", (message) => {
    const peer = begun();
    peer.take();
    peer.send(message);
    expect(peer.goodbye()).toBe("state.unexpected");
  });

  test("can be changed, without an account, and then everything goes on", () => {
    const peer = begun();
    peer.take();
    peer.send(begin(peer, passwordOf("alice"), false));
    expect(peer.taken("passwordResult")).toEqual([DONE]);
    expect(bench.store.asked("putWraps")).toEqual([]);
    expect(bench.users.get(alice)).toMatchObject({ initial: false, epoch: 2 });
    expect(opens(NEW)).toBe(true);
  });

  test("can be left as it is", () => {
    const peer = begun();
    peer.send({ kind: "logout" });
    expect(bench.endOf(peer)).toBeNull();
  });
});

test("a wrap of an account that there is not ends the connection", () => {
  const peer = bench.connect();
  peer.shake();
  peer.login("alice");
  peer.take();
  peer.send({ ...begin(peer, passwordOf("alice"), false), accountWrap: Uint8Array.of(1) });
  expect(peer.goodbye()).toBe("state.unexpected");
});
