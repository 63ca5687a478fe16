import { beforeEach, expect, test } from "bun:test";
import type { Address, DeviceId, MessageId } from "../../../core/ids.ts";
import type { UserName } from "../../../core/name.ts";
import { Outbox } from "../../../core/peer/outbox.ts";

const [alice, bob] = ["alice" as UserName, "bob" as UserName];
const at = (user: UserName, device: string): Address => ({ user, device: device as DeviceId });
const [phone, desk, mine] = [at(bob, "phone"), at(bob, "desk"), at(alice, "mine")];
const [first, second] = ["first" as MessageId, "second" as MessageId];
const content = Uint8Array.of(1);

let outbox: Outbox;
beforeEach(() => {
  outbox = new Outbox();
});

test("a message waits for each of its devices, oldest first", () => {
  const one = outbox.add(first, bob, content, [phone, mine]);
  const two = outbox.add(second, bob, content, [phone]);
  expect(outbox.waitingFor(phone)).toEqual([one, two]);
  expect(outbox.waitingFor(mine)).toEqual([one]);
  outbox.markSent(one, phone);
  expect(outbox.waitingFor(phone)).toEqual([two]);
});

test("it is delivered once, when the first device of the recipient has it", () => {
  const sent = outbox.add(first, bob, content, [phone, desk]);
  outbox.markSent(sent, phone);
  outbox.markSent(sent, desk);
  expect(outbox.confirm(first, phone)).toBe(bob);
  expect(outbox.confirm(first, phone)).toBeNull();
  expect(outbox.size).toBe(1);
  expect(outbox.confirm(first, desk)).toBeNull();
  expect(outbox.size).toBe(0);
});

test("what the sender's own device, somebody else or a device without an envelope confirms is no delivery", () => {
  const sent = outbox.add(first, bob, content, [phone, mine]);
  outbox.markSent(sent, mine);
  expect(outbox.confirm(first, mine)).toBeNull();
  expect(outbox.confirm(first, phone)).toBeNull();
  outbox.markSent(sent, phone);
  expect(outbox.confirm(first, desk)).toBeNull();
  expect(outbox.confirm(second, phone)).toBeNull();
  expect(outbox.confirm(first, phone)).toBe(bob);
});

test("a delivered message stays while a copy has yet to be confirmed", () => {
  const sent = outbox.add(first, bob, content, [phone, mine]);
  outbox.markSent(sent, phone);
  outbox.confirm(first, phone);
  expect(outbox.size).toBe(1);
  expect(outbox.drop(first)).toMatchObject({ delivered: true });
  outbox.add(second, bob, content, [phone, mine]);
  outbox.markSent(outbox.waitingFor(phone)[0] ?? sent, phone);
  outbox.confirm(second, phone);
  expect(outbox.gone(mine)).toEqual([]);
  expect(outbox.size).toBe(0);
});

test("it fails when the last device of the recipient has gone, whatever own devices are left", () => {
  const sent = outbox.add(first, bob, content, [phone, desk, mine]);
  expect(outbox.gone(phone)).toEqual([]);
  expect(outbox.gone(phone)).toEqual([]);
  expect(outbox.gone(desk)).toEqual([sent]);
  expect(outbox.gone(desk)).toEqual([]);
  expect(outbox.size).toBe(0);
});

test("a bounce is of one message, a departure of all", () => {
  const one = outbox.add(first, bob, content, [phone]);
  const two = outbox.add(second, bob, content, [phone]);
  expect(outbox.gone(phone, first)).toEqual([one]);
  expect(outbox.gone(phone)).toEqual([two]);
});

test("a device that logs in meanwhile is added to what is on its way to its user or from it", () => {
  const sent = outbox.add(first, bob, content, [phone]);
  outbox.addTarget(desk, alice);
  outbox.addTarget(mine, alice);
  outbox.addTarget(at("chris" as UserName, "other"), alice);
  expect([...sent.targets.values()].map(({ address }) => address)).toEqual([phone, desk, mine]);
  outbox.gone(phone);
  outbox.addTarget(phone, alice);
  expect(outbox.waitingFor(phone)).toEqual([]);
});

test("what is dropped tells which devices have said nothing", () => {
  const sent = outbox.add(first, bob, content, [phone, desk, mine]);
  outbox.markSent(sent, phone);
  outbox.markSent(sent, desk);
  outbox.confirm(first, desk);
  const states = [...(outbox.drop(first)?.targets.values() ?? [])].map(({ state }) => state);
  expect(states).toEqual(["sent", "confirmed", "waiting"]);
  expect(outbox.drop(first)).toBeNull();
});
