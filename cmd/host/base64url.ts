/**
 * base64url without padding (RFC 4648 §5), canonical only: every value has one spelling. It works on bytes, so that a
 * key never becomes a string, which could not be wiped.
 */

const ALPHABET = new TextEncoder().encode("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_");
const VALUES = new Map(Array.from(ALPHABET, (character, value) => [character, value]));

/** The characters of `bytes`, as ASCII; the caller owns them. */
export function encodeBase64url(bytes: Uint8Array): Uint8Array {
  const out = new Uint8Array(Math.ceil((bytes.length * 4) / 3));
  for (let at = 0; at < out.length; at += 1) {
    const bit = at * 6;
    const pair = ((bytes[bit >> 3] ?? 0) << 8) | (bytes[(bit >> 3) + 1] ?? 0);
    out[at] = ALPHABET[(pair >> (10 - (bit & 7))) & 63] ?? 0;
  }
  return out;
}

/**
 * The bytes that the ASCII `characters` stand for, which the caller owns; null when there is padding, space, another
 * alphabet, an impossible length, or a set bit after the last byte.
 */
export function decodeBase64url(characters: Uint8Array): Uint8Array | null {
  if (characters.length % 4 === 1) return null;
  const out = new Uint8Array((characters.length * 3) >> 2);
  let pending = 0;
  let bits = 0;
  let at = 0;
  for (const character of characters) {
    const value = VALUES.get(character);
    if (value === undefined) return null;
    pending = ((pending << 6) | value) & 0xfff;
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    out[at] = pending >> bits;
    at += 1;
  }
  return (pending & ((1 << bits) - 1)) === 0 ? out : null;
}

/** As `encodeBase64url`, as a string: for what is not secret. */
export function formatBase64url(bytes: Uint8Array): string {
  return new TextDecoder().decode(encodeBase64url(bytes));
}

/** As `decodeBase64url`, from a string: for what is not secret. */
export function parseBase64url(text: string): Uint8Array | null {
  return decodeBase64url(new TextEncoder().encode(text));
}
