import { beforeEach, describe, expect, test } from "bun:test";
import fc from "fast-check";
import { nativeCrypto } from "../../../core/crypto/native.ts";
import {
  type Conversation,
  type ConversationStart,
  openMessage,
  type Sealed,
  sealMessage,
  startConversation,
  wipeConversation,
} from "../../../core/e2ee/conversation.ts";
import type { ConversationId, DeviceId, MessageId } from "../../../core/ids.ts";
import { GAP_MAX, MESSAGE_NUMBER_MAX } from "../../../core/limits.ts";
import { parseUserName } from "../../../core/name.ts";
import { Secret, wipe } from "../../../core/secret.ts";
import { codeOr } from "../../support/codes.ts";
import { address, messageId } from "../../support/parties.ts";
import { flip } from "../../support/queued.ts";
import { SecretWatch } from "../../support/secretWatch.ts";

const alice = address("alice", "a");
const bob = address("bob", "b");
const START: ConversationStart = {
  realm: new Uint8Array(32).fill(1),
  id: "11".repeat(16) as ConversationId,
  asker: alice,
  peer: bob,
};
const text = new TextEncoder().encode("hello");

function begin(change: Partial<ConversationStart> = {}, fill = 2, role: "asker" | "peer" = "asker"): Conversation {
  using key = Secret.take(new Uint8Array(32).fill(fill));
  return startConversation(nativeCrypto, key, { ...START, ...change }, role);
}

let asker: Conversation;
let peer: Conversation;
beforeEach(() => {
  asker = begin();
  peer = begin({}, 2, "peer");
});

const seal = (from: Conversation, index = 0): Sealed => sealMessage(nativeCrypto, from, messageId(index), text);
const open = (to: Conversation, { number, sealed }: Pick<Sealed, "number" | "sealed">, index = 0) =>
  openMessage(nativeCrypto, to, { number, message: messageId(index), sealed });
const codeOf = (to: Conversation, sent: Pick<Sealed, "number" | "sealed">, index = 0) =>
  codeOr(() => open(to, sent, index).plaintext);

/** All that a conversation is, as text. */
function snapshot({ sending, receiving, ...rest }: Conversation): string {
  const chain = ({ key, number }: typeof sending) => `${number} ${key.use((bytes) => bytes.toHex())}`;
  return JSON.stringify([rest, chain(sending), chain(receiving)]);
}

/** A conversation whose next message, or next one to come, has this number. */
const at = (conversation: Conversation, number: number): Conversation => ({
  ...conversation,
  sending: { ...conversation.sending, number },
  receiving: { ...conversation.receiving, number },
});

describe("both directions", () => {
  test("carry messages of their own, under a fresh key each", () => {
    const sealed = new Set<string>();
    for (let i = 0; i < 5; i += 1) {
      const up = seal(asker, i);
      const down = seal(peer, i);
      expect([up.number, down.number]).toEqual([i, i]);
      const [opened, back] = [open(peer, up, i), open(asker, down, i)];
      expect([opened.plaintext, back.plaintext]).toEqual([text, text]);
      asker = { ...back.next, sending: up.next.sending };
      peer = { ...opened.next, sending: down.next.sending };
      sealed.add(up.sealed.toHex()).add(down.sealed.toHex());
    }
    expect(sealed.size).toBe(10);
  });

  test("do not open what they have sent themselves", () => {
    const up = seal(asker);
    expect(codeOf(asker, up)).toBe("e2ee.invalid");
    expect(codeOf(begin({ asker: bob, peer: alice }, 2, "peer"), up)).toBe("e2ee.invalid");
  });
});

describe("what both ends must agree on", () => {
  const chris = address("chris", "c");
  test.each<readonly [string, Partial<ConversationStart>]>([
    ["the realm", { realm: new Uint8Array(32).fill(9) }],
    ["the conversation's id", { id: "12".repeat(16) as ConversationId }],
    ["who asked", { asker: chris }],
    ["the asker's device", { asker: { ...alice, device: chris.device } }],
    ["who was asked for", { peer: chris }],
    ["the peer's device", { peer: { ...bob, device: chris.device } }],
    ["who is who", { asker: bob, peer: alice }],
  ])("%s", (_, change) => {
    const other = begin(change, 2, "peer");
    expect(other.receiving.key.use((bytes) => bytes.toHex())).not.toBe(
      peer.receiving.key.use((bytes) => bytes.toHex()),
    );
    // Also when the header that is authenticated happens to be the same.
    const disguised = { ...other, id: START.id, self: bob, peer: alice };
    expect(codeOf(other, seal(asker))).toBe("e2ee.invalid");
    expect(codeOf(disguised, seal(asker))).toBe("e2ee.invalid");
  });

  test("the key", () => {
    expect(codeOf(begin({}, 3, "peer"), seal(asker))).toBe("e2ee.invalid");
  });

  test("names of which one is the other's beginning do not run together", () => {
    const split = (one: string, two: string) =>
      begin({ asker: { ...alice, user: parseUserName(one) }, peer: { ...bob, user: parseUserName(two) } });
    const keys = [split("ab", "c"), split("a", "bc")].map(({ sending }) => sending.key.use((bytes) => bytes.toHex()));
    expect(keys[0]).not.toBe(keys[1]);
  });
});

describe("what is authenticated beside the content", () => {
  test.each<readonly [string, Partial<Conversation>]>([
    ["the conversation", { id: "12".repeat(16) as ConversationId }],
    ["the sender", { peer: { ...alice, user: parseUserName("mallory") } }],
    ["the sender's device", { peer: { ...alice, device: "c".repeat(16) as DeviceId } }],
    ["the recipient", { self: { ...bob, user: parseUserName("chris") } }],
    ["the recipient's device", { self: { ...bob, device: "c".repeat(16) as DeviceId } }],
  ])("%s", (_, change) => {
    expect(codeOf({ ...peer, ...change }, seal(asker))).toBe("e2ee.invalid");
  });

  test("the message id", () => {
    expect(codeOf(peer, seal(asker), 1)).toBe("e2ee.invalid");
    expect(openMessage(nativeCrypto, peer, { ...seal(asker), message: messageId(0) as MessageId }).plaintext).toEqual(
      text,
    );
  });

  test("the number", () => {
    expect(codeOf(peer, { ...seal(asker), number: 1 })).toBe("e2ee.invalid");
    expect(codeOf(at(peer, 1), { ...seal(asker), number: 1 })).toBe("e2ee.invalid");
  });

  test("every byte of the envelope, its length too", () => {
    const sent = seal(asker);
    for (let i = 0; i < sent.sealed.length; i += 1) {
      expect(codeOf(peer, { ...sent, sealed: flip(sent.sealed, i) })).toBe("e2ee.invalid");
      expect(codeOf(peer, { ...sent, sealed: sent.sealed.slice(0, i) })).toBe("e2ee.invalid");
    }
    expect(codeOf(peer, { ...sent, sealed: Uint8Array.of(...sent.sealed, 0) })).toBe("e2ee.invalid");
  });
});

describe("numbers", () => {
  /** Message `number` of the asker. */
  function nth(number: number): Sealed {
    let step = seal(asker);
    for (let i = 0; i < number; i += 1) step = seal(step.next);
    return step;
  }

  test("that have been opened, or passed over, are refused as replays", () => {
    const [zero, two] = [seal(asker), nth(2)];
    const after = open(peer, two).next;
    expect(after.receiving.number).toBe(3);
    for (const sent of [zero, nth(1), two]) expect(codeOf(after, sent)).toBe("e2ee.replay");
    expect(codeOf(open(peer, zero).next, zero)).toBe("e2ee.replay");
    expect(codeOf(after, nth(3))).toEqual(text);
  });

  test(`may leave ${GAP_MAX} out, and no more`, () => {
    const far = nth(GAP_MAX);
    const { next } = open(peer, far);
    expect(next.receiving.number).toBe(GAP_MAX + 1);
    expect(codeOf(peer, seal(far.next))).toBe("e2ee.gap");
    expect(codeOf(next, seal(far.next))).toEqual(text);
  });

  test("that are refused for their size cost nothing", () => {
    const counted = { ...nativeCrypto, hmacSha256: () => expect.unreachable() };
    for (const number of [GAP_MAX + 1, MESSAGE_NUMBER_MAX, MESSAGE_NUMBER_MAX + 1, 2 ** 32 - 1]) {
      const envelope = { number, message: messageId(0), sealed: new Uint8Array(100) };
      expect(codeOr(() => openMessage(counted, peer, envelope))).toBe("e2ee.gap");
    }
  });

  test(`end at ${MESSAGE_NUMBER_MAX}`, () => {
    const last = seal(at(asker, MESSAGE_NUMBER_MAX));
    expect(last.number).toBe(MESSAGE_NUMBER_MAX);
    const { next } = open(at(peer, MESSAGE_NUMBER_MAX), last);
    expect(codeOr(() => seal(last.next))).toBe("channel.exhausted");
    expect(codeOf(next, { number: MESSAGE_NUMBER_MAX + 1, sealed: last.sealed })).toBe("e2ee.gap");
  });
});

describe("secrets", () => {
  test("a sealed message leaves the next conversation, once what is spent is wiped", () => {
    using watch = new SecretWatch();
    const { next, spent } = seal(asker);
    expect(asker.sending.key.wiped).toBe(false);
    wipe(...spent);
    expect(asker.sending.key.wiped).toBe(true);
    expect(watch.alive()).toEqual([next.sending.key]);
    wipeConversation(next);
    expect(asker.receiving.key.wiped).toBe(true);
    expect(watch.alive()).toEqual([]);
  });

  test("an opened message leaves no key of itself, nor of those passed over", () => {
    let step = seal(asker);
    for (let i = 0; i < 9; i += 1) step = seal(step.next);
    using watch = new SecretWatch();
    const { next, spent } = open(peer, step);
    wipe(...spent);
    expect(watch.count).toBeGreaterThan(20);
    expect(watch.alive()).toEqual([next.receiving.key]);
    expect(peer.receiving.key.wiped).toBe(true);
    expect(next.sending.key.wiped).toBe(false);
  });

  test("starting leaves the two chains and not the key it came from", () => {
    using watch = new SecretWatch();
    const made = begin();
    expect(watch.alive()).toEqual([made.sending.key, made.receiving.key]);
  });

  test("a failure of the provider's own is thrown as it is, and leaves nothing", () => {
    const sent = seal(asker);
    const error = new Error("out of memory");
    const broken = {
      ...nativeCrypto,
      open: () => {
        throw error;
      },
    };
    using watch = new SecretWatch();
    expect(() => openMessage(broken, peer, { ...sent, message: messageId(0) })).toThrow(error);
    expect(watch.alive()).toEqual([]);
    expect(codeOf(peer, sent)).toEqual(text);
  });
});

test("whatever is refused, the conversation stays as it was and no secret is left", () => {
  const sent = seal(asker);
  const before = snapshot(peer);
  const envelope = fc.record({
    number: fc.oneof(fc.nat(3), fc.nat(), fc.constant(GAP_MAX), fc.constant(GAP_MAX + 1)),
    sealed: fc.oneof(
      fc.uint8Array({ maxLength: 100 }),
      fc.nat(20).map((index) => flip(sent.sealed, index)),
    ),
  });
  fc.assert(
    fc.property(envelope, (received) => {
      using watch = new SecretWatch();
      expect(["e2ee.invalid", "e2ee.gap"]).toContain(String(codeOf(peer, received)));
      expect(watch.alive()).toEqual([]);
      expect(snapshot(peer)).toBe(before);
    }),
    { numRuns: 60 },
  );
  expect(codeOf(peer, sent)).toEqual(text);
});
