/** What test/vectors/agreement.json and ratchet.json hold, from fixed bytes: makeVectors.ts writes it. */
import { type AgreementStart, acceptAgreement, beginAgreement } from "../../core/e2ee/agreement.ts";
import { type Conversation, openEnvelope, sealEnvelope } from "../../core/e2ee/conversation.ts";
import type { PrekeyPair } from "../../core/e2ee/prekey.ts";
import { type Ratchet, startReceiver, startSender } from "../../core/e2ee/ratchet.ts";
import type { Address, ConversationId, DeviceId, MessageId } from "../../core/ids.ts";
import { parseUserName } from "../../core/name.ts";
import { Secret } from "../../core/secret.ts";
import { decodeAll, encodeAll } from "../../core/wire/codec.ts";
import { Content, Envelope } from "../../core/wire/endToEnd.ts";
import { padContent } from "../../core/wire/padding.ts";
import { type Member, publicPrekey, setting } from "./agreeing.ts";
import { fixedEnv, quickCrypto, START_MS } from "./fixedEnv.ts";
import { reveal } from "./primitives.ts";
import { queuedEnv } from "./queued.ts";

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

const AGREEMENT =
  "PQXDH from one device to another, with a one-time prekey and without. Bytes in hexadecimal. ephemeralSecret and kemMessage (m of FIPS 203 §7.2) are what the asker draws. refused: what the peer refuses with that code when that field of the first case has that value, or is cut to that length. other: with that byte (from 0) of that field of the first case XORed with flip, the peer computes that secret.";

export function agreementVectors(): object {
  const env = fixedEnv("IMS/1 agreement vectors", quickCrypto);
  const given = setting(env);
  const { asker, peer } = given;
  const prekeys = { signed: peer.signed, oneTime: peer.oneTime };
  const cases = [true, false].map((withOneTime) => {
    const drawn = { ephemeralSecret: env.randomBytes(32), kemMessage: env.randomBytes(32) };
    const known = {
      signed: publicPrekey(quickCrypto, peer, peer.signed),
      oneTime: withOneTime ? publicPrekey(quickCrypto, peer, peer.oneTime) : null,
    };
    const queued = queuedEnv(quickCrypto, [drawn.ephemeralSecret, drawn.kemMessage]);
    const { ephemeral, kemCiphertext, secret } = beginAgreement(queued, given, asker.agreementSecret, known);
    return { oneTime: withOneTime, ...drawn, ephemeral, kemCiphertext, secret: reveal(secret) };
  });
  const [first] = cases;
  if (first === undefined) throw new Error("no case");
  const other = [
    { field: "ephemeral", at: 0, flip: "01" },
    { field: "kemCiphertext", at: 0, flip: "01" },
    { field: "kemCiphertext", at: 1087, flip: "80" },
  ].map(({ field, at, flip }) => {
    const header = { ephemeral: first.ephemeral.slice(), kemCiphertext: first.kemCiphertext.slice() };
    const bytes = field === "ephemeral" ? header.ephemeral : header.kemCiphertext;
    bytes[at] = (bytes[at] ?? 0) ^ Number.parseInt(flip, 16);
    const start: AgreementStart = given;
    const secret = acceptAgreement(quickCrypto, start, peer.agreementSecret, prekeys, header);
    return { field, at, flip, secret: reveal(secret) };
  });
  const member = ({ address, identityKey, agreementKey, agreementSecret }: Member): object => ({
    ...{ ...address, identityKey, agreementKey, agreementSecret: reveal(agreementSecret) },
  });
  const pair = ({ id, dhSecret, kemSeed }: PrekeyPair): object => ({
    ...{ id, dhSecret: reveal(dhSecret), kemSeed: reveal(kemSeed) },
  });
  return {
    about: AGREEMENT,
    inputs: {
      ...{ realm: given.realm, conversation: given.conversation, kdcKey: reveal(given.kdcKey) },
      ...{ asker: member(asker), peer: member(peer), signed: pair(peer.signed), oneTime: pair(peer.oneTime) },
    },
    cases,
    refused: [
      { field: "ephemeral", value: "00".repeat(32), code: "e2ee.invalid" },
      { field: "ephemeral", value: `01${"00".repeat(31)}`, code: "e2ee.invalid" },
      { field: "ephemeral", value: `ec${"ff".repeat(30)}7f`, code: "e2ee.invalid" },
      { field: "ephemeral", value: `f6${"ff".repeat(30)}7f`, code: "e2ee.invalid" },
      { field: "ephemeral", length: 31, code: "e2ee.invalid" },
      { field: "kemCiphertext", length: 1087, code: "e2ee.invalid" },
      { field: "kemCiphertext", length: 0, code: "e2ee.invalid" },
    ],
    other,
  };
}

const RATCHET =
  "One conversation after its agreement. Bytes in hexadecimal, times in milliseconds since 1970. secret: what was agreed on; prekeySecret: of the peer's signed prekey; draws: the ratchet keys that each side draws, in order. opening: what stands for the opening, in the asker's envelopes until it has an answer. The plaintext of the first message is the content, padded. Messages are in the order in which they are sealed. fate: opened at once, late (after all others) or lost. refused: what the other side refuses once all is opened, with that code: the envelope of that message (from 0), with that byte of it XORed with flip, or under the id of another message.";

type End = "asker" | "peer";
type Fate = "opened" | "late" | "lost";

/** Who sends what, and what becomes of it. */
const SCRIPT: readonly (readonly [End, string, Fate])[] = [
  ["asker", "", "opened"],
  ["asker", "two", "late"],
  ["asker", "three", "opened"],
  ["peer", "four", "opened"],
  ["peer", "five", "lost"],
  ["peer", "six", "opened"],
  ["asker", "seven", "opened"],
  ["asker", "eight", "late"],
  ["peer", "nine", "opened"],
  ["asker", "ten", "opened"],
  ["peer", "", "opened"],
];

export function ratchetVectors(): object {
  const env = fixedEnv("IMS/1 ratchet vectors", quickCrypto);
  const draw = (length: number): Uint8Array => env.randomBytes(length);
  const address = (name: string): Address => ({ user: parseUserName(name), device: draw(8).toHex() as DeviceId });
  const inputs = {
    ...{ conversation: draw(16).toHex() as ConversationId, asker: address("alice"), peer: address("bob") },
    ...{ secret: draw(32), prekeySecret: draw(32), opening: Uint8Array.of(1, 2, 3) },
    draws: { asker: [draw(32), draw(32), draw(32), draw(32)], peer: [draw(32), draw(32), draw(32)] },
  };
  const envs = { asker: queuedEnv(quickCrypto, inputs.draws.asker), peer: queuedEnv(quickCrypto, inputs.draws.peer) };
  const prekey = quickCrypto.dhKey(inputs.prekeySecret).publicKey;
  const end = (role: End, ratchet: Ratchet): Conversation => ({
    ...{ id: inputs.conversation, role, self: inputs[role], peer: inputs[role === "asker" ? "peer" : "asker"] },
    ...{ peerIdentity: new Uint8Array(32), ratchet, opening: role === "asker" ? inputs.opening : new Uint8Array(0) },
    openingHash: quickCrypto.sha256(inputs.opening),
    ...{ answered: false, startedAtMs: START_MS, messages: 0 },
  });
  const ends = {
    asker: end("asker", startSender(envs.asker, Secret.copy(inputs.secret), prekey)),
    peer: end("peer", startReceiver(Secret.copy(inputs.secret), Secret.copy(inputs.prekeySecret))),
  };
  const [senderDevices, recipientDevices] = [3, 5];
  const body = utf8("Hello, Bob. \u{1F44B}");
  const content = encodeAll(Content, { version: 1, kind: 1, sentAt: START_MS, to: inputs.peer.user, body });
  const open = (to: End, id: MessageId, envelope: Uint8Array): void => {
    ends[to] = openEnvelope(envs[to], ends[to], decodeAll(Envelope, envelope), id).next;
  };
  const messages = SCRIPT.map(([from, text, fate], at) => {
    const message = draw(16).toHex() as MessageId;
    const plaintext = at === 0 ? padContent(content) : utf8(text);
    const outgoing = { message, senderDevices, recipientDevices, content: plaintext };
    const { next, envelope } = sealEnvelope(quickCrypto, ends[from], outgoing);
    ends[from] = next;
    if (fate === "opened") open(from === "asker" ? "peer" : "asker", message, envelope);
    return { from, message, fate, plaintext, envelope };
  });
  for (const { from, message, fate, envelope } of messages) {
    if (fate === "late") open(from === "asker" ? "peer" : "asker", message, envelope);
  }
  return {
    about: RATCHET,
    inputs: { ...inputs, senderDevices, recipientDevices },
    content: { sentAt: START_MS, to: inputs.peer.user, body, encoded: content },
    messages,
    refused: [
      { message: 9, code: "e2ee.replay" },
      { message: 10, code: "e2ee.replay" },
      { message: 0, code: "e2ee.invalid" },
      { message: 1, code: "e2ee.invalid" },
      { message: 4, id: 5, code: "e2ee.invalid" },
      { message: 4, at: 20, flip: "01", code: "e2ee.invalid" },
      { message: 4, at: 24, flip: "01", code: "e2ee.invalid" },
      { message: 10, at: 25, flip: "01", code: "e2ee.invalid" },
      { message: 10, at: 56, flip: "80", code: "e2ee.invalid" },
      { message: 10, at: 64, flip: "01", code: "e2ee.invalid" },
      { message: 10, at: 62, flip: "04", code: "e2ee.gap" },
      { message: 10, at: 61, flip: "80", code: "e2ee.gap" },
    ],
  };
}
