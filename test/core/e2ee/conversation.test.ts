import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { concat, EMPTY, utf8 } from "../../../core/bytes.ts";
import { nativeCrypto } from "../../../core/crypto/native.ts";
import {
  type Conversation,
  isDue,
  openEnvelope,
  sealEnvelope,
  wipeConversation,
} from "../../../core/e2ee/conversation.ts";
import { secretsOf } from "../../../core/e2ee/ratchet.ts";
import { restoreConversation, SavedConversation, saveConversation } from "../../../core/e2ee/savedConversation.ts";
import { SavedSkipped } from "../../../core/e2ee/savedRatchet.ts";
import type { ConversationId, DeviceId, MessageId } from "../../../core/ids.ts";
import { AGREEMENT_MESSAGES, AGREEMENT_MS } from "../../../core/limits.ts";
import { parseUserName } from "../../../core/name.ts";
import { type Secret, wipe } from "../../../core/secret.ts";
import { decodeAll, encodeAll } from "../../../core/wire/codec.ts";
import { Envelope, Opening } from "../../../core/wire/endToEnd.ts";
import {
  beginAsking,
  type Ends,
  joinAsked,
  type Setting,
  setting,
  snapshot,
  startBoth,
} from "../../support/agreeing.ts";
import { BAD_PUBLIC_KEYS } from "../../support/badKeys.ts";
import { codeOr } from "../../support/codes.ts";
import { fakeCrypto } from "../../support/fakeCrypto.ts";
import { fixedEnv, START_MS } from "../../support/fixedEnv.ts";
import { keyOf } from "../../support/owners.ts";
import { messageId } from "../../support/parties.ts";
import { flip } from "../../support/queued.ts";
import { SecretWatch } from "../../support/secretWatch.ts";

const NUMBERS = { senderDevices: 3, recipientDevices: 5 };

interface Sent {
  readonly id: MessageId;
  /** An encoded `Envelope`. */
  readonly bytes: Uint8Array;
}

/** Both ends, driven as a client drives them. */
class Talk {
  readonly ends: { asker: Conversation; peer: Conversation };
  readonly env: ReturnType<typeof fixedEnv>;
  count = 0;

  constructor(crypto = fakeCrypto, withOneTime = true) {
    this.env = fixedEnv("conversation", crypto);
    this.ends = { ...startBoth(this.env, withOneTime) };
  }

  seal(from: keyof Ends, text: string): Sent {
    const id = messageId(this.count);
    this.count += 1;
    const outgoing = { message: id, ...NUMBERS, content: utf8(text) };
    const step = sealEnvelope(this.env.crypto, this.ends[from], outgoing);
    this.ends[from] = step.next;
    wipe(...step.spent);
    return { id, bytes: step.envelope };
  }

  /** The text, or the code. */
  open(to: keyof Ends, { id, bytes }: Sent): string {
    return codeOr(() => {
      const step = openEnvelope(this.env, this.ends[to], decodeAll(Envelope, bytes), id);
      this.ends[to] = step.next;
      wipe(...step.spent);
      return new TextDecoder().decode(step.plaintext);
    });
  }

  /** Refused, changes nothing, leaves nothing behind. */
  expectRefused(to: keyof Ends, sent: Sent): void {
    const before = snapshot(this.ends[to]);
    using watch = new SecretWatch();
    expect(["e2ee.invalid", "e2ee.gap", "e2ee.replay", "wire.malformed"]).toContain(this.open(to, sent));
    expect(watch.alive()).toEqual([]);
    expect(snapshot(this.ends[to])).toBe(before);
  }

  /** Saves an end, forgets it, and takes it up again. */
  restart(end: keyof Ends): void {
    const before = this.ends[end];
    const saved = encodeAll(SavedConversation, saveConversation(before));
    const skipped = encodeAll(SavedSkipped, before.ratchet.skipped);
    const text = snapshot(before);
    wipeConversation(before);
    const after = restoreConversation(decodeAll(SavedConversation, saved), decodeAll(SavedSkipped, skipped));
    expect(sorted(after)).toBe(sorted(JSON.parse(text)));
    this.ends[end] = after;
  }
}

/** As `snapshot`, whatever the order of the fields. */
function sorted(value: unknown): string {
  const inOrder = (_: string, found: unknown): unknown =>
    typeof found === "object" && found !== null && !Array.isArray(found)
      ? Object.fromEntries(Object.entries(found).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : found;
  return JSON.stringify(JSON.parse(snapshot(value)), inOrder);
}

const secrets = ({ asker, peer }: Ends): Set<Secret> =>
  new Set([...secretsOf(asker.ratchet), ...secretsOf(peer.ratchet)]);

describe.each([["the fake", fakeCrypto] as const, ["native", nativeCrypto] as const])("on %s", (_, crypto) => {
  test.each([true, false])("begins, with the opening in every envelope until the peer has answered (%p)", (oneTime) => {
    const talk = new Talk(crypto, oneTime);
    const { opening } = talk.ends.asker;
    expect(decodeAll(Opening, opening)).toMatchObject({ signedPrekey: 7, oneTimePrekey: oneTime ? 8 : 0 });
    const sent = ["one", "two", "three"].map((text) => talk.seal("asker", text));
    for (const { bytes } of sent) expect(decodeAll(Envelope, bytes).opening).toEqual(opening);
    expect(sent.map((one) => talk.open("peer", one))).toEqual(["one", "two", "three"]);
    expect([talk.ends.peer.answered, talk.ends.asker.answered]).toEqual([true, false]);
    const answer = talk.seal("peer", "answer");
    expect(decodeAll(Envelope, answer.bytes).opening).toEqual(EMPTY);
    expect(talk.open("asker", answer)).toBe("answer");
    expect([talk.ends.asker.answered, talk.ends.asker.messages, talk.ends.peer.messages]).toEqual([true, 4, 4]);
    const later = talk.seal("asker", "later");
    const { opening: carried, ...envelope } = decodeAll(Envelope, later.bytes);
    expect(envelope).toMatchObject({ ...NUMBERS, conversation: talk.ends.asker.id, previous: 3, number: 0 });
    expect(carried).toEqual(EMPTY);
    expect(talk.open("peer", later)).toBe("later");
  });

  test("any order, with drops, repeats and restarts: once and as it was sent, and nothing is left", () => {
    const step = fc.record({
      what: fc.constantFrom("send", "send", "open", "open", "drop", "repeat", "restart"),
      from: fc.constantFrom<keyof Ends>("asker", "peer"),
      pick: fc.nat(1000),
    });
    fc.assert(
      fc.property(fc.array(step, { minLength: 5, maxLength: 40 }), (steps) => {
        using watch = new SecretWatch();
        const talk = watch.as("setting", () => new Talk(crypto));
        const flying = { asker: new Map<string, Sent>(), peer: new Map<string, Sent>() };
        const opened = { asker: [] as Sent[], peer: [] as Sent[] };
        for (const { what, from, pick } of steps) {
          const to = from === "asker" ? "peer" : "asker";
          if (what === "restart") talk.restart(from);
          else if (what === "repeat") {
            const again = opened[to][pick % Math.max(1, opened[to].length)];
            if (again !== undefined) talk.expectRefused(to, again);
          } else if (what === "send") {
            if (talk.ends[from].ratchet.sending === null) continue;
            const text = `text ${talk.count}`;
            flying[to].set(text, talk.seal(from, text));
          } else {
            const [text, sent] = [...flying[to]][pick % Math.max(1, flying[to].size)] ?? [];
            if (text === undefined || sent === undefined) continue;
            flying[to].delete(text);
            if (what === "drop") continue;
            expect(talk.open(to, sent)).toBe(text);
            opened[to].push(sent);
          }
        }
        const left = secrets(talk.ends);
        expect(watch.alive("").filter((secret) => !left.has(secret))).toEqual([]);
        expect(talk.open("peer", talk.seal("asker", "after"))).toBe("after");
        expect(talk.open("asker", talk.seal("peer", "after"))).toBe("after");
      }),
      { numRuns: crypto === fakeCrypto ? 100 : 10 },
    );
  });
});

describe("one bit of an envelope altered", () => {
  test.each(["the first, with its opening", "one of a new chain", "one that was passed over"])("%s", (which) => {
    const talk = new Talk();
    let sent = talk.seal("asker", "text");
    if (which !== "the first, with its opening") {
      expect(talk.open("peer", sent)).toBe("text");
      expect(talk.open("asker", talk.seal("peer", "answer"))).toBe("answer");
      sent = talk.seal("asker", "text");
      if (which === "one that was passed over") expect(talk.open("peer", talk.seal("asker", "more"))).toBe("more");
    }
    const { bytes, id } = sent;
    const conversationAt = 1;
    for (let at = 0; at < bytes.length; at += 1) {
      // The id of the conversation is what an envelope is found by: see "beside the content" below.
      if (at >= conversationAt && at < conversationAt + 16) continue;
      talk.expectRefused("peer", { id, bytes: flip(bytes, at) });
    }
    for (let at = 0; at < 16; at += 1) {
      talk.expectRefused("peer", { id: flip(Uint8Array.fromHex(id), at).toHex() as MessageId, bytes });
    }
    expect(talk.open("peer", sent)).toBe("text");
  });
});

describe("beside the content is authenticated", () => {
  const [user, device] = [parseUserName("mallory"), "ff".repeat(8) as DeviceId];
  test.each<readonly [string, (end: Conversation) => Partial<Conversation>]>([
    ["the conversation", () => ({ id: "11".repeat(16) as ConversationId })],
    ["who sent it", ({ peer }) => ({ peer: { ...peer, user } })],
    ["from which device", ({ peer }) => ({ peer: { ...peer, device } })],
    ["who it is for", ({ self }) => ({ self: { ...self, user } })],
    ["for which device", ({ self }) => ({ self: { ...self, device } })],
    ["who is who", ({ self, peer }) => ({ self: peer, peer: self })],
  ])("%s", (_, change) => {
    const talk = new Talk();
    const sent = talk.seal("asker", "text");
    const honest = talk.ends.peer;
    talk.ends.peer = { ...honest, ...change(honest) };
    talk.expectRefused("peer", sent);
    talk.ends.peer = honest;
    expect(talk.open("peer", sent)).toBe("text");
  });
});

describe("what the two ends must have alike", () => {
  const env = fixedEnv("alike", nativeCrypto);
  const given = setting(env);
  const { asker, peer } = given;

  test.each<readonly [string, Partial<Setting>]>([
    ["the KDC's key", { kdcKey: keyOf(9) }],
    ["the realm", { realm: new Uint8Array(32) }],
    ["the conversation's id", { conversation: "11".repeat(16) as ConversationId }],
    ["the asker's identity key", { asker: { ...asker, identityKey: peer.identityKey } }],
    ["the peer's identity key", { peer: { ...peer, identityKey: asker.identityKey } }],
    [
      "both identity keys, swapped",
      {
        asker: { ...asker, identityKey: peer.identityKey },
        peer: { ...peer, identityKey: asker.identityKey },
      },
    ],
  ])("%s", (_, change) => {
    const begun = beginAsking(env, given);
    const sealed = sealEnvelope(env.crypto, begun, { message: messageId(0), ...NUMBERS, content: utf8("text") });
    const envelope = decodeAll(Envelope, sealed.envelope);
    const joined = joinAsked(env, { ...given, ...change }, begun.opening);
    const disguised = { ...joined, id: given.conversation };
    expect<unknown>(codeOr(() => openEnvelope(env, disguised, envelope, messageId(0)))).toBe("e2ee.invalid");
    const honest = joinAsked(env, given, begun.opening);
    expect(openEnvelope(env, honest, envelope, messageId(0)).plaintext).toEqual(utf8("text"));
  });

  test.each(BAD_PUBLIC_KEYS.curve25519)("an opening with the key %s: e2ee.invalid, and nothing is left", (_, key) => {
    const opening = decodeAll(Opening, beginAsking(env, given).opening);
    using watch = new SecretWatch();
    const bad = encodeAll(Opening, { ...opening, ephemeral: key });
    expect<unknown>(codeOr(() => joinAsked(env, given, bad))).toBe("e2ee.invalid");
    const disguised = { ...given, peer: { ...peer, agreementKey: key } };
    expect<unknown>(codeOr(() => beginAsking(env, disguised))).toBe("e2ee.invalid");
    expect(watch.alive()).toEqual([]);
  });
});

test("another opening does not join, whatever else is right", () => {
  const talk = new Talk();
  const sent = talk.seal("asker", "text");
  const envelope = decodeAll(Envelope, sent.bytes);
  for (const opening of [concat(envelope.opening, Uint8Array.of(0)), flip(envelope.opening, 2), Uint8Array.of(1)]) {
    talk.expectRefused("peer", { id: sent.id, bytes: encodeAll(Envelope, { ...envelope, opening }) });
  }
  expect(talk.open("peer", sent)).toBe("text");
});

test("both ends hold the secrets of their ratchets alone, and wiping leaves none", () => {
  const env = fixedEnv("wiping", nativeCrypto);
  const given = setting(env);
  using watch = new SecretWatch();
  const ends = startBoth(env, true, given);
  expect(new Set(watch.alive())).toEqual(secrets(ends));
  wipeConversation(ends.asker);
  wipeConversation(ends.peer);
  expect(watch.alive()).toEqual([]);
  expect([given.kdcKey, given.peer.signed.dhSecret, given.asker.agreementSecret].map(({ wiped }) => wiped)).toEqual([
    ...[false, false, false],
  ]);
});

test.each([
  ["at once", 0, 0, false],
  ["a millisecond before a week", AGREEMENT_MS - 1, AGREEMENT_MESSAGES - 1, false],
  ["after a week", AGREEMENT_MS, 0, true],
  ["after a thousand messages", 0, AGREEMENT_MESSAGES, true],
  ["when the clock was set back by a week", -AGREEMENT_MS, 0, false],
  ["and by more", -AGREEMENT_MS - 1, 0, true],
])("another agreement is due: %s", (_, after, messages, due) => {
  const conversation = { ...new Talk().ends.asker, messages };
  expect(conversation.startedAtMs).toBe(START_MS);
  expect(isDue(conversation, START_MS + after)).toBe(due);
});
