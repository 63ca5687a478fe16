import { expect, test } from "bun:test";
import { CodedError } from "../../../core/errors.ts";
import { badKeyAs } from "../../../core/opaque/refusal.ts";
import { failure } from "../../support/codes.ts";

test("a key that is none is called what the caller says, and stays as the cause", () => {
  const cause = new CodedError("crypto.badKey", "x25519: low order");
  const refused = failure(() =>
    badKeyAs("auth.rejected", () => {
      throw cause;
    }),
  );
  expect([refused.code, refused.detail, refused.cause]).toEqual(["auth.rejected", "opaque", cause]);
});

test.each([new CodedError("crypto.open"), new CodedError("wire.malformed"), new Error("a bug")])("not %s", (error) => {
  const refuse = () =>
    badKeyAs("auth.rejected", () => {
      throw error;
    });
  expect(refuse).toThrow(error);
});

test("what is no failure is given back", () => {
  expect(badKeyAs("auth.rejected", () => 7)).toBe(7);
});
