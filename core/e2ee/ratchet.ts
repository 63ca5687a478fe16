/**
 * The Double Ratchet (Signal, §3 and §5; without header encryption): a fresh key for each message, healed by a fresh key
 * agreement with each turn of the conversation (PROTOCOL §9.2).
 *
 *     KDF_RK: root key || chain key = HKDF-SHA512(salt = root key, ikm = DH, info = "IMS/1 ratchet", 64)
 *     KDF_CK: message key = HMAC-SHA256(chain key, 0x01), next chain key = HMAC-SHA256(chain key, 0x02)
 *
 * Values are immutable. A step gives the next ratchet and the secrets that it made superfluous: the caller saves and stores
 * `next`, then sends, then wipes `spent`. A throw leaves the ratchet as it was.
 */
import { hkdf } from "../crypto/kdf.ts";
import { LABELS } from "../crypto/labels.ts";
import { type CryptoProvider, DH_BYTES, KEY_BYTES } from "../crypto/provider.ts";
import { checkPublicKey } from "../crypto/x25519.ts";
import type { Env } from "../env.ts";
import { CodedError } from "../errors.ts";
import type { MessageId } from "../ids.ts";
import { MESSAGE_NUMBER_MAX, SKIP_MAX, SKIPPED_MAX } from "../limits.ts";
import { Secret, wipe } from "../secret.ts";
import { openWith, sealWith } from "./messageKey.ts";

/** A symmetric chain; `number` is that of the next message, from 0. */
export interface Chain {
  readonly key: Secret;
  readonly number: number;
}

/** The key of a message that has been passed over, 32 bytes. */
export interface SkippedKey {
  /** Of the chain: the sender's ratchet key, as hexadecimal. */
  readonly ratchetKey: string;
  readonly number: number;
  readonly messageKey: Secret;
}

export interface Ratchet {
  readonly rootKey: Secret;
  /** This side's ratchet key pair: the secret, 32 bytes. */
  readonly ownSecret: Secret;
  /** Null until the peer has sent, on the side that waits for it. */
  readonly peerKey: Uint8Array | null;
  readonly sending: Chain | null;
  readonly receiving: Chain | null;
  /** How many messages the sending chain before this one had. */
  readonly previous: number;
  /** Oldest first; at most `SKIPPED_MAX`. */
  readonly skipped: readonly SkippedKey[];
}

/** What travels beside each message (Double Ratchet §3.4). */
export interface RatchetHeader {
  /** 32 bytes. */
  readonly ratchetKey: Uint8Array;
  readonly previous: number;
  readonly number: number;
}

/**
 * The side that sends first (RatchetInitAlice). Takes `secret` over and wipes it, also when it throws; `peerKey` is the peer's
 * signed prekey. @throws e2ee.invalid
 */
export function startSender(env: Env, secret: Secret, peerKey: Uint8Array): Ratchet {
  using first = secret;
  const ownSecret = Secret.take(env.randomBytes(DH_BYTES));
  try {
    const { rootKey, chainKey } = stepRoot(env.crypto, first, ownSecret, peerKey);
    const sending = { key: chainKey, number: 0 };
    return { rootKey, ownSecret, peerKey, sending, receiving: null, previous: 0, skipped: [] };
  } catch (error) {
    wipe(ownSecret);
    throw error;
  }
}

/** The other side (RatchetInitBob). Takes `secret` over; `ownSecret`, of its signed prekey, is copied. */
export function startReceiver(secret: Secret, ownSecret: Secret): Ratchet {
  const copy = ownSecret.slice(0, DH_BYTES);
  return {
    ...{ rootKey: secret, ownSecret: copy, peerKey: null, sending: null, receiving: null, previous: 0, skipped: [] },
  };
}

/** Every secret of a ratchet. */
export function secretsOf({ rootKey, ownSecret, sending, receiving, skipped }: Ratchet): readonly Secret[] {
  const chains = [sending, receiving].flatMap((chain) => (chain === null ? [] : [chain.key]));
  return [rootKey, ownSecret, ...chains, ...skipped.map(({ messageKey }) => messageKey)];
}

export interface SealedMessage {
  readonly next: Ratchet;
  readonly header: RatchetHeader;
  readonly sealed: Uint8Array;
  readonly spent: readonly Secret[];
}

/**
 * Seals the next message (RatchetEncrypt). `associatedData` is made from the header.
 * @throws channel.exhausted after 2^31 messages in one chain; a plain `Error` on a side that has not heard from its peer
 */
export function sealMessage(
  crypto: CryptoProvider,
  ratchet: Ratchet,
  message: { readonly id: MessageId; readonly plaintext: Uint8Array },
  associatedData: (header: RatchetHeader) => Uint8Array,
): SealedMessage {
  const { sending, previous, ownSecret } = ratchet;
  if (sending === null) throw new Error("ratchet: nothing can be sent before the peer has");
  if (sending.number > MESSAGE_NUMBER_MAX) throw new CodedError("channel.exhausted", "conversation");
  using own = ownSecret.use((bytes) => crypto.dhKey(bytes));
  const header = { ratchetKey: own.publicKey, previous, number: sending.number };
  const { messageKey, next } = stepChain(crypto, sending);
  try {
    const sealed = sealWith(crypto, messageKey, message.id, associatedData(header), message.plaintext);
    return { next: { ...ratchet, sending: next }, header, sealed, spent: [sending.key, messageKey] };
  } catch (error) {
    wipe(messageKey, next.key);
    throw error;
  }
}

export interface OpenedMessage {
  readonly next: Ratchet;
  /** The caller wipes it. */
  readonly plaintext: Uint8Array;
  readonly spent: readonly Secret[];
}

export interface RatchetMessage {
  readonly id: MessageId;
  readonly header: RatchetHeader;
  readonly associatedData: Uint8Array;
  readonly sealed: Uint8Array;
}

/**
 * Opens a message (RatchetDecrypt).
 * @throws e2ee.replay for a number of this chain that has been passed and whose key is not kept, e2ee.gap for more than
 * `SKIP_MAX` passed over in a chain, e2ee.invalid also for a repeat from a chain that is over
 */
export function openMessage(env: Env, ratchet: Ratchet, message: RatchetMessage): OpenedMessage {
  const { header } = message;
  const name = header.ratchetKey.toHex();
  const kept = ratchet.skipped.find(({ ratchetKey, number }) => ratchetKey === name && number === header.number);
  if (kept !== undefined) {
    const plaintext = open(env.crypto, kept.messageKey, message);
    const skipped = ratchet.skipped.filter((entry) => entry !== kept);
    return { next: { ...ratchet, skipped }, plaintext, spent: [kept.messageKey] };
  }
  const made: Secret[] = [];
  try {
    const turned = isPeerKey(ratchet, name) ? ratchet : turn(env, ratchet, header, made);
    const { messageKey, next } = passOver(env.crypto, turned, header, made);
    made.push(messageKey);
    const plaintext = open(env.crypto, messageKey, message);
    const bounded = { ...next, skipped: next.skipped.slice(-SKIPPED_MAX) };
    const left = new Set(secretsOf(bounded));
    return { next: bounded, plaintext, spent: [...secretsOf(ratchet), ...made].filter((secret) => !left.has(secret)) };
  } catch (error) {
    wipe(...made);
    throw error;
  }
}

function isPeerKey({ peerKey }: Ratchet, name: string): boolean {
  return peerKey !== null && peerKey.toHex() === name;
}

/** A new ratchet key of the peer's (DHRatchet): the rest of its old chain is passed over, and both chains begin anew. */
function turn(env: Env, ratchet: Ratchet, header: RatchetHeader, made: Secret[]): Ratchet {
  const { crypto } = env;
  const passed = skip(crypto, ratchet, header.previous, made);
  const received = stepRoot(crypto, passed.rootKey, passed.ownSecret, header.ratchetKey);
  made.push(received.rootKey, received.chainKey);
  const ownSecret = Secret.take(env.randomBytes(DH_BYTES));
  made.push(ownSecret);
  const sent = stepRoot(crypto, received.rootKey, ownSecret, header.ratchetKey);
  made.push(sent.rootKey, sent.chainKey);
  return {
    rootKey: sent.rootKey,
    ownSecret,
    peerKey: header.ratchetKey,
    sending: { key: sent.chainKey, number: 0 },
    receiving: { key: received.chainKey, number: 0 },
    previous: ratchet.sending?.number ?? 0,
    skipped: passed.skipped,
  };
}

/** Steps the receiving chain to the message of `header`, and over it. */
function passOver(
  crypto: CryptoProvider,
  ratchet: Ratchet,
  { number }: RatchetHeader,
  made: Secret[],
): { readonly messageKey: Secret; readonly next: Ratchet } {
  if (ratchet.receiving === null) throw new CodedError("e2ee.invalid", "no chain");
  if (number < ratchet.receiving.number) throw new CodedError("e2ee.replay");
  const passed = skip(crypto, ratchet, number, made);
  if (passed.receiving === null) throw new CodedError("e2ee.invalid", "no chain");
  const { messageKey, next } = stepChain(crypto, passed.receiving);
  made.push(messageKey, next.key);
  return { messageKey, next: { ...passed, receiving: next } };
}

/** Keeps the keys of the messages of the receiving chain before `until` (SkipMessageKeys). */
function skip(crypto: CryptoProvider, ratchet: Ratchet, until: number, made: Secret[]): Ratchet {
  const { receiving, peerKey } = ratchet;
  if (receiving === null || peerKey === null || until <= receiving.number) return ratchet;
  if (until - receiving.number > SKIP_MAX || until > MESSAGE_NUMBER_MAX) throw new CodedError("e2ee.gap");
  const skipped = [...ratchet.skipped];
  let chain = receiving;
  while (chain.number < until) {
    const { messageKey, next } = stepChain(crypto, chain);
    made.push(messageKey, next.key);
    skipped.push({ ratchetKey: peerKey.toHex(), number: chain.number, messageKey });
    chain = next;
  }
  return { ...ratchet, receiving: chain, skipped };
}

/** KDF_RK. @throws e2ee.invalid for a ratchet key that is none */
function stepRoot(
  crypto: CryptoProvider,
  rootKey: Secret,
  ownSecret: Secret,
  peerKey: Uint8Array,
): { readonly rootKey: Secret; readonly chainKey: Secret } {
  try {
    checkPublicKey(peerKey);
  } catch (cause) {
    throw new CodedError("e2ee.invalid", "ratchet key", { cause });
  }
  using own = ownSecret.use((bytes) => crypto.dhKey(bytes));
  using shared = crypto.dh(own, peerKey);
  using both = rootKey.use((salt) =>
    hkdf(crypto, "sha512", { salt, ikm: shared, info: LABELS.ratchet, length: 2 * KEY_BYTES }),
  );
  return { rootKey: both.slice(0, KEY_BYTES), chainKey: both.slice(KEY_BYTES, 2 * KEY_BYTES) };
}

/** KDF_CK. */
function stepChain(
  crypto: CryptoProvider,
  { key, number }: Chain,
): { readonly messageKey: Secret; readonly next: Chain } {
  return key.use((bytes) => ({
    messageKey: Secret.take(crypto.hmacSha256(bytes, Uint8Array.of(1))),
    next: { key: Secret.take(crypto.hmacSha256(bytes, Uint8Array.of(2))), number: number + 1 },
  }));
}

function open(crypto: CryptoProvider, messageKey: Secret, message: RatchetMessage): Uint8Array {
  try {
    return openWith(crypto, messageKey, message.id, message.associatedData, message.sealed);
  } catch (cause) {
    if (!(cause instanceof CodedError)) throw cause;
    throw new CodedError("e2ee.invalid", "", { cause });
  }
}
