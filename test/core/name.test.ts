import { expect, test } from "bun:test";
import fc from "fast-check";
import { parseUserName } from "../../core/name.ts";
import { codeOr } from "../support/codes.ts";

test.each([
  ["alice", "alice"],
  ["Alice", "alice"],
  ["A", "a"],
  ["0", "0"],
  ["a.b-c_d", "a.b-c_d"],
  ["a..b", "a..b"],
  ["X".repeat(32), "x".repeat(32)],
])("%j is the user %j", (text, name) => {
  expect(String(parseUserName(text))).toBe(name);
});

test.each([
  ["", "empty"],
  ["x".repeat(33), "one too long"],
  [".alice", "begins with a dot"],
  ["-alice", "begins like an option"],
  ["_alice", "begins with an underscore"],
  ["../alice", "a path"],
  ["/etc/passwd", "an absolute path"],
  ["a/b", "a separator"],
  ["a\\b", "another separator"],
  ["alice\0", "NUL"],
  ["alice\n", "a line end"],
  ["alice ", "a space"],
  [" alice", "a space before"],
  ["al\u0131ce", "a dotless i"],
  ["\u0430lice", "a Cyrillic a"],
  ["\u212Aelvin", "the Kelvin sign, whose lower case is k"],
  ["ali\u0301ce", "a combining accent"],
  ["\uFF41lice", "a full-width a"],
  ["alice\u200B", "a zero-width space"],
  ["\u202Ealice", "a direction override"],
])("%j is refused: %s", (text) => {
  expect(codeOr(() => parseUserName(text))).toBe("name.invalid");
});

test("any text is refused or its own canonical form, harmless as part of a path", () => {
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: "binary" }), fc.stringMatching(/^[\w./-]{1,34}$/)), (text) => {
      const name = codeOr(() => parseUserName(text));
      if (name === "name.invalid") return;
      expect(name).toMatch(/^[a-z0-9][a-z0-9._-]{0,31}$/);
      expect(String(parseUserName(name))).toBe(name);
      expect(parseUserName(text.toUpperCase())).toBe(parseUserName(text));
    }),
  );
});
