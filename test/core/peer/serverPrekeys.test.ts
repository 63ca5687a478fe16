/** Prekeys at the server machine: what a grant brings along, and when a device is told to make more. */
import { beforeEach, describe, expect, test } from "bun:test";
import { verifyDeviceList } from "../../../core/e2ee/deviceList.ts";
import { verifyPrekey } from "../../../core/e2ee/prekey.ts";
import { ONE_TIME_PREKEYS_LOW, PREKEYS_LOW_MS } from "../../../core/limits.ts";
import { only } from "../../support/channelPair.ts";
import { quickCrypto, START_MS } from "../../support/fixedEnv.ts";
import { registerAll, testRealm } from "../../support/realm.ts";
import { type RawPeer, ScriptedServer } from "../../support/scriptedPeers.ts";

const realm = testRealm();
const users = await registerAll(realm, ["Alice", "Bob"]);

let bench: ScriptedServer;
let alice: RawPeer;
let bob: RawPeer;
beforeEach(() => {
  bench = new ScriptedServer(realm.keys, users);
  alice = bench.attached("alice");
  bob = bench.attached("bob");
  for (const peer of [alice, bob]) peer.take();
});

const ask = () => ({ kind: "ticketRequest", ...bob.address }) as const;

test("a grant brings what is needed to begin with the device, each one-time prekey once", () => {
  alice.send(ask(), ask());
  const [first, second] = alice.taken("grant");
  const owner = { realm: realm.keys.realm, user: bob.user };
  const { identityKey, devices, signed, oneTime } = first?.bundle ?? {};
  if (!(identityKey && devices && signed && oneTime)) throw new Error("not all that is needed");
  expect(identityKey).toEqual(bob.enrolment.account.identityKey);
  expect(only(verifyDeviceList(quickCrypto, identityKey, owner, devices).devices).device).toBe(bob.device);
  const use = { ...owner, device: bob.device, nowMs: START_MS };
  for (const [kind, prekey] of [["signed", signed] as const, ["oneTime", oneTime] as const]) {
    expect(verifyPrekey(quickCrypto, identityKey, { ...use, kind }, prekey).id).toBe(prekey.id);
  }
  expect(second?.bundle).toEqual({ identityKey, devices, signed, oneTime: null });
});

describe("there is none", () => {
  test("of a device that has no signed prekey", () => {
    const fresh = bench.connect();
    fresh.shake();
    fresh.login("bob");
    fresh.send(...fresh.answer());
    fresh.take();
    fresh.send({ kind: "attach", device: fresh.device, logins: 1 });
    alice.take();
    alice.send({ kind: "ticketRequest", ...fresh.address });
    expect(alice.take() as unknown[]).toEqual([{ kind: "absent", ...fresh.address }]);
  });

  test("of a device that is not connected, and nothing is taken from it", () => {
    bob.send({ kind: "logout" });
    alice.take();
    alice.send(ask());
    expect(alice.take() as unknown[]).toEqual([{ kind: "absent", ...bob.address }]);
    expect(bench.store.asked("takePrekeys")).toEqual([]);
  });

  test("of a device that goes while the store is asked", () => {
    bench.store.hold = true;
    alice.send(ask());
    bob.send({ kind: "logout" });
    alice.take();
    bench.letStore();
    expect(alice.take() as unknown[]).toEqual([{ kind: "absent", ...bob.address }]);
  });

  test("for an asker that goes while the store is asked", () => {
    bench.store.hold = true;
    alice.send(ask());
    alice.send({ kind: "logout" });
    bob.take();
    bench.letStore();
    expect(bob.taken("prekeysLow")).toHaveLength(1);
  });
});

test("a device that comes back while the store is asked is granted with its new session", () => {
  bench.store.hold = true;
  alice.send(ask());
  bench.store.hold = false;
  const again = bench.attached("bob", bob.device);
  expect(bench.endOf(again)).toBeUndefined();
  bench.letStore();
  expect(alice.taken("grant")).toHaveLength(1);
});

describe("a device is told that its prekeys run low", () => {
  test("when fewer than so many are left, and not before", () => {
    const { signed, oneTime } = bob.enrolment.prekeys(100, 12);
    const put = { kind: "putPrekeys", device: bob.device, signed } as const;
    bob.send({ ...put, oneTime }, { ...bob.enrolment.prekeys(200, ONE_TIME_PREKEYS_LOW - 12), signed: null });
    alice.send(ask());
    expect(bob.take()).toEqual([]);
    alice.send(ask());
    expect(bob.take()).toEqual([{ kind: "prekeysLow", oneTimePrekeys: ONE_TIME_PREKEYS_LOW - 1 }]);
  });

  test("at most once in a while, by whatever clock", () => {
    alice.send(ask(), ask());
    expect(bob.take()).toHaveLength(1);
    bench.env.now += PREKEYS_LOW_MS - 1;
    alice.send(ask());
    expect(bob.take()).toEqual([]);
    bench.env.now += 1;
    alice.send(ask());
    expect(bob.take()).toHaveLength(1);
    bench.env.now -= 3_600_000;
    alice.send(ask());
    expect(bob.take()).toHaveLength(1);
  });
});

test("a device can hand in prekeys for one that is on its user's list, and for no other", () => {
  const second = bench.attached("alice");
  const prekeys = second.enrolment.prekeys(7, 0);
  second.send(prekeys, { ...prekeys, device: bob.device });
  bob.send({ kind: "ticketRequest", ...second.address });
  expect(bob.taken("grant").map(({ bundle }) => bundle.signed.id)).toEqual([7]);
  alice.send(ask());
  expect(alice.taken("grant").map(({ bundle }) => bundle.signed.id)).toEqual([1]);
});

test("work that costs as much as a ticket is said to the driver as that, from the proof on", () => {
  const asked = bench.effects.flatMap((effect) =>
    effect.kind === "asked" && effect.connection === bob.connection ? [[effect.frames, effect.tickets]] : [],
  );
  expect(asked).toEqual([
    [1, 1], // createAccount
    [1, 1], // putDevices
    [2, 2], // putPrekeys, attach
  ]);
  bench.effects.length = 0;
  alice.send(ask(), bob.enrolment.prekeys(50, 0), { kind: "guessesSeen" });
  expect(bench.effects.filter(({ kind }) => kind === "asked")).toEqual([
    { kind: "asked", connection: alice.connection, frames: 3, tickets: 2 },
  ]);
});
