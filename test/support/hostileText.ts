/** Texts that mean to move, hide, or look like somebody else's line. */
import fc from "fast-check";

const PIECES = [
  // What ends a row early, or late.
  ...[" ", "  ", "      ", " ".repeat(9), " ".repeat(20), " ".repeat(75), "\u00a0", "\u3000", "\t", "\n", "\r\n", "\r"],
  ...["\u2028", "\u0085", "\u000b", "\u000c", "x", "word ", "x".repeat(19), "x".repeat(80)],
  // Wide, or wide on some terminals.
  ...["\u6f22", "\u6f22\u5b57".repeat(9), "\uff21", "\u2460", "\u3248", "\u2605", "\u2714\ufe0f", "\u00a9", "\u4dc0"],
  ...[
    "\u{1f600}",
    "\u{1f600}".repeat(11),
    "\u{1f468}\u200d\u{1f469}\u200d\u{1f467}\u200d\u{1f466}",
    "\u{1f44d}\u{1f3fd}",
  ],
  ...["\u{1f1e9}\u{1f1ea}", "1\ufe0f\u20e3", "\u{1f3f3}\ufe0f\u200d\u{1f308}", "\u{1f468}\u200d".repeat(40)],
  // Marks, some of which a terminal may not know.
  ...["e\u0301", `e${"\u0301".repeat(30)}`, "\u0301", "\u0915\u093f", `\u0915${"\u093e".repeat(8)}`, "\u0928\u0940"],
  ...[
    "\u0e01\u0e33",
    "\u1100\u1161\u11a8",
    `\u1100${"\u1161".repeat(30)}`,
    "\u{11d3f}",
    "\u05d0\u05b8",
    "\u0627\u064e",
  ],
  // Controls, direction, invisible.
  ...["\u001b[2J", "\u001b[1;1H", "\u001b]0;t\u0007", "\u009b31m", "\b\b\b", "\u007f", "\u0000"],
  ...["\u202e", "\u2066", "\u200f", "\u200b", "\u200d", "\ufeff", "\u3164", "\u115f", "\u034f", "\ufe0f", "\u{e0041}"],
  ...["\ue000", "\ud800", "\udc00", "\u{10ffff}"],
  // Lines of ours.
  ...["12:00 -- Bob is offline", "12:00 !! ", "00:00 Chris: ", "you -> Bob: ", "> ", "Welcome, Alice"],
];

/** Any of them in any order, and any other text. */
export const hostileText: fc.Arbitrary<string> = fc
  .array(
    fc.oneof(
      { weight: 6, arbitrary: fc.constantFrom(...PIECES) },
      { weight: 1, arbitrary: fc.string({ unit: "grapheme", maxLength: 30 }) },
      { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 30 }) },
    ),
    { maxLength: 25 },
  )
  .map((parts) => parts.join(""));
