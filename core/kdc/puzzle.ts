/**
 * The client puzzle (PROTOCOL §6.6): proof that a stranger has spent work, asked for while more strangers wait than can be
 * served. As in Hashcash, and as RFC 8019 §7 has it for IKEv2: find a nonce so that a hash begins with so many zero bits.
 *
 *     SHA-256("IMS/1 puzzle" || h || nonce [8])
 *
 * `h` is the handshake hash of the channel, in which both sides have a fresh key: nothing can be computed beforehand, and
 * a solution counts on one channel only. To check it costs one hash.
 */

import { LABELS } from "../crypto/labels.ts";
import type { CryptoProvider } from "../crypto/provider.ts";
import { PUZZLE_NONCE_BYTES } from "../limits.ts";

export interface Puzzle {
  /** `h` of the channel: 32 bytes. */
  readonly handshakeHash: Uint8Array;
  /** Zero bits that the hash has to begin with. */
  readonly bits: number;
}

/** Whether `nonce` (8 bytes) solves the puzzle. */
export function solves(crypto: CryptoProvider, { handshakeHash, bits }: Puzzle, nonce: Uint8Array): boolean {
  return leadingZeroBits(crypto.sha256(LABELS.puzzle, handshakeHash, nonce)) >= bits;
}

/** The nonce with the number `counter`, in big-endian order. */
export function nonceOf(counter: number): Uint8Array {
  const nonce = new Uint8Array(PUZZLE_NONCE_BYTES);
  new DataView(nonce.buffer).setBigUint64(0, BigInt(counter));
  return nonce;
}

/** Tries the counters from `start` up to, and without, `end`: the nonce that solves the puzzle, or null. */
export function search(crypto: CryptoProvider, puzzle: Puzzle, start: number, end: number): Uint8Array | null {
  for (let counter = start; counter < end; counter += 1) {
    const nonce = nonceOf(counter);
    if (solves(crypto, puzzle, nonce)) return nonce;
  }
  return null;
}

function leadingZeroBits(bytes: Uint8Array): number {
  let bits = 0;
  for (const byte of bytes) {
    if (byte !== 0) return bits + Math.clz32(byte) - 24;
    bits += 8;
  }
  return bits;
}
