/** Plain byte helpers that know nothing of cryptography. */

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

/** UTF-8. */
export function utf8(text: string): Uint8Array {
  return encoder.encode(text);
}

/** Big-endian 16 bits. */
export function u16(value: number): Uint8Array {
  return Uint8Array.of(value >> 8, value & 0xff);
}

/** `lv(x)`: a 2-byte big-endian length, then `x` (PROTOCOL §1). Throws a plain `Error` above 65,535 bytes. */
export function lv(bytes: Uint8Array): Uint8Array {
  if (bytes.length > 0xffff) throw new Error("lv: more than 65,535 bytes");
  return concat(u16(bytes.length), bytes);
}
