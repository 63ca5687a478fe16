import { afterEach, beforeEach, expect, test } from "bun:test";
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { systemCode } from "../../../cmd/host/files.ts";
import { AUDIT_FILES_KEPT, appendLines } from "../../../cmd/server/auditFile.ts";
import { CodedError } from "../../../core/errors.ts";
import { temporaryFolder } from "../../support/folder.ts";

let folder: ReturnType<typeof temporaryFolder>;
let path: string;
beforeEach(() => {
  folder = temporaryFolder();
  path = folder.at("audit.jsonl");
});
afterEach(() => folder[Symbol.dispose]());

const read = (suffix = ""): string => readFileSync(path + suffix, "utf8");
const line = (number: number): string => `line ${String(number).padStart(4, "0")}\n`; // 10 bytes

test("lines are appended to a file that only its owner reads", async () => {
  expect(await appendLines(path, [line(1), line(2)], 1000)).toEqual({ written: 2, failure: null });
  expect(await appendLines(path, [line(3)], 1000)).toEqual({ written: 1, failure: null });
  expect(read()).toBe(line(1) + line(2) + line(3));
  expect(statSync(path).mode & 0o777).toBe(0o600);
  chmodSync(path, 0o644);
  await appendLines(path, [line(4)], 1000);
  expect(statSync(path).mode & 0o777).toBe(0o600);
});

test("a full file makes place for the next; five old ones are kept, no line is lost or doubled among them", async () => {
  const all = Array.from({ length: 63 }, (_, index) => line(index));
  for (let at = 0; at < all.length; at += 7) {
    expect(await appendLines(path, all.slice(at, at + 7), 100)).toEqual({ written: 7, failure: null });
  }
  expect(AUDIT_FILES_KEPT).toBe(5);
  const files = [".5", ".4", ".3", ".2", ".1", ""].map((suffix) => read(suffix));
  expect(files.map((text) => text.length)).toEqual([100, 100, 100, 100, 100, 30]);
  expect(files.join("")).toBe(all.slice(10).join(""));
  expect(existsSync(`${path}.6`)).toBe(false);
});

test("a line that is longer than a file may be has one to itself", async () => {
  await appendLines(path, [line(1), `${"x".repeat(50)}\n`, line(2)], 20);
  expect([read(".2"), read(".1"), read()]).toEqual([line(1), `${"x".repeat(50)}\n`, line(2)]);
});

test("half a line that a power cut left does not spoil the next", async () => {
  writeFileSync(path, `${line(1)}{"half`);
  await appendLines(path, [line(2)], 1000);
  expect(read()).toBe(`${line(1)}{"half\n${line(2)}`);
});

test("what is moved away in between is begun anew", async () => {
  await appendLines(path, [line(1)], 1000);
  await Bun.file(path).unlink();
  await appendLines(path, [line(2)], 1000);
  expect(read()).toBe(line(2));
});

test.each([
  ["a folder that is not there", "none/audit.jsonl", "ENOENT"],
  ["a link", "link", "ELOOP"],
  ["a folder", "sub", "EISDIR"],
])("%s: nothing is written, and the reason is told", async (_what, name, code) => {
  symlinkSync("/dev/null", folder.at("link"));
  mkdirSync(folder.at("sub"));
  const { written, failure } = await appendLines(folder.at(name), [line(1)], 1000);
  expect([written, systemCode(failure)]).toEqual([0, code]);
});

test("a pipe is no audit trail", async () => {
  expect(Bun.spawnSync(["mkfifo", path]).exitCode).toBe(0);
  const { written, failure } = await appendLines(path, [line(1)], 1000);
  expect([written, failure instanceof CodedError && failure.detail]).toEqual([0, "not a file"]);
});

test.if(process.geteuid?.() === 0)("root makes the file for whom the folder belongs to", async () => {
  chownSync(folder.path, 12_345, 12_346);
  await appendLines(path, [line(1)], 1000);
  expect([statSync(path).uid, statSync(path).gid]).toEqual([12_345, 12_346]);
});
