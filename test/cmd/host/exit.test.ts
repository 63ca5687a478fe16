import { expect, test } from "bun:test";
import { endingOf, sentenceOf } from "../../../cmd/host/exit.ts";
import { CodedError, ERRORS, type ErrorCode } from "../../../core/errors.ts";

test.each<readonly [ErrorCode, string, number, string | null]>([
  ["config.invalid", "sconf.json: port: missing", 2, "ims: sconf.json: port: missing"],
  ["usage.invalid", "unknown option --x", 2, "ims: unknown option --x"],
  ["name.invalid", "a user name is …", 2, "ims: a user name is …"],
  ["text.tooLong", "too long", 2, "ims: too long"],
  ["password.invalid", "the password is empty", 2, "ims: the password is empty"],
  ["file.failed", "f: the disk is full", 1, "ims: f: the disk is full"],
  ["user.unknown", "no user x", 1, "ims: no user x"],
  ["auth.rejected", "", 3, "ims: name or password not accepted"],
  [
    ...(["auth.tooManyDevices", "", 3] as const),
    "ims: you have as many devices as the server allows; `client devices` lists them and removes one",
  ],
  [
    ...(["auth.removed", "", 3] as const),
    "ims: this device was removed from your account; `client state reset` makes another of it",
  ],
  [
    ...(["account.initial", "", 3] as const),
    "ims: the operator chose your password: log in once with `client`, at a terminal, and set your own",
  ],
  [
    ...(["account.recovery", "", 3] as const),
    "ims: the operator has set your password: log in once with `client`, at a terminal, and give your recovery code",
  ],
  ["account.code", "", 2, "ims: that is not the recovery code of this account"],
  ["state.damaged", "s: the state is damaged: x", 2, "ims: s: the state is damaged: x"],
  ["state.foreign", "s: belongs to bob", 2, "ims: s: belongs to bob"],
  ["file.locked", "s: another client uses this device", 1, "ims: s: another client uses this device"],
  ["host.interrupted", "", 130, null],
  ["e2ee.gap", "", 1, "ims: e2ee.gap"],
  ["config.invalid", "a\nb\u001b[2Jc\u202e", 2, "ims: a\\u{a}b\\u{1b}[2Jc\\u{202e}"],
])("%s, %j ends with %d", (code, detail, exit, line) => {
  expect<unknown>(endingOf(new CodedError(code, detail))).toEqual({ code: exit, line });
});

test("a bug says that it is one", () => {
  const line = "ims: this is a fault in the program: TypeError: x is\\u{a}undefined";
  expect(endingOf(new TypeError("x is\nundefined"))).toEqual({ code: 1, line });
  expect(endingOf("thrown").code).toBe(1);
});

test("every code that a server can send has words of its own for users", () => {
  const sent = (Object.keys(ERRORS) as ErrorCode[]).filter((code) => ERRORS[code].wire !== 0);
  const sentences = sent.map(sentenceOf);
  for (const sentence of sentences) expect(sentence).toMatch(/^[a-z][^.]* [^.]*[a-zA-Z.]+$/);
  expect(new Set(sentences).size).toBe(sent.length);
});
