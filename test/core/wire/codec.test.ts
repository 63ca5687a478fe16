import { describe, expect, spyOn, test } from "bun:test";
import { concat, u16, utf8 } from "../../../core/bytes.ts";
import { ERRORS } from "../../../core/errors.ts";
import { parseUserName } from "../../../core/name.ts";
import { Secret } from "../../../core/secret.ts";
import {
  bytes,
  type Codec,
  checked,
  constant,
  decodeAll,
  encodeAll,
  fixed,
  id,
  list,
  Reader,
  secret,
  struct,
  text,
  time,
  uint,
  Writer,
} from "../../../core/wire/codec.ts";
import { codeOr, failure } from "../../support/codes.ts";
import { laidOpen } from "../../support/messages.ts";
import { SecretWatch } from "../../support/secretWatch.ts";

const MAX = Number.MAX_SAFE_INTEGER;
const hex = (digits: string): Uint8Array => Uint8Array.fromHex(digits.replaceAll(" ", ""));
const name = checked(text(32), parseUserName);
const pair = struct({ first: uint(1), second: bytes(2) });

describe("a value has one encoding, and comes back from it", () => {
  test.each<[string, Codec<unknown>, unknown, string]>([
    ["u8 at 0", uint(1), 0, "00"],
    ["u8 at its end", uint(1), 255, "ff"],
    ["u16", uint(2), 0x0102, "01 02"],
    ["u16 at its end", uint(2), 65535, "ff ff"],
    ["u32", uint(4), 0x01020304, "01 02 03 04"],
    ["u32 above 2^31", uint(4), 0xfedcba98, "fe dc ba 98"],
    ["u32 at its end", uint(4), 2 ** 32 - 1, "ff ff ff ff"],
    ["u64 above 2^32", uint(8), 2 ** 32 + 1, "00 00 00 01 00 00 00 01"],
    ["u64 at 2^53 - 1", uint(8), MAX, "00 1f ff ff ff ff ff ff"],
    ["time at 0", time, 0, "00 00 00 00 00 00 00 00"],
    ["time", time, 1_767_323_045_678, "00 00 01 9b 7c a9 8f 2e"],
    ["an integer at its least", uint(1, 9, 3), 3, "03"],
    ["an integer at its most", uint(1, 9, 3), 9, "09"],
    ["a version", constant(7), 7, "07"],
    ["no bytes at all", fixed(0), hex(""), ""],
    ["fixed bytes", fixed(3), hex("010203"), "01 02 03"],
    ["an id", id(4), "00ff10a0", "00 ff 10 a0"],
    ["bytes, none", bytes(3), hex(""), "00 00"],
    ["bytes, one", bytes(3), hex("aa"), "00 01 aa"],
    ["bytes, the most", bytes(3), hex("aabbcc"), "00 03 aa bb cc"],
    ["text, none", text(4), "", "00 00"],
    ["text, the most", text(4), "a€", "00 04 61 e2 82 ac"],
    ["text that begins with a byte order mark", text(4), "\u{feff}a", "00 04 ef bb bf 61"],
    ["text with NUL and a line end", text(4), "\0\n", "00 02 00 0a"],
    ["text beyond the first plane", text(4), "\u{1f600}", "00 04 f0 9f 98 80"],
    ["a name", name, "al", "00 02 61 6c"],
    ["a list, empty", list(uint(1), 2), [], "00"],
    ["a list, full", list(uint(1), 2), [1, 2], "02 01 02"],
    ["a struct without fields", struct({}), {}, ""],
    ["a struct", pair, { first: 1, second: hex("0a0b") }, "01 00 02 0a 0b"],
    ["a list of structs", list(pair, 1), [{ first: 1, second: hex("") }], "01 01 00 00"],
  ])("%s", (_, codec, value, encoding) => {
    expect(encodeAll(codec, value).toHex()).toBe(hex(encoding).toHex());
    expect(decodeAll(codec, hex(encoding))).toEqual(value);
    expect(hex(encoding).length).toBeLessThanOrEqual(codec.maxBytes);
  });

  test("a secret", () => {
    using key = Secret.take(hex("0102"));
    const encoding = encodeAll(secret(2), key);
    expect(encoding.toHex()).toBe("0102");
    using back = decodeAll(secret(2), encoding);
    expect(laidOpen(back)).toEqual({ secret: "0102" });
  });

  test("the longest field there can be", () => {
    const codec = bytes(65535);
    const longest = new Uint8Array(65535).fill(7);
    const encoding = encodeAll(codec, longest);
    expect(encoding.length).toBe(codec.maxBytes);
    expect(decodeAll(codec, encoding)).toEqual(longest);
  });
});

describe("bytes that are no encoding are wire.malformed", () => {
  test.each<[string, Codec<unknown>, string]>([
    ["u8, nothing there", uint(1), ""],
    ["u8, a byte too many", uint(1), "00 00"],
    ["u16, a byte short", uint(2), "00"],
    ["u64 at 2^53", uint(8), "00 20 00 00 00 00 00 00"],
    ["u64 at 2^53 + 1, which no double holds", uint(8), "00 20 00 00 00 00 00 01"],
    ["u64 at its end", uint(8), "ff ff ff ff ff ff ff ff"],
    ["an integer one under its least", uint(1, 9, 3), "02"],
    ["an integer one over its most", uint(1, 9, 3), "0a"],
    ["the version before", constant(7), "06"],
    ["the version after", constant(7), "08"],
    ["fixed bytes, one short", fixed(3), "01 02"],
    ["fixed bytes, one over", fixed(3), "01 02 03 04"],
    ["a secret, one short", secret(2), "01"],
    ["a secret, one over", secret(2), "01 02 03"],
    ["an id, one short", id(4), "00 00 00"],
    ["bytes, half a length", bytes(3), "00"],
    ["bytes, one short of their length", bytes(3), "00 02 aa"],
    ["bytes, one over their length", bytes(3), "00 01 aa bb"],
    ["bytes, one more than allowed", bytes(3), "00 04 aa bb cc dd"],
    ["text, one byte more than allowed", text(4), "00 05 61 61 61 61 61"],
    ["text, a lone continuation byte", text(4), "00 01 80"],
    ["text, a sequence cut short", text(4), "00 02 e2 82"],
    ["text, an overlong slash", text(4), "00 02 c0 af"],
    ["text, a surrogate", text(4), "00 03 ed a0 80"],
    ["text, above U+10FFFF", text(4), "00 04 f4 90 80 80"],
    ["a name in another case", name, "00 02 41 6c"],
    ["a name that is none", name, "00 02 61 20"],
    ["an empty name", name, "00 00"],
    ["a list of one too many", list(uint(1), 2), "03 01 02 03"],
    ["a list, one item short", list(uint(1), 2), "02 01"],
    ["a list, one item over", list(uint(1), 2), "01 01 02"],
    ["a struct that ends after a field", pair, "01"],
    ["a struct with bytes left over", pair, "01 00 00 00"],
  ])("%s", (_, codec, encoding) => {
    const { code } = failure(() => decodeAll(codec, hex(encoding)));
    expect(code).toBe("wire.malformed");
    expect(ERRORS[code].blame).toBe("peer");
  });
});

describe("a value out of bounds is the caller's bug", () => {
  test.each<[string, Codec<unknown>, unknown]>([
    ["u8 at -1", uint(1), -1],
    ["u8 at 256", uint(1), 256],
    ["u16 at 65,536", uint(2), 65536],
    ["u32 at 2^32", uint(4), 2 ** 32],
    ["u64 at 2^53", uint(8), 2 ** 53],
    ["half a millisecond", time, 0.5],
    ["no number", time, Number.NaN],
    ["no end", time, Number.POSITIVE_INFINITY],
    ["one under the least", uint(1, 9, 3), 2],
    ["one over the most", uint(1, 9, 3), 10],
    ["fixed bytes, one short", fixed(3), new Uint8Array(2)],
    ["fixed bytes, one over", fixed(3), new Uint8Array(4)],
    ["a secret of another length", secret(2), Secret.take(new Uint8Array(3))],
    ["an id, half a byte short", id(4), "0000000"],
    ["an id, one byte over", id(4), "0000000000"],
    ["bytes, one more than allowed", bytes(3), new Uint8Array(4)],
    ["text, more bytes than allowed in fewer characters", text(4), "€€"],
    ["a list of one too many", list(uint(1), 2), [1, 2, 3]],
    ["a bad item of a list", list(uint(1), 2), [256]],
    ["a bad field of a struct", pair, { first: 256, second: new Uint8Array(0) }],
  ])("%s", (_, codec, value) => {
    expect(() => encodeAll(codec, value)).toThrow("out of bounds");
  });

  test.each([
    ["not hexadecimal", id(2), "zzzz"],
    ["a wiped secret", secret(0), wiped()],
  ])("%s", (_, codec: Codec<unknown>, value) => {
    expect(() => encodeAll(codec, value)).toThrow();
  });
});

function wiped(): Secret {
  using key = Secret.take(new Uint8Array(1));
  return key;
}

test("a lone surrogate travels as U+FFFD", () => {
  expect(decodeAll(text(4), encodeAll(text(4), "\ud800"))).toBe("\ufffd");
});

describe("what is decoded is a copy", () => {
  const codec = struct({ fixed: fixed(2), bytes: bytes(2), text: text(2), id: id(1), list: list(fixed(1), 1) });
  const encoding = hex("0102 0002 0304 0002 6162 ff 01 05");
  test.each([
    ["an array", () => encoding.slice()],
    ["a Node Buffer, whose slice is a view", () => Buffer.from(encoding)],
    ["part of a larger buffer", () => concat(hex("aa"), encoding, hex("bb")).subarray(1, 1 + encoding.length)],
  ])("of %s", (_, make) => {
    const received = make();
    const value = decodeAll(codec, received);
    const before = structuredClone(value);
    received.fill(0xee);
    expect(value).toEqual(before);
    expect(value.fixed.constructor).toBe(Uint8Array);
    expect(before.fixed).toEqual(hex("0102"));
  });

  test("also a secret", () => {
    const received = Buffer.from(hex("0102"));
    using key = decodeAll(secret(2), received);
    received.fill(0xee);
    expect(laidOpen(key)).toEqual({ secret: "0102" });
  });
});

describe("a secret of an encoding that is refused is wiped", () => {
  const codec = struct({ key: secret(2), others: list(secret(1), 3), end: constant(1) });
  test.each([
    ["it ends too early", "0102 01 03"],
    ["a later field is wrong", "0102 02 03 04 02"],
    ["something is left over", "0102 01 03 01 00"],
  ])("%s", (_, encoding) => {
    using watch = new SecretWatch();
    expect(codeOr(() => decodeAll(codec, hex(encoding)))).toBe("wire.malformed");
    expect(watch.count).toBeGreaterThan(0);
    expect(watch.alive()).toEqual([]);
  });

  test("and one that is accepted is not", () => {
    using watch = new SecretWatch();
    decodeAll(codec, hex("0102 02 03 04 01"));
    expect(watch.alive()).toHaveLength(3);
  });
});

describe("Writer", () => {
  test("grows, keeps what it holds, and leaves nothing behind in the smaller buffer", () => {
    const writer = new Writer(70_000);
    const first = writer.reserve(200).fill(1);
    const second = writer.reserve(66_000).fill(2);
    expect(first).toEqual(new Uint8Array(200));
    expect(writer.finish()).toEqual(concat(new Uint8Array(200).fill(1), new Uint8Array(66_000).fill(2)));
    expect(second).toEqual(new Uint8Array(66_000));
  });

  test("is empty after finish", () => {
    const writer = new Writer(4);
    writer.integer(7, 2);
    expect(writer.finish()).toEqual(hex("0007"));
    expect(writer.finish()).toEqual(hex(""));
    writer.integer(8, 1);
    expect(writer.finish()).toEqual(hex("08"));
  });
});

test("Reader gives what is there, and refuses more without moving", () => {
  const reader = new Reader(hex("010203"));
  expect(reader.take(2)).toEqual(hex("0102"));
  expect(codeOr(() => reader.take(2))).toBe("wire.malformed");
  expect(reader.remaining).toBe(1);
  expect(reader.take(1)).toEqual(hex("03"));
  expect(reader.take(0)).toEqual(hex(""));
});

/** The length of the longest array that is made, other than as a view, while `fn` runs. */
function longestMade(fn: () => unknown): number {
  let longest = 0;
  const note = (array: Uint8Array): Uint8Array => {
    longest = Math.max(longest, array.length);
    return array;
  };
  const original = globalThis.Uint8Array;
  const { slice } = original.prototype;
  const spy = spyOn(original.prototype, "slice").mockImplementation(function (this: Uint8Array, start, end) {
    return note(slice.call(this, start, end) as Uint8Array<ArrayBuffer>) as Uint8Array<ArrayBuffer>;
  });
  globalThis.Uint8Array = new Proxy(original, {
    construct(target, args) {
      const made = Reflect.construct(target, args) as Uint8Array;
      return args[0] instanceof ArrayBuffer ? made : note(made);
    },
  });
  try {
    fn();
  } finally {
    globalThis.Uint8Array = original;
    spy.mockRestore();
  }
  return longest;
}

describe("a declared length is judged before anything is allocated", () => {
  test("the measurement sees what is allocated", () => {
    const long = concat(u16(20_000), new Uint8Array(20_000));
    expect(longestMade(() => decodeAll(bytes(20_000), long))).toBe(20_000);
    expect(longestMade(() => decodeAll(secret(20_002), long))).toBe(20_002);
    expect(longestMade(() => new Uint8Array(30_000))).toBe(30_000);
  });

  test.each<[string, Codec<unknown>, Uint8Array]>([
    ["65,535 bytes, none there", bytes(65535), hex("ffff")],
    ["65,535 bytes, three there", bytes(65535), hex("ffff 010203")],
    ["65,535 bytes where three are allowed", bytes(3), hex("ffff 010203")],
    ["a text of 65,535 bytes", text(65535), concat(hex("ffff"), utf8("abc"))],
    ["255 items of 65,535 bytes", list(bytes(65535), 255), hex("ff ffff 010203")],
    ["255 items, none there", list(fixed(60_000), 255), hex("ff")],
    ["fixed bytes, of which few are there", fixed(60_000), hex("0102")],
    ["a secret, of which little is there", secret(60_000), hex("0102")],
    ["an id, of which little is there", id(60_000), hex("0102")],
  ])("%s", (_, codec, received) => {
    const longest = longestMade(() => expect(codeOr(() => decodeAll(codec, received))).toBe("wire.malformed"));
    expect(longest).toBeLessThanOrEqual(received.length);
  });
});
