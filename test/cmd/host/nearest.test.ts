import { expect, test } from "bun:test";
import { nearest } from "../../../cmd/host/nearest.ts";

test.each([
  ["prot", "port"],
  ["Port", "port"],
  ["pasword-file", "password-file"],
  ["confg", "config"],
  ["lits", "list"],
  ["lock", "lock"],
  ["zebra", null],
  ["", null],
  ["x".repeat(10_000), null],
])("%j is near %j", (typed, word) => {
  expect(nearest(typed, ["port", "host", "config", "password-file", "list", "lock"])).toBe(word);
});
