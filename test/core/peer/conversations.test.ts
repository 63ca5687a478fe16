import { beforeEach, describe, expect, test } from "bun:test";
import { type Conversation, sealMessage, startConversation } from "../../../core/e2ee/conversation.ts";
import type { ConversationId } from "../../../core/ids.ts";
import { CONVERSATIONS_PER_DEVICE, TICKET_LIFETIME_MS, TICKET_SKEW_MS } from "../../../core/limits.ts";
import type { Conversations, Identity, Received } from "../../../core/peer/conversations.ts";
import { decodeAll, encodeAll } from "../../../core/wire/codec.ts";
import { Envelope } from "../../../core/wire/endToEnd.ts";
import { padContent } from "../../../core/wire/padding.ts";
import { codeOr } from "../../support/codes.ts";
import { quickCrypto, START_MS } from "../../support/fixedEnv.ts";
import { Kdc, messageId, rogue } from "../../support/parties.ts";
import { SecretWatch } from "../../support/secretWatch.ts";

type Side = { readonly identity: Identity; readonly conversations: Conversations };

let kdc: Kdc;
let alice: Side;
let bob: Side;
const text = new TextEncoder().encode("hello");

beforeEach(() => {
  kdc = new Kdc();
  alice = rogue(kdc, "alice", "a");
  bob = rogue(kdc, "bob", "b");
});

function begin(from: Side = alice, to: Side = bob): ConversationId {
  const granted = kdc.grant(from.identity, to.identity);
  from.conversations.startGranted(to.identity.self, granted);
  return granted.conversation;
}

/** What `to`'s server says of the next envelope of `from`. */
function sealed(from: Side, to: Side, index: number, receivedAt = START_MS): Received {
  const message = messageId(index);
  const envelope = from.conversations.seal(to.identity.self, message, text);
  return { sender: from.identity.self, message, receivedAt, envelope };
}

/** The code with which `to` refuses it, or "opened". */
function open(to: Side, received: Received): string {
  const result = codeOr(() => to.conversations.open(received));
  if (typeof result === "string") return result;
  expect(result).toEqual(text);
  return "opened";
}

function changed(received: Received, change: (envelope: Envelope) => Partial<Envelope>): Received {
  const envelope = decodeAll(Envelope, received.envelope);
  return { ...received, envelope: encodeAll(Envelope, { ...envelope, ...change(envelope) }) };
}

describe("a ticket", () => {
  test("travels with every envelope until the peer has answered", () => {
    begin();
    const ticketBytes = (received: Received) => decodeAll(Envelope, received.envelope).ticket.length;
    const [one, two] = [sealed(alice, bob, 1), sealed(alice, bob, 2)];
    expect(ticketBytes(one)).toBeGreaterThan(0);
    expect(ticketBytes(two)).toBe(ticketBytes(one));
    expect([open(bob, one), open(bob, two)]).toEqual(["opened", "opened"]);
    const answer = sealed(bob, alice, 3);
    expect(ticketBytes(answer)).toBe(0);
    expect(open(alice, answer)).toBe("opened");
    expect(ticketBytes(sealed(alice, bob, 4))).toBe(0);
  });

  test.each([
    [-TICKET_SKEW_MS - 1, "ticket.early"],
    [-TICKET_SKEW_MS, "opened"],
    [TICKET_LIFETIME_MS - 1, "opened"],
    [TICKET_LIFETIME_MS, "ticket.expired"],
  ])("received %d ms after its issue: %s", (after, expected) => {
    begin();
    expect(open(bob, sealed(alice, bob, 1, START_MS + after))).toBe(expected);
  });

  test("of a conversation that stands is not judged again", () => {
    begin();
    expect(open(bob, sealed(alice, bob, 1))).toBe("opened");
    expect(open(bob, sealed(alice, bob, 2, START_MS + 10 * TICKET_LIFETIME_MS))).toBe("opened");
  });

  test("opens a conversation once, also when that has been forgotten", () => {
    begin();
    const first = sealed(alice, bob, 1);
    expect(open(bob, first)).toBe("opened");
    expect(open(bob, first)).toBe("e2ee.replay");
    bob.conversations.forget(alice.identity.self);
    expect(open(bob, first)).toBe("ticket.reused");
    expect(open(bob, sealed(alice, bob, 2))).toBe("ticket.reused");
    expect(open(bob, { ...first, receivedAt: START_MS + TICKET_LIFETIME_MS })).toBe("ticket.expired");
  });

  test("is for one sender, one recipient and one conversation", () => {
    const [mallory, chris] = [rogue(kdc, "mallory", "c"), rogue(kdc, "chris", "d")];
    begin();
    begin(mallory, bob);
    const good = sealed(alice, bob, 1);
    const mallorys = sealed(mallory, bob, 1);
    const { ticket } = decodeAll(Envelope, mallorys.envelope);
    expect(open(bob, { ...good, sender: mallory.identity.self })).toBe("ticket.foreign");
    expect(open(bob, { ...good, sender: { ...good.sender, device: mallory.identity.self.device } })).toBe(
      "ticket.foreign",
    );
    expect(open(chris, good)).toBe("ticket.invalid");
    expect(
      open(
        bob,
        changed(good, () => ({ ticket })),
      ),
    ).toBe("ticket.foreign");
    expect(
      open(
        bob,
        changed(good, () => ({ ticket: new Uint8Array(0) })),
      ),
    ).toBe("e2ee.noConversation");
    expect(
      open(
        bob,
        changed(mallorys, () => ({ conversation: "00".repeat(16) as ConversationId })),
      ),
    ).toBe("ticket.invalid");
    expect(open(bob, good)).toBe("opened");
  });
});

test("whatever is refused leaves no key and changes nothing", () => {
  begin();
  const good = sealed(alice, bob, 1);
  using watch = new SecretWatch();
  for (let at = 0; at < good.envelope.length; at += 1) {
    const envelope = good.envelope.slice();
    envelope[at] = (envelope[at] ?? 0) ^ (1 << (at % 8));
    expect(open(bob, { ...good, envelope })).not.toBe("opened");
  }
  for (let length = 0; length < good.envelope.length; length += 7) {
    expect(open(bob, { ...good, envelope: good.envelope.slice(0, length) })).toBe("wire.malformed");
  }
  expect(open(bob, { ...good, message: messageId(2) })).toBe("e2ee.invalid");
  expect(watch.count).toBeGreaterThan(1000);
  expect(watch.alive()).toEqual([]);
  expect(bob.conversations.has(alice.identity.self)).toBe(false);
  expect(open(bob, good)).toBe("opened");
});

test.each([0, 1, 63, 65, 96])(
  "a content of %d zeros, which is no padding, leaves the conversation as it was",
  (length) => {
    const granted = kdc.grant(alice.identity, bob.identity);
    const { realm, self } = alice.identity;
    const start = { realm, id: granted.conversation, asker: self, peer: bob.identity.self };
    const message = messageId(1);
    const say = (number: number, plaintext: Uint8Array, at: Conversation) => {
      const step = sealMessage(quickCrypto, at, message, plaintext);
      const { ticket } = granted;
      const fields = { version: 1, conversation: start.id, number, ticket, sealed: step.sealed } as const;
      const envelope = encodeAll(Envelope, fields);
      return { next: step.next, received: { sender: self, message, receivedAt: START_MS, envelope } };
    };
    const begun = startConversation(quickCrypto, granted.key, start, "asker");
    using watch = new SecretWatch();
    const bad = say(0, new Uint8Array(length), begun);
    expect(open(bob, bad.received)).toBe("wire.malformed");
    expect(bob.conversations.has(self)).toBe(false);
    // What is left is the sender's: its next chain, and the key of the message, which it has not wiped.
    expect(watch.alive()).toHaveLength(2);
    expect(open(bob, say(0, padContent(text), begun).received)).toBe("opened");
    // The number is the bad one's as well: what was refused has not been counted.
    const after = say(1, new Uint8Array(length), bad.next);
    expect(open(bob, after.received)).toBe("wire.malformed");
    expect(open(bob, say(1, padContent(text), bad.next).received)).toBe("opened");
  },
);

test("an envelope of one conversation does not open in another, whoever carries it", () => {
  const chris = rogue(kdc, "chris", "c");
  const [withBob, withChris] = [begin(), begin(alice, chris)];
  expect(open(bob, sealed(alice, bob, 1))).toBe("opened");
  expect(open(chris, sealed(alice, chris, 1))).toBe("opened");
  const stray = changed(sealed(alice, bob, 2), () => ({ conversation: withChris }));
  expect(open(chris, stray)).toBe("e2ee.invalid");
  expect(withBob).not.toBe(withChris);
});

test("of several conversations the one with the smallest id is used, by both sides", () => {
  const ids = [begin(), begin(bob, alice), begin(), begin(bob, alice)];
  const smallest = ids.toSorted()[0];
  // Only the asker knows a conversation until its first envelope has arrived.
  for (let round = 0; round < 4; round += 1) {
    expect(open(bob, sealed(alice, bob, round))).toBe("opened");
    expect(open(alice, sealed(bob, alice, round))).toBe("opened");
  }
  for (const [from, to] of [
    [alice, bob],
    [bob, alice],
  ] as const) {
    const { conversation } = decodeAll(Envelope, sealed(from, to, 9).envelope);
    expect(conversation).toBe(smallest as ConversationId);
  }
});

test(`the oldest of more than ${CONVERSATIONS_PER_DEVICE} conversations with one device ends, and is wiped`, () => {
  using watch = new SecretWatch();
  for (let i = 0; i < CONVERSATIONS_PER_DEVICE; i += 1) begin();
  const held = watch.alive().length;
  begin();
  begin();
  // What is left over are the keys that `grant` handed to this test.
  expect(watch.alive().length - held).toBe(2);
  alice.conversations.forget(bob.identity.self);
  expect(alice.conversations.has(bob.identity.self)).toBe(false);
  expect(watch.alive()).toHaveLength(CONVERSATIONS_PER_DEVICE + 2);
});

test("there is nothing to seal in without a conversation", () => {
  expect(codeOr(() => alice.conversations.seal(bob.identity.self, messageId(1), text))).toBe("e2ee.noConversation");
});

test("disposing wipes every conversation with everybody", () => {
  using watch = new SecretWatch();
  const chris = rogue(kdc, "chris", "c");
  watch.forget();
  const granted = [kdc.grant(alice.identity, bob.identity), kdc.grant(alice.identity, chris.identity)];
  for (const one of granted) alice.conversations.startGranted(bob.identity.self, one);
  alice.conversations[Symbol.dispose]();
  for (const { key } of granted) key[Symbol.dispose]();
  expect(watch.alive()).toEqual([]);
});
