/** Makes a text fit one line of a terminal or log: nothing in it can move the cursor, change direction or hide. */

// Control, format (direction overrides, zero width), unassigned and private characters, lone surrogates, line ends.
const UNPRINTABLE = /[\p{C}\p{Zl}\p{Zp}]/gu;

/** `text` with every character that has no shape of its own written as `\u{…}`, cut to `maxLength` UTF-16 units. */
export function printable(text: string, maxLength = 1000): string {
  const cut = text.length > maxLength ? `${text.slice(0, maxLength)}…` : text;
  return cut.replace(UNPRINTABLE, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`);
}

/** `text` in quotes for a shell. */
export function shellQuoted(text: string): string {
  return /^[\w./:@%+=-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
