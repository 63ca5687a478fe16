/**
 * A server that lies about keys and devices: what notices it, and that no text is sealed for what it made up. Where nothing
 * notices, the test says so (THREAT_MODEL).
 */
import { describe, expect, test } from "bun:test";
import { signDeviceList } from "../../../core/e2ee/deviceList.ts";
import type { DeviceId, MessageId } from "../../../core/ids.ts";
import { AGREEMENT_MS } from "../../../core/limits.ts";
import { parseUserName } from "../../../core/name.ts";
import { type Bundle, DeviceList } from "../../../core/wire/account.ts";
import { decodeAll } from "../../../core/wire/codec.ts";
import type { ServerMessage } from "../../../core/wire/messages.ts";
import { CANARY, HostileServer, type Machine } from "../../support/hostileServer.ts";
import { noticesOf, saidBy, selfOf, sentTo, textsOf, toldTo } from "../../support/hostileWords.ts";
import { invent } from "../../support/invented.ts";
import { contentOf } from "../../support/parties.ts";
import { registerAll, testRealm } from "../../support/realm.ts";

const realm = testRealm();
const users = await registerAll(realm, ["Alice", "Bob", "Mallory"]);
const bobName = parseUserName("bob");
const NEW_DEVICE = "0123456789abcdef" as DeviceId;

/** Grants for `to` carry another bundle. */
function swapBundles(world: HostileServer, to: Machine, swap: (bundle: Bundle) => Bundle): void {
  world.lie = (machine, message) =>
    machine === to && message.kind === "grant" ? [{ ...message, bundle: swap(message.bundle) }] : [message];
}

/** The server says that Bob has one more device, and grants conversations with it. */
function pretendDevice(world: HostileServer, to: Machine, answer: () => ServerMessage): void {
  world.lie = (machine, message) => {
    if (machine !== to) return [message];
    if (message.kind === "presence" && message.name === "Bob")
      return [{ ...message, devices: [...message.devices, NEW_DEVICE] }];
    if (message.kind === "absent" && message.device === NEW_DEVICE) return [answer()];
    return [message];
  };
}

const asker = (world: HostileServer, machine: Machine) => {
  const account = world.store.answer({ op: "load", user: machine.user, epoch: 1 });
  if (account.op !== "load" || account.account === null) throw new Error("no account");
  return { ...selfOf(machine), identityKey: account.account.keys.identityKey };
};

/** Bob's account as the server has it. */
function bobs(world: HostileServer): { identityKey: Uint8Array; list: DeviceList; signed: Bundle["devices"] } {
  const loaded = world.store.answer({ op: "load", user: bobName, epoch: 1 });
  if (loaded.op !== "load" || loaded.account?.devices == null) throw new Error("no account");
  const { keys, devices } = loaded.account;
  return { identityKey: keys.identityKey, list: decodeAll(DeviceList, devices.list), signed: devices };
}

const undelivered = (id: MessageId, reason: string) => ({ kind: "undelivered", id, to: "Bob", reason });
const unreadable = (code: string, mending = false) => ({ kind: "unreadable", from: "Bob", code, mending });

describe("another identity key for a peer", () => {
  test("the pin notices it in a grant: nothing is sealed until the pinned one comes again", () => {
    using world = new HostileServer(realm, users);
    const [alice, bob] = [world.join("Alice"), world.join("Bob")];
    world.send(alice, "bob", "one");
    world.env.now += AGREEMENT_MS;
    const fake = invent(world, selfOf(bob));
    swapBundles(world, alice, () => fake.bundle);
    const before = world.sealedTexts;
    const id = world.send(alice, "bob", "two");
    expect(noticesOf(alice, "identityChanged")).toHaveLength(1);
    expect(noticesOf(alice, "undelivered") as unknown[]).toEqual([undelivered(id, "changed")]);
    const next = world.send(alice, "bob", "three");
    expect(noticesOf(alice, "undelivered").at(-1) as unknown).toEqual(undelivered(next, "changed"));
    expect(world.sealedTexts).toBe(before);
    expect(alice.client.roster.get(bobName)?.trust).toBe("changed");
    world.lie = (_, message) => [message];
    world.send(alice, "bob", "four");
    expect(textsOf(bob)).toEqual(["one", "four"]);
    expect(alice.client.roster.get(bobName)?.trust).toBe("pinned");
  });

  test("the pin notices it with a device that the server adds: the user is warned, and nothing is sealed for that device", () => {
    using world = new HostileServer(realm, users);
    const [alice, bob] = [world.join("Alice"), world.join("Bob")];
    world.send(alice, "bob", "one");
    const fake = invent(world, { user: "bob", device: NEW_DEVICE });
    pretendDevice(world, alice, () => world.granted(asker(world, alice), fake.identified, fake.bundle));
    world.say(alice, { kind: "presence", name: "Bob", devices: [selfOf(bob).device, NEW_DEVICE] });
    world.send(alice, "bob", "two");
    expect(toldTo(alice, "grant").at(-1)?.device).toBe(NEW_DEVICE);
    expect(noticesOf(alice, "identityChanged")).toHaveLength(1);
    const id = world.send(alice, "bob", "three");
    expect(noticesOf(alice, "undelivered") as unknown[]).toContainEqual(undelivered(id, "changed"));
    expect(sentTo(alice, NEW_DEVICE)).toEqual([]);
    expect(saidBy(alice, "send")).toHaveLength(sentTo(alice, selfOf(bob).device).length);
  });

  test("the pin marks what is received under it", () => {
    using world = new HostileServer(realm, users);
    const [alice, bob] = [world.join("Alice"), world.join("Bob")];
    world.send(bob, "alice", "one");
    const fake = invent(world, selfOf(bob));
    const { identityKey, signed } = {
      identityKey: asker(world, alice).identityKey,
      signed: toldTo(alice, "devices")[0],
    };
    if (signed === undefined) throw new Error("no list");
    const prekeys = world.store.answer({ op: "takePrekeys", ...selfOf(alice) });
    if (prekeys.op !== "takePrekeys" || prekeys.prekeys === null) throw new Error("no prekeys");
    const bundle = { identityKey, devices: signed.devices, ...prekeys.prekeys };
    const device = decodeAll(DeviceList, signed.devices.list).devices[0];
    if (device === undefined) throw new Error("no device");
    const peer = { ...selfOf(alice), identityKey, ticketKey: device.ticketKey };
    const { conversation, key, ticket } = world.granted(fake.identified, peer, bundle);
    fake.conversations.begin(selfOf(alice), device, { conversation, key, ticket, bundle });
    const message = "ab".repeat(16) as MessageId;
    const envelope = fake.conversations.seal(selfOf(alice), message, contentOf("alice", `${CANARY} lie`));
    world.say(alice, { kind: "delivery", message, ...selfOf(bob), receivedAt: world.env.now, envelope });
    const shown = noticesOf(alice, "message").map(({ text, trust }) => [text, trust]);
    expect(shown).toEqual([
      [`${CANARY} one`, "pinned"],
      [`${CANARY} lie`, "changed"],
    ]);
    expect(noticesOf(alice, "identityChanged")).toHaveLength(1);
    swapBundles(world, alice, () => fake.bundle);
    const before = world.sealedTexts;
    const id = world.send(alice, "bob", "answer");
    expect(noticesOf(alice, "undelivered") as unknown[]).toEqual([undelivered(id, "changed")]);
    expect(world.sealedTexts).toBe(before);
  });

  test("NOTHING notices it at first sight: the server reads, until safety numbers are compared or the true key is seen", () => {
    using world = new HostileServer(realm, users);
    const [alice, bob] = [world.join("Alice"), world.join("Bob")];
    const fake = invent(world, selfOf(bob));
    world.lie = (to, message) =>
      to === alice && message.kind === "grant"
        ? [world.granted(asker(world, alice), fake.identified, fake.bundle)]
        : [message];
    world.send(alice, "bob", "read by the server");
    const [sent] = saidBy(alice, "send");
    if (sent === undefined) throw new Error("nothing was sent");
    const { message, envelope } = sent;
    const opened = fake.conversations.open({ sender: selfOf(alice), message, receivedAt: world.env.now, envelope });
    expect(Buffer.from(opened.content).includes(`${CANARY} read by the server`)).toBe(true);
    expect(noticesOf(alice, "identityChanged")).toEqual([]);
    world.lie = (_, said) => [said];
    world.send(bob, "alice", "the true Bob");
    expect(noticesOf(alice, "identityChanged")).toHaveLength(1);
    expect(noticesOf(alice, "message").map(({ trust }) => trust)).toEqual(["changed"]);
    const numbers = [alice.client.comparisonOf(bobName), bob.client.comparisonOf(alice.user)];
    expect(numbers[0]?.safetyNumber).toHaveLength(60);
    expect(numbers[0]?.safetyNumber).not.toBe(numbers[1]?.safetyNumber ?? "");
  });

  test("without a lie the safety numbers are the same", () => {
    using world = new HostileServer(realm, users);
    const [alice, bob] = [world.join("Alice"), world.join("Bob")];
    world.send(alice, "bob", "one");
    expect(alice.client.comparisonOf(bobName)?.safetyNumber).toBe(
      bob.client.comparisonOf(alice.user)?.safetyNumber ?? "",
    );
  });
});

describe("a user's own devices", () => {
  test("the own identity key notices another one (e2ee.identity): no copy is sealed for it", () => {
    using world = new HostileServer(realm, users);
    const [alice, desk, bob] = [world.join("Alice"), world.join("Alice"), world.join("Bob")];
    const fake = invent(world, selfOf(desk));
    swapBundles(world, alice, (bundle) =>
      bundle.identityKey.every((b, i) => b === bobs(world).identityKey[i]) ? bundle : fake.bundle,
    );
    world.send(alice, "bob", "one");
    expect(textsOf(bob)).toEqual(["one"]);
    expect(sentTo(alice, selfOf(desk).device)).toEqual([]);
    expect(world.sealedTexts).toBe(1);
    expect(noticesOf(alice, "unreadable") as unknown[]).toEqual([{ ...unreadable("e2ee.identity"), from: "Alice" }]);
  });
});

describe("devices of a peer", () => {
  const lists: readonly (readonly [string, (world: HostileServer) => Bundle["devices"]])[] = [
    ["signed by another key", (world) => invent(world, { user: "bob", device: NEW_DEVICE }, bobs(world).list).signed],
    [
      "of another user",
      (world) => {
        const { account, local } = invent(world, { user: "mallory", device: NEW_DEVICE });
        const { owner } = local;
        return signDeviceList(world.env.crypto, account.identity, owner, {
          version: 1,
          number: 1,
          devices: [local.device.entry],
        });
      },
    ],
    ["that is there, without it", (world) => bobs(world).signed],
  ];
  test.each(lists)(
    "the list's signature notices a device that the server adds (e2ee.devices): a list %s",
    (_, listOf) => {
      using world = new HostileServer(realm, users);
      const [alice, bob] = [world.join("Alice"), world.join("Bob")];
      world.send(alice, "bob", "one");
      const fake = invent(world, { user: "bob", device: NEW_DEVICE });
      const { identityKey } = bobs(world);
      const bundle = { ...fake.bundle, identityKey, devices: listOf(world) };
      pretendDevice(world, alice, () =>
        world.granted(asker(world, alice), { ...fake.identified, identityKey }, bundle),
      );
      world.say(alice, { kind: "presence", name: "Bob", devices: [selfOf(bob).device, NEW_DEVICE] });
      const before = world.sealedTexts;
      world.send(alice, "bob", "two");
      expect(textsOf(bob)).toEqual(["one", "two"]);
      expect(noticesOf(alice, "unreadable") as unknown[]).toEqual([unreadable("e2ee.devices")]);
      expect(sentTo(alice, NEW_DEVICE)).toEqual([]);
      expect(world.sealedTexts).toBe(before + 1);
    },
  );

  test("the list's number notices an older list: nothing is sealed for a device that was removed", () => {
    using world = new HostileServer(realm, users);
    const [alice, bob, old] = [world.join("Alice"), world.join("Bob"), world.join("Bob")];
    const listed = bobs(world).signed;
    const prekeys = world.store.answer({ op: "takePrekeys", ...selfOf(old) });
    if (prekeys.op !== "takePrekeys" || prekeys.prekeys === null) throw new Error("no prekeys");
    const { prekeys: given } = prekeys;
    const gone = selfOf(old);
    const ticketKey = bobs(world).list.devices.find(({ device }) => device === gone.device)?.ticketKey;
    if (ticketKey === undefined) throw new Error("not listed");
    world.ask(bob, { kind: "removeDevices", devices: [gone.device] });
    expect(old.ended).toBe("auth.removed");
    world.send(alice, "bob", "one");
    const { identityKey } = bobs(world);
    world.lie = (to, message) =>
      to === alice && message.kind === "absent"
        ? [
            world.granted(
              asker(world, alice),
              { ...gone, identityKey, ticketKey },
              { identityKey, devices: listed, ...given },
            ),
          ]
        : [message];
    world.say(alice, { kind: "presence", name: "Bob", devices: [selfOf(bob).device, gone.device] });
    world.send(alice, "bob", "two");
    expect(toldTo(alice, "grant").some(({ device }) => device === gone.device)).toBe(true);
    expect(sentTo(alice, gone.device)).toEqual([]);
    expect(noticesOf(alice, "unreadable") as unknown[]).toEqual([unreadable("e2ee.devices")]);
    expect(textsOf(bob)).toEqual(["one", "two"]);
  });
});
