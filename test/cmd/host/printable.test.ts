import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { escaped, printable, shellQuoted } from "../../../cmd/host/printable.ts";
import { hostileText } from "../../support/hostileText.ts";

describe("left as it is", () => {
  test.each([
    ["nothing", ""],
    ["ASCII", " !\"#$%&'()*+,-./09:;<=>?@AZ[\\]^_`az{|}~"],
    ["Latin", "Zo\u00eb, caf\u00e9, na\u00efve, \u00bd \u00a9"],
    ["accents in two parts", "e\u0301 n\u0303 o\u0302\u0323"],
    ["Chinese, Korean, Japanese", "\u6f22\u5b57 \ud55c\uae00 \u304b\u3099"],
    ["Hindi and Thai", "\u0928\u092e\u0938\u094d\u0924\u0947 \u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35"],
    ["Hebrew and Arabic with vowels", "\u05e9\u05b8\u05dc\u05d5\u05b9\u05dd \u0633\u064e\u0644\u0627\u0645"],
    ["an emoji", "\u{1f600}"],
    ["a heart with its variation selector", "\u2764\ufe0f"],
    ["a family", "\u{1f468}\u200d\u{1f469}\u200d\u{1f467}\u200d\u{1f466}"],
    ["a profession with a skin tone", "\u{1f469}\u{1f3fd}\u200d\u{1f680}"],
    ["a rainbow flag", "\u{1f3f3}\ufe0f\u200d\u{1f308}"],
    ["a heart on fire", "\u2764\ufe0f\u200d\u{1f525}"],
    ["a couple with a heart", "\u{1f469}\u200d\u2764\ufe0f\u200d\u{1f468}"],
    ["a country", "\u{1f1e9}\u{1f1ea}"],
    ["a keycap", "1\ufe0f\u20e3"],
    ["spaces of any width", "a\u00a0b\u2003c\u3000d"],
    ["eight marks on one letter", `e${"\u0301".repeat(8)}`],
  ])("%s", (_what, text) => {
    expect(escaped(text)).toBe(text);
    expect(printable(text)).toBe(text);
  });
});

describe("made visible", () => {
  test.each([
    ["a Hangul filler", "\u3164"],
    ["a Hangul choseong filler", "\u115f"],
    ["a Hangul jungseong filler", "\u1160"],
    ["a halfwidth Hangul filler", "\uffa0"],
    ["a combining grapheme joiner", "\u034f"],
    ["a variation selector", "\ufe0f"],
    ["the first variation selector", "\ufe00"],
    ["a supplementary variation selector", "\u{e0100}"],
    ["a Khmer inherent vowel", "\u17b4"],
    ["another", "\u17b5"],
    ["the Braille blank", "\u2800"],
    ["a Mongolian vowel separator", "\u180e"],
    ["a soft hyphen", "\u00ad"],
    ["a zero width space", "\u200b"],
    ["a zero width non-joiner", "\u200c"],
    ["a zero width joiner", "\u200d"],
    ["a word joiner", "\u2060"],
    ["a byte order mark", "\ufeff"],
    ["a left-to-right mark", "\u200e"],
    ["a right-to-left mark", "\u200f"],
    ["an Arabic letter mark", "\u061c"],
    ...["\u202a", "\u202b", "\u202c", "\u202d", "\u202e", "\u2066", "\u2067", "\u2068", "\u2069"].map(
      (control) => ["a direction control", control] as const,
    ),
    ["null", "\0"],
    ["bell", "\u0007"],
    ["backspace", "\b"],
    ["a tab", "\t"],
    ["a line feed", "\n"],
    ["a carriage return", "\r"],
    ["escape", "\u001b"],
    ["delete", "\u007f"],
    ["the 8-bit CSI", "\u009b"],
    ["a next line", "\u0085"],
    ["a line separator", "\u2028"],
    ["a paragraph separator", "\u2029"],
    ["a tag", "\u{e0041}"],
    ["the cancel tag", "\u{e007f}"],
    ["a private character", "\ue000"],
    ["a private character far away", "\u{f0000}"],
    ["no character", "\uffff"],
    ["an unassigned character", "\u{e01f0}"],
    ["half a pair", "\ud800"],
    ["the other half", "\udc00"],
    ["interlinear annotation", "\ufff9"],
    ["a musical format character", "\u{1d173}"],
  ])("%s: %j", (_what, character) => {
    const sign = `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
    expect(escaped(character)).toBe(sign);
    expect(escaped(`a${character}b`)).toBe(`a${sign}b`);
    expect(escaped(`${character}${character}`)).toBe(`${sign}${sign}`);
  });

  test.each([
    ["a joiner between letters", "a\u200db", "a\\u{200d}b"],
    ["a joiner behind an emoji", "\u{1f468}\u200d", "\u{1f468}\\u{200d}"],
    ["a joiner before an emoji", "\u200d\u{1f468}", "\\u{200d}\u{1f468}"],
    ["a second joiner", "\u{1f468}\u200d\u200d\u{1f469}", "\u{1f468}\\u{200d}\\u{200d}\u{1f469}"],
    ["a joiner behind a letter and a selector", "a\ufe0f\u200d\u{1f525}", "a\\u{fe0f}\\u{200d}\u{1f525}"],
    ["a selector behind a letter", "a\ufe0f", "a\\u{fe0f}"],
    ["a second selector", "\u2764\ufe0f\ufe0f", "\u2764\ufe0f\\u{fe0f}"],
    ["the ninth mark", `e${"\u0301".repeat(9)}`, `e${"\u0301".repeat(8)}\\u{301}`],
    [
      "marks of several kinds",
      `e${"\u0301\u20dd\u0903".repeat(3)}`,
      "e\u0301\u20dd\u0903\u0301\u20dd\u0903\u0301\u20dd\\u{903}",
    ],
  ])("%s", (_what, text, shown) => {
    expect(escaped(text)).toBe(shown);
  });

  test("a stack of marks is never higher than eight", () => {
    fc.assert(
      fc.property(hostileText, (text) => {
        expect(escaped(text)).not.toMatch(/\p{M}{9}/u);
      }),
    );
  });
});

test("what is left moves, hides and turns nothing, whatever the text, and is not escaped again", () => {
  const visible =
    /[\p{Cc}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}\u2800]|(?![\u200d\ufe0f])[\p{Cf}\p{Default_Ignorable_Code_Point}]/u;
  fc.assert(
    fc.property(hostileText, (text) => {
      const shown = escaped(text);
      expect(shown).not.toMatch(visible);
      expect(escaped(shown)).toBe(shown);
    }),
  );
});

describe("the first so many", () => {
  test.each([
    ["1234", 5, "1234"],
    ["12345", 5, "12345"],
    ["123456", 5, "12345\u2026"],
    ["", 0, ""],
    ["1", 0, "\u2026"],
    ["\n\n", 1, "\\u{a}\u2026"],
    ["a\u{1f600}", 2, "a\\u{d83d}\u2026"],
  ])("%j, at most %i", (text, max, shown) => {
    expect(printable(text, max)).toBe(shown);
  });

  test("is 1,000 by default", () => {
    expect(printable("x".repeat(1000))).toBe("x".repeat(1000));
    expect(printable("x".repeat(1001))).toBe(`${"x".repeat(1000)}\u2026`);
  });
});

test.each([
  ["keys/server.key", "keys/server.key"],
  ["a:b@c%d+e=f-g_h", "a:b@c%d+e=f-g_h"],
  ["", "''"],
  ["a b", "'a b'"],
  ["$(rm)", "'$(rm)'"],
  ["it's", "'it'\\''s'"],
  ["a\nb", "'a\nb'"],
])("for a shell: %j", (text, quoted) => {
  expect(shellQuoted(text)).toBe(quoted);
});
