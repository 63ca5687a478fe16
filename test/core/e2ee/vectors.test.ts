import { describe, expect, test } from "bun:test";
import { nativeCrypto } from "../../../core/crypto/native.ts";
import { nobleCrypto } from "../../../core/crypto/noble.ts";
import { type Conversation, openEnvelope, sealEnvelope } from "../../../core/e2ee/conversation.ts";
import { startReceiver, startSender } from "../../../core/e2ee/ratchet.ts";
import type { Env } from "../../../core/env.ts";
import type { Address, ConversationId, MessageId } from "../../../core/ids.ts";
import { parseUserName } from "../../../core/name.ts";
import { Secret } from "../../../core/secret.ts";
import { decodeAll, encodeAll } from "../../../core/wire/codec.ts";
import { Content, Envelope } from "../../../core/wire/endToEnd.ts";
import { padContent, unpadContent } from "../../../core/wire/padding.ts";
import { codeOr } from "../../support/codes.ts";
import { ratchetVectors } from "../../support/makeConversationVectors.ts";
import { queuedEnv } from "../../support/queued.ts";
import {
  type OracleHeader,
  RatchetDecrypt,
  RatchetEncrypt,
  RatchetInitAlice,
  RatchetInitBob,
} from "../../support/ratchetOracle.ts";
import vector from "../../vectors/ratchet.json";

const { inputs, content, messages, refused } = vector;
const unhex = (hex: string): Uint8Array => Uint8Array.fromHex(hex);
type End = "asker" | "peer";
const otherOf = (end: string): End => (end === "asker" ? "peer" : "asker");
const ENVELOPE_NUMBERS = { senderDevices: inputs.senderDevices, recipientDevices: inputs.recipientDevices };

test("the file has just the fields that are checked here", () => {
  expect(Object.keys(vector)).toEqual(["about", "inputs", "content", "messages", "refused"]);
  const given = ["conversation", "asker", "peer", "secret", "prekeySecret", "opening", "draws"];
  expect(Object.keys(inputs)).toEqual([...given, "senderDevices", "recipientDevices"]);
  expect(Object.keys(content)).toEqual(["sentAt", "to", "body", "encoded"]);
  for (const one of messages) expect(Object.keys(one)).toEqual(["from", "message", "fate", "plaintext", "envelope"]);
  for (const { fate } of messages) expect(["opened", "late", "lost"]).toContain(fate);
  const known = ["message", "code", "id", "at", "flip"];
  for (const one of refused) expect(Object.keys(one).filter((key) => !known.includes(key))).toEqual([]);
});

test("the maker makes the same file again", () => {
  const hex = (_: string, value: unknown): unknown => (value instanceof Uint8Array ? value.toHex() : value);
  expect(JSON.parse(JSON.stringify(ratchetVectors(), hex))).toEqual(vector);
});

test("the content is encoded and padded as it is there", () => {
  const value: Content = {
    ...{ version: 1, kind: 1, sentAt: content.sentAt, to: parseUserName(content.to), body: unhex(content.body) },
  };
  expect(encodeAll(Content, value).toHex()).toBe(content.encoded);
  const padded = unhex(messages[0]?.plaintext ?? "");
  expect(padContent(unhex(content.encoded))).toEqual(padded);
  expect(decodeAll(Content, unpadContent(padded))).toEqual(value);
});

describe.each([nobleCrypto, nativeCrypto])("ratchet.json by $name", (crypto) => {
  function end(role: End, env: Env): Conversation {
    const prekey = Secret.take(unhex(inputs.prekeySecret));
    const secret = Secret.take(unhex(inputs.secret));
    const publicKey = crypto.dhKey(unhex(inputs.prekeySecret)).publicKey;
    return {
      ...{ id: inputs.conversation as ConversationId, role, peerIdentity: new Uint8Array(32) },
      ...{ self: inputs[role] as Address, peer: inputs[otherOf(role)] as Address },
      ratchet: role === "asker" ? startSender(env, secret, publicKey) : startReceiver(secret, prekey),
      opening: role === "asker" ? unhex(inputs.opening) : new Uint8Array(0),
      openingHash: crypto.sha256(unhex(inputs.opening)),
      ...{ answered: false, startedAtMs: 0, messages: 0 },
    };
  }

  /** Both ends after all the messages, each sealed to its bytes, and opened in its time. */
  function played() {
    const envs = {
      asker: queuedEnv(crypto, inputs.draws.asker.map(unhex)),
      peer: queuedEnv(crypto, inputs.draws.peer.map(unhex)),
    };
    const ends = { asker: end("asker", envs.asker), peer: end("peer", envs.peer) };
    const open = (to: End, env: Env, message: string, envelope: Uint8Array) =>
      openEnvelope(env, ends[to], decodeAll(Envelope, envelope), message as MessageId);
    const take = (one: (typeof messages)[number]): void => {
      const to = otherOf(one.from);
      const opened = open(to, envs[to], one.message, unhex(one.envelope));
      expect(opened.plaintext.toHex()).toBe(one.plaintext);
      ends[to] = opened.next;
    };
    for (const one of messages) {
      const from = one.from as End;
      const outgoing = { message: one.message as MessageId, ...ENVELOPE_NUMBERS, content: unhex(one.plaintext) };
      const { next, envelope } = sealEnvelope(crypto, ends[from], outgoing);
      expect(envelope.toHex()).toBe(one.envelope);
      ends[from] = next;
      if (one.fate === "opened") take(one);
    }
    for (const one of messages) if (one.fate === "late") take(one);
    return { ends, open };
  }

  test("is sealed to these bytes, and opens, both ways", () => {
    const { ends } = played();
    const lost = messages.filter(({ fate }) => fate === "lost").length;
    expect(ends.asker.ratchet.skipped.length + ends.peer.ratchet.skipped.length).toBe(lost);
    expect([ends.asker.answered, ends.peer.answered]).toEqual([true, true]);
  });

  const { ends, open } = played();
  test.each(refused)("message $message is refused: $code (%#)", ({ message, id = message, at, flip, code }) => {
    const [one, named] = [messages[message], messages[id]];
    if (one === undefined || named === undefined) throw new Error("no such message");
    const envelope = unhex(one.envelope);
    if (at !== undefined && flip !== undefined) envelope[at] = (envelope[at] ?? 0) ^ Number.parseInt(flip, 16);
    const to = otherOf(one.from);
    const env = queuedEnv(crypto, [new Uint8Array(32).fill(1)]);
    expect(ends[to].messages).toBeGreaterThan(5);
    expect<unknown>(codeOr(() => open(to, env, named.message, envelope))).toBe(code);
  });

  test("what was lost would open still", () => {
    const lost = messages.filter(({ fate }) => fate === "lost");
    expect(lost.length).toBeGreaterThan(0);
    for (const { from, message, envelope, plaintext } of lost) {
      const opened = open(otherOf(from), queuedEnv(crypto, []), message, unhex(envelope));
      expect(opened.plaintext.toHex()).toBe(plaintext);
    }
  });
});

/** The protocol once more, on noble's functions alone (PROTOCOL §9). */
test("the oracle seals to the same bytes, and opens them", () => {
  const queue = (draws: readonly string[]) => queuedEnv(nobleCrypto, draws.map(unhex)).randomBytes;
  const draw = { asker: queue(inputs.draws.asker), peer: queue(inputs.draws.peer) };
  const prekey = nobleCrypto.dhKey(unhex(inputs.prekeySecret)).publicKey;
  const states = {
    asker: RatchetInitAlice(draw.asker, unhex(inputs.secret), prekey),
    peer: RatchetInitBob(unhex(inputs.secret), unhex(inputs.prekeySecret)),
  };
  const u32 = (n: number): Uint8Array => Uint8Array.of(n >>> 24, (n >>> 16) & 255, (n >>> 8) & 255, n & 255);
  const join = (...parts: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts));
  const address = ({ user, device }: { user: string; device: string }): Uint8Array =>
    join(Uint8Array.of(0, user.length), new TextEncoder().encode(user), unhex(device));
  const numbers = join(u32(inputs.senderDevices), u32(inputs.recipientDevices));
  const opening = join(Uint8Array.of(0, inputs.opening.length / 2), unhex(inputs.opening));
  const answered = new Set<string>();
  const openings: (() => void)[] = [];

  for (const { from, message, fate, plaintext, envelope } of messages) {
    const [sender, to] = [from as End, otherOf(from)];
    const start = join(Uint8Array.of(1), unhex(inputs.conversation));
    const dataOf = ({ dh, pn, n }: OracleHeader): Uint8Array =>
      join(start, unhex(message), address(inputs[sender]), address(inputs[to]), numbers, dh, u32(pn), u32(n));
    const { header, sealed } = RatchetEncrypt(states[sender], message, unhex(plaintext), dataOf);
    const carried = sender === "asker" && !answered.has("asker") ? opening : Uint8Array.of(0, 0);
    const length = Uint8Array.of(sealed.length >> 8, sealed.length & 255);
    const written = join(start, numbers, header.dh, u32(header.pn), u32(header.n), carried, length, sealed);
    expect(written.toHex()).toBe(envelope);
    const open = (): void => {
      const given = { header, id: message, ad: dataOf(header), sealed };
      expect(RatchetDecrypt(draw[to], states[to], given).toHex()).toBe(plaintext);
      answered.add(to);
    };
    if (fate === "opened") open();
    else if (fate === "late") openings.push(open);
  }
  for (const open of openings) open();
});
