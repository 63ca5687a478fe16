import { nativeCrypto } from "../../core/crypto/native.ts";
import type { Env } from "../../core/env.ts";

/** The real world: the system's clock and generator, and the native primitives. */
export const hostEnv: Env = {
  nowMs: () => Date.now(),
  randomBytes(length) {
    const out = new Uint8Array(length);
    crypto.getRandomValues(out);
    return out;
  },
  crypto: nativeCrypto,
};
