/**
 * ML-KEM-768 at once, by noble, for both providers: the platform's own can only be awaited, and an agreement is one step of a
 * client's machine. It runs once in a thousand messages.
 */
import { ml_kem768 } from "@noble/post-quantum/ml-kem.js";
import { Secret } from "../secret.ts";
import { checkCiphertext, checkEncapsulationKey } from "./mlKem.ts";
import type { CryptoProvider } from "./provider.ts";

export const kemNow: Pick<CryptoProvider, "kemPublicKey" | "kemEncapsulate" | "kemDecapsulate"> = {
  kemPublicKey: (seed) => withKey(seed, ({ publicKey }) => publicKey),

  kemEncapsulate(publicKey, message) {
    checkEncapsulationKey(publicKey);
    const { cipherText, sharedSecret } = message.use((bytes) => ml_kem768.encapsulate(publicKey, bytes));
    return { ciphertext: cipherText, sharedSecret: owned(sharedSecret) };
  },

  kemDecapsulate(seed, ciphertext) {
    checkCiphertext(ciphertext);
    return withKey(seed, ({ secretKey }) => owned(ml_kem768.decapsulate(ciphertext, secretKey)));
  },
};

function withKey<T>(seed: Secret, fn: (key: { publicKey: Uint8Array; secretKey: Uint8Array }) => T): T {
  const key = seed.use((bytes) => ml_kem768.keygen(bytes));
  try {
    return fn(key);
  } finally {
    key.secretKey.fill(0);
  }
}

/** A view of the hash that made it: copied so that the secret owns its buffer, then wiped. */
function owned(shared: Uint8Array): Secret {
  const secret = Secret.copy(shared);
  shared.fill(0);
  return secret;
}
