import { expect, test } from "bun:test";
import { closeSync, openSync, writeFileSync } from "node:fs";
import { normalizePassword, readPassword } from "../../../cmd/host/password.ts";
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
