import { concat, EMPTY } from "../bytes.ts";
import { Secret } from "../secret.ts";
import { type CryptoProvider, HASH256_BYTES, HASH512_BYTES, KEY_BYTES, NONCE_BYTES } from "./provider.ts";

type KdfHash = "sha256" | "sha512";

function hmac(crypto: CryptoProvider, hash: KdfHash, key: Uint8Array, ...parts: Uint8Array[]): Uint8Array {
  return hash === "sha256" ? crypto.hmacSha256(key, ...parts) : crypto.hmacSha512(key, ...parts);
}

/** HKDF-Extract (RFC 5869 §2.2). An empty salt stands for a string of zeros, as HMAC pads it. */
export function hkdfExtract(crypto: CryptoProvider, hash: KdfHash, salt: Uint8Array, ikm: Secret): Secret {
  return ikm.use((bytes) => Secret.take(hmac(crypto, hash, salt, bytes)));
}

/** HKDF-Expand (RFC 5869 §2.3): `length` bytes, at most 255 blocks. Throws a plain `Error` above that. */
export function hkdfExpand(
  crypto: CryptoProvider,
  hash: KdfHash,
  prk: Secret,
  expand: { readonly info: Uint8Array; readonly length: number },
): Secret {
  const { info, length } = expand;
  const blockBytes = hash === "sha256" ? HASH256_BYTES : HASH512_BYTES;
  if (length > 255 * blockBytes) throw new Error("hkdf: too much output asked for");
  const out = new Uint8Array(length);
  let block = EMPTY;
  prk.use((key) => {
    for (let at = 0, counter = 1; at < length; at += blockBytes, counter += 1) {
      const next = hmac(crypto, hash, key, concat(block, info, Uint8Array.of(counter)));
      block.fill(0);
      block = next;
      out.set(block.subarray(0, Math.min(blockBytes, length - at)), at);
    }
  });
  block.fill(0);
  return Secret.take(out);
}

/** HKDF (RFC 5869): extract, then expand. */
export function hkdf(
  crypto: CryptoProvider,
  hash: KdfHash,
  input: { readonly salt: Uint8Array; readonly ikm: Secret; readonly info: Uint8Array; readonly length: number },
): Secret {
  using prk = hkdfExtract(crypto, hash, input.salt, input.ikm);
  return hkdfExpand(crypto, hash, prk, input);
}

/** Lends `fn` a key (32 bytes) and a nonce (12), in this order one output of HKDF, and wipes the key. */
export function withKeyAndNonce<T>(
  crypto: CryptoProvider,
  hash: KdfHash,
  input: { readonly salt: Uint8Array; readonly ikm: Secret; readonly info: Uint8Array },
  fn: (key: Secret, nonce: Uint8Array) => T,
): T {
  using material = hkdf(crypto, hash, { ...input, length: KEY_BYTES + NONCE_BYTES });
  using key = material.slice(0, KEY_BYTES);
  return fn(
    key,
    material.use((bytes) => bytes.slice(KEY_BYTES)),
  );
}
