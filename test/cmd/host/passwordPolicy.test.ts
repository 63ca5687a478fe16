import { describe, expect, test } from "bun:test";
import { normalizePassword } from "../../../cmd/host/password.ts";
import { expectStrong } from "../../../cmd/host/passwordPolicy.ts";
import { CodedError } from "../../../core/errors.ts";
import { parseUserName } from "../../../core/name.ts";
import { DEMO_USERS } from "../../support/demoRealm.ts";

const NAME = "this password is hardly more than the user's name; take another, or insist with --weak";
const COMMON = "this password is one of the 10,000 most common ones; take another, or insist with --weak";
const NEAR =
  "this password is hardly more than one of the 10,000 most common ones; take another, or insist with --weak";
const SHORT =
  "this password is shorter than 12 characters, not counting repetitions and runs such as abcd; take a longer one, such as a few words, or insist with --weak";

/** What is said of a password; null when nothing is. */
async function judge(text: string, user = "Christine"): Promise<string | null> {
  using password = normalizePassword(text);
  try {
    await expectStrong(password, parseUserName(user));
    expect(password.use((bytes) => new TextDecoder().decode(bytes))).toBe(text.normalize("NFKC"));
    return null;
  } catch (error) {
    if (!(error instanceof CodedError)) throw error;
    expect(error.code).toBe("password.weak");
    return error.detail;
  }
}

describe("length: code points of the NFKC form, at least 12", () => {
  test.each([
    ["one short", "kq7#vR2m!xZ", SHORT],
    ["just enough", "kq7#vR2m!xZ4", null],
    ["two bytes each, one short", "żółćęśąźńŻÓ", SHORT],
    ["two bytes each, just enough", "żółćęśąźńŻÓŁ", null],
    ["four bytes each, one short", "🐇🦊🐻🐼🐨🐯🦁🐮🐷🐸🐵", SHORT],
    ["four bytes each, just enough", "🐇🦊🐻🐼🐨🐯🦁🐮🐷🐸🐵🐔", null],
    ["longer before NFKC than after", "e\u0301x y z 7 # q", null],
    ["long enough before NFKC alone", "e\u0301e\u0300e\u0302k7#vR2m!", SHORT],
    ["long enough after NFKC alone", "㎏㎏㎏#vR7!m", null],
    ["one character", "x", SHORT],
    ["spaces", " ".repeat(40), SHORT],
    ["a repetition", "x7!Q".repeat(5), SHORT],
    ["the same in capitals", "x7!qX7!Q", SHORT],
    ["a run", "abcdefghijklmnop", SHORT],
    ["a run backwards, with capitals", "zyXWvutsrqpONMl", SHORT],
    ["digits in their order", "123456789012", SHORT],
    ["one character, and another", "aaaaaaaaaaaaaab", SHORT],
    ["two runs and a little more", "aaaaaabbbbbb-123456", SHORT],
    ["a run within", "kq7#vR2m1234", SHORT],
    ["three are no run", "kq7#vR2m!xyz", null],
    ["a run beside enough", "kq7#vR2m!xZ4abcd", null],
    ["a repetition of enough", "kq7#vR2m!xZ4".repeat(2), null],
    ["the longest", "kq7#vR2m!xZ4 ".repeat(78), null],
    ["nothing that is seen", "\u200b".repeat(12), SHORT],
    ["eight, and marks over them", `kq7#vR2m${"\u0316".repeat(8)}`, SHORT],
    ["a common one, and nothing that is seen", `password${"\u200b".repeat(5)}`, COMMON],
    ["a common one with nothing seen in it", "pass\u00adwo\u2060rd", COMMON],
  ])("%s", async (_what, text, says) => {
    expect(await judge(text)).toBe(says);
  });
});

describe("the 10,000 most common ones, whatever is put around them", () => {
  test.each([
    ["pizza", COMMON],
    ["PiZZa", COMMON],
    ["123456", COMMON],
    ["1qaz2wsx3edc", COMMON],
    ["1QAZ2wsx3edc", COMMON],
    ["leavemealone", COMMON],
    ["password2026", NEAR],
    ["2026!!password", NEAR],
    ["P-a-s-s-w-o-r-d", NEAR],
    ["pizzapizzapizza", NEAR],
    ["pizza pizza 12", NEAR],
    ["pizza1pizza1pizza1", NEAR],
    ["leavemealone!", NEAR],
    ["123456654321.", NEAR],
    ["(^_^) password", NEAR],
    ["password481516234223", null], // twelve digits are a password of their own
    ["pizza at midnight", null],
    ["żpassword2026ż", null],
  ])("%s", async (text, says) => {
    expect(await judge(text)).toBe(says);
  });

  test("the list ends where it says", async () => {
    const { default: list } = await import("@zxcvbn-ts/language-common/src/passwords.json");
    expect([list.length, new Set(list).size]).toEqual([49_233, 49_233]);
    expect(list.every((word) => /^[!-~]+$/.test(word) && word === word.toLowerCase())).toBe(true);
    expect(list.slice(0, 4)).toEqual(["123456", "password", "12345678", "qwerty"]);
    expect([await judge(list[9_999] ?? ""), await judge(list[10_000] ?? "")]).toEqual([COMMON, SHORT]);
  });
});

describe("the user's name, whatever is put around it", () => {
  test.each([
    ["Christine", "christine"],
    ["Christine", "CHRISTINE"],
    ["Christine", "Christine2026"],
    ["Christine", "!!Christine!!"],
    ["Christine", "ChristineChristine"],
    ["Christine", "christine & christine"],
    ["Christine", "enitsirhC"],
    ["Christine", "christineenitsirhc1"],
    ["Mary-Jane.K", "mary-jane.k 1999"],
    ["Mary-Jane.K", "maryjanek1999"],
    ["dr.no007", "DrNo007DrNo007"],
    ["x", "xxxxxxxxxxxx"],
  ])("%s: %s", async (user, text) => {
    expect(await judge(text, user)).toBe(NAME);
  });

  test.each([
    ["Christine", "christine of the hill"],
    ["Christine", "christyna2026"],
    ["Christine", "christine481516234223"],
    ["a", "a pass phrase of mine"],
    ["Bob", "bob's your uncle"],
    ["Bob", "#!$%&/()=?+*~"],
  ])("not %s: %s", async (user, text) => {
    expect(await judge(text, user)).toBeNull();
  });
});

test("of the demo passwords one is strong", async () => {
  const judged = await Promise.all(DEMO_USERS.map(async ([name, password]) => [name, await judge(password, name)]));
  expect(judged).toEqual([
    ["Alice", SHORT],
    ["Bob", SHORT],
    ["Chris", COMMON],
    ["Dana", null],
    ["Eric", COMMON],
  ]);
});

test.each(["kq7#vRimen", "dragon2026", "enitsirhC77", "pizza", "motherfucker"])(
  "the line for %s repeats nothing of it",
  async (text) => {
    const [letters = "nothing"] = text.match(/[a-z]{4,}/i) ?? [];
    expect(await judge(text)).toStartWith("this password is ");
    expect((await judge(text))?.toLowerCase()).not.toContain(letters.toLowerCase());
  },
);
