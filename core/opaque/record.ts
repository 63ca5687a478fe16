/** What the server keeps of a user in place of a password (RFC 9807 §5.1), and what stands in for one of nobody. */
import { concat } from "../bytes.ts";
import { hkdfExpand } from "../crypto/kdf.ts";
import { LABELS } from "../crypto/labels.ts";
import { DH_BYTES, HASH512_BYTES } from "../crypto/provider.ts";
import type { Secret } from "../secret.ts";
import type { OpaqueServerKeys } from "./credential.ts";
import { checkAkePublicKey, deriveAkeKey, type OpaqueConfig, SEED_BYTES } from "./group.ts";
import { ENVELOPE_BYTES, expectLength, RECORD_BYTES } from "./messages.ts";
import { badKeyAs } from "./refusal.ts";

declare const checked: unique symbol;
/**
 * `client_public_key (32) || masking_key (64) || envelope (96)`, with a valid public key. It does not log in, and a
 * guess can be tested against it only with the OPRF seed, or the server's answer to that very guess; either way it
 * costs one stretching.
 */
export type RegistrationRecord = Uint8Array & { readonly [checked]: true };

/**
 * A record from a file or a peer; the result is the caller's copy.
 * @throws wire.malformed when it is not 192 bytes or its public key is not one of the group (RFC 9807 §10.7)
 */
export function parseRecord(config: OpaqueConfig, bytes: Uint8Array): RegistrationRecord {
  expectLength(bytes, RECORD_BYTES, "record");
  badKeyAs("wire.malformed", () => checkAkePublicKey(config, bytes.subarray(0, DH_BYTES)));
  return bytes.slice() as RegistrationRecord;
}

/** Joins what a client has just made; the masking key is copied. */
export function makeRecord(clientPublicKey: Uint8Array, maskingKey: Secret, envelope: Uint8Array): RegistrationRecord {
  return maskingKey.use((key) => concat(clientPublicKey, key, envelope)) as RegistrationRecord;
}

/** Views of a record; they alias it. */
export function splitRecord(record: RegistrationRecord): {
  readonly clientPublicKey: Uint8Array;
  readonly maskingKey: Uint8Array;
  readonly envelope: Uint8Array;
} {
  return {
    clientPublicKey: record.subarray(0, DH_BYTES),
    maskingKey: record.subarray(DH_BYTES, DH_BYTES + HASH512_BYTES),
    envelope: record.subarray(DH_BYTES + HASH512_BYTES),
  };
}

/**
 * A record for somebody who has none (RFC 9807 §6.3.2.2, §10.9): a public key whose private key is at once
 * forgotten, a random masking key and an envelope of zeros. Derived from the OPRF seed and the identifier, so that it is the same
 * whenever the name is tried, and nothing is stored.
 *
 * The answer made from it is indistinguishable from a real one to whoever does not know the password: the envelope is
 * masked, the public key only enters the MAC and its key. So that the work does not tell either, `generateKE2` makes this record
 * for every login, known name or not, and only then chooses; its cost, one key pair, is part of every login.
 *
 * The label stands last, as `OprfKey` does in the RFC's own use of the seed: no identifier makes one info of the other.
 */
export function fakeRecord(
  config: OpaqueConfig,
  keys: OpaqueServerKeys,
  credentialIdentifier: Uint8Array,
): RegistrationRecord {
  const info = concat(credentialIdentifier, LABELS.fakeRecord);
  using material = hkdfExpand(config.crypto, "sha512", keys.oprfSeed, { info, length: SEED_BYTES + HASH512_BYTES });
  using seed = material.slice(0, SEED_BYTES);
  using maskingKey = material.slice(SEED_BYTES, SEED_BYTES + HASH512_BYTES);
  using key = deriveAkeKey(config, seed);
  return makeRecord(key.publicKey, maskingKey, new Uint8Array(ENVELOPE_BYTES));
}
