/** Padmé: padding that hides the lengths of contents. */
import { CodedError } from "../errors.ts";
import { CONTENT_MIN_BYTES } from "../limits.ts";

/** Padmé: the length that `length` bytes grow to, at most 12 % more (Nikitin et al., PURBs, PETS 2019, §4.2). */
export function padme(length: number): number {
  if (length <= CONTENT_MIN_BYTES) return CONTENT_MIN_BYTES;
  const exponent = Math.floor(Math.log2(length));
  const mantissaBits = Math.floor(Math.log2(exponent)) + 1;
  const step = 2 ** Math.max(exponent - mantissaBits, 0);
  return Math.ceil(length / step) * step;
}

/** `content || 0x80 || zeros` (ISO/IEC 7816-4) up to the Padmé length. */
export function padContent(content: Uint8Array): Uint8Array {
  const out = new Uint8Array(padme(content.length + 1));
  out.set(content);
  out[content.length] = 0x80;
  return out;
}

/** Inverse of `padContent`. @throws wire.malformed for any other padding */
export function unpadContent(padded: Uint8Array): Uint8Array {
  let end = padded.length - 1;
  while (end >= 0 && padded[end] === 0) end -= 1;
  if (end < 0 || padded[end] !== 0x80 || padme(end + 1) !== padded.length) {
    throw new CodedError("wire.malformed", "padding of a content");
  }
  return new Uint8Array(padded.subarray(0, end)); // `slice` of a Node Buffer would not copy
}
