/**
 * A conversation between two devices under the key that the KDC issued (PROTOCOL §8).
 *
 * This is the KDC's model, as in Kerberos: one key from the server, one chain for each direction, a fresh message key for
 * each message. A chain only goes forward: the key of a message is gone once it has been sealed or opened. What it does
 * not give: the server that issued the key could read the conversation; a seized chain key opens what follows it, and
 * with a recording of the traffic a seized session opens what went before (THREAT_MODEL §4).
 *
 * Values are immutable. A step gives the next conversation and the secrets it made superfluous: the caller stores
 * `next`, then sends, then wipes `spent`. A throw leaves the conversation as it was.
 */
import { concat, EMPTY } from "../bytes.ts";
import { hkdf } from "../crypto/kdf.ts";
import { LABELS } from "../crypto/labels.ts";
import { type CryptoProvider, KEY_BYTES, NONCE_BYTES } from "../crypto/provider.ts";
import { CodedError } from "../errors.ts";
import type { Address, ConversationId, MessageId } from "../ids.ts";
import { GAP_MAX, MESSAGE_NUMBER_MAX } from "../limits.ts";
import { Secret, wipe } from "../secret.ts";
import { encodeAll } from "../wire/codec.ts";
import { ConversationTranscript, EnvelopeHeader } from "../wire/endToEnd.ts";

/** `number` is that of the next message, from 0. */
interface Chain {
  readonly key: Secret;
  readonly number: number;
}

export interface Conversation {
  readonly id: ConversationId;
  readonly self: Address;
  readonly peer: Address;
  readonly sending: Chain;
  readonly receiving: Chain;
}

/** What the two ends agree on before the first message: `asker` is the device that the ticket was issued to. */
export interface ConversationStart {
  readonly realm: Uint8Array;
  readonly id: ConversationId;
  readonly asker: Address;
  readonly peer: Address;
}

/** Derives both chains from the KDC's key (32 bytes), which stays the caller's to wipe. */
export function startConversation(
  crypto: CryptoProvider,
  key: Secret,
  start: ConversationStart,
  role: "asker" | "peer",
): Conversation {
  const transcript = encodeAll(ConversationTranscript, {
    realm: start.realm,
    conversation: start.id,
    asker: start.asker.user,
    askerDevice: start.asker.device,
    peer: start.peer.user,
    peerDevice: start.peer.device,
  });
  using chains = hkdf(crypto, "sha512", {
    salt: EMPTY,
    ikm: key,
    info: concat(LABELS.conversation, crypto.sha512(transcript)),
    length: 2 * KEY_BYTES,
  });
  const fromAsker: Chain = { key: chains.slice(0, KEY_BYTES), number: 0 };
  const fromPeer: Chain = { key: chains.slice(KEY_BYTES, 2 * KEY_BYTES), number: 0 };
  return role === "asker"
    ? { id: start.id, self: start.asker, peer: start.peer, sending: fromAsker, receiving: fromPeer }
    : { id: start.id, self: start.peer, peer: start.asker, sending: fromPeer, receiving: fromAsker };
}

export function wipeConversation(conversation: Conversation): void {
  wipe(conversation.sending.key, conversation.receiving.key);
}

/** One step of a chain (Double Ratchet §5.2): the key of message `chain.number`, and the chain after it. */
function advance(crypto: CryptoProvider, chain: Chain): { readonly messageKey: Secret; readonly next: Chain } {
  return chain.key.use((key) => ({
    messageKey: Secret.take(crypto.hmacSha256(key, Uint8Array.of(1))),
    next: { key: Secret.take(crypto.hmacSha256(key, Uint8Array.of(2))), number: chain.number + 1 },
  }));
}

/** Lends the AEAD key and nonce of one message; a message key serves once, so the nonce may be derived from it. */
function withMessageKey<T>(crypto: CryptoProvider, messageKey: Secret, fn: (key: Secret, nonce: Uint8Array) => T): T {
  using material = hkdf(crypto, "sha256", {
    salt: EMPTY,
    ikm: messageKey,
    info: LABELS.message,
    length: KEY_BYTES + NONCE_BYTES,
  });
  using key = material.slice(0, KEY_BYTES);
  return fn(
    key,
    material.use((bytes) => bytes.slice(KEY_BYTES)),
  );
}

function header(id: ConversationId, number: number, message: MessageId, from: Address, to: Address): Uint8Array {
  return encodeAll(EnvelopeHeader, {
    version: 1,
    conversation: id,
    number,
    message,
    sender: from.user,
    senderDevice: from.device,
    recipient: to.user,
    recipientDevice: to.device,
  });
}

export interface Sealed {
  readonly next: Conversation;
  readonly number: number;
  readonly sealed: Uint8Array;
  readonly spent: readonly Secret[];
}

/** Seals the next message. @throws channel.exhausted after 2^31 messages in one direction */
export function sealMessage(
  crypto: CryptoProvider,
  conversation: Conversation,
  message: MessageId,
  plaintext: Uint8Array,
): Sealed {
  const { sending, self, peer, id } = conversation;
  if (sending.number > MESSAGE_NUMBER_MAX) throw new CodedError("channel.exhausted", "conversation");
  const { messageKey, next } = advance(crypto, sending);
  const associatedData = header(id, sending.number, message, self, peer);
  const sealed = withMessageKey(crypto, messageKey, (key, nonce) => crypto.seal(key, nonce, associatedData, plaintext));
  return {
    next: { ...conversation, sending: next },
    number: sending.number,
    sealed,
    spent: [sending.key, messageKey],
  };
}

export interface Opened {
  readonly next: Conversation;
  readonly plaintext: Uint8Array;
  readonly spent: readonly Secret[];
}

/**
 * Opens message `number`. Numbers that were passed over are lost to a later message: the server delivers in order.
 * @throws e2ee.replay for a number that has been passed, e2ee.gap more than `GAP_MAX` ahead, e2ee.invalid
 */
export function openMessage(
  crypto: CryptoProvider,
  conversation: Conversation,
  envelope: { readonly number: number; readonly message: MessageId; readonly sealed: Uint8Array },
): Opened {
  const { receiving, self, peer, id } = conversation;
  const { number, message, sealed } = envelope;
  if (number < receiving.number) throw new CodedError("e2ee.replay");
  if (number - receiving.number > GAP_MAX || number > MESSAGE_NUMBER_MAX) throw new CodedError("e2ee.gap");
  const passed: Secret[] = [];
  let step = advance(crypto, receiving);
  while (step.next.number <= number) {
    passed.push(step.messageKey, step.next.key);
    step = advance(crypto, step.next);
  }
  wipe(...passed);
  try {
    const associatedData = header(id, number, message, peer, self);
    const plaintext = withMessageKey(crypto, step.messageKey, (key, nonce) =>
      crypto.open(key, nonce, associatedData, sealed),
    );
    return { next: { ...conversation, receiving: step.next }, plaintext, spent: [receiving.key, step.messageKey] };
  } catch (cause) {
    wipe(step.messageKey, step.next.key);
    if (!(cause instanceof CodedError)) throw cause;
    throw new CodedError("e2ee.invalid", "", { cause });
  }
}
