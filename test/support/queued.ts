import type { CryptoProvider } from "../../core/crypto/provider.ts";
import type { Env } from "../../core/env.ts";
import { START_MS } from "./fixedEnv.ts";

/** An `Env` that serves `draws` in order, each to a request of just its length; anything else is a bug. */
export function queuedEnv(crypto: CryptoProvider, draws: readonly Uint8Array[], nowMs = START_MS): Env {
  const left = [...draws];
  return {
    crypto,
    nowMs: () => nowMs,
    randomBytes(length) {
      const next = left.shift();
      if (next?.length !== length) throw new Error(`${length} bytes asked, ${next?.length} queued`);
      return next.slice();
    },
  };
}

/** `bytes` with one bit of byte `at` flipped, another bit from byte to byte. */
export function flip(bytes: Uint8Array, at: number): Uint8Array {
  const out = bytes.slice();
  out[at] = (out[at] ?? 0) ^ (1 << (at % 8));
  return out;
}
