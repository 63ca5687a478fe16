import { afterEach, beforeEach, expect, test } from "bun:test";
import { copyFileSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openRealm, type Realm } from "../../../cmd/server/realm.ts";
import { loadUsers } from "../../../cmd/server/users.ts";
import { UsersWatch } from "../../../cmd/server/usersWatch.ts";
import { nativeCrypto } from "../../../core/crypto/native.ts";
import { failure } from "../../support/codes.ts";
import { temporaryFolder } from "../../support/folder.ts";
import { Watched } from "../../support/programs.ts";

const ROOT = join(import.meta.dir, "..", "..", "..");

let folder: ReturnType<typeof temporaryFolder>;
let realms: Realm[];
let sizes: number[];
let changes: (readonly [before: number, now: number, file: string])[];
let watch: UsersWatch;
beforeEach(() => {
  folder = temporaryFolder();
  mkdirSync(folder.at("keys"));
  for (const name of ["users.json", "keys/server.key"]) copyFileSync(join(ROOT, name), folder.at(name));
  [realms, sizes, changes] = [[], [], []];
  const { usersFile } = realm("users.json");
  watch = new UsersWatch(usersFile, loadUsers(usersFile), {
    changed(before, now, file) {
      changes.push([before.size, now.size, file]);
      sizes.push(now.size);
    },
    log: { error: () => {} },
  });
});
afterEach(() => {
  watch[Symbol.dispose]();
  for (const one of realms) one[Symbol.dispose]();
  folder[Symbol.dispose]();
});

/** A realm whose configuration names this file of users. */
function realm(users: string): Realm {
  const config = { version: 1, host: "127.0.0.1", port: 0, privateKey: "keys/server.key", users };
  writeFileSync(folder.at("sconf.json"), JSON.stringify(config));
  const io = { env: {}, cwd: folder.path, execDir: folder.path };
  realms.push(openRealm({}, io, nativeCrypto));
  return realms.at(-1) as Realm;
}

/** Puts the first `count` users of the demo realm into a file, at once. */
function put(name: string, count: number): void {
  const found = JSON.parse(readFileSync(join(ROOT, "users.json"), "utf8"));
  writeFileSync(folder.at(`${name}.new`), JSON.stringify({ ...found, users: found.users.slice(0, count) }));
  renameSync(folder.at(`${name}.new`), folder.at(name));
}

const until = (count: number): Promise<true> =>
  new Watched().until(
    () => sizes.length === count || null,
    () => `${count} loads`,
  ) as Promise<true>;

test("a file that is replaced is loaded", async () => {
  put("users.json", 4);
  await until(1);
  expect(changes).toEqual([[5, 4, "users.json"]]);
  expect(watch.users.size).toBe(4);
});

test("another file takes the place of the first, which is not heard of any more", async () => {
  put("others.json", 3);
  expect(watch.file.name).toBe("users.json");
  watch.prepare(realm("others.json")).commit();
  expect(watch.file.name).toBe("others.json");
  expect(sizes).toEqual([3]);
  put("users.json", 1);
  put("others.json", 2);
  await until(2);
  await Bun.sleep(100); // longer than a change takes to be noticed
  expect(sizes).toEqual([3, 2]);
  expect(changes).toEqual([
    [5, 3, "others.json"],
    [3, 2, "others.json"],
  ]);
});

test("the same file again is nothing new, and another that is taken back is not heard of", async () => {
  put("others.json", 3);
  watch.prepare(realm("users.json")).commit();
  watch.prepare(realm("others.json")).rollback();
  put("others.json", 2);
  put("users.json", 1);
  await until(1);
  await Bun.sleep(100);
  expect(sizes).toEqual([1]);
});

test("a file that is not one of users is refused, and the first stays", async () => {
  writeFileSync(folder.at("others.json"), "{}");
  expect(failure(() => watch.prepare(realm("others.json")))).toMatchObject({ code: "config.invalid" });
  expect(failure(() => watch.prepare(realm("missing.json")))).toMatchObject({
    detail: "sconf.json: users: missing.json: cannot be read: no such file or folder",
  });
  put("users.json", 1);
  await until(1);
  expect(sizes).toEqual([1]);
});
