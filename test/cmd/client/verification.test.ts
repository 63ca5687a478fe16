import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import decodeQR from "qr/decode.js";
import { changedLines, comparisonLines, numberLines, qrLines } from "../../../cmd/client/verification.ts";
import type { Comparison } from "../../../core/peer/clientSession.ts";

const NUMBER = "012345678901234567890123456789012345678901234567890123456789";

const digits = fc.string({ unit: fc.constantFrom(..."0123456789"), minLength: 60, maxLength: 60 });

describe("a safety number", () => {
  test("is three lines of four groups of five digits", () => {
    expect(numberLines(NUMBER)).toEqual([
      "    01234 56789 01234 56789",
      "    01234 56789 01234 56789",
      "    01234 56789 01234 56789",
    ]);
  });

  test("is all there, whatever it is", () => {
    fc.assert(
      fc.property(digits, (number) => {
        expect(numberLines(number).join("").replaceAll(" ", "")).toBe(number);
      }),
    );
  });
});

/** What a camera sees: each character is two modules, a block is light. */
function pictureOf(lines: readonly string[], scale = 4) {
  const modules = lines.flatMap((line) => {
    const cells = Array.from(line.slice(4));
    return [cells.map((cell) => "\u2580\u2588".includes(cell)), cells.map((cell) => "\u2584\u2588".includes(cell))];
  });
  const [width, height] = [(modules[0]?.length ?? 0) * scale, modules.length * scale];
  const data = new Uint8Array(width * height * 4).fill(255);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const light = modules[Math.floor(y / scale)]?.[Math.floor(x / scale)] === true;
      data.fill(light ? 255 : 0, (y * width + x) * 4, (y * width + x) * 4 + 3);
    }
  }
  return { width, height, data };
}

describe("its QR code", () => {
  test("reads as the number, on a dark terminal", () => {
    fc.assert(
      fc.property(digits, (number) => {
        expect(decodeQR(pictureOf(qrLines(number)))).toBe(number);
      }),
      { numRuns: 20 },
    );
  });

  test("fits on a terminal of 80 columns and 24 rows, with a quiet zone", () => {
    const lines = qrLines(NUMBER);
    expect(lines.length).toBeLessThan(20);
    expect(new Set(lines.map((line) => Bun.stringWidth(line)))).toEqual(new Set([4 + 29]));
    expect(lines[0]).toMatch(/^ {4}\u2588+$/);
    expect(lines.every((line) => /^ {4}\u2588\u2588.*\u2588\u2588$/.test(line))).toBe(true);
  });
});

const COMPARISON: Comparison = {
  ...{ name: "Bob", trust: "pinned", safetyNumber: NUMBER },
  ...{ fingerprint: "SHA256:one", changed: null },
};
const EVIL = "B\u001b[31m\u202eob";

describe("what a user is shown", () => {
  test("without UTF-8: the number, the fingerprint, and what to do", () => {
    expect(comparisonLines(COMPARISON, { utf8: false }, "/verify Bob yes")).toEqual([
      ...["Safety number of you and Bob:", "", ...numberLines(NUMBER), "", "Identity key of Bob: SHA256:one"],
      "Bob is not verified yet. If Bob sees the same number, and you know that it is Bob: /verify Bob yes",
    ]);
  });

  test("with UTF-8 the QR code too", () => {
    const plain = comparisonLines(COMPARISON, { utf8: false }, "x");
    const lines = comparisonLines(COMPARISON, { utf8: true }, "x");
    expect(lines.filter((line) => !plain.includes(line))).toEqual([...qrLines(NUMBER)]);
  });

  test("of somebody who is verified", () => {
    const lines = comparisonLines({ ...COMPARISON, trust: "verified" }, { utf8: false }, "x");
    expect(lines.at(-1)).toStartWith("Bob is verified. ");
  });

  test("of a key that has changed: no number, but both keys", () => {
    const changed = { ...COMPARISON, trust: "changed", changed: "SHA256:two" } as const;
    const lines = comparisonLines(changed, { utf8: true }, "x");
    expect(lines).toEqual(changedLines("Bob", "SHA256:one", "SHA256:two"));
    expect(lines).toContain("  before: SHA256:one");
    expect(lines).toContain("  now:    SHA256:two");
    expect(lines.at(-1)).toBe("Bob sees their own key with /verify Bob. If it is the new one: /accept Bob yes");
  });

  test("a name does no harm", () => {
    for (const changed of [null, "SHA256:two"]) {
      const text = comparisonLines({ ...COMPARISON, name: EVIL, changed }, { utf8: false }, "x").join("\n");
      expect(text).toContain("B\\u{1b}[31m\\u{202e}ob");
      expect(text).not.toContain(EVIL);
    }
  });
});
