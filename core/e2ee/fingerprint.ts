/**
 * What two people compare to know that they hold each other's identity keys (PROTOCOL §7.6).
 *
 * The safety number is Signal's numeric fingerprint, version 0 (libsignal, rust/protocol/src/fingerprint.rs): for each
 * side 5,200 rounds of SHA-512 over its key and identifier, of which 30 bytes make 30 digits; the smaller comes first, so
 * both sides see the same 60. The rounds make it dear to search for a key with a like number. There the key is in its
 * serialised form, 33 bytes with a type in front; here it is the 32 bytes of Ed25519.
 */
import { concat, lv, utf8 } from "../bytes.ts";
import type { CryptoProvider } from "../crypto/provider.ts";
import type { Owner } from "./owner.ts";

/** Rounds for each side. */
const ROUNDS = 5200;
/** Version 0, 2 bytes, in front of the first round. */
const VERSION = Uint8Array.of(0, 0);
/** Each chunk of 5 bytes, as a number modulo 100,000, is 5 digits. */
const CHUNK_LENGTH = 5;
const CHUNKS = 6;
const CHUNK_MODULUS = 100_000;

/** One of the two. */
export interface FingerprintSide {
  /** The public identity key. */
  readonly identityKey: Uint8Array;
  /** Who it is: see `identifierOf`. */
  readonly identifier: Uint8Array;
}

/** What stands for a user in a safety number: `lv(realm) || lv(user)`. */
export function identifierOf(owner: Owner): Uint8Array {
  return concat(lv(owner.realm), lv(utf8(owner.user)));
}

/** 60 digits, the same from both sides. Takes some ten milliseconds. */
export function safetyNumber(crypto: CryptoProvider, a: FingerprintSide, b: FingerprintSide): string {
  return [digitsOf(crypto, a), digitsOf(crypto, b)].sort().join("");
}

/** A safety number as people read it: 12 groups of 5. */
export function safetyNumberGroups(number: string): readonly string[] {
  return Array.from({ length: number.length / CHUNK_LENGTH }, (_, group) =>
    number.slice(group * CHUNK_LENGTH, (group + 1) * CHUNK_LENGTH),
  );
}

/** `SHA256:` and the digest of an identity key in base64 without padding, as the server's key is shown. */
export function fingerprintOf(crypto: CryptoProvider, identityKey: Uint8Array): string {
  return `SHA256:${crypto.sha256(identityKey).toBase64({ omitPadding: true })}`;
}

function digitsOf(crypto: CryptoProvider, side: FingerprintSide): string {
  let hash: Uint8Array = concat(VERSION, side.identityKey, side.identifier);
  for (let round = 0; round < ROUNDS; round += 1) hash = crypto.sha512(hash, side.identityKey);
  return Array.from({ length: CHUNKS }, (_, chunk) => {
    const bytes = hash.subarray(chunk * CHUNK_LENGTH, (chunk + 1) * CHUNK_LENGTH);
    const value = bytes.reduce((sum, byte) => sum * 256 + byte, 0);
    return String(value % CHUNK_MODULUS).padStart(CHUNK_LENGTH, "0");
  }).join("");
}
