import { expect, test } from "bun:test";
import fc from "fast-check";
import { displayText } from "../../../../cmd/client/tui/sanitize.ts";
import { hostileText } from "../../../support/hostileText.ts";

test.each([
  ["", [""]],
  ["hi", ["hi"]],
  ["one\ntwo", ["one", "two"]],
  ["one\r\ntwo\n", ["one", "two", ""]],
  ["\n\n", ["", "", ""]],
  ["a\tb", ["a    b"]],
  ["\t", ["    "]],
  ["shown\rhidden", ["shown\\u{d}hidden"]],
  ["a\r\r\nb", ["a\\u{d}", "b"]],
  ["a\u2028b\u0085c\u000bd", ["a\\u{2028}b\\u{85}c\\u{b}d"]],
  ["\u001b[31mred", ["\\u{1b}[31mred"]],
  ["\u202egnp.exe", ["\\u{202e}gnp.exe"]],
  ["\u{1f469}\u200d\u{1f680} caf\u00e9 \u6f22", ["\u{1f469}\u200d\u{1f680} caf\u00e9 \u6f22"]],
  ["x".repeat(5000), ["x".repeat(5000)]],
])("%j", (text, lines) => {
  expect(displayText(text)).toEqual(lines);
});

test("no line holds anything that a terminal acts on, whatever the text", () => {
  fc.assert(
    fc.property(hostileText, (text) => {
      for (const line of displayText(text)) {
        expect(line).not.toMatch(/[\p{Cc}\p{Zl}\p{Zp}\p{Cs}\p{Co}\p{Cn}]/u);
        expect(line.replaceAll("\u200d", "")).not.toMatch(/\p{Cf}/u);
      }
    }),
  );
});

test("nothing is lost: what was escaped can be read", () => {
  const unescaped = (line: string): string =>
    line.replace(/\\u\{([0-9a-f]+)\}/g, (_, hex) => String.fromCodePoint(Number.parseInt(hex, 16)));
  fc.assert(
    fc.property(hostileText, (text) => {
      fc.pre(!text.includes("\\"));
      const expected = text.replaceAll("\t", "    ").replaceAll("\r\n", "\n");
      expect(displayText(text).map(unescaped).join("\n")).toBe(expected);
    }),
  );
});
