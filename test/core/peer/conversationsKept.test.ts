/** Which conversations with a device are kept, which is wiped to make room, and what each holds (PROTOCOL §8.4). */
import { describe, expect, test } from "bun:test";
import { sealMessage, startConversation } from "../../../core/e2ee/conversation.ts";
import type { ConversationId } from "../../../core/ids.ts";
import type { Granted } from "../../../core/kdc/granting.ts";
import { CONVERSATIONS_PER_DEVICE } from "../../../core/limits.ts";
import { wipe } from "../../../core/secret.ts";
import { decodeAll, encodeAll } from "../../../core/wire/codec.ts";
import { Envelope } from "../../../core/wire/endToEnd.ts";
import { padContent } from "../../../core/wire/padding.ts";
import { failure } from "../../support/codes.ts";
import { quickCrypto, START_MS } from "../../support/fixedEnv.ts";
import { Kdc, messageId, rogue } from "../../support/parties.ts";
import { SecretWatch } from "../../support/secretWatch.ts";

const TEXT = new TextEncoder().encode("text");

/** Alice, who asks for conversations with Bob. */
function pair() {
  const kdc = new Kdc();
  const [alice, bob] = [rogue(kdc, "alice", "a"), rogue(kdc, "bob", "b")];
  const here = alice.identity.self;
  const there = bob.identity.self;
  const ask = (): Granted => kdc.grant(alice.identity, bob.identity);
  const start = (granted: Granted): ConversationId => {
    alice.conversations.startGranted(there, granted);
    wipe(granted.key);
    return granted.conversation;
  };
  /** Bob opens what Alice says next. */
  const say = (index: number): ConversationId => {
    const message = messageId(index);
    const envelope = alice.conversations.seal(there, message, TEXT);
    bob.conversations.open({ sender: here, message, receivedAt: START_MS, envelope });
    return decodeAll(Envelope, envelope).conversation;
  };
  return { alice, bob, here, there, ask, start, say };
}

test("room is made by the conversation that was used longest ago, not by the one that is in use", () => {
  const { alice, ask, start, say } = pair();
  // The lowest id is the one that is used: the others are begun after it, one by one.
  const grants = Array.from({ length: 3 * CONVERSATIONS_PER_DEVICE }, ask);
  const [used, ...others] = grants.toSorted((a, b) => (a.conversation < b.conversation ? -1 : 1));
  if (used === undefined) throw new Error("no grant");
  using watch = new SecretWatch();
  start(used);
  for (const [index, other] of others.entries()) {
    expect(say(index)).toBe(used.conversation);
    watch.as("alice", () => start(other));
    expect(watch.alive("alice").length).toBe(2 * Math.min(index + 1, CONVERSATIONS_PER_DEVICE - 1));
  }
  expect(say(others.length)).toBe(used.conversation);
  alice.conversations[Symbol.dispose]();
  expect(watch.alive("alice")).toEqual([]);
});

test("a reader that was left behind does not take the same ticket again", () => {
  const { alice, bob, here, there, ask, start } = pair();
  const seal = (index: number) => {
    const message = messageId(index);
    const envelope = alice.conversations.seal(there, message, TEXT);
    return { sender: here, message, receivedAt: START_MS, envelope };
  };
  // Each has a lower id than the one before it, so that it is used, and Bob hears of each once.
  const grants = Array.from({ length: CONVERSATIONS_PER_DEVICE + 1 }, ask);
  const firsts = grants
    .toSorted((a, b) => (a.conversation > b.conversation ? -1 : 1))
    .map((granted, index) => {
      start(granted);
      return seal(index);
    });
  for (const received of firsts) expect(bob.conversations.open(received)).toEqual(TEXT);
  const again = firsts.map((received) => failure(() => bob.conversations.open(received)).code);
  expect(again).toEqual(["ticket.reused", ...firsts.slice(1).map(() => "e2ee.replay" as const)]);
  // The one that Bob no longer has is the one that Alice no longer has.
  expect(bob.conversations.open(seal(firsts.length))).toEqual(TEXT);
});

test("a grant with the id of a conversation that stands takes its place, and wipes it", () => {
  const { alice, there, ask } = pair();
  const granted = ask();
  using watch = new SecretWatch();
  alice.conversations.startGranted(there, granted);
  const before = watch.alive();
  alice.conversations.startGranted(there, granted);
  expect(before).toHaveLength(2);
  expect(before.filter(({ wiped }) => !wiped)).toEqual([]);
  expect(watch.alive()).toHaveLength(2);
  alice.conversations.forget(there);
  expect(watch.alive()).toEqual([]);
  expect(granted.key.wiped).toBe(false);
});

test("a conversation holds two keys on each side, however much is said in it", () => {
  const { alice, bob, here, there, ask, start, say } = pair();
  using watch = new SecretWatch();
  start(ask());
  for (let index = 0; index < 5; index += 1) {
    say(index);
    const message = messageId(index);
    const envelope = bob.conversations.seal(here, message, TEXT);
    alice.conversations.open({ sender: there, message, receivedAt: START_MS, envelope });
    expect(watch.alive()).toHaveLength(4);
  }
  alice.conversations.forget(there);
  bob.conversations.forget(here);
  expect(watch.count).toBeGreaterThan(50);
  expect(watch.alive()).toEqual([]);
});

describe("a message that opens, but is not padded as it should be", () => {
  /** What Alice's device would send if it did not pad, as message 0 and then as message 1. */
  function unpadded() {
    const { alice, bob, here, there, ask } = pair();
    const { conversation, key, ticket } = ask();
    const { realm } = alice.identity;
    let ends = startConversation(quickCrypto, key, { realm, id: conversation, asker: here, peer: there }, "asker");
    const next = (plaintext: Uint8Array) => {
      const message = messageId(ends.sending.number);
      const { number, sealed, next } = sealMessage(quickCrypto, ends, message, plaintext);
      const receive = (): Uint8Array => {
        const envelope = encodeAll(Envelope, { version: 1, conversation, number, ticket, sealed });
        return bob.conversations.open({ sender: here, message, receivedAt: START_MS, envelope });
      };
      const commit = (): void => {
        ends = next;
      };
      return { receive, commit };
    };
    return { bob, here, next };
  }

  test("opens no conversation, and its ticket is not used up", () => {
    const { bob, here, next } = unpadded();
    const bad = next(TEXT);
    using watch = new SecretWatch();
    expect(failure(bad.receive).code).toBe("wire.malformed");
    expect(bob.conversations.has(here)).toBe(false);
    expect(watch.count).toBeGreaterThan(5);
    expect(watch.alive()).toEqual([]);
    expect(next(padContent(TEXT)).receive()).toEqual(TEXT);
  });

  test("changes nothing in one that stands", () => {
    const { next } = unpadded();
    const first = next(padContent(TEXT));
    first.receive();
    first.commit();
    const bad = next(TEXT);
    using watch = new SecretWatch();
    expect(failure(bad.receive).code).toBe("wire.malformed");
    expect(watch.count).toBeGreaterThan(2);
    expect(watch.alive()).toEqual([]);
    expect(next(padContent(TEXT)).receive()).toEqual(TEXT);
  });
});
