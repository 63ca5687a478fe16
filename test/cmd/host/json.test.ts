import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { JSON_DEPTH_MAX, type Json, parseJson } from "../../../cmd/host/json.ts";
import { failure } from "../../support/codes.ts";

/** As JSON.parse would give it. */
function plain(value: Json): unknown {
  if (value instanceof Map) return Object.fromEntries(Array.from(value, ([key, member]) => [key, plain(member)]));
  return Array.isArray(value) ? value.map(plain) : value;
}

test("what JSON.stringify writes is read back, with any spacing", () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: JSON_DEPTH_MAX - 1 }), fc.constantFrom(0, 2, "\t"), (value, space) => {
      const text = JSON.stringify(value, null, space);
      expect(plain(parseJson(text, "f"))).toEqual(JSON.parse(text));
      expect(plain(parseJson(text.replaceAll("\n", "\r\n"), "f"))).toEqual(JSON.parse(text));
    }),
  );
});

test("any text is refused with a code or is what JSON.parse reads", () => {
  const tokens = fc.constantFrom(
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    '"a"',
    '"b"',
    "1",
    "-",
    "0",
    "e5",
    "true",
    "null",
    " ",
    "\\",
  );
  fc.assert(
    fc.property(fc.array(tokens, { maxLength: 12 }), (parts) => {
      const text = parts.join("");
      let value: Json;
      try {
        value = parseJson(text, "f");
      } catch {
        expect(failure(() => parseJson(text, "f")).code).toBe("config.invalid");
        return;
      }
      expect(plain(value)).toEqual(JSON.parse(text));
    }),
    { numRuns: 2000 },
  );
});

describe("one line says what is wrong", () => {
  test.each([
    ["", "f: the file is empty"],
    ["  \r\n", "f: the file is empty"],
    ["\u{feff}{}", "f: begins with a byte order mark; save it as UTF-8 without one"],
    ['{"a": 1,\n "a": 2}', 'f: line 2: the key "a" is there twice'],
    ['{"a": 1, "\\u0061": 2}', 'f: line 1: the key "a" is there twice'],
    ['{"a": 1,}', 'f: line 1: expected a key in double quotes, or "}"'],
    ["{'a': 1}", 'f: line 1: expected a key in double quotes, or "}"'],
    ['{"a" 1}', 'f: line 1: expected ":"'],
    ['{"a": 1 "b": 2}', 'f: line 1: expected "," or "}"'],
    ["[1, 2", 'f: line 1: expected "," or "]"'],
    ["[1,]", "f: line 1: expected a value"],
    ["// words\n{}", "f: line 1: expected a value"],
    ["{}\n{}", "f: line 2: expected the end of the file"],
    ["NaN", "f: line 1: expected a value"],
    ["01", "f: line 1: expected the end of the file"],
    ['"a\nb"', "f: line 1: a string is not closed on its line"],
    ['"a', "f: line 1: a string is not closed on its line"],
    ['"a\\', "f: line 1: a string is not closed on its line"],
    ['"\\x"', "f: line 1: a string holds an escape that JSON does not have"],
    ['"\\ud800"', "f: line 1: a string holds an escape that JSON does not have"],
    [`${"[".repeat(9)}${"]".repeat(9)}`, "f: line 1: nested deeper than 8 levels"],
    ["[".repeat(1_000_000), "f: line 1: nested deeper than 8 levels"],
  ])("%j", (text, expected) => {
    expect(failure(() => parseJson(text, "f")).detail).toBe(expected);
  });
});

test("eight levels are allowed", () => {
  expect(plain(parseJson(`${"[".repeat(8)}${"]".repeat(8)}`, "f"))).toEqual([[[[[[[[]]]]]]]]);
});

test("__proto__ is a key like any other", () => {
  const value = parseJson('{"__proto__": {"a": 1}}', "f");
  expect(value instanceof Map && value.has("__proto__")).toBe(true);
  expect(({} as Record<string, unknown>).a).toBeUndefined();
});

test("a long string is no trouble", () => {
  const text = "x".repeat(2_000_000);
  expect(parseJson(JSON.stringify(text), "f") === text).toBe(true);
});
