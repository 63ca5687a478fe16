/** The configuration of OPAQUE-3DH and its key exchange group (RFC 9807 §6.4.1, §7). */
import { decodeElement } from "../crypto/oprf.ts";
import { type CryptoProvider, DH_BYTES } from "../crypto/provider.ts";
import { ristrettoDh, ristrettoKeyPair, ristrettoPublicKey } from "../crypto/ristretto.ts";
import { checkPublicKey } from "../crypto/x25519.ts";
import type { Secret } from "../secret.ts";

/** `Nseed`: what a key pair is derived from. */
export const SEED_BYTES = 32;

/**
 * OPRF ristretto255-SHA512, HKDF-SHA512, HMAC-SHA512 and SHA512 are fixed; the key stretching function is the caller's
 * (see `STRETCH_SALT`). IMS runs on curve25519; ristretto255 is what other implementations offer, and is here so that
 * this one can be checked against them.
 */
export interface OpaqueConfig {
  readonly crypto: CryptoProvider;
  readonly group: "curve25519" | "ristretto255";
}

/** The salt of the key stretching function: 16 zero bytes, since the OPRF key is the salt (RFC 9807 §7, §10.11). */
export const STRETCH_SALT: Uint8Array = new Uint8Array(16);

/** A private key of the key exchange; works with the configuration that made it, and is disposed by its owner. */
export interface AkePrivateKey extends Disposable {
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
  /** DiffieHellman: 32 bytes. @throws crypto.badKey when `publicKey` is not a valid public key of the group */
  dh(publicKey: Uint8Array): Secret;
}

/** DeriveDiffieHellmanKeyPair (RFC 9807 §6.4.1). `seed` is 32 bytes; for curve25519 it is itself the private key. */
export function deriveAkeKey(config: OpaqueConfig, seed: Secret): AkePrivateKey {
  if (config.group === "curve25519") return importAkeKey(config, seed);
  const { privateKey, publicKey } = ristrettoKeyPair(seed);
  return ristrettoKey(privateKey, publicKey);
}

/** The key with the 32 bytes `privateKey`, which are copied. */
export function importAkeKey(config: OpaqueConfig, privateKey: Secret): AkePrivateKey {
  const { crypto } = config;
  if (config.group === "curve25519") {
    const key = privateKey.use((bytes) => crypto.dhKey(bytes));
    return {
      publicKey: key.publicKey,
      dh: (publicKey) => crypto.dh(key, publicKey),
      [Symbol.dispose]: () => key[Symbol.dispose](),
    };
  }
  return ristrettoKey(privateKey.slice(0, DH_BYTES), ristrettoPublicKey(privateKey));
}

/** Takes ownership of `scalar`. */
function ristrettoKey(scalar: Secret, publicKey: Uint8Array): AkePrivateKey {
  return { publicKey, dh: (peer) => ristrettoDh(scalar, peer), [Symbol.dispose]: () => scalar[Symbol.dispose]() };
}

/** @throws crypto.badKey when `publicKey` is not a valid public key of the group (RFC 9807 §10.7) */
export function checkAkePublicKey(config: OpaqueConfig, publicKey: Uint8Array): void {
  if (config.group === "curve25519") checkPublicKey(publicKey);
  else decodeElement(publicKey);
}
