import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { displayText } from "../../../../cmd/client/tui/sanitize.ts";
import { cellsOf, ROW_MIN, wrap } from "../../../../cmd/client/tui/wrap.ts";
import { hostileText } from "../../../support/hostileText.ts";
import { Paper } from "../../../support/paper.ts";

const WIDE = "\u6f22";
const FAMILY = "\u{1f468}\u200d\u{1f469}\u200d\u{1f467}\u200d\u{1f466}";

describe("rows", () => {
  test.each([
    ["", 10, 10, [""]],
    ["1234567890", 10, 10, ["1234567890"]],
    ["12345678901", 10, 10, ["1234567890", "1"]],
    ["12345 7890", 10, 10, ["12345 7890"]],
    ["12345 78901", 10, 10, ["12345 ", "78901"]],
    ["123456789 12", 10, 10, ["123456789 ", "12"]],
    ["1234567890 2", 10, 10, ["1234567890", " 2"]],
    ["12345 7890123", 12, 20, ["12345 ", "7890123"]],
    ["1 3 5 7 9 1 3 5", 10, 10, ["1 3 5 7 9 ", "1 3 5"]],
    [`${"x".repeat(12)} ${"y".repeat(25)}`, 15, 20, ["xxxxxxxxxxxx ", "y".repeat(20), "y".repeat(5)]],
    [" ".repeat(25), 10, 10, [" ".repeat(10), " ".repeat(10), " ".repeat(5)]],
    [WIDE.repeat(11), 10, 10, [WIDE.repeat(5), WIDE.repeat(5), WIDE]],
    [`x${WIDE.repeat(5)}`, 10, 10, [`x${WIDE.repeat(4)}`, WIDE]],
    ["e\u0301".repeat(6), 10, 10, ["e\u0301".repeat(5), "e\u0301"]],
    [`12345${FAMILY}`, 12, 12, ["12345", FAMILY]],
    ["1 345678901\u0915\u093e\u093e\u093e\u093e", 12, 12, ["1 ", "345678901", "\u0915\u093e\u093e\u093e\u093e"]],
    ["any text at all", Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, ["any text at all"]],
  ])("%j in %d, then %d columns", (line, first, rest, rows) => {
    expect(wrap(line, first, rest)).toEqual(rows);
  });

  test.each([0, 1, -5, 9, Number.NEGATIVE_INFINITY])("are never narrower than 10 columns, also in %d", (columns) => {
    expect(ROW_MIN).toBe(10);
    expect(wrap("x".repeat(25), columns, columns)).toEqual(["x".repeat(10), "x".repeat(10), "x".repeat(5)]);
  });

  test("a character that is wider than a row is broken after all", () => {
    const flood = "\u{1f468}\u200d".repeat(100);
    const rows = wrap(flood, 20, 20);
    expect(rows.join("")).toBe(flood);
    for (const row of rows) expect(cellsOf(row)).toBeLessThanOrEqual(20);
  });
});

test("nothing is lost, and no row is wider than it may be, whatever the text", () => {
  const columns = fc.integer({ min: 0, max: 60 });
  fc.assert(
    fc.property(hostileText, columns, columns, (text, first, more) => {
      const rest = first + more;
      for (const line of displayText(text)) {
        const rows = wrap(line, first, rest);
        expect(rows.join("")).toBe(line);
        for (const [at, row] of rows.entries()) {
          expect(cellsOf(row)).toBeLessThanOrEqual(Math.max(at === 0 ? first : rest, ROW_MIN));
        }
        for (const row of rows.slice(1)) expect(row).not.toBe("");
      }
    }),
  );
});

test("no terminal is wider than what is counted: xterm for every character that is shown as it is", async () => {
  const paper = new Paper(400);
  const characters: string[] = [];
  for (let point = 0x20; point <= 0x1ffff; point += 1) {
    if (point >= 0xd800 && point < 0xe000) continue;
    const character = String.fromCodePoint(point);
    if (displayText(character)[0] === character) characters.push(character);
  }
  expect(characters.length).toBeGreaterThan(50_000);
  for (let at = 0; at < characters.length; at += 190) {
    const some = characters.slice(at, at + 190).join("");
    await paper.write(`\r${some}`);
    const { cursorColumn } = paper;
    if (cursorColumn > cellsOf(some)) expect([some, cursorColumn]).toEqual([some, cellsOf(some)]);
  }
});
