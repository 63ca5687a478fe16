import { concat, utf8 } from "../../core/bytes.ts";
import { nativeCrypto } from "../../core/crypto/native.ts";
import { nobleCrypto } from "../../core/crypto/noble.ts";
import type { CryptoProvider } from "../../core/crypto/provider.ts";
import type { Env } from "../../core/env.ts";
import { Secret } from "../../core/secret.ts";

/** 2026-01-02T03:04:05.678Z: where every fixed clock begins. */
export const START_MS = 1_767_323_045_678;

/** An `Env` whose clock the test sets. */
export interface FixedEnv extends Env {
  now: number;
}

/** The same bytes for the same seed, SHA-256(seed || counter) block by block, and a clock that stands still. */
export function fixedEnv(seed: string, crypto: CryptoProvider): FixedEnv {
  let counter = 0;
  return {
    crypto,
    now: START_MS,
    nowMs() {
      return this.now;
    },
    randomBytes(length) {
      const out = new Uint8Array(length);
      for (let at = 0; at < length; at += 32) {
        const block = nativeCrypto.sha256(concat(utf8(seed), Uint8Array.of(0), utf8(String(counter))));
        counter += 1;
        out.set(block.subarray(0, Math.min(32, length - at)), at);
      }
      return out;
    },
  };
}

/**
 * Real cryptography for whole-system tests: native where that answers at once, noble's ML-KEM, which takes all its
 * randomness from outside and so is the same at every run. Only Argon2id, which would take all the time there is, is
 * replaced, by one HMAC: its own tests are elsewhere.
 */
export const quickCrypto: CryptoProvider = {
  ...nativeCrypto,
  run(job, randomBytes) {
    if (job.op !== "stretch") return nobleCrypto.run(job, randomBytes);
    const output = job.input.use((input) => Secret.take(nativeCrypto.hmacSha512(job.salt, input)));
    return { op: "stretch", output };
  },
};
