/** A server that lies about tickets: what notices it. Where nothing does, the test says so (THREAT_MODEL). */
import { describe, expect, test } from "bun:test";
import type { Address, MessageId } from "../../../core/ids.ts";
import { grant } from "../../../core/kdc/granting.ts";
import { RECENT_MESSAGES, TICKET_LIFETIME_MS, TICKET_SKEW_MS } from "../../../core/limits.ts";
import { HostileServer, type Machine } from "../../support/hostileServer.ts";
import {
  changeDeliveries,
  codesAt,
  firstTo,
  noticesOf,
  selfOf,
  type Told,
  textsOf,
  toldTo,
} from "../../support/hostileWords.ts";
import { registerAll, testRealm } from "../../support/realm.ts";

const realm = testRealm();
const users = await registerAll(realm, ["Alice", "Bob", "Mallory"]);
const OTHER_ID = "ee".repeat(16) as MessageId;

/** Alice gives up her first conversation with Bob, who has read it, and both go on in another. */
function twoConversations(world: HostileServer, alice: Machine, bob: Machine): void {
  world.mishear = (_, message) => (message.kind === "acknowledge" ? [] : [message]);
  const id = world.send(alice, "bob", "one");
  world.ask(alice, { kind: "giveUp", id });
  world.mishear = (_, message) => [message];
  world.send(alice, "bob", "two");
  world.send(bob, "alice", "three");
  world.send(alice, "bob", "four");
  expect(toldTo(alice, "grant")).toHaveLength(2);
}

describe("a ticket", () => {
  /** Another ticket in the place of the one that Alice is granted. */
  type Lie = (
    world: HostileServer,
    grants: Told<"grant">,
    who: { alice: Machine; bob: Machine; mallory: Machine },
  ) => Uint8Array;
  const OTHER_IDENTITY = new Uint8Array(32).fill(7);
  const ticketOf = (
    world: HostileServer,
    asker: Address,
    peer: Address,
    identities: readonly [Uint8Array, Uint8Array],
  ) => {
    const { ticketKey } = world.deviceOf(peer);
    const [identityKey, peerIdentity] = identities;
    const { ticket } = grant(
      world.env,
      realm.keys.staticKey,
      { ...asker, identityKey },
      { ...peer, identityKey: peerIdentity, ticketKey },
    );
    return ticket;
  };
  const keyOf = (world: HostileServer, { user }: Machine) => world.identityOf(user);
  const lies: readonly (readonly [string, string, Lie])[] = [
    [
      "of another conversation",
      "ticket.invalid",
      (world, _, { alice, bob }) =>
        ticketOf(world, selfOf(alice), selfOf(bob), [keyOf(world, alice), keyOf(world, bob)]),
    ],
    ["that is altered", "ticket.invalid", (_, { ticket }) => ticket.map((byte, i) => (i === 40 ? byte ^ 1 : byte))],
    [
      "for another device",
      "ticket.invalid",
      (world, _, { alice, mallory }) =>
        ticketOf(world, selfOf(alice), selfOf(mallory), [keyOf(world, alice), keyOf(world, mallory)]),
    ],
    [
      "for another asker",
      "ticket.foreign",
      (world, _, { bob, mallory }) =>
        ticketOf(world, selfOf(mallory), selfOf(bob), [keyOf(world, mallory), keyOf(world, bob)]),
    ],
  ];
  test.each(lies)("%s: the recipient's reading of it notices (%s), and nothing is shown", (_, code, lieOf) => {
    using world = new HostileServer(realm, users);
    const [alice, bob, mallory] = [world.join("Alice"), world.join("Bob"), world.join("Mallory")];
    world.lie = (to, message) =>
      to === alice && message.kind === "grant"
        ? [{ ...message, ticket: lieOf(world, message, { alice, bob, mallory }) }]
        : [message];
    const id = world.send(alice, "bob", "one");
    expect(codesAt(bob)).toContain(code);
    expect(textsOf(bob)).toEqual([]);
    world.ask(alice, { kind: "giveUp", id });
    expect(noticesOf(alice, "undelivered") as unknown[]).toEqual([
      { kind: "undelivered", id, to: "Bob", reason: "late" },
    ]);
  });

  test.each([
    ["asker", 0],
    ["peer", 1],
  ] as const)("that names another identity of the %s does not fit the opening (ticket.foreign)", (_, which) => {
    using world = new HostileServer(realm, users);
    const [alice, bob] = [world.join("Alice"), world.join("Bob")];
    world.lie = (to, message) => {
      if (to !== alice || message.kind !== "grant") return [message];
      const asker = { ...selfOf(alice), identityKey: which === 0 ? OTHER_IDENTITY : keyOf(world, alice) };
      const identityKey = which === 1 ? OTHER_IDENTITY : keyOf(world, bob);
      const { ticketKey } = world.deviceOf(selfOf(bob));
      return [world.granted(asker, { ...selfOf(bob), identityKey, ticketKey }, message.bundle)];
    };
    world.send(alice, "bob", "one");
    expect(codesAt(bob)).toContain("ticket.foreign");
    expect(textsOf(bob)).toEqual([]);
  });

  test.each([
    ["at its end", TICKET_LIFETIME_MS, "ticket.expired"],
    ["before its time", -TICKET_SKEW_MS - 1, "ticket.early"],
  ])(
    "that is received %s, by the server's own stamp, is refused, and another conversation brings the text",
    (_, ms, code) => {
      using world = new HostileServer(realm, users);
      const [alice, bob] = [world.join("Alice"), world.join("Bob")];
      let lies = 1;
      changeDeliveries(world, bob, (delivery) => {
        lies -= 1;
        return [lies < 0 ? delivery : { ...delivery, receivedAt: delivery.receivedAt + ms }];
      });
      world.send(alice, "bob", "one");
      expect(codesAt(bob)).toEqual([code]);
      expect(textsOf(bob)).toEqual(["one"]);
    },
  );

  test("NOTHING notices a wrong stamp within its lifetime", () => {
    using world = new HostileServer(realm, users);
    const [alice, bob] = [world.join("Alice"), world.join("Bob")];
    const ms = TICKET_LIFETIME_MS - 1;
    changeDeliveries(world, bob, (delivery) => [{ ...delivery, receivedAt: delivery.receivedAt + ms }]);
    world.send(alice, "bob", "one");
    expect(noticesOf(bob, "message").map(({ receivedAt }) => receivedAt)).toEqual([world.env.now + ms]);
  });

  test("that has opened a conversation which is over is remembered (ticket.reused)", () => {
    using world = new HostileServer(realm, users);
    const [alice, bob] = [world.join("Alice"), world.join("Bob")];
    twoConversations(world, alice, bob);
    world.env.now += TICKET_LIFETIME_MS;
    world.send(alice, "bob", "five"); // the first one is wiped
    world.say(bob, { ...firstTo(bob), message: OTHER_ID });
    expect(codesAt(bob)).toEqual(["ticket.reused"]);
    expect(textsOf(bob)).toEqual(["one", "two", "four", "five"]);
  });

  test("that was used long ago: a server that lies about the time does not bring its text back (ticket.reused)", () => {
    using world = new HostileServer(realm, users);
    const [alice, bob, mallory] = [world.join("Alice"), world.join("Bob"), world.join("Mallory")];
    // Without a one-time prekey: nothing that was deleted stands in the way.
    world.lie = (_, message) =>
      message.kind === "grant" ? [{ ...message, bundle: { ...message.bundle, oneTime: null } }] : [message];
    twoConversations(world, alice, bob);
    for (let i = 0; i < RECENT_MESSAGES; i += 1) world.send(alice, "bob", `${i}`); // its id is forgotten
    world.env.now += TICKET_LIFETIME_MS;
    world.send(alice, "bob", "five"); // the first conversation is wiped
    world.send(mallory, "bob", "later"); // and its ticket
    world.say(bob, firstTo(bob));
    expect(textsOf(bob).filter((text) => text === "one")).toHaveLength(1);
    expect(codesAt(bob)).toEqual(["ticket.reused"]);
  });
});
