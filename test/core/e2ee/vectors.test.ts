import { describe, expect, test } from "bun:test";
import { createDecipheriv, createHash, createHmac, hkdfSync } from "node:crypto";
import { nativeCrypto } from "../../../core/crypto/native.ts";
import { nobleCrypto } from "../../../core/crypto/noble.ts";
import { type Conversation, openMessage, sealMessage, startConversation } from "../../../core/e2ee/conversation.ts";
import type { Address, ConversationId, MessageId } from "../../../core/ids.ts";
import { parseUserName } from "../../../core/name.ts";
import { Secret } from "../../../core/secret.ts";
import { decodeAll, encodeAll } from "../../../core/wire/codec.ts";
import { Content, Envelope } from "../../../core/wire/endToEnd.ts";
import { padContent, unpadContent } from "../../../core/wire/padding.ts";
import { codeOr } from "../../support/codes.ts";
import vector from "../../vectors/conversation.json";

const unhex = (hex: string): Uint8Array => Uint8Array.fromHex(hex);
const { inputs, chainKeys, content, messages, envelope, refused } = vector;
const id = inputs.conversation as ConversationId;
const [asker, peer] = [inputs.asker, inputs.peer] as [Address, Address];
const SKIPPED = 3;

test("the file has just the fields that are checked here", () => {
  const fields = ["about", "inputs", "chainKeys", "content", "messages", "envelope", "refused"];
  expect(Object.keys(vector)).toEqual(fields);
  expect(Object.keys(inputs)).toEqual(["realm", "conversation", "key", "asker", "peer"]);
});

test("the content and the envelope are encoded as they are there", () => {
  const value: Content = {
    ...{ version: 1, kind: 1, sentAt: content.sentAt, to: parseUserName(content.to), body: unhex(content.body) },
  };
  expect(encodeAll(Content, value).toHex()).toBe(content.encoded);
  expect(padContent(unhex(content.encoded)).toHex()).toBe(messages[0]?.plaintext ?? "");
  expect(decodeAll(Content, unpadContent(unhex(messages[0]?.plaintext ?? "")))).toEqual(value);
  const opened = decodeAll(Envelope, unhex(envelope));
  expect(opened).toMatchObject({ version: 1, conversation: id, number: 0, ticket: Uint8Array.of(1, 2, 3) });
  expect(opened.sealed.toHex()).toBe(messages[0]?.sealed ?? "");
});

describe.each([nobleCrypto, nativeCrypto])("conversation.json by $name", (crypto) => {
  /** Both ends after all the messages, each sealed, and opened but for the skipped one. */
  function played(): Record<"asker" | "peer", Conversation> {
    using key = Secret.take(unhex(inputs.key));
    const start = { realm: unhex(inputs.realm), id, asker, peer };
    const ends = {
      asker: startConversation(crypto, key, start, "asker"),
      peer: startConversation(crypto, key, start, "peer"),
    };
    expect(ends.asker.sending.key.use((bytes) => bytes.toHex())).toBe(chainKeys.fromAsker);
    expect(ends.asker.receiving.key.use((bytes) => bytes.toHex())).toBe(chainKeys.fromPeer);
    for (const entry of messages) {
      const from = entry.from as "asker" | "peer";
      const to = from === "asker" ? "peer" : "asker";
      const message = entry.message as MessageId;
      const step = sealMessage(crypto, ends[from], message, unhex(entry.plaintext));
      expect({ number: step.number, sealed: step.sealed.toHex() }).toEqual({
        number: entry.number,
        sealed: entry.sealed,
      });
      ends[from] = step.next;
      if (entry.number === SKIPPED) continue;
      const opened = openMessage(crypto, ends[to], { ...step, message });
      expect(opened.plaintext.toHex()).toBe(entry.plaintext);
      ends[to] = opened.next;
    }
    return ends;
  }

  test("is sealed to these bytes, and opens, both ways", () => {
    const ends = played();
    expect([ends.asker.sending.number, ends.peer.receiving.number]).toEqual([5, 5]);
  });

  test("is refused with these codes", () => {
    const ends = played();
    for (const { from, number, message, sealed, code } of refused) {
      const to = from === "asker" ? ends.peer : ends.asker;
      const received = { number, message: message as MessageId, sealed: unhex(sealed) };
      expect(codeOr(() => openMessage(crypto, to, received))).toBe(code as never);
    }
  });
});

/** The protocol once more, with the platform's own primitives alone (PROTOCOL §8). */
describe("by hand", () => {
  const lv = (bytes: Uint8Array): Uint8Array => Uint8Array.of(bytes.length >> 8, bytes.length & 255, ...bytes);
  const name = (text: string): Uint8Array => lv(new TextEncoder().encode(text));
  const join = (...parts: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts));
  const end = ({ user, device }: Address): Uint8Array => join(name(user), unhex(device));
  const hmac = (key: Uint8Array, byte: number): Uint8Array =>
    new Uint8Array(createHmac("sha256", key).update(Uint8Array.of(byte)).digest());

  test("the chains are HKDF-SHA512 over the key, with the transcript in the info", () => {
    const transcript = join(unhex(inputs.realm), unhex(id), end(asker), end(peer));
    const hash = new Uint8Array(createHash("sha512").update(transcript).digest());
    const info = join(new TextEncoder().encode("IMS/1 conversation"), hash);
    const keys = new Uint8Array(hkdfSync("sha512", unhex(inputs.key), new Uint8Array(0), info, 64));
    expect(keys.slice(0, 32).toHex()).toBe(chainKeys.fromAsker);
    expect(keys.slice(32).toHex()).toBe(chainKeys.fromPeer);
  });

  test("each message has a key of its chain, and its header is authenticated", () => {
    for (const from of ["asker", "peer"] as const) {
      let chain = unhex(from === "asker" ? chainKeys.fromAsker : chainKeys.fromPeer);
      const [sender, recipient] = from === "asker" ? [asker, peer] : [peer, asker];
      for (const { number, message, plaintext, sealed } of messages.filter((entry) => entry.from === from)) {
        const material = new Uint8Array(hkdfSync("sha256", hmac(chain, 1), new Uint8Array(0), "IMS/1 message", 44));
        chain = hmac(chain, 2);
        const counter = new Uint8Array(4);
        new DataView(counter.buffer).setUint32(0, number);
        const header = join(Uint8Array.of(1), unhex(id), counter, unhex(message), end(sender), end(recipient));
        const bytes = unhex(sealed);
        const cipher = createDecipheriv("aes-256-gcm", material.slice(0, 32), material.slice(32));
        cipher.setAAD(header);
        cipher.setAuthTag(bytes.slice(-16));
        const opened = Buffer.concat([cipher.update(bytes.slice(0, -16)), cipher.final()]);
        expect(opened.toString("hex")).toBe(plaintext);
      }
    }
  });
});
