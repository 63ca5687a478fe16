import { CodedError } from "../errors.ts";
import { KEM_CIPHERTEXT_BYTES, KEM_PUBLIC_BYTES } from "./provider.ts";

/** q of FIPS 203. */
const MODULUS = 3329;
/** An encapsulation key is 768 coefficients of 12 bits, and a 32-byte seed. */
const COEFFICIENT_BYTES = 1152;

/**
 * The input checks of ML-KEM-768 encapsulation (FIPS 203 §7.2): length, and every coefficient below q.
 * @throws crypto.badKey
 */
export function checkEncapsulationKey(publicKey: Uint8Array): void {
  if (publicKey.length !== KEM_PUBLIC_BYTES) throw new CodedError("crypto.badKey", "ml-kem: key length");
  for (let i = 0; i < COEFFICIENT_BYTES; i += 3) {
    const middle = publicKey[i + 1] ?? 0;
    const low = (publicKey[i] ?? 0) | ((middle & 0x0f) << 8);
    const high = (middle >> 4) | ((publicKey[i + 2] ?? 0) << 4);
    if (low >= MODULUS || high >= MODULUS) throw new CodedError("crypto.badKey", "ml-kem: modulus");
  }
}

/**
 * The ciphertext check of ML-KEM-768 decapsulation (FIPS 203 §7.3). A ciphertext of the right length that was altered
 * is not refused: it yields another, unpredictable secret.
 * @throws crypto.badKey
 */
export function checkCiphertext(ciphertext: Uint8Array): void {
  if (ciphertext.length !== KEM_CIPHERTEXT_BYTES) throw new CodedError("crypto.badKey", "ml-kem: ciphertext length");
}
