/**
 * A server that lies about envelopes: what notices it. Where nothing does, or only silence tells, the test says so
 * (THREAT_MODEL).
 */
import { describe, expect, test } from "bun:test";
import { TAG_BYTES } from "../../../core/crypto/provider.ts";
import type { ConversationId, DeviceId, MessageId } from "../../../core/ids.ts";
import type { Envelope, Opening } from "../../../core/wire/endToEnd.ts";
import { HostileServer } from "../../support/hostileServer.ts";
import {
  altered,
  changeDeliveries,
  codesAt,
  type Delivery,
  firstTo,
  noticesOf,
  reopened,
  saidBy,
  selfOf,
  textsOf,
  toldTo,
} from "../../support/hostileWords.ts";
import { registerAll, testRealm } from "../../support/realm.ts";

const realm = testRealm();
const users = await registerAll(realm, ["Alice", "Bob", "Mallory"]);
const OTHER_ID = "ee".repeat(16) as MessageId;

describe("an envelope", () => {
  test("that comes again is acknowledged and not shown again: its id is remembered", () => {
    using world = new HostileServer(realm, users);
    const [alice, bob] = [world.join("Alice"), world.join("Bob")];
    changeDeliveries(world, bob, (delivery) => [delivery, delivery, delivery]);
    world.send(alice, "bob", "one");
    world.say(bob, firstTo(bob));
    expect(toldTo(bob, "delivery")).toHaveLength(4);
    expect(textsOf(bob)).toEqual(["one"]);
    expect(codesAt(bob)).toEqual([]);
  });

  test("that comes again as another message: its number in the chain has been passed (e2ee.replay)", () => {
    using world = new HostileServer(realm, users);
    const [alice, bob] = [world.join("Alice"), world.join("Bob")];
    world.send(alice, "bob", "one");
    world.say(bob, { ...firstTo(bob), message: OTHER_ID });
    expect(codesAt(bob)).toEqual(["e2ee.replay"]);
    expect(textsOf(bob)).toEqual(["one"]);
  });

  const changes: readonly (readonly [string, (envelope: Envelope) => Envelope])[] = [
    ["its text", (envelope) => ({ ...envelope, sealed: envelope.sealed.map((b, i) => (i === 0 ? b ^ 1 : b)) })],
    [
      "its tag",
      (envelope) => ({
        ...envelope,
        sealed: envelope.sealed.map((b, i) => (i === envelope.sealed.length - TAG_BYTES ? b ^ 1 : b)),
      }),
    ],
    ["its number", (envelope) => ({ ...envelope, number: envelope.number + 1 })],
    ["the length of the chain before", (envelope) => ({ ...envelope, previous: envelope.previous + 1 })],
    [
      "its ratchet key",
      (envelope) => ({ ...envelope, ratchetKey: envelope.ratchetKey.map((b, i) => (i === 0 ? b ^ 1 : b)) }),
    ],
    ["the number of the sender's list", (envelope) => ({ ...envelope, senderDevices: envelope.senderDevices + 1 })],
    [
      "the number of the recipient's list",
      (envelope) => ({ ...envelope, recipientDevices: envelope.recipientDevices + 1 }),
    ],
  ];
  test.each(changes)("authenticates %s (e2ee.invalid): the text is shown once it is sent again", (_, change) => {
    using world = new HostileServer(realm, users);
    const [alice, bob] = [world.join("Alice"), world.join("Bob")];
    let lies = 1;
    changeDeliveries(world, bob, (delivery) => {
      lies -= 1;
      return [lies < 0 ? delivery : altered(delivery, change)];
    });
    world.send(alice, "bob", "one");
    expect(codesAt(bob)).toEqual(["e2ee.invalid"]);
    expect(textsOf(bob)).toEqual(["one"]);
  });

  const openings: readonly (readonly [string, (opening: Opening, world: HostileServer) => Opening, string])[] = [
    [
      "identity key",
      (opening) => ({ ...opening, identityKey: opening.identityKey.map((b, i) => (i === 0 ? b ^ 1 : b)) }),
      "ticket.foreign",
    ],
    ["list of devices", (opening, world) => ({ ...opening, devices: world.listOf("bob") }), "e2ee.devices"],
    [
      "ephemeral key",
      (opening) => ({ ...opening, ephemeral: opening.ephemeral.map((b, i) => (i === 0 ? b ^ 1 : b)) }),
      "e2ee.invalid",
    ],
    ["prekey", (opening) => ({ ...opening, oneTimePrekey: opening.oneTimePrekey + 1 }), "e2ee.invalid"],
    ["lack of a one-time prekey", (opening) => ({ ...opening, oneTimePrekey: 0 }), "e2ee.invalid"],
    [
      "KEM ciphertext",
      (opening) => ({ ...opening, kemCiphertext: opening.kemCiphertext.map((b, i) => (i === 0 ? b ^ 1 : b)) }),
      "e2ee.invalid",
    ],
  ];
  test.each(openings)("whose opening has another %s opens nothing", (_, change, code) => {
    using world = new HostileServer(realm, users);
    const [alice, bob] = [world.join("Alice"), world.join("Bob")];
    let lies = 1;
    changeDeliveries(world, bob, (delivery) => {
      lies -= 1;
      return [lies < 0 ? delivery : reopened(delivery, (opening) => change(opening, world))];
    });
    world.send(alice, "bob", "one");
    expect(codesAt(bob)).toEqual([code]);
    // What may be the fault of a lost state is mended by another conversation.
    expect(textsOf(bob)).toEqual(code === "ticket.foreign" ? [] : ["one"]);
  });

  test("under the name of another sender: the ticket is not theirs, then there is no such conversation", () => {
    using world = new HostileServer(realm, users);
    const [alice, bob, mallory] = [world.join("Alice"), world.join("Bob"), world.join("Mallory")];
    const { user, device } = selfOf(mallory);
    changeDeliveries(world, bob, (delivery) => [{ ...delivery, user, device }]);
    world.send(alice, "bob", "one");
    expect(codesAt(bob)[0]).toBe("ticket.foreign");
    world.lie = (_, message) => [message];
    world.send(alice, "bob", "two");
    world.send(bob, "alice", "three");
    changeDeliveries(world, bob, (delivery) => [{ ...delivery, user, device }]);
    world.send(alice, "bob", "four");
    expect(codesAt(bob)).toContain("e2ee.noConversation");
    expect(textsOf(bob)).not.toContain("four");
    expect(noticesOf(bob, "message").every(({ from }) => from === "Alice")).toBe(true);
  });

  test("from a device that is not the sender's: the ticket names another (ticket.foreign)", () => {
    using world = new HostileServer(realm, users);
    const [alice, bob] = [world.join("Alice"), world.join("Bob")];
    changeDeliveries(world, bob, (delivery) => [{ ...delivery, device: "0123456789abcdef" as DeviceId }]);
    world.send(alice, "bob", "one");
    expect(codesAt(bob)[0]).toBe("ticket.foreign");
    expect(textsOf(bob)).toEqual([]);
  });

  test("that is handed to somebody else: the ticket is not for them (ticket.invalid)", () => {
    using world = new HostileServer(realm, users);
    const [alice, bob, mallory] = [world.join("Alice"), world.join("Bob"), world.join("Mallory")];
    world.send(alice, "bob", "one");
    world.say(mallory, firstTo(bob));
    expect(codesAt(mallory)).toEqual(["ticket.invalid"]);
    expect(textsOf(mallory)).toEqual([]);
  });

  test("in a conversation that nobody knows (e2ee.noConversation)", () => {
    using world = new HostileServer(realm, users);
    const [alice, bob] = [world.join("Alice"), world.join("Bob")];
    const conversation = "cd".repeat(16) as ConversationId;
    let lies = 1;
    changeDeliveries(world, bob, (delivery) => {
      lies -= 1;
      return [
        lies < 0
          ? delivery
          : altered(delivery, (envelope) => ({ ...envelope, conversation, opening: new Uint8Array(0) })),
      ];
    });
    world.send(alice, "bob", "one");
    expect(codesAt(bob)).toEqual(["e2ee.noConversation"]);
    expect(textsOf(bob)).toEqual(["one"]);
  });
});

describe("what only silence tells", () => {
  test("NOTHING notices another order: every text is shown once, with the time of its sender", () => {
    using world = new HostileServer(realm, users);
    const [alice, bob] = [world.join("Alice"), world.join("Bob")];
    const held: Delivery[] = [];
    changeDeliveries(world, bob, (delivery) => {
      held.push(delivery);
      return [];
    });
    for (const text of ["one", "two", "three"]) {
      world.env.now += 1000;
      world.send(alice, "bob", text);
    }
    expect(textsOf(bob)).toEqual([]);
    world.say(bob, ...held.toReversed());
    expect(textsOf(bob)).toEqual(["three", "two", "one"]);
    expect(codesAt(bob)).toEqual([]);
    const times = noticesOf(bob, "message").map(({ sentAt }) => sentAt);
    expect(times).toEqual(times.toSorted((a, b) => b - a));
  });

  test("a text that is withheld is late for its sender, and NOTHING tells its recipient", () => {
    using world = new HostileServer(realm, users);
    const [alice, bob] = [world.join("Alice"), world.join("Bob")];
    changeDeliveries(world, bob, () => []);
    const before = bob.notices.length;
    const id = world.send(alice, "bob", "one");
    world.ask(alice, { kind: "giveUp", id });
    expect(noticesOf(alice, "undelivered") as unknown[]).toEqual([
      { kind: "undelivered", id, to: "Bob", reason: "late" },
    ]);
    expect(bob.notices).toHaveLength(before);
  });

  test("NOTHING notices a receipt that the server makes up: receipts are its word", () => {
    using world = new HostileServer(realm, users);
    const [alice, bob] = [world.join("Alice"), world.join("Bob")];
    changeDeliveries(world, bob, () => []);
    const id = world.send(alice, "bob", "one");
    world.say(alice, { kind: "confirmed", message: id, ...selfOf(bob) });
    expect(noticesOf(alice, "delivered") as unknown[]).toEqual([{ kind: "delivered", id, to: "Bob" }]);
    expect(textsOf(bob)).toEqual([]);
  });

  test("a receipt of somebody else, or for what was not sent, counts for nothing", () => {
    using world = new HostileServer(realm, users);
    const [alice, bob, mallory] = [world.join("Alice"), world.join("Bob"), world.join("Mallory")];
    changeDeliveries(world, bob, () => []);
    const id = world.send(alice, "bob", "one");
    world.say(alice, { kind: "confirmed", message: id, ...selfOf(mallory) });
    world.say(alice, { kind: "confirmed", message: OTHER_ID, ...selfOf(bob) });
    expect(noticesOf(alice, "delivered")).toEqual([]);
    expect(saidBy(alice, "send")).toHaveLength(1);
  });

  test("a grant that was not asked for ends the connection (state.unexpected)", () => {
    using world = new HostileServer(realm, users);
    const [alice, bob] = [world.join("Alice"), world.join("Bob")];
    world.send(alice, "bob", "one");
    const [granted] = toldTo(alice, "grant");
    if (granted === undefined) throw new Error("no grant");
    world.say(alice, granted);
    expect(alice.ended).toBe("state.unexpected");
    expect(bob.ended).toBeUndefined();
  });
});
