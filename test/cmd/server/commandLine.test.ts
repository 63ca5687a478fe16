import { expect, test } from "bun:test";
import { parseServerCommand, SERVER_HELP, type ServerCommand } from "../../../cmd/server/commandLine.ts";
import { failure } from "../../support/codes.ts";

const user = { kind: "user", config: undefined } as const;
const plain = { initial: false, weak: false };

test.each<readonly [string, ServerCommand]>([
  ["", { kind: "run", config: undefined }],
  ["run", { kind: "run", config: undefined }],
  ["--config f", { kind: "run", config: "f" }],
  ["check --config=f", { kind: "check", config: "f" }],
  ["init", { kind: "init", folder: "", host: undefined, port: undefined }],
  ["init d --host ::1 --port 1", { kind: "init", folder: "d", host: "::1", port: 1 }],
  ["key show", { kind: "keyShow", config: undefined }],
  ["status", { kind: "status", json: false, all: false, config: undefined }],
  ["status --json --config f", { kind: "status", json: true, all: false, config: "f" }],
  ["status --all", { kind: "status", json: false, all: true, config: undefined }],
  ["user list", { ...user, action: "list", json: false }],
  ["user list --json", { ...user, action: "list", json: true }],
  ["user lock 007", { ...user, action: "lock", name: "007" }],
  ["user unlock a", { ...user, action: "unlock", name: "a" }],
  ["user remove a --yes", { ...user, action: "remove", name: "a", yes: true }],
  ["user add a --password-fd 3", { ...user, action: "add", name: "a", password: { "password-fd": "3" }, ...plain }],
  [
    "user add a --weak",
    { ...user, action: "add", name: "a", password: { weak: true } as object, ...plain, weak: true },
  ],
  [
    "user add a --initial",
    { ...user, action: "add", name: "a", password: { initial: true } as object, ...plain, initial: true },
  ],
  ["user passwd a", { ...user, action: "passwd", name: "a", password: {}, ...plain }],
  ["--help", { kind: "help" }],
  ["user add -h", { kind: "help" }],
  ["--version", { kind: "version" }],
])("server %s", (words, expected) => {
  expect(parseServerCommand(words.split(" ").filter((word) => word !== ""))).toEqual(expected);
});

test.each([
  ["start", 'unknown command "start"; see --help'],
  ["chekc", 'unknown command "chekc"; did you mean check?'],
  ["run fast", '"run" does not take the word "fast"'],
  ["init a b", '"init" does not take the word "b"'],
  ["init --port 0", "--port: expected an integer from 1 to 65535"],
  ["init --port 1e3", "--port: expected an integer from 1 to 65535"],
  ["init --config f", '--config does not go with "init"; see --help'],
  ["--port 1", '--port does not go with "run"; see --help'],
  ["user", 'unknown user command ""; see --help'],
  ["user ad x", 'unknown user command "ad"; did you mean add?'],
  ["user add", "user add needs the name of a user"],
  ["user add a b", '"user add" does not take the word "b"'],
  ["user add a --yes", '--yes does not go with "user add"; see --help'],
  ["user list --weak", '--weak does not go with "user list"; see --help'],
  ["user lock a --initial", '--initial does not go with "user lock"; see --help'],
  ["user list a", '"user list" does not take the word "a"'],
  ["user lock a --json", '--json does not go with "user lock"; see --help'],
  ["status x", '"status" does not take the word "x"'],
  ["status --yes", '--yes does not go with "status"; see --help'],
  ["user list --all", '--all does not go with "user list"; see --help'],
  ["key", 'unknown key command ""; see --help'],
  ["key show x", '"key show" does not take the word "x"'],
  ["--config", "--config needs a value"],
])("server %s is refused", (words, expected) => {
  const error = failure(() => parseServerCommand(words.split(" ")));
  expect([error.code, error.detail]).toEqual(["usage.invalid", expected]);
});

test("the help fits a terminal of 80 columns", () => {
  expect(SERVER_HELP.split("\n").filter((line) => line.length > 80)).toEqual([]);
});
