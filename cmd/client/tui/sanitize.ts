/** Text from others, made harmless: it cannot move the cursor, change direction, hide or look like a line of ours. */
import { escaped } from "../../host/printable.ts";

const TAB = "    ";

/** The lines of `text`; every character that has no shape of its own is written as `\u{…}`. */
export function displayText(text: string): readonly string[] {
  return text
    .replaceAll("\t", TAB)
    .split(/\r?\n/)
    .map((line) => escaped(line));
}
