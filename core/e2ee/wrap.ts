/**
 * The one construction for whatever is sealed at rest: wrapped keys, pins, entries of a device's state (PROTOCOL §7.1).
 *
 *     sealed = salt (32 fresh random bytes) || AES-256-GCM(key', nonce, associatedData, plaintext)
 *     key' (32) || nonce (12) = HKDF-SHA512(salt, ikm = key, info = label)
 *
 * Each write has a key and a nonce of its own, because its salt is fresh: so a nonce never repeats under one key, however
 * often something is written and also when an old copy of it is put back. What this does not tell is which of two
 * writes is the newer: whoever keeps them can give back an old one.
 */
import { concat } from "../bytes.ts";
import { withKeyAndNonce } from "../crypto/kdf.ts";
import type { CryptoProvider } from "../crypto/provider.ts";
import type { Env } from "../env.ts";
import { CodedError } from "../errors.ts";
import { Secret } from "../secret.ts";

/** The salt in front of what is sealed. */
const WRAP_SALT_BYTES = 32;

/** What something is sealed for: opened with anything else it does not open. */
export interface WrapUse {
  /** One of `LABELS`: one for each kind of thing under a key. */
  readonly label: Uint8Array;
  /** Whose it is, and which one. */
  readonly associatedData: Uint8Array;
}

/** Seals `plaintext` under `key`, 16 bytes or more that nobody can guess; both stay the caller's. 48 bytes are added. */
export function sealAtRest(env: Env, key: Secret, use: WrapUse, plaintext: Uint8Array): Uint8Array {
  const salt = env.randomBytes(WRAP_SALT_BYTES);
  const sealed = withKeyAndNonce(env.crypto, "sha512", { salt, ikm: key, info: use.label }, (derived, nonce) =>
    env.crypto.seal(derived, nonce, use.associatedData, plaintext),
  );
  return concat(salt, sealed);
}

/**
 * Inverse of `sealAtRest`. What it gives is the caller's to wipe.
 * @throws crypto.open for another key, label or associated data, and for bytes that were altered or are too few
 */
export function openAtRest(crypto: CryptoProvider, key: Secret, use: WrapUse, sealed: Uint8Array): Uint8Array {
  if (sealed.length < WRAP_SALT_BYTES) throw new CodedError("crypto.open", "shorter than its salt");
  const salt = sealed.subarray(0, WRAP_SALT_BYTES);
  return withKeyAndNonce(crypto, "sha512", { salt, ikm: key, info: use.label }, (derived, nonce) =>
    crypto.open(derived, nonce, use.associatedData, sealed.subarray(WRAP_SALT_BYTES)),
  );
}

/** `sealAtRest` of a key. */
export function wrapKey(env: Env, key: Secret, use: WrapUse, plaintext: Secret): Uint8Array {
  return plaintext.use((bytes) => sealAtRest(env, key, use, bytes));
}

/** Inverse of `wrapKey`: a secret of the caller's. @throws crypto.open as `openAtRest` does */
export function unwrapKey(crypto: CryptoProvider, key: Secret, use: WrapUse, wrapped: Uint8Array): Secret {
  return Secret.take(openAtRest(crypto, key, use, wrapped));
}
