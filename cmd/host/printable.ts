/** Makes a text fit one line of a terminal or log: nothing in it can move the cursor, change direction or hide. */

// Left alone: what joins the parts of an emoji, and no more than this many marks on one character.
const JOINER = "(?<=[\\p{Extended_Pictographic}\\p{Emoji_Modifier}]\\uFE0F?)\\u200D(?=\\p{Extended_Pictographic})";
const VARIANT = "(?<=\\p{Emoji})\\uFE0F";
const MARKS_MAX = 8;
// Control, format (direction overrides, zero width), unassigned and private characters, lone surrogates, line ends, and
// what else is drawn as nothing: fillers, variation selectors, the Braille blank.
const INVISIBLE = "[\\p{C}\\p{Zl}\\p{Zp}\\p{Default_Ignorable_Code_Point}\\u2800]";
const UNPRINTABLE = new RegExp(`(?!${JOINER}|${VARIANT})${INVISIBLE}|(?<=\\p{M}{${MARKS_MAX}})\\p{M}`, "gu");

/** `text`, whole, with every character that has no shape of its own written as `\u{…}`. */
export function escaped(text: string): string {
  return text.replace(UNPRINTABLE, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`);
}

/** As `escaped`, of the first `maxLength` UTF-16 units of `text`. */
export function printable(text: string, maxLength = 1000): string {
  return escaped(text.length > maxLength ? `${text.slice(0, maxLength)}…` : text);
}

/** `text` in quotes for a shell. */
export function shellQuoted(text: string): string {
  return /^[\w./:@%+=-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
