/** Plain byte helpers that know nothing of cryptography. */

/** No bytes: one array for all, since there is nothing in it to change. */
export const EMPTY: Uint8Array = new Uint8Array(0);

/** The parts one after the other, in an array of their own. */
export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The UTF-8 of `text`; a lone surrogate becomes U+FFFD. */
export function utf8(text: string): Uint8Array {
  return encoder.encode(text);
}

/** Inverse of `utf8`: null when `bytes` are not UTF-8. A byte order mark is a character like any other. */
export function decodeUtf8(bytes: Uint8Array): string | null {
  try {
    return decoder.decode(bytes);
  } catch {
    return null;
  }
}

/** Big-endian 16 bits. Throws a plain `Error` for what is not an integer from 0 to 65,535. */
export function u16(value: number): Uint8Array {
  if (!Number.isInteger(value) || value < 0 || value > 0xffff) throw new Error("u16: not 16 bits");
  return Uint8Array.of(value >> 8, value & 0xff);
}

/** `lv(x)`: a 2-byte big-endian length, then `x` (PROTOCOL §1). Throws a plain `Error` above 65,535 bytes. */
export function lv(bytes: Uint8Array): Uint8Array {
  if (bytes.length > 0xffff) throw new Error("lv: more than 65,535 bytes");
  return concat(u16(bytes.length), bytes);
}
