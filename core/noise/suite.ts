import { type CryptoProvider, HASH256_BYTES, NONCE_BYTES } from "../crypto/provider.ts";
import type { Secret } from "../secret.ts";

/**
 * The functions that a Noise protocol name chooses (Noise rev 34 §4): cipher and hash here, X25519 and ML-KEM-768 by
 * the provider. Byte arrays passed in are borrowed, those returned belong to the caller.
 */
export interface NoiseSuite {
  readonly dhName: "25519";
  /** Stands in the protocol name of `hfs` patterns only. */
  readonly kemName: "MLKEM768";
  readonly cipherName: string;
  readonly hashName: string;
  /** HASHLEN: 32 or 64 bytes. */
  readonly hashBytes: number;
  readonly crypto: CryptoProvider;
  hash(...parts: readonly Uint8Array[]): Uint8Array;
  /** HMAC (RFC 2104) over `hash`, the building block of Noise's HKDF (§4.3). */
  hmac(key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array;
  /** ENCRYPT (§4.2): ciphertext followed by a 16-byte tag. `counter` is at most 2^64 - 1, never twice under one key. */
  seal(key: Secret, counter: number | bigint, associatedData: Uint8Array, plaintext: Uint8Array): Uint8Array;
  /** DECRYPT (§4.2). @throws crypto.open */
  open(key: Secret, counter: number | bigint, associatedData: Uint8Array, sealed: Uint8Array): Uint8Array;
}

/** `25519_AESGCM_SHA256` (Noise §12), the one suite of the protocol. */
export function aesGcmSha256(crypto: CryptoProvider): NoiseSuite {
  return {
    dhName: "25519",
    kemName: "MLKEM768",
    cipherName: "AESGCM",
    hashName: "SHA256",
    hashBytes: HASH256_BYTES,
    crypto,
    hash: (...parts) => crypto.sha256(...parts),
    hmac: (key, ...parts) => crypto.hmacSha256(key, ...parts),
    seal: (key, counter, ad, plaintext) => crypto.seal(key, bigEndianNonce(counter), ad, plaintext),
    open: (key, counter, ad, sealed) => crypto.open(key, bigEndianNonce(counter), ad, sealed),
  };
}

/** The nonce of AESGCM: 32 bits of zeros, then the counter in 64 bits, big endian (Noise §12.4). */
function bigEndianNonce(counter: number | bigint): Uint8Array {
  const nonce = new Uint8Array(NONCE_BYTES);
  const view = new DataView(nonce.buffer);
  if (typeof counter === "bigint") {
    view.setBigUint64(4, counter);
  } else {
    view.setUint32(4, Math.floor(counter / 2 ** 32));
    view.setUint32(8, counter >>> 0);
  }
  return nonce;
}
