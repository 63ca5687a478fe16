import { expect, test } from "bun:test";
import { equalBytes } from "../../../core/crypto/compare.ts";

const of = (...bytes: number[]) => Uint8Array.of(...bytes);

test.each([
  [of(), of(), true],
  [of(0), of(0), true],
  [of(1, 2, 3), of(1, 2, 3), true],
  [of(1, 2, 3), of(0, 2, 3), false],
  [of(1, 2, 3), of(1, 2, 4), false],
  [of(1, 2, 3), of(1, 2, 0x83), false],
  [of(1, 2), of(2, 1), false],
  [of(1, 2, 3), of(1, 2), false],
  [of(), of(0), false],
  [of(0), of(), false],
])("%p and %p: %p", (a, b, equal) => {
  expect(equalBytes(a, b)).toBe(equal);
});

test("every single flipped bit is seen", () => {
  const bytes = of(0xff, 0x00, 0xaa, 0x55);
  for (let bit = 0; bit < 32; bit += 1) {
    const other = bytes.map((byte, i) => (i === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte));
    expect(equalBytes(bytes, other)).toBe(false);
  }
});
