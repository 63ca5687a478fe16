import type { CryptoProvider } from "./crypto/provider.ts";

/** What the pure core may know of the world. Always passed in, so that a test can fix it. */
export interface Env {
  /** Milliseconds since 1970-01-01T00:00Z. May jump: use it to stamp and to judge stamps, never to measure. */
  nowMs(): number;
  /** `length` bytes from a cryptographic generator; the caller owns them. */
  randomBytes(length: number): Uint8Array;
  readonly crypto: CryptoProvider;
}
