/** A step that throws leaves no secret of its own behind, and the state it began from as it was. */
import { describe, expect, test } from "bun:test";
import { concat } from "../../../core/bytes.ts";
import {
  type AgreementHeader,
  type AgreementStart,
  acceptAgreement,
  beginAgreement,
} from "../../../core/e2ee/agreement.ts";
import { type ConversationStart, sealEnvelope, startAsAsker, startAsPeer } from "../../../core/e2ee/conversation.ts";
import { drawPrekey, type PrekeyPair } from "../../../core/e2ee/prekey.ts";
import { type Ratchet, sealMessage, startSender } from "../../../core/e2ee/ratchet.ts";
import { SavedRatchet } from "../../../core/e2ee/savedRatchet.ts";
import type { Address, ConversationId } from "../../../core/ids.ts";
import { SEALED_MAX_BYTES, TICKET_MAX_BYTES } from "../../../core/limits.ts";
import { Secret } from "../../../core/secret.ts";
import type { Prekey } from "../../../core/wire/account.ts";
import { decodeAll, encodeAll } from "../../../core/wire/codec.ts";
import { Envelope, Opening } from "../../../core/wire/endToEnd.ts";
import { codeOr } from "../../support/codes.ts";
import { fixedEnv, quickCrypto } from "../../support/fixedEnv.ts";
import { address, messageId } from "../../support/parties.ts";
import { SecretWatch } from "../../support/secretWatch.ts";

const env = fixedEnv("wiping", quickCrypto);
const drawn = (length = 32): Secret => Secret.take(env.randomBytes(length));
const publicOf = (secret: Secret): Uint8Array => secret.use((bytes) => quickCrypto.dhKey(bytes).publicKey);

const askerSecret = drawn();
const peerSecret = drawn();
const party = (self: Address, secret: Secret) => ({
  address: self,
  identityKey: env.randomBytes(32),
  agreementKey: publicOf(secret),
});
const start: AgreementStart = {
  realm: env.randomBytes(32),
  conversation: env.randomBytes(16).toHex() as ConversationId,
  kdcKey: drawn(),
  asker: party(address("alice", "a"), askerSecret),
  peer: party(address("bob", "b"), peerSecret),
};
const pairs = { signed: drawPrekey(env, 1), oneTime: drawPrekey(env, 2) };
const publicHalf = ({ id, dhSecret, kemSeed, expiresAt }: PrekeyPair): Prekey => ({
  ...{ version: 1, device: start.peer.address.device, id, expiresAt },
  ...{ dhKey: publicOf(dhSecret), kemKey: quickCrypto.kemPublicKey(kemSeed) },
});
const prekeys = { signed: publicHalf(pairs.signed), oneTime: publicHalf(pairs.oneTime) };

/** 0, 1, p - 1, p and -0: none is an X25519 key that may be used. */
const BAD_KEYS = [
  "00".repeat(32),
  `01${"00".repeat(31)}`,
  `ec${"ff".repeat(30)}7f`,
  `ed${"ff".repeat(30)}7f`,
  `${"00".repeat(31)}80`,
].map((hex) => Uint8Array.fromHex(hex));

/** `fn` is refused, and nothing that it made is left. */
function expectNothingLeft(fn: () => unknown): void {
  using watch = new SecretWatch();
  expect(codeOr(fn)).toBe("e2ee.invalid");
  expect(watch.count).toBeGreaterThan(0);
  expect(watch.alive()).toEqual([]);
}

describe("an agreement", () => {
  const { signed, oneTime } = prekeys;
  const peerWith = (agreementKey: Uint8Array) => ({ ...start, peer: { ...start.peer, agreementKey } });
  const begun = beginAgreement(env, start, askerSecret, prekeys);
  const accept = (header: Partial<AgreementHeader>, from = start) =>
    acceptAgreement(quickCrypto, from, peerSecret, pairs, { ...begun, ...header });

  test.each([
    ["agreement key", (bad: Uint8Array) => beginAgreement(env, peerWith(bad), askerSecret, prekeys)],
    [
      "signed prekey",
      (dhKey: Uint8Array) => beginAgreement(env, start, askerSecret, { signed: { ...signed, dhKey }, oneTime }),
    ],
    [
      "one-time prekey",
      (dhKey: Uint8Array) => beginAgreement(env, start, askerSecret, { signed, oneTime: { ...oneTime, dhKey } }),
    ],
  ])("is not begun with a bad %s", (_, begin) => {
    for (const bad of BAD_KEYS) expectNothingLeft(() => begin(bad));
  });

  test("is not begun with a KEM key that is none", () => {
    const kemKey = new Uint8Array(1184).fill(0xff);
    expectNothingLeft(() => beginAgreement(env, start, askerSecret, { signed, oneTime: { ...oneTime, kemKey } }));
  });

  test("is not accepted with a bad ephemeral or agreement key", () => {
    for (const bad of BAD_KEYS) {
      expectNothingLeft(() => accept({ ephemeral: bad }));
      // The first of them all: nothing has been made yet.
      const from = { ...start, asker: { ...start.asker, agreementKey: bad } };
      expect(codeOr(() => accept({}, from))).toBe("e2ee.invalid");
    }
  });

  test("is not accepted with a ciphertext of another length", () => {
    expectNothingLeft(() => accept({ kemCiphertext: begun.kemCiphertext.slice(1) }));
  });

  test("leaves the first key alone", () => {
    using watch = new SecretWatch();
    const asked = beginAgreement(env, start, askerSecret, prekeys).secret;
    expect(watch.alive()).toEqual([asked]);
    const accepted = accept({});
    expect(watch.alive()).toEqual([asked, accepted]);
  });
});

describe("a ratchet", () => {
  const begin = (): Ratchet => startSender(env, drawn(), prekeys.signed.dhKey);

  test("takes its first key over also when the peer's is bad", () => {
    for (const bad of BAD_KEYS) {
      const secret = drawn();
      expectNothingLeft(() => startSender(env, secret, bad));
      expect(secret.wiped).toBe(true);
    }
  });

  test("seals nothing when there is no header to seal it with", () => {
    const ratchet = begin();
    const before = encodeAll(SavedRatchet, ratchet);
    using watch = new SecretWatch();
    const none = () => {
      throw new Error("no header");
    };
    expect(() => sealMessage(quickCrypto, ratchet, { id: messageId(1), plaintext: concat() }, none)).toThrow(
      "no header",
    );
    expect(watch.count).toBeGreaterThan(0);
    expect(watch.alive()).toEqual([]);
    expect(encodeAll(SavedRatchet, ratchet)).toEqual(before);
  });
});

describe("a conversation", () => {
  const { asker, peer, ...rest } = start;
  const ours: ConversationStart = { ...rest, self: asker, peer, agreementSecret: askerSecret };
  const devices = { list: env.randomBytes(87), signature: env.randomBytes(64) };
  const begin = (ticketBytes = 300) =>
    startAsAsker(env, { ...ours, ticket: env.randomBytes(ticketBytes), devices, prekeys });

  test("is not begun with a ticket that is too long", () => {
    using watch = new SecretWatch();
    expect(() => begin(TICKET_MAX_BYTES + 1)).toThrow("out of bounds");
    expect(watch.count).toBeGreaterThan(0);
    expect(watch.alive()).toEqual([]);
  });

  test("seals the longest content and nothing longer", () => {
    const conversation = begin();
    const sealed = (bytes: number) =>
      sealEnvelope(quickCrypto, conversation, {
        ...{ message: messageId(1), senderDevices: 1, recipientDevices: 1, content: new Uint8Array(bytes) },
      });
    using watch = new SecretWatch();
    expect(() => sealed(SEALED_MAX_BYTES - 15)).toThrow("content too long");
    expect(watch.alive()).toEqual([]);
    const { envelope } = sealed(SEALED_MAX_BYTES - 16);
    const { opening, sealed: body } = decodeAll(Envelope, envelope);
    expect(body.length).toBe(SEALED_MAX_BYTES);
    const theirs = { ...rest, self: peer, peer: asker, agreementSecret: peerSecret, prekeys: pairs };
    const accepted = startAsPeer(env, { ...theirs, opening: decodeAll(Opening, opening), encodedOpening: opening });
    expect(accepted.openingHash).toEqual(conversation.openingHash);
  });
});
