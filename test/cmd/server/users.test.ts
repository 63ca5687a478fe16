import { describe, expect, test } from "bun:test";
import { chmodSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { formatBase64url } from "../../../cmd/host/base64url.ts";
import {
  changeUsers,
  formatUsers,
  loadUsers,
  parseUsers,
  setPassword,
  type UsersFile,
} from "../../../cmd/server/users.ts";
import { nativeCrypto } from "../../../core/crypto/native.ts";
import { CodedError } from "../../../core/errors.ts";
import { parseUserName } from "../../../core/name.ts";
import { failure, rejection } from "../../support/codes.ts";
import { snapshot, temporaryFolder } from "../../support/folder.ts";

const realmId = new Uint8Array(32).fill(5);
const base64 = formatBase64url(new Uint8Array(192).fill(9));
const alice = { name: "Alice", status: "active", record: base64, changedAt: "2026-01-02T03:04:05.006Z", epoch: 1 };
const bob = { ...alice, name: "bob", status: "locked", epoch: 7 };
const content = { version: 1, realm: formatBase64url(realmId), users: [alice, bob] };

const fileAt = (path: string): UsersFile => ({
  ...{ path, name: "users.json", realmId, demo: false, crypto: nativeCrypto },
});
const parse = (value: unknown) => parseUsers(typeof value === "string" ? value : JSON.stringify(value), fileAt("/"));

test("users come back as they were, in their order", () => {
  const users = parse(content);
  expect(Array.from(users.keys()).map(String)).toEqual(["alice", "bob"]);
  expect(users.get(parseUserName("ALICE"))).toMatchObject({ name: "Alice", active: true, epoch: 1 });
  expect(users.get(parseUserName("bob"))).toMatchObject({ name: "bob", active: false, epoch: 7 });
  expect(JSON.parse(formatUsers(realmId, users))).toEqual(content);
  expect(parse({ ...content, users: [] }).size).toBe(0);
});

describe("anything wrong refuses the whole file in one line", () => {
  const withAlice = (changes: object) => ({ ...content, users: [bob, { ...alice, ...changes }] });
  const { epoch: _, ...noEpoch } = alice;
  const lowOrder = formatBase64url(new Uint8Array(192));
  test.each<readonly [string, unknown, string]>([
    [
      "another realm",
      { ...content, realm: formatBase64url(new Uint8Array(32)) },
      "realm: these users belong to another realm than the server's key",
    ],
    ["a short realm", { ...content, realm: "AAAA" }, 'realm: expected 32 bytes of base64url, found "AAAA"'],
    ["a name twice", { ...content, users: [alice, bob, alice] }, "users[2].name: the user Alice is there twice"],
    ["a name twice, in capitals", withAlice({ name: "BOB" }), "users[1].name: the user BOB is there twice"],
    [
      "a bad name",
      withAlice({ name: "../x" }),
      'users[1].name: expected a user name: 1 to 32 of A-Z a-z 0-9 . _ -, beginning with a letter or digit, found "../x"',
    ],
    [
      "a look-alike",
      withAlice({ name: "\u0430lice" }),
      'users[1].name: expected a user name: 1 to 32 of A-Z a-z 0-9 . _ -, beginning with a letter or digit, found "\u0430lice"',
    ],
    ["a status", withAlice({ status: "gone" }), 'users[1].status: expected one of "active", "locked", found "gone"'],
    [
      "a short record, not shown",
      withAlice({ record: base64.slice(4) }),
      "users[1].record: expected 192 bytes of base64url",
    ],
    ["a padded record", withAlice({ record: `${base64}=` }), "users[1].record: expected 192 bytes of base64url"],
    [
      "a record with a bad key",
      withAlice({ record: lowOrder }),
      "users[1].record: not a record; set Alice's password again",
    ],
    [
      "a local time",
      withAlice({ changedAt: "2026-01-02T03:04:05.006+01:00" }),
      'users[1].changedAt: expected a time such as 2026-01-31T12:00:00.000Z, found "2026-01-02T03:04:05.006+01:00"',
    ],
    [
      "a day that is none",
      withAlice({ changedAt: "2026-02-30T03:04:05.006Z" }),
      'users[1].changedAt: expected a time such as 2026-01-31T12:00:00.000Z, found "2026-02-30T03:04:05.006Z"',
    ],
    ["epoch zero", withAlice({ epoch: 0 }), "users[1].epoch: expected an integer from 1 to 9007199254740991, found 0"],
    [
      "no epoch",
      { ...content, users: [noEpoch] },
      "users[0].epoch: missing; expected an integer from 1 to 9007199254740991",
    ],
    ["a word for a flag", withAlice({ initial: "yes" }), 'users[1].initial: expected true or false, found "yes"'],
    [
      "an unknown key",
      withAlice({ admin: true }),
      "users[1].admin: unknown key; expected name, status, record, changedAt, epoch, initial",
    ],
    [
      "users an object",
      { ...content, users: {} },
      "users: expected a list of at most 100000, each an object with name, status, record, changedAt, epoch, initial, found an object",
    ],
    ["another version", { ...content, version: 2 }, "version: expected 1, the version of this file's format, found 2"],
    [
      "a byte order mark",
      `\u{feff}${JSON.stringify(content)}`,
      "begins with a byte order mark; save it as UTF-8 without one",
    ],
    ["nothing", "", "the file is empty"],
  ])("%s", (_what, value, expected) => {
    expect(failure(() => parse(value)).detail).toBe(`users.json: ${expected}`);
  });
});

test("an initial password is one when the file says so, and only then is it written", () => {
  const users = parse({
    ...content,
    users: [
      { ...alice, initial: true },
      { ...bob, initial: false },
    ],
  });
  expect([...users.values()].map(({ initial }) => initial)).toEqual([true, false]);
  expect(JSON.parse(formatUsers(realmId, users)).users).toEqual([{ ...alice, initial: true }, bob]);
  expect([...parse(content).values()].map(({ initial }) => initial)).toEqual([false, false]);
});

test("torn at any byte, it is refused with its name, never loaded in part", () => {
  const text = formatUsers(realmId, parse(content));
  for (let length = 0; length < text.length - 1; length += 1) {
    const error = failure(() => parse(text.slice(0, length)));
    expect(error.code).toBe("config.invalid");
    expect(error.detail).toStartWith("users.json: ");
  }
  expect(parse(text.slice(0, -1)).size).toBe(2);
});

test("others may not read it, except in the demo realm", () => {
  using folder = temporaryFolder();
  const path = folder.at("users.json");
  writeFileSync(path, JSON.stringify(content), { mode: 0o644 });
  expect(failure(() => loadUsers(fileAt(path))).detail).toBe(
    `users.json: others can read it (mode 0644); run: chmod 600 ${path}`,
  );
  expect(loadUsers({ ...fileAt(path), demo: true }).size).toBe(2);
  chmodSync(path, 0o600);
  expect(loadUsers(fileAt(path)).size).toBe(2);
});

test("a change is saved whole, private to its owner; one that fails leaves the file as it was", async () => {
  using folder = temporaryFolder();
  const file = fileAt(folder.at("users.json"));
  writeFileSync(file.path, JSON.stringify(content), { mode: 0o600 });
  await changeUsers(file, (users) => new Map(Array.from(users).slice(1)));
  expect(Array.from(loadUsers(file).keys()).map(String)).toEqual(["bob"]);
  expect(statSync(file.path).mode & 0o777).toBe(0o600);

  const before = snapshot(folder.path);
  const failing = changeUsers(file, () => {
    throw new CodedError("user.unknown");
  });
  expect((await rejection(failing)).code).toBe("user.unknown");
  expect(snapshot(folder.path)).toEqual(before);

  writeFileSync(file.path, readFileSync(file.path, "utf8").slice(0, -5));
  const torn = snapshot(folder.path);
  expect((await rejection(changeUsers(file, (users) => users))).code).toBe("config.invalid");
  expect(snapshot(folder.path)).toEqual(torn);
});

test("changes made at once are all there afterwards", async () => {
  using folder = temporaryFolder();
  const file = fileAt(folder.at("users.json"));
  writeFileSync(file.path, JSON.stringify({ ...content, users: [] }), { mode: 0o600 });
  const user = Array.from(parse(content).values())[0];
  if (user === undefined) throw new Error("no user");
  const names = ["a", "b", "c", "d", "e"];
  const add = (name: string) =>
    changeUsers(file, (users) => new Map([...users, [parseUserName(name), { ...user, name }]]));
  await Promise.all(names.map(add));
  expect(Array.from(loadUsers(file).keys()).map(String).sort()).toEqual(names);
});

test("a change that makes nothing of them leaves the file alone", async () => {
  using folder = temporaryFolder();
  const file = fileAt(folder.at("users.json"));
  writeFileSync(file.path, JSON.stringify(content), { mode: 0o600 });
  const before = readFileSync(file.path, "utf8");
  expect(await changeUsers(file, () => null)).toBeNull();
  expect(readFileSync(file.path, "utf8")).toBe(before);
});

describe("a password that the user chose", () => {
  const record = new Uint8Array(192).fill(11);
  const atMs = Date.parse("2026-03-04T05:06:07.008Z");
  const chosen = { user: parseUserName("alice"), epoch: 2, record, atMs };
  const initial = { ...content, users: [{ ...alice, initial: true }, bob] };

  async function setting(changes: Partial<typeof chosen>) {
    using folder = temporaryFolder();
    const file = fileAt(folder.at("users.json"));
    writeFileSync(file.path, JSON.stringify(initial), { mode: 0o600 });
    const users = await setPassword(file, { ...chosen, ...changes });
    return { users, saved: JSON.parse(readFileSync(file.path, "utf8")), loaded: loadUsers(file) };
  }

  test("is set with its epoch and time, is no initial one, and leaves the others alone", async () => {
    const { users, saved, loaded } = await setting({});
    const changedAt = "2026-03-04T05:06:07.008Z";
    const now = { ...alice, record: formatBase64url(record), changedAt, epoch: 2 };
    expect(saved).toEqual({ ...content, users: [now, bob] });
    expect(users).toEqual(loaded);
  });

  test.each([
    ["the same epoch again", { epoch: 1 }],
    ["two epochs later", { epoch: 3 }],
    ["a user who is locked", { user: parseUserName("bob"), epoch: 8 }],
    ["a user who has gone", { user: parseUserName("zoe") }],
  ])("is not set for %s", async (_, changes) => {
    const { users, saved } = await setting(changes);
    expect(users).toBeNull();
    expect(saved).toEqual(initial);
  });

  test("of two that are set at once one is, and the other is told", async () => {
    using folder = temporaryFolder();
    const file = fileAt(folder.at("users.json"));
    writeFileSync(file.path, JSON.stringify(content), { mode: 0o600 });
    const other = { ...chosen, record: new Uint8Array(192).fill(12) };
    const results = await Promise.all([setPassword(file, chosen), setPassword(file, other)]);
    expect(results.filter((users) => users === null).length).toBe(1);
    const kept = loadUsers(file).get(chosen.user);
    expect(kept).toEqual(results.find((users) => users !== null)?.get(chosen.user));
  });

  test("with a record that is none is refused, and the file stays", async () => {
    const wrong = setting({ record: new Uint8Array(192) });
    expect((await rejection(wrong)).code).toBe("wire.malformed");
  });
});
