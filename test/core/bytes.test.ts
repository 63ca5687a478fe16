import { expect, test } from "bun:test";
import { concat, decodeUtf8, EMPTY, lv, u16, utf8 } from "../../core/bytes.ts";

test("concat joins, and shares no memory with its parts", () => {
  const part = Uint8Array.of(1);
  const joined = concat(part, EMPTY, Uint8Array.of(2, 3));
  part[0] = 9;
  expect([...joined]).toEqual([1, 2, 3]);
  expect(concat()).toHaveLength(0);
});

test.each([
  [0, [0, 0]],
  [255, [0, 255]],
  [256, [1, 0]],
  [65535, [255, 255]],
])("u16(%d)", (value, expected) => {
  expect([...u16(value)]).toEqual(expected);
});

test.each([-1, 0.5, 65536, Number.NaN])("u16(%d) is a bug", (value) => {
  expect(() => u16(value)).toThrow("16 bits");
});

test.each([0, 1, 255, 256, 65535])("lv of %d bytes", (length) => {
  const encoded = lv(new Uint8Array(length).fill(7));
  expect(encoded).toHaveLength(2 + length);
  expect((encoded[0] ?? 0) * 256 + (encoded[1] ?? 0)).toBe(length);
  expect(encoded.subarray(2).every((byte) => byte === 7)).toBe(true);
});

test("lv of more is a bug", () => {
  expect(() => lv(new Uint8Array(65536))).toThrow("65,535");
});

test("utf8", () => {
  expect(utf8("aé\u{1F600}").toHex()).toBe("61c3a9f09f9880");
  expect(utf8("")).toHaveLength(0);
});

test.each(["", "a\u00e9\u{1F600}", "\ufeffwith a byte order mark", "\u0000", "\uffff"])(
  "decodeUtf8 gives %p back",
  (text) => {
    expect(decodeUtf8(utf8(text))).toBe(text);
  },
);

test.each([
  ["a byte that starts nothing", "80"],
  ["a sequence cut short", "e282"],
  ["a longer form than needed", "c080"],
  ["a surrogate", "eda080"],
  ["above U+10FFFF", "f4908080"],
])("decodeUtf8 refuses %s", (_, hex) => {
  expect(decodeUtf8(Uint8Array.fromHex(hex))).toBeNull();
});
