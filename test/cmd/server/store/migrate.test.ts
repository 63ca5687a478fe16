import { Database } from "bun:sqlite";
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { migrate, versionOf } from "../../../../cmd/server/store/migrate.ts";
import { failure } from "../../../support/codes.ts";
import { temporaryFolder } from "../../../support/folder.ts";

const FIRST = "CREATE TABLE fruit (id INTEGER PRIMARY KEY, name TEXT NOT NULL) STRICT;";
const SECOND = "ALTER TABLE fruit ADD COLUMN colour TEXT; UPDATE fruit SET colour = 'red';";
const THIRD =
  "CREATE TABLE eaten (fruit INTEGER NOT NULL REFERENCES fruit) STRICT; INSERT INTO eaten SELECT id FROM fruit;";
const BROKEN = "UPDATE fruit SET name = 'pear'; CREATE TABLE other (x); INSERT INTO nowhere VALUES (1);";
const LOOSE = "CREATE TABLE eaten (fruit INTEGER NOT NULL REFERENCES fruit); INSERT INTO eaten VALUES (99);";

let folder: ReturnType<typeof temporaryFolder>;
let path: string;
let database: Database;
beforeEach(() => {
  folder = temporaryFolder();
  path = folder.at("store.db");
  database = new Database(path);
  database.run("PRAGMA journal_mode = WAL");
});
afterEach(() => {
  database.close();
  folder[Symbol.dispose]();
});
const all = (from: Database, table = "fruit") => from.query(`SELECT * FROM ${table}`).all();
const backups = () => readdirSync(folder.path).filter((name) => name.includes("backup"));
const atVersion1 = (): void => {
  migrate(database, path, [FIRST]);
  database.run("INSERT INTO fruit VALUES (1, 'apple')");
};

describe("an empty database", () => {
  test("gets the tables of the last version, and there is nothing to keep", () => {
    migrate(database, path, [FIRST, SECOND, THIRD]);
    expect([versionOf(database), all(database), all(database, "eaten"), backups()]).toEqual([3, [], [], []]);
  });

  test("of no version at all stays so", () => {
    migrate(database, path, []);
    expect([versionOf(database), backups()]).toEqual([0, []]);
  });
});

describe("an older version", () => {
  test("is brought up step by step, and what was there stays beside it, the owner's alone", () => {
    atVersion1();
    migrate(database, path, [FIRST, SECOND, THIRD]);
    expect(versionOf(database)).toBe(3);
    expect(all(database)).toEqual([{ id: 1, name: "apple", colour: "red" }]);
    expect(all(database, "eaten")).toEqual([{ fruit: 1 }]);
    expect(backups()).toEqual(["store.db.backup-1"]);
    expect(statSync(folder.at("store.db.backup-1")).mode & 0o777).toBe(0o600);
    using backup = new Database(folder.at("store.db.backup-1"));
    expect([versionOf(backup), all(backup)]).toEqual([1, [{ id: 1, name: "apple" }]]);
  });

  test("each version has its own backup, and the one before is kept", () => {
    atVersion1();
    migrate(database, path, [FIRST, SECOND]);
    migrate(database, path, [FIRST, SECOND, THIRD]);
    expect(backups().sort()).toEqual(["store.db.backup-1", "store.db.backup-2"]);
    const before = readFileSync(folder.at("store.db.backup-2"));
    migrate(database, path, [FIRST, SECOND, THIRD]); // up to date: nothing is done
    expect(readFileSync(folder.at("store.db.backup-2"))).toEqual(before);
  });

  test.each([
    ["fails", BROKEN],
    ["leaves a reference to nothing", LOOSE],
  ])("a step that %s: everything is as it was, and the backup is there", (_, step) => {
    atVersion1();
    expect(() => migrate(database, path, [FIRST, SECOND, step])).toThrow();
    expect([versionOf(database), all(database)]).toEqual([1, [{ id: 1, name: "apple" }]]);
    expect(backups()).toEqual(["store.db.backup-1"]);
    migrate(database, path, [FIRST, SECOND, THIRD]);
    expect(all(database)).toEqual([{ id: 1, name: "apple", colour: "red" }]);
  });

  test("a backup that was begun and not finished is made anew", () => {
    atVersion1();
    writeFileSync(folder.at("store.db.backup-1.tmp"), "half of it");
    migrate(database, path, [FIRST, SECOND]);
    expect(backups()).toEqual(["store.db.backup-1"]);
    using backup = new Database(folder.at("store.db.backup-1"));
    expect(all(backup)).toEqual([{ id: 1, name: "apple" }]);
  });

  test("a process that is killed within a step: everything is as it was, and the next one goes on", async () => {
    atVersion1();
    database.close();
    const script = `${import.meta.dir}/../../../support/endlessMigration.ts`;
    const migrating = Bun.spawn([process.execPath, script, path], { stdout: "pipe", stderr: "inherit" });
    try {
      const reader = migrating.stdout.getReader();
      expect(new TextDecoder().decode((await reader.read()).value)).toBe("migrating\n");
      while (!existsSync(folder.at("store.db.backup-1"))) await Bun.sleep(5);
      await Bun.sleep(50);
    } finally {
      migrating.kill("SIGKILL");
      await migrating.exited;
    }
    database = new Database(path);
    expect([versionOf(database), all(database)]).toEqual([1, [{ id: 1, name: "apple" }]]);
    using backup = new Database(folder.at("store.db.backup-1"));
    expect(all(backup)).toEqual([{ id: 1, name: "apple" }]);
    migrate(database, path, [FIRST, SECOND]);
    expect(all(database)).toEqual([{ id: 1, name: "apple", colour: "red" }]);
  }, 30_000);
});

test("a newer version is refused in one line, and left as it is", () => {
  migrate(database, path, [FIRST, SECOND]);
  const line = `${path}: made by a newer version of the server; use that one`;
  expect(failure(() => migrate(database, path, [FIRST]))).toMatchObject({ code: "config.invalid", detail: line });
  expect([versionOf(database), backups()]).toEqual([2, []]);
});
