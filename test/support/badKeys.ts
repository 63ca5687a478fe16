/** What must never pass for a public key or a group element, 32 bytes each. */
const hex = (text: string): Uint8Array => Uint8Array.fromHex(text);

/** RFC 7748: not canonical, or of low order. */
const X25519 = [
  ["zero", "00".repeat(32)],
  ["one", `01${"00".repeat(31)}`],
  ["of order 8", "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"],
  ["of order 8 on the twist", "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"],
  ["p - 1", `ec${"ff".repeat(30)}7f`],
  ["p", `ed${"ff".repeat(30)}7f`],
  ["p + 1", `ee${"ff".repeat(30)}7f`],
  ["p + 9, the base point again", `f6${"ff".repeat(30)}7f`],
  ["the base point with the top bit set", `09${"00".repeat(30)}80`],
  ["all ones", "ff".repeat(32)],
] as const;

/** RFC 9496 appendix A.3, one of each kind. */
const RISTRETTO = [
  ["the identity", "00".repeat(32)],
  ["all ones", "ff".repeat(32)],
  ["p, not canonical", `ed${"ff".repeat(30)}7f`],
  ["a field element that is negative", `01${"00".repeat(31)}`],
  ["x^2 not a square", "26948d35ca62e643e26a83177332e6b6afeb9d08e4268b650f1f5bbd8d81d371"],
  ["x*y negative", "3eb858e78f5a7254d8c9731174a94f76755fd3941c0ac93735c07ba14579630e"],
  ["s = -1, which gives y = 0", `ec${"ff".repeat(30)}7f`],
] as const;

type Case = readonly [string, Uint8Array];
export const BAD_RISTRETTO: readonly Case[] = RISTRETTO.map(([name, text]) => [name, hex(text)]);
const BAD_X25519: readonly Case[] = X25519.map(([name, text]) => [name, hex(text)]);
export const BAD_PUBLIC_KEYS = { curve25519: BAD_X25519, ristretto255: BAD_RISTRETTO } as const;
