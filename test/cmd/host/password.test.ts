import { describe, expect, test } from "bun:test";
import { closeSync, openSync, writeFileSync } from "node:fs";
import { PassThrough, Writable } from "node:stream";
import { askNewPassword, normalizePassword, type PasswordCheck, readPassword } from "../../../cmd/host/password.ts";
import { Prompter } from "../../../cmd/host/prompt.ts";
import { CodedError } from "../../../core/errors.ts";
import type { Secret } from "../../../core/secret.ts";
import { failure } from "../../support/codes.ts";
import { temporaryFolder } from "../../support/folder.ts";

const textOf = (secret: Secret | null): string | undefined => secret?.use((bytes) => new TextDecoder().decode(bytes));

function fromFile(content: string | Uint8Array): Secret | null {
  using folder = temporaryFolder();
  writeFileSync(folder.at("pw"), content);
  return readPassword({ "password-file": "pw" }, folder.path);
}

test.each([
  ["pizza", "pizza"],
  ["pizza\n", "pizza"],
  ["pizza\r\n", "pizza"],
  [" pi zza ", " pi zza "],
  ["e\u0301", "\u00e9"],
  ["\uFB01sh", "fish"],
  ["x".repeat(1024), "x".repeat(1024)],
])("a file with %j gives %j", (content, expected) => {
  expect(textOf(fromFile(content))).toBe(expected);
});

test.each<readonly [string | Uint8Array, string]>([
  ["", "pw: the password is empty"],
  ["\n", "pw: the password is empty"],
  ["x".repeat(1025), "pw: the password is longer than 1024 bytes"],
  ["x".repeat(5000), "pw: larger than 4096 bytes"],
  ["one\ntwo\n", "pw: the password holds a line end; put it alone in one line"],
  ["pizza\n\n", "pw: the password holds a line end; put it alone in one line"],
  ["\u{feff}pizza", "pw: begins with a byte order mark; save it as UTF-8 without one"],
  [Uint8Array.of(0xff), "pw: not UTF-8 text"],
])("a file with %j is refused", (content, expected) => {
  expect(failure(() => fromFile(content)).detail).toBe(expected);
});

test("from an open descriptor, also a pipe", () => {
  using folder = temporaryFolder();
  writeFileSync(folder.at("pw"), "pizza\n");
  const fd = openSync(folder.at("pw"), "r");
  expect(textOf(readPassword({ "password-fd": String(fd) }, "/"))).toBe("pizza");
  closeSync(fd);
  const read = `
    import { readPassword } from "${import.meta.dir}/../../../cmd/host/password.ts";
    const secret = readPassword({ "password-fd": "0" }, "/");
    process.stdout.write(secret.use((bytes) => bytes));`;
  const { stdout } = Bun.spawnSync([
    "sh",
    "-c",
    `(printf pi; sleep 0.05; printf 'zza\\n') | "$0" -e '${read}'`,
    process.execPath,
  ]);
  expect(stdout.toString()).toBe("pizza");
});

test("what cannot be read is one line", () => {
  expect(failure(() => readPassword({ "password-file": "no" }, "/")).detail).toBe(
    "no: cannot be read: no such file or folder",
  );
  expect(failure(() => readPassword({ "password-file": "/tmp" }, "/")).detail).toBe(
    "/tmp: cannot be read: it is a folder",
  );
  expect(failure(() => readPassword({ "password-fd": "9999" }, "/")).detail).toBe(
    "--password-fd 9999: cannot be read: it is not open",
  );
  expect(failure(() => readPassword({ "password-fd": "-1" }, "/")).code).toBe("usage.invalid");
  expect(failure(() => readPassword({ "password-fd": "0", "password-file": "x" }, "/")).detail).toBe(
    "--password-file and --password-fd exclude each other",
  );
  expect(readPassword({}, "/")).toBeNull();
});

test("half a character is no password", () => {
  expect(failure(() => normalizePassword("a\ud800")).detail).toBe("the password is not Unicode text");
});

describe("a new password that is asked for", () => {
  /** Types `lines` ahead; passwords that end with "?" are weak. */
  async function ask(lines: string, terminal: boolean) {
    const input = new PassThrough();
    let shown = "";
    const output = new Writable({
      write(chunk, _encoding, done) {
        shown += String(chunk);
        done();
      },
    });
    const prompter = new Prompter({ input, output, terminal, interrupted: () => {} });
    const seen: Secret[] = [];
    const check: PasswordCheck = async (password) => {
      seen.push(password);
      await Promise.resolve();
      if (textOf(password)?.endsWith("?") === true) throw new CodedError("password.weak", "this one is weak");
    };
    input.end(lines);
    const outcome = await askNewPassword(prompter, "Zoe", check).then(
      (password) => ({ result: textOf(password) }),
      (error: CodedError) => ({ refused: `${error.code}: ${error.detail}` }),
    );
    prompter.close();
    return { ...outcome, prompts: shown.split("\n").slice(0, -1), wiped: seen.map(({ wiped }) => wiped) };
  }

  const [NEW, AGAIN, WEAK] = ["New password for Zoe: ", "The same again: ", "this one is weak"];

  test("on a terminal twice; a weak one is refused at once and asked for again", async () => {
    expect(await ask("one?\rtwo?\rthree\rthree\r", true)).toEqual({
      result: "three",
      prompts: [NEW, WEAK, NEW, WEAK, NEW, AGAIN],
      wiped: [true, true, false],
    });
  });

  test("one that is not typed the same twice is asked for again", async () => {
    expect(await ask("one\rtwo\rthree\rthree\r", true)).toEqual({
      result: "three",
      prompts: [NEW, AGAIN, "the two passwords differ", NEW, AGAIN],
      wiped: [true, false],
    });
  });

  test("three times in all", async () => {
    expect(await ask("one?\rtwo?\rthree?\rfour\rfour\r", true)).toEqual({
      refused: "password.weak: this one is weak",
      prompts: [NEW, WEAK, NEW, WEAK, NEW],
      wiped: [true, true, true],
    });
  });

  test("without a terminal once", async () => {
    expect(await ask("one\n", false)).toEqual({ result: "one", prompts: [NEW], wiped: [false] });
    expect(await ask("one?\ntwo\n", false)).toEqual({
      refused: "password.weak: this one is weak",
      prompts: [NEW],
      wiped: [true],
    });
  });

  test.each([
    [
      "two that differ, three times",
      "one\rtwo\r".repeat(3),
      "the two passwords differ; nothing was changed",
      [true, true, true],
    ],
    ["nothing", "\r", "the password is empty", []],
    ["the end of input", "", "no password given", []],
    ["the end of input instead of the second", "one\r", "no password given", [true]],
    ["a weak one, then nothing", "one?\r\r", "the password is empty", [true]],
  ])("%s: not asked for again, and wiped", async (_what, lines, says, wiped) => {
    expect(await ask(lines, true)).toMatchObject({ refused: `password.invalid: ${says}`, wiped });
  });
});
