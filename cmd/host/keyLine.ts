/** A key in a file: `<prefix> <base64url>` on one line. */
import { concat, utf8 } from "../../core/bytes.ts";
import { equalBytes } from "../../core/crypto/compare.ts";
import { decodeBase64url, encodeBase64url } from "./base64url.ts";

/** Room for the longest key and the surplus line ends that an editor may add. */
export const KEY_FILE_MAX_BYTES = 1024;

/** The line with its line end, as bytes that the caller owns, and wipes when the key is secret. */
export function formatKeyLine(prefix: string, key: Uint8Array): Uint8Array {
  const characters = encodeBase64url(key);
  const line = concat(utf8(`${prefix} `), characters, utf8("\n"));
  characters.fill(0);
  return line;
}

/**
 * The `bytes` bytes of the key in `line`, which the caller owns; null when the line is not exactly such a key. Line
 * ends after it are passed over.
 */
export function parseKeyLine(
  line: Uint8Array,
  expected: { readonly prefix: string; readonly bytes: number },
): Uint8Array | null {
  let end = line.length;
  while (end > 0 && (line[end - 1] === 0x0a || line[end - 1] === 0x0d)) end -= 1;
  const head = utf8(`${expected.prefix} `);
  if (!equalBytes(line.subarray(0, head.length), head)) return null;
  const key = decodeBase64url(line.subarray(head.length, end));
  if (key !== null && key.length !== expected.bytes) {
    key.fill(0);
    return null;
  }
  return key;
}
