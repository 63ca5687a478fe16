/** The forms in which a word may give itself away in bytes: as it is in any case, UTF-16, hexadecimal, base64. */
import { utf8 } from "../../core/bytes.ts";

/** The name of the first form in which `word` (ASCII, 5 letters at least, or chance finds it) stands in `bytes`. */
export function traceOf(word: string, bytes: Uint8Array): string | null {
  const text = Buffer.from(bytes).toString("latin1");
  const lower = text.toLowerCase();
  for (const [form, needle] of forms(word.toLowerCase())) if (lower.includes(needle)) return form;
  for (const spelling of new Set([word, word.toLowerCase(), word.toUpperCase()])) {
    for (const source of [utf8(spelling), utf16(spelling)]) {
      for (const needle of base64Parts(source)) if (text.includes(needle)) return "base64";
    }
  }
  return null;
}

function forms(word: string): readonly (readonly [string, string])[] {
  return [
    ["text", word],
    ["UTF-16", Buffer.from(utf16(word)).toString("latin1")],
    ...[word, word.toUpperCase(), `${word.slice(0, 1).toUpperCase()}${word.slice(1)}`].map(
      (spelling) => ["hexadecimal", utf8(spelling).toHex()] as const,
    ),
  ];
}

/** Big endian; little endian is the same but for the ends, which are left out. */
function utf16(word: string): Uint8Array {
  return Uint8Array.from([...word].flatMap((character) => [0, character.charCodeAt(0)])).slice(1);
}

/** The characters that stand for `source` wherever it begins within the bytes that were encoded, in both alphabets. */
function base64Parts(source: Uint8Array): readonly string[] {
  return [0, 1, 2].flatMap((shift) => {
    const padded = new Uint8Array(shift + source.length);
    padded.set(source, shift);
    // The first and the last characters share bits with what stands around the word.
    const sure = padded
      .toBase64({ omitPadding: true })
      .slice(Math.ceil((shift * 4) / 3), Math.floor((padded.length * 4) / 3));
    return [sure, sure.replaceAll("+", "-").replaceAll("/", "_")];
  });
}
