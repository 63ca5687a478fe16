import { expect, test } from "bun:test";
import { utf8 } from "../../../core/bytes.ts";
import { passwordInput } from "../../../core/kdc/password.ts";
import { parseUserName } from "../../../core/name.ts";
import { Secret } from "../../../core/secret.ts";
import { codeOr } from "../../support/codes.ts";

const user = parseUserName("Alice");
const realm = new Uint8Array(32).fill(7);

test("the input is the password, the lower-case name and the realm, each with its length", () => {
  const input = passwordInput(Secret.take(utf8("pw")), user, realm);
  expect(input.use((bytes) => bytes.toHex())).toBe(`0002${"7077"}0005${"616c696365"}0020${"07".repeat(32)}`);
});

test.each([
  [0, "password.invalid"],
  [1, 1 + 2 + 7 + 34],
  [1024, 1024 + 2 + 7 + 34],
  [1025, "password.invalid"],
])("a password of %d bytes gives %p", (length, expected) => {
  const password = Secret.take(new Uint8Array(length).fill(0x61));
  expect(codeOr<number>(() => passwordInput(password, user, realm).length)).toBe(expected as number);
  expect(password.wiped).toBe(false);
});
