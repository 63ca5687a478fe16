/** A user's list of devices at the server machine: which is kept, who hears of it, and whom it ends. */
import { beforeEach, expect, test } from "bun:test";
import { NO_DEVICES, withDevice, withoutDevices } from "../../../core/e2ee/deviceList.ts";
import type { DeviceId } from "../../../core/ids.ts";
import type { Device, DeviceList, Pin, PinName } from "../../../core/wire/account.ts";
import type { ClientMessage } from "../../../core/wire/messages.ts";
import { START_MS } from "../../support/fixedEnv.ts";
import { registerAll, testRealm } from "../../support/realm.ts";
import { type RawPeer, ScriptedServer } from "../../support/scriptedPeers.ts";

const realm = testRealm();
const users = await registerAll(realm, ["Alice", "Bob"]);
const ZERO = new Uint8Array(32);
const pin: Pin = { name: "1".repeat(32) as PinName, version: 1, sealed: new Uint8Array(20) };

let bench: ScriptedServer;
beforeEach(() => {
  bench = new ScriptedServer(realm.keys, users);
});

/** Alice, who has proved the password and been given the account. */
function proved(): RawPeer {
  const peer = bench.connect();
  peer.shake();
  peer.login("alice");
  peer.take();
  return peer;
}

const entry = (fill: number, changed: Partial<Device> = {}): Device => ({
  device: fill.toString(16).padStart(16, "0") as DeviceId,
  ticketKey: new Uint8Array(32).fill(fill),
  agreementKey: new Uint8Array(32).fill(fill),
  ...{ addedAt: START_MS, temporary: 0 },
  ...changed,
});
/** What `peer` puts on its user's list. */
const put = (peer: RawPeer, list: DeviceList) => ({ kind: "putDevices", devices: peer.enrolment.sign(list) }) as const;

test("a list that is the next one stands, and the user's other sessions hear of it; nobody else does", () => {
  const [one, two, bob] = [bench.attached("alice"), bench.attached("alice"), bench.attached("bob")];
  for (const peer of [one, two, bob]) peer.take();
  const next = put(one, withDevice(two.enrolment.list, entry(9)));
  one.send(next);
  const told = [{ kind: "devices", devices: next.devices }];
  for (const peer of [one, two]) expect(peer.take() as unknown[]).toEqual(told);
  expect(bob.take()).toEqual([]);
});

test("a list that is not the next one leaves the one that stands, which is the answer, and nobody else hears of it", () => {
  const [one, two] = [bench.attached("alice"), bench.attached("alice")];
  const { list } = two.enrolment;
  for (const peer of [one, two]) peer.take();
  for (const number of [list.number - 1, list.number, list.number + 2]) {
    one.send(put(one, { ...list, number, devices: [] }));
    expect(one.taken("devices").map(({ devices }) => devices)).toEqual([two.enrolment.sign(list)]);
  }
  expect(two.take()).toEqual([]);
  expect(bench.server.online.devices).toBe(2);
});

const spoilt: readonly (readonly [string, (peer: RawPeer, list: DeviceList) => ClientMessage])[] = [
  ["with a bit flipped", (peer, list) => spoil(put(peer, list), (devices) => flipped(devices.list))],
  ["signed by nobody", (peer, list) => spoil(put(peer, list), (devices) => flipped(devices.signature))],
  ["with a device twice", (peer, list) => put(peer, { ...list, devices: [entry(5), entry(5)] })],
  ["with number 0", (peer, list) => put(peer, { ...list, number: 0 })],
  ["with a ticket key that is none", (peer, list) => put(peer, withDevice(list, entry(5, { ticketKey: ZERO })))],
  ["with an agreement key that is none", (peer, list) => put(peer, withDevice(list, entry(5, { agreementKey: ZERO })))],
];
const flipped = (bytes: Uint8Array): void => {
  bytes[5] = (bytes[5] ?? 0) ^ 1;
};
function spoil(message: ClientMessage, change: (devices: { list: Uint8Array; signature: Uint8Array }) => void) {
  if (message.kind === "putDevices") change(message.devices);
  return message;
}
test.each(spoilt)("a list %s ends the connection, and is not kept", (_, make) => {
  const peer = bench.attached("alice");
  const { length } = bench.store.asked("putDevices");
  peer.take();
  peer.send(make(peer, { ...peer.enrolment.list, number: 2 }));
  expect(peer.goodbye()).toBe("wire.malformed");
  expect(bench.store.asked("putDevices")).toHaveLength(length);
});

test("a list of another user, or of no account", () => {
  const [peer, bob] = [bench.attached("alice"), bench.attached("bob")];
  peer.send(put(bob, withDevice(NO_DEVICES, entry(5))));
  expect(peer.goodbye()).toBe("wire.malformed");
  bench = new ScriptedServer(realm.keys, users);
  const nobody = proved();
  nobody.send(put(bob, withDevice(NO_DEVICES, entry(5))));
  expect(nobody.goodbye()).toBe("state.unexpected");
});

test("a list has as many devices as a user may have; where there are more, it may become shorter", () => {
  const peer = bench.attached("alice");
  let { list } = peer.enrolment;
  for (let fill = 1; fill < 8; fill += 1) list = withDevice(list, entry(fill));
  peer.send(put(peer, { ...list, number: 2 }));
  bench.handle({ kind: "devicesPerUser", max: 4 });
  peer.take();
  const shorter = withoutDevices({ ...list, number: 2 }, [entry(1).device]);
  peer.send(put(peer, shorter));
  expect(peer.taken("devices").map(({ devices }) => devices)).toEqual([peer.enrolment.sign(shorter)]);
  peer.send(put(peer, { ...shorter, number: 4 }));
  expect(peer.goodbye()).toBe("auth.tooManyDevices");
});

test("a list without a device that is connected ends it", () => {
  const [one, two] = [bench.attached("alice"), bench.attached("alice")];
  one.send(put(one, withoutDevices(two.enrolment.list, [two.device])));
  expect(two.goodbye()).toBe("auth.removed");
  expect(bench.endOf(one)).toBeUndefined();
  const back = proved();
  back.send({ kind: "attach", device: two.device, logins: 2 });
  expect(back.goodbye()).toBe("auth.removed");
});

test("a list ends a device also when the one that took it off has gone already", () => {
  const [one, two] = [bench.attached("alice"), bench.attached("alice")];
  bench.store.hold = true;
  one.send(put(one, withoutDevices(two.enrolment.list, [one.device, two.device])), { kind: "logout" });
  expect(bench.endOf(one)).toBeNull();
  bench.letStore();
  expect(two.goodbye()).toBe("auth.removed");
});

test("a list that has changed since a device was given the account counts when it attaches, and is told then", () => {
  const [one, two] = [bench.attached("alice"), bench.attached("alice")];
  const back = proved();
  bench.handle({ kind: "disconnected", connection: two.connection });
  const next = put(one, withDevice(two.enrolment.list, entry(9)));
  one.send(next, { kind: "putPin", pin });
  expect(back.take()).toEqual([]);
  back.send({ kind: "attach", device: two.device, logins: 2 });
  expect(
    back
      .take()
      .map(({ kind }) => kind)
      .slice(-3),
  ).toEqual(["attached", "devices", "pinStands"]);
});

test("a device that is taken off before it attaches is refused: auth.removed", () => {
  const [one, two] = [bench.attached("alice"), bench.attached("alice")];
  const back = proved();
  bench.handle({ kind: "disconnected", connection: two.connection });
  one.send(put(one, withoutDevices(two.enrolment.list, [two.device])));
  back.send({ kind: "attach", device: two.device, logins: 2 });
  expect(back.goodbye()).toBe("auth.removed");
});
