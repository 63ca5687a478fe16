import type { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import {
  databaseFailure,
  inspectDatabase,
  knownReason,
  openDatabase,
  pragma,
  sqliteReason,
} from "../../../cmd/host/sqlite.ts";
import { CodedError } from "../../../core/errors.ts";
import { failure } from "../../support/codes.ts";
import { temporaryFolder } from "../../support/folder.ts";

const OPTIONS = { synchronous: "FULL", mend: "do this", readThrough: true, prepare: () => {} } as const;
const withCode = (code: string): Error => Object.assign(new Error("secret text"), { code });

describe("a database that is opened", () => {
  test.each([
    ["NORMAL", 1],
    ["FULL", 2],
  ] as const)("syncs as asked (%s), logs ahead, checks references, waits, and is its owner's", (synchronous, level) => {
    using folder = temporaryFolder();
    using database = openDatabase(folder.at("x.db"), { ...OPTIONS, synchronous });
    const found = ["synchronous", "journal_mode", "foreign_keys"].map((name) => pragma(database, name));
    expect(found).toEqual([level, "wal", 1]);
    expect(database.query("PRAGMA busy_timeout").get()).toEqual({ timeout: 1000 });
    expect(statSync(folder.at("x.db")).mode & 0o777).toBe(0o600);
  });

  test("is prepared while references are not checked, as tables may be made anew", () => {
    using folder = temporaryFolder();
    let found: unknown;
    const prepare = (database: Database): void => {
      found = pragma(database, "foreign_keys");
    };
    openDatabase(folder.at("x.db"), { ...OPTIONS, prepare }).close();
    expect(found).toBe(0);
  });

  test("keeps a hundred statements prepared, also when they are used in turn", () => {
    using folder = temporaryFolder();
    using database = openDatabase(folder.at("x.db"), OPTIONS);
    const prepared = () => Array.from({ length: 100 }, (_, number) => database.query(`SELECT ${number}`));
    const [before, after] = [prepared(), prepared()];
    expect(after.every((statement, number) => statement === before[number])).toBe(true);
  });

  test("what `prepare` finds wrong is thrown on", () => {
    using folder = temporaryFolder();
    const prepare = (): void => {
      throw new CodedError("config.invalid", "a line of its own");
    };
    expect(failure(() => openDatabase(folder.at("x.db"), { ...OPTIONS, prepare })).detail).toBe("a line of its own");
  });

  test("a folder in its place, or none to be in: one line, without the advice for a damaged one", () => {
    using folder = temporaryFolder();
    const of = (path: string) => failure(() => openDatabase(path, OPTIONS));
    expect(of(folder.at("no/x.db")).detail).toBe(`${folder.at("no/x.db")}: cannot be used (no such file or folder)`);
    expect(of(folder.path)).toMatchObject({ code: "config.invalid", detail: expect.not.stringContaining("do this") });
  });

  test("damage is found at the start where it is looked for", () => {
    using folder = temporaryFolder();
    const fill = (database: Database): void => {
      database.run("CREATE TABLE t (x)");
      for (let row = 0; row < 400; row += 1) database.query("INSERT INTO t VALUES (?)").run("x".repeat(100));
    };
    openDatabase(folder.at("x.db"), { ...OPTIONS, prepare: fill }).close();
    const bytes = readFileSync(folder.at("x.db"));
    writeFileSync(folder.at("x.db"), bytes.fill(0xee, 8200, bytes.length - 100));
    const line = `${folder.at("x.db")}: cannot be used (it is damaged); do this`;
    expect(failure(() => openDatabase(folder.at("x.db"), OPTIONS)).detail).toBe(line);
    openDatabase(folder.at("x.db"), { ...OPTIONS, readThrough: false }).close();
  });
});

describe("a look at a database", () => {
  test("sees what a process that was killed has left in the log", () => {
    using folder = temporaryFolder();
    using other = temporaryFolder();
    using database = openDatabase(folder.at("x.db"), OPTIONS);
    database.run("CREATE TABLE t (x)");
    for (const name of ["x.db", "x.db-wal", "x.db-shm"]) writeFileSync(other.at(name), readFileSync(folder.at(name)));
    const look = (found: Database) => found.query("SELECT count(*) AS tables FROM sqlite_schema").get();
    expect(inspectDatabase(other.at("x.db"), { name: "x", mend: "" }, look)).toEqual({ tables: 1 });
  });

  test("of one that is not there, or at an odd place", () => {
    using folder = temporaryFolder();
    const look = (at: string) => inspectDatabase(folder.at(at), { name: at, mend: "do this" }, () => "seen");
    expect(failure(() => look("none.db")).detail).toBe("none.db: cannot be used (it cannot be opened)");
    openDatabase(folder.at("a ?#% b.db"), OPTIONS).close();
    expect(look("a ?#% b.db")).toBe("seen");
  });
});

describe("what is said of a failure", () => {
  test.each([
    ["SQLITE_FULL", "the disk is full"],
    ["SQLITE_READONLY_DBMOVED", "it cannot be written"],
    ["SQLITE_CANTOPEN", "it cannot be opened"],
    ["SQLITE_BUSY_SNAPSHOT", "another program is writing it"],
    ["SQLITE_NOTADB", "it is damaged"],
    ["SQLITE_CORRUPT_INDEX", "it is damaged"],
    ["SQLITE_IOERR_FSYNC", "the disk reports an error"],
  ])("%s: %s", (code, words) => {
    expect(knownReason(withCode(code))).toBe(words);
    expect(databaseFailure("x.db", "read", withCode(code)).detail).toBe(`x.db: cannot be read (${words})`);
  });

  test("a bug is none of it", () => {
    for (const error of [withCode("SQLITE_CONSTRAINT_UNIQUE"), new TypeError("secret text"), "text", null]) {
      expect([knownReason(error), sqliteReason(error)]).toEqual([null, "unknown reason"]);
    }
  });
});
