import type { CryptoProvider, RandomBytes } from "./crypto/provider.ts";

/** What the pure core may know of the world. Always passed in, so that a test can fix it. */
export interface Env {
  /** Milliseconds since 1970-01-01T00:00Z. May jump: use it to stamp and to judge stamps, never to measure. */
  nowMs(): number;
  /** May be passed on by itself: it uses no `this`. */
  readonly randomBytes: RandomBytes;
  readonly crypto: CryptoProvider;
}
