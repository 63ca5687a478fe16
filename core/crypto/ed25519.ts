import { CodedError } from "../errors.ts";
import { SIGN_KEY_BYTES, SIGNATURE_BYTES } from "./provider.ts";

/** The order of the base point, little endian (RFC 8032 §5.1). */
const ORDER = Uint8Array.fromHex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
/** p = 2^255 - 19, little endian. */
const PRIME = Uint8Array.fromHex("edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f");
/** The y coordinates of the points of low order, little endian without the sign of x; those at or above p are refused before. */
const LOW_ORDER_Y: readonly Uint8Array[] = [
  "0000000000000000000000000000000000000000000000000000000000000000",
  "0100000000000000000000000000000000000000000000000000000000000000",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
].map((hex) => Uint8Array.fromHex(hex));

/**
 * Refuses what no honest key or signature of Ed25519 is, before either provider looks at it: they differ in what they take.
 * Public bytes: an early exit tells nothing.
 */
export function isSaneSignature(publicKey: Uint8Array, signature: Uint8Array): boolean {
  if (signature.length !== SIGNATURE_BYTES || !isSignKey(publicKey)) return false;
  return below(withoutSign(signature.subarray(0, 32)), PRIME) && below(signature.subarray(32), ORDER);
}

/** @throws crypto.badKey for a key of another length, one that is not canonical, or one of low order */
export function checkSignKey(publicKey: Uint8Array): void {
  if (!isSignKey(publicKey)) throw new CodedError("crypto.badKey", "ed25519");
}

function isSignKey(publicKey: Uint8Array): boolean {
  if (publicKey.length !== SIGN_KEY_BYTES) return false;
  const y = withoutSign(publicKey);
  return below(y, PRIME) && !LOW_ORDER_Y.some((low) => low.every((byte, i) => byte === y[i]));
}

function withoutSign(encoded: Uint8Array): Uint8Array {
  const y = new Uint8Array(encoded);
  y[31] = (y[31] ?? 0) & 0x7f;
  return y;
}

/** Little endian, of the same length. */
function below(a: Uint8Array, b: Uint8Array): boolean {
  for (let i = a.length - 1; i >= 0; i -= 1) {
    const [x, y] = [a[i] ?? 0, b[i] ?? 0];
    if (x !== y) return x < y;
  }
  return false;
}
