import { CodedError } from "../errors.ts";
import { DH_BYTES } from "./provider.ts";

/**
 * The canonical u-coordinates of order 1, 2, 4 and 8 on the curve and its twist; every scalar takes them to zero
 * (RFC 7748 §6.1, §7). Their other two encodings, p and p + 1, are not canonical and so refused before this list.
 */
const LOW_ORDER: readonly Uint8Array[] = [
  "0000000000000000000000000000000000000000000000000000000000000000", // 0
  "0100000000000000000000000000000000000000000000000000000000000000", // 1
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", // p - 1
  "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800", // order 8
  "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157", // order 8
].map((hex) => Uint8Array.fromHex(hex));

/**
 * Refuses what a peer must not send as an X25519 public key; the platforms' own checks differ, so both providers ask
 * here first. Public bytes: an early exit tells nothing.
 * @throws crypto.badKey when `publicKey` is not 32 bytes, has the top bit set, is at or above 2^255 - 19, or is of low
 * order
 */
export function checkPublicKey(publicKey: Uint8Array): void {
  if (publicKey.length !== DH_BYTES) throw new CodedError("crypto.badKey", "x25519: length");
  if (!isCanonical(publicKey)) throw new CodedError("crypto.badKey", "x25519: not canonical");
  if (LOW_ORDER.some((point) => same(point, publicKey))) throw new CodedError("crypto.badKey", "x25519: low order");
}

/** Below p = 2^255 - 19, which is ed ff … ff 7f in little endian. */
function isCanonical(bytes: Uint8Array): boolean {
  const top = bytes[31] ?? 0;
  if (top !== 0x7f) return top < 0x7f;
  for (let i = 30; i > 0; i -= 1) if (bytes[i] !== 0xff) return true;
  return (bytes[0] ?? 0) < 0xed;
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  for (let i = 0; i < DH_BYTES; i += 1) if (a[i] !== b[i]) return false;
  return true;
}
