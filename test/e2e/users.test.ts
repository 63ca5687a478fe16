/** Changes to `users.json` while the server runs: they take effect without a restart. */
import { afterAll, beforeAll, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { RunningRealm } from "../support/runningRealm.ts";

setDefaultTimeout(20_000);

const ENDED = "ims: the server has ended this login: the user was removed or locked, or has a new password\n";
const RECOVERY =
  "ims: the operator has set your password: log in once with `client`, at a terminal, and give your recovery code\n";
const REFUSED = { code: 3, out: "", err: "ims: name or password not accepted\n" };

let realm: RunningRealm;
let pristine: string;
beforeAll(async () => {
  realm = await RunningRealm.start();
  pristine = readFileSync(realm.folder.at("users.json"), "utf8");
});
beforeEach(() => {
  replaceUsers(pristine);
});
afterAll(async () => {
  await realm?.[Symbol.asyncDispose]();
});

/** As an editor or a careful program replaces a file. */
function replaceUsers(content: string): void {
  writeFileSync(realm.folder.at("users.new"), content, { mode: 0o600 });
  renameSync(realm.folder.at("users.new"), realm.folder.at("users.json"));
}

/** Runs `change` and waits until the server has said `event`. */
async function noticed(event: string, change: () => unknown): Promise<Record<string, unknown>> {
  const seen = realm.log.length;
  await change();
  const found = () => realm.log.slice(seen).find((line) => line.event === event) ?? null;
  return await realm.server.until(found, `${event} in the log`);
}

test("a user who is added can log in, and the others see the new name", async () => {
  await using alice = await realm.chat("Alice");
  const password = realm.folder.setPassword("Frank", "the sixth of us");
  expect(await realm.as("Frank", ["users"])).toEqual(REFUSED);
  await noticed("users.loaded", () => realm.folder.admin("user", "add", "Frank", "--password-file", password));
  alice.enter("/list");
  await alice.until(({ text }) => /Frank +offline/.test(text), "Frank in the list");
  expect(await realm.as("Frank", ["send", "Alice", "I am new here"])).toEqual({ code: 0, out: "", err: "" });
  await alice.shows("Frank: I am new here");
});

test("a new password ends the sessions and counts at once; the old one does not", async () => {
  const [listener, chat] = await Promise.all([realm.listener("Bob"), realm.chat("Bob")]);
  const old = realm.folder.setPassword("old", "i<3j@1eb!");
  const password = realm.folder.setPassword("Bob", "a new password");
  const command = ["user", "passwd", "Bob", "--password-file", password];
  await noticed("users.loaded", async () =>
    expect(await realm.folder.admin(...command)).toBe("Bob has a new password.\n"),
  );
  const heard = await listener.ended();
  expect(heard).toMatchObject({ code: 3, out: "" });
  // Whichever of the two was first has heard of the other.
  expect(heard.err.replace(/^ims: you have a new device, .*\n/, "")).toBe(ENDED);
  expect(await chat.ended()).toBe(3);
  await chat.shows("ims: the server has ended this login");
  expect(chat.restored).toBe(true);
  expect(await realm.as("Bob", ["users"])).toEqual({ code: 3, out: "", err: RECOVERY });
  expect(await realm.client(["--user", "Bob", "--password-file", old, "users"])).toEqual(REFUSED);
  realm.folder.setPassword("Bob", "i<3j@1eb!");
});

test("a locked user is out and stays out until unlocked; nobody else notices more than that", async () => {
  await using alice = await realm.chat("Alice");
  const chris = await realm.listener("Chris");
  await alice.shows("-- Chris is online");
  await noticed("users.loaded", () => realm.folder.admin("user", "lock", "chris"));
  expect(await chris.ended()).toEqual({ code: 3, out: "", err: ENDED });
  await alice.shows("-- Chris is offline");
  expect(await realm.as("Chris", ["users"])).toEqual(REFUSED);
  await noticed("users.loaded", () => realm.folder.admin("user", "unlock", "chris"));
  expect(await realm.as("Chris", ["users"])).toMatchObject({ code: 0 });
  expect(alice.running).toBe(true);
});

test("a user who is removed is out, and the others are told", async () => {
  const [alice, dana] = await Promise.all([realm.chat("Alice"), realm.listener("Dana")]);
  const asked = await realm.folder.run("server", ["user", "remove", "Dana"]);
  expect(asked).toEqual({
    code: 2,
    out: "",
    err: "ims: user remove asks on a terminal; without one it needs --yes\n",
  });
  await noticed("users.loaded", () => realm.folder.admin("user", "remove", "Dana", "--yes"));
  expect(await dana.ended()).toEqual({ code: 3, out: "", err: ENDED });
  await alice.shows("-- Dana is no longer a user here");
  alice.enter("/msg Dana hello");
  await alice.shows("!! there is no user Dana");
  expect(await realm.as("Dana", ["users"])).toEqual(REFUSED);
});

test("a broken users.json leaves the old users in force and says so; mended, it counts", async () => {
  const alice = await realm.listener("Alice", ["--count", "1"]);
  for (const [content, reason] of [
    [pristine.slice(0, pristine.length >> 1), "users.json: line"],
    ["", "users.json: the file is empty"],
    [
      pristine.replace('"status": "active"', '"status": "actve"'),
      'users.json: users[0].status: expected one of "active", "locked"',
    ],
    [pristine.replace(/"realm": "./, '"realm": "A'), "users.json: realm: these users belong to another realm"],
  ] as const) {
    const line = await noticed("users.refused", () => replaceUsers(content));
    expect(line).toMatchObject({ level: "error", file: "users.json", note: "the last good users stay" });
    expect(line.reason).toContain(reason);
  }
  await noticed("users.refused", () => rmSync(realm.folder.at("users.json")));
  expect(await realm.as("Eric", ["send", "Alice", "still here"])).toEqual({ code: 0, out: "", err: "" });
  expect((await alice.ended()).out).toContain("still here");
  const locked = pristine.replace(/("name": "Eric",\s+"status": )"active"/, '$1"locked"');
  expect((await noticed("users.loaded", () => replaceUsers(locked))).users).toBe(5);
  expect(await realm.as("Eric", ["users"])).toEqual(REFUSED);
});

test("a change that writes the file in place counts as well", async () => {
  const locked = pristine.replace(/("name": "Eric",\s+"status": )"active"/, '$1"locked"');
  await noticed("users.loaded", () => writeFileSync(realm.folder.at("users.json"), locked));
  expect(await realm.as("Eric", ["users"])).toEqual(REFUSED);
});

test("several operators at once lose no change", async () => {
  const names = ["one", "two", "three", "four"];
  const add = (name: string) =>
    realm.folder.admin("user", "add", name, "--password-file", realm.folder.setPassword(name, `password ${name}`));
  await Promise.all([...names.map(add), realm.folder.admin("user", "lock", "Dana")]);
  const list = await realm.folder.admin("user", "list", "--json");
  const users = list
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(users.map(({ name }) => name).sort()).toEqual([...names, "Alice", "Bob", "Chris", "Dana", "Eric"].sort());
  expect(users.filter(({ status }) => status === "locked")).toMatchObject([{ name: "Dana" }]);
  const keys = ["type", "name", "status", "changedAt", "epoch", "initial", "failedInDay", "failedInHour", "underFire"];
  // Who was guessed at in the tests before also has the time and place of it.
  for (const user of users) expect(Object.keys(user).slice(0, keys.length)).toEqual(keys);
});
