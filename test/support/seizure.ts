/**
 * What can be opened of recorded envelopes with a heap of secrets: each is tried in every place that a key has in the ratchet
 * and the agreement (PROTOCOL §9), with all public values, through the functions that clients use.
 */
import { hkdf } from "../../core/crypto/kdf.ts";
import { LABELS } from "../../core/crypto/labels.ts";
import { type AgreementStart, acceptAgreement, type Party } from "../../core/e2ee/agreement.ts";
import { openWith } from "../../core/e2ee/messageKey.ts";
import type { PrekeyPair } from "../../core/e2ee/prekey.ts";
import { CodedError } from "../../core/errors.ts";
import type { Address, MessageId } from "../../core/ids.ts";
import { Secret } from "../../core/secret.ts";
import { decodeAll, encodeAll } from "../../core/wire/codec.ts";
import { Envelope, EnvelopeHeader, Opening } from "../../core/wire/endToEnd.ts";
import { quickCrypto } from "./fixedEnv.ts";

/** An envelope on its way through the server. */
export interface Recorded {
  readonly from: Address;
  readonly to: Address;
  readonly message: MessageId;
  readonly envelope: Envelope;
}

/** All that is public of the two ends of a conversation that was begun. */
export interface Ends {
  readonly realm: Uint8Array;
  readonly asker: Party;
  readonly peer: Party;
  readonly signedPrekey: Uint8Array;
  readonly signedKemKey: Uint8Array;
  readonly oneTimePrekey: Uint8Array | null;
  readonly oneTimeKemKey: Uint8Array | null;
}

export interface Heap {
  /** 32 bytes each. */
  readonly keys: readonly Uint8Array[];
  /** 64 bytes each: they may be seeds of ML-KEM keys. */
  readonly seeds: readonly Uint8Array[];
}

const PLACES = ["message key", "chain key", "root key", "agreement"] as const;
export type PlaceOfKey = (typeof PLACES)[number];

export function recorded(from: Address, to: Address, message: MessageId, envelope: Uint8Array): Recorded {
  return { from, to, message, envelope: decodeAll(Envelope, envelope) };
}

/** The text of `record`, when a key of the heap is `place` on the way to it; null when none is. */
export function openedAs(place: PlaceOfKey, record: Recorded, heap: Heap, ends: Ends): Uint8Array | null {
  for (const key of messageKeysOf(place, record, heap, ends)) {
    const plaintext = tryOpen(record, key);
    if (plaintext !== null) return plaintext;
  }
  return null;
}

export function openedAnyhow(record: Recorded, heap: Heap, ends: Ends): readonly PlaceOfKey[] {
  return PLACES.filter((place) => openedAs(place, record, heap, ends) !== null);
}

function* messageKeysOf(place: PlaceOfKey, record: Recorded, heap: Heap, ends: Ends): Generator<Uint8Array> {
  const { envelope } = record;
  switch (place) {
    case "message key":
      yield* heap.keys;
      break;
    case "chain key":
      for (const key of heap.keys) yield* ofChain(key, envelope.number);
      break;
    case "root key": {
      const shares = heap.keys.map((key) => share(key, envelope.ratchetKey));
      for (const root of heap.keys) {
        for (const shared of shares) yield* ofRoot(root, shared, envelope.number);
      }
      break;
    }
    case "agreement":
      for (const root of agreements(record, heap, ends)) {
        const signed = secretOf(ends.signedPrekey, heap);
        if (signed !== null) yield* ofRoot(root, share(signed, envelope.ratchetKey), envelope.number);
      }
  }
}

/** The first keys of the conversation, under each key as the KDC's, when the heap has the private halves that it takes. */
function* agreements({ envelope, from, to }: Recorded, heap: Heap, ends: Ends): Generator<Uint8Array> {
  if (envelope.opening.length === 0) return;
  const opening = decodeAll(Opening, envelope.opening);
  const agreement = secretOf(ends.peer.agreementKey, heap);
  const signed = pairOf(opening.signedPrekey, ends.signedPrekey, ends.signedKemKey, heap);
  const { oneTimePrekey, oneTimeKemKey } = ends;
  const oneTime =
    oneTimePrekey === null || oneTimeKemKey === null
      ? null
      : pairOf(opening.oneTimePrekey, oneTimePrekey, oneTimeKemKey, heap);
  if (agreement === null || signed === null || (oneTime === null && opening.oneTimePrekey !== 0)) return;
  for (const kdcKey of heap.keys) {
    const start: AgreementStart = {
      ...{ realm: ends.realm, conversation: envelope.conversation, kdcKey: Secret.copy(kdcKey) },
      ...{ asker: { ...ends.asker, address: from }, peer: { ...ends.peer, address: to } },
    };
    using secret = acceptAgreement(quickCrypto, start, Secret.copy(agreement), { signed, oneTime }, opening);
    yield secret.use((bytes) => bytes.slice());
  }
}

/** The key pair of a prekey; null when the heap lacks half of it. */
function pairOf(id: number, dhKey: Uint8Array, kemKey: Uint8Array, heap: Heap): PrekeyPair | null {
  const dhSecret = secretOf(dhKey, heap);
  const kemSeed = heap.seeds.find((seed) => same(quickCrypto.kemPublicKey(Secret.copy(seed)), kemKey));
  if (dhSecret === null || kemSeed === undefined) return null;
  return { id, dhSecret: Secret.copy(dhSecret), kemSeed: Secret.copy(kemSeed), expiresAt: Number.MAX_SAFE_INTEGER };
}

/** The private half of an X25519 key. */
export function secretOf(publicKey: Uint8Array, { keys }: Pick<Heap, "keys">): Uint8Array | null {
  return keys.find((key) => same(quickCrypto.dhKey(key.slice()).publicKey, publicKey)) ?? null;
}

function share(secretKey: Uint8Array, publicKey: Uint8Array): Uint8Array {
  using key = quickCrypto.dhKey(secretKey.slice());
  using shared = quickCrypto.dh(key, publicKey);
  return shared.use((bytes) => bytes.slice());
}

/** KDF_RK, and the chain from there. */
function* ofRoot(root: Uint8Array, shared: Uint8Array, number: number): Generator<Uint8Array> {
  using ikm = Secret.copy(shared);
  using both = hkdf(quickCrypto, "sha512", { salt: root, ikm, info: LABELS.ratchet, length: 64 });
  yield* ofChain(
    both.use((bytes) => bytes.slice(32)),
    number,
  );
}

/** KDF_CK, from wherever in the chain `key` stands. */
function* ofChain(key: Uint8Array, number: number): Generator<Uint8Array> {
  let chain = key;
  for (let i = 0; i <= number; i += 1) {
    yield quickCrypto.hmacSha256(chain, Uint8Array.of(1));
    chain = quickCrypto.hmacSha256(chain, Uint8Array.of(2));
  }
}

function tryOpen({ from, to, message, envelope }: Recorded, key: Uint8Array): Uint8Array | null {
  const { conversation, senderDevices, recipientDevices, ratchetKey, previous, number, sealed } = envelope;
  const header = encodeAll(EnvelopeHeader, {
    ...{ version: 1, conversation, message, senderDevices, recipientDevices, ratchetKey, previous, number },
    ...{ sender: from.user, senderDevice: from.device, recipient: to.user, recipientDevice: to.device },
  });
  try {
    using messageKey = Secret.copy(key);
    return openWith(quickCrypto, messageKey, message, header, sealed);
  } catch (error) {
    if (error instanceof CodedError && error.code === "crypto.open") return null;
    throw error;
  }
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.from(a).equals(b);
}
