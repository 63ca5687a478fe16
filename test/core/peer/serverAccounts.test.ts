/** Accounts and pins at the server machine: who may put what, and who hears of it. */
import { beforeEach, describe, expect, test } from "bun:test";
import { wrapAccountKey } from "../../../core/e2ee/account.ts";
import { HELD_MESSAGES_MAX, PINS_PER_MESSAGE } from "../../../core/limits.ts";
import { parseUserName } from "../../../core/name.ts";
import type { AccountKeys, Pin, PinName } from "../../../core/wire/account.ts";
import type { ServerMessage } from "../../../core/wire/messages.ts";
import { only } from "../../support/channelPair.ts";
import { START_MS } from "../../support/fixedEnv.ts";
import { registerAll, testRealm } from "../../support/realm.ts";
import { type RawPeer, ScriptedServer } from "../../support/scriptedPeers.ts";

const realm = testRealm();
const users = await registerAll(realm, ["Alice", "Bob"]);
const alice = parseUserName("alice");
const EMPTY = new Uint8Array(0);

let bench: ScriptedServer;
beforeEach(() => {
  bench = new ScriptedServer(realm.keys, users);
});

/** Somebody who has proved the password, and said nothing yet. */
function proved(user = "alice"): RawPeer {
  const peer = bench.connect();
  peer.shake();
  peer.login(user);
  return peer;
}

const kinds = (messages: readonly ServerMessage[]) => messages.map(({ kind }) => kind);
const accountOf = (peer: RawPeer) => only(peer.taken("account"));
const pin = (at: number, version = 1, fill = 1): Pin => ({
  ...{ name: at.toString(16).padStart(32, "0") as PinName, version, sealed: new Uint8Array(20).fill(fill) },
});
const keysWith = (fill: number): AccountKeys => ({
  identityKey: new Uint8Array(32).fill(fill),
  ...{ identityWrap: Uint8Array.of(fill), accountWrap: Uint8Array.of(fill, 1), recoveryWrap: EMPTY },
});

describe("after the proof", () => {
  test("comes the account, when the store has answered: none at first", () => {
    bench.store.hold = true;
    const peer = proved();
    expect(peer.take()).toEqual([]);
    expect(bench.store.asked("load")).toEqual([{ op: "load", user: alice, epoch: 1 }]);
    bench.letStore();
    expect(peer.take()).toEqual([{ kind: "account", initial: 0, nowMs: START_MS, account: null }]);
  });

  test("pins come first, in as many messages as it takes", () => {
    const first = bench.attached("alice");
    for (let at = 0; at <= PINS_PER_MESSAGE; at += 1) first.send({ kind: "putPin", pin: pin(at) });
    const said = proved().take();
    expect(kinds(said)).toEqual(["pins", "pins", "account"]);
    const pins = said.flatMap((message) => (message.kind === "pins" ? message.pins : []));
    expect(pins).toEqual(Array.from({ length: PINS_PER_MESSAGE + 1 }, (_, at) => pin(at)));
  });

  test("the account has its devices and when they were seen: now, where they are connected", () => {
    const [away, here] = [bench.attached("alice"), bench.attached("alice")];
    bench.env.now += 1000;
    away.send({ kind: "logout" });
    bench.env.now += 1000;
    const { account, nowMs } = accountOf(proved());
    expect(nowMs).toBe(START_MS + 2000);
    expect(account?.keys.identityKey).toEqual(here.enrolment.account.identityKey);
    const standing = { logins: 1, signedPrekey: 1, oneTimePrekeys: 1 };
    expect(account?.standings).toEqual([
      { device: away.device, seenAt: START_MS + 1000, ...standing },
      { device: here.device, seenAt: START_MS + 2000, ...standing },
    ]);
  });

  test("a logout ends it, and nobody was there", () => {
    const peer = proved();
    peer.send({ kind: "logout" });
    expect(bench.endOf(peer)).toBeNull();
    expect(bench.store.asked("seen")).toEqual([]);
  });
});

describe("until the store has answered", () => {
  test("what is said is held, and dealt with in its order", () => {
    bench.attached("alice");
    const peer = proved();
    const joining = peer.answer();
    bench.store.hold = true;
    peer.send(...joining);
    peer.send({ kind: "attach", device: peer.device, logins: 7 });
    expect([bench.store.asked("putDevices").length, bench.server.online.devices]).toEqual([2, 1]);
    bench.letStore();
    expect(bench.server.online.devices).toBe(2);
    expect(bench.store.asked("seen").at(-1)).toEqual({ op: "seen", ...peer.address, atMs: START_MS, logins: 7 });
  });

  test.each([
    [HELD_MESSAGES_MAX, undefined],
    [HELD_MESSAGES_MAX + 1, "state.unexpected"],
  ] as const)("%d messages are held: %p", (count, end) => {
    bench.store.hold = true;
    const peer = proved();
    for (let at = 0; at < count; at += 1) peer.send({ kind: "putPin", pin: pin(at) });
    expect(bench.endOf(peer)).toBe(end as never);
  });

  test("and for a connection that has gone, its answer is nobody's", () => {
    bench.store.hold = true;
    const peer = proved();
    bench.handle({ kind: "disconnected", connection: peer.connection });
    const before = bench.effects.length;
    bench.letStore();
    expect(bench.effects).toHaveLength(before);
  });

  test("a session goes on", () => {
    const [one, two] = [bench.attached("alice"), bench.attached("bob")];
    bench.store.hold = true;
    one.send({ kind: "putPin", pin: pin(1) });
    one.send({ kind: "acknowledge", message: "e1".repeat(16) as never, ...two.address });
    expect(two.taken("confirmed")).toHaveLength(1);
  });
});

describe("an account", () => {
  test("is the first that is made: who comes later is given that", () => {
    const [first, second] = [proved(), proved()];
    for (const peer of [first, second]) peer.take();
    first.send({ kind: "createAccount", keys: keysWith(1), replaces: null });
    second.send({ kind: "createAccount", keys: keysWith(2), replaces: null });
    for (const peer of [first, second]) expect(accountOf(peer).account?.keys).toEqual(keysWith(1));
  });

  test("in the place of another ends what was begun with that", () => {
    const [old, waiting] = [bench.attached("alice"), proved()];
    const { identityKey } = old.enrolment.account;
    const fresh = proved();
    for (const peer of [waiting, fresh]) peer.take();
    fresh.send({ kind: "createAccount", keys: keysWith(3), replaces: identityKey });
    expect(accountOf(fresh).account).toEqual({ keys: keysWith(3), devices: null, standings: [] });
    for (const peer of [old, waiting]) expect(peer.goodbye()).toBe("auth.removed");
    expect(bench.endOf(fresh)).toBeUndefined();
  });

  test("is not replaced by who does not know which one there is", () => {
    const old = bench.attached("alice");
    const fresh = proved();
    fresh.take();
    fresh.send({ kind: "createAccount", keys: keysWith(3), replaces: new Uint8Array(32) });
    expect(accountOf(fresh).account?.keys.identityKey).toEqual(old.enrolment.account.identityKey);
    expect(bench.endOf(old)).toBeUndefined();
  });

  test("has its wraps replaced, for the password of this login", () => {
    const peer = bench.attached("alice");
    const { identityKey } = peer.enrolment.account;
    peer.send({ kind: "putWraps", identityKey, accountWrap: EMPTY, recoveryWrap: Uint8Array.of(9) });
    expect(only(bench.store.asked("putWraps"))).toEqual({
      ...{ op: "putWraps", user: alice, epoch: 1, identityKey, accountWrap: EMPTY, recoveryWrap: Uint8Array.of(9) },
    });
    expect(accountOf(proved()).account?.keys.recoveryWrap).toEqual(Uint8Array.of(9));
  });

  test("of a user who is removed is forgotten, after the last session", () => {
    bench.attached("alice");
    const others = new Map(users);
    others.delete(alice);
    bench.handle({ kind: "users", users: others });
    expect(bench.effects.flatMap((effect) => (effect.kind === "store" ? [effect.request.op] : [])).slice(-2)).toEqual([
      "seen",
      "forget",
    ]);
    expect(bench.store.asked("forget")).toEqual([{ op: "forget", user: alice }]);
  });
});

describe("a pin", () => {
  test("that is the next one stands, and the user's other sessions hear of it; nobody else does", () => {
    const [one, two, bob] = [bench.attached("alice"), bench.attached("alice"), bench.attached("bob")];
    for (const peer of [one, two, bob]) peer.take();
    one.send({ kind: "putPin", pin: pin(1) });
    for (const peer of [one, two]) expect(peer.take()).toEqual([{ kind: "pinStands", pin: pin(1) }]);
    expect(bob.take()).toEqual([]);
  });

  test("that is not the next one leaves the one that stands, which is the answer to who put it", () => {
    const [one, two] = [bench.attached("alice"), bench.attached("alice")];
    one.send({ kind: "putPin", pin: pin(1) });
    for (const peer of [one, two]) peer.take();
    for (const version of [1, 3]) {
      two.send({ kind: "putPin", pin: pin(1, version, 2) });
      expect(two.take()).toEqual([{ kind: "pinStands", pin: pin(1) }]);
    }
    expect(one.take()).toEqual([]);
  });

  test("for which there is no room is not kept, and harms nothing", () => {
    const one = bench.attached("alice");
    one.take();
    one.send({ kind: "putPin", pin: pin(1, 2) });
    expect(one.take()).toEqual([]);
    expect(bench.endOf(one)).toBeUndefined();
  });
});

test("an account key that is wrapped anew is there for the next login", () => {
  const peer = bench.attached("alice");
  const { key, identityKey } = peer.enrolment.account;
  const owner = { realm: realm.keys.realm, user: alice };
  const accountWrap = wrapAccountKey(bench.env, key, key, owner);
  peer.send({ kind: "putWraps", identityKey, accountWrap, recoveryWrap: EMPTY });
  expect(accountOf(proved()).account?.keys.accountWrap).toEqual(accountWrap);
});
