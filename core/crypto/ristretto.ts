import { ristretto255 } from "@noble/curves/ed25519.js";
import { utf8 } from "../bytes.ts";
import { Secret } from "../secret.ts";
import { decodeElement, oprfDeriveKey } from "./oprf.ts";

/**
 * ristretto255 as a key exchange group of OPAQUE-3DH (RFC 9807 §6.4.1): what an independent implementation offers to
 * be compared with. The protocol itself uses X25519 there.
 */
const { Point } = ristretto255;
const DERIVE_INFO = utf8("OPAQUE-DeriveDiffieHellmanKeyPair");

/**
 * DeriveDiffieHellmanKeyPair (RFC 9807 §6.4.1).
 * @param seed 32 bytes
 * @returns `privateKey` 32 bytes, little endian; `publicKey` 32 bytes
 */
export function ristrettoKeyPair(seed: Uint8Array | Secret): {
  readonly privateKey: Secret;
  readonly publicKey: Uint8Array;
} {
  const privateKey = oprfDeriveKey(seed, DERIVE_INFO);
  return { privateKey, publicKey: ristrettoPublicKey(privateKey) };
}

/** The element of `privateKey` (32 bytes, little endian, neither zero nor at or above the order): 32 bytes. */
export function ristrettoPublicKey(privateKey: Secret): Uint8Array {
  return Point.BASE.multiply(scalar(privateKey)).toBytes();
}

/**
 * DiffieHellman (RFC 9807 §6.4.1): 32 bytes.
 * @throws crypto.badKey when `publicKey` is not the encoding of an element, or is the identity
 */
export function ristrettoDh(privateKey: Secret, publicKey: Uint8Array): Secret {
  return Secret.take(decodeElement(publicKey).multiply(scalar(privateKey)).toBytes());
}

function scalar(privateKey: Secret): bigint {
  return privateKey.use((bytes) => Point.Fn.fromBytes(bytes));
}
