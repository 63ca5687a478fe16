/**
 * Brings a database to the version of its tables that this program works with, or leaves it as it was. What was there before
 * stays beside it, as a whole database, `FILE.backup-N` for version N: with it an operator can go back to the older program.
 */
import type { Database } from "bun:sqlite";
import { closeSync, fsyncSync, openSync, renameSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import { CodedError } from "../../../core/errors.ts";
import { syncFolder } from "../../host/files.ts";
import { pragma } from "../../host/sqlite.ts";

/** Statements of SQL: the first makes the tables of version 1 in an empty database, each other those of one version more. */
export type Migrations = readonly string[];

/**
 * All steps that are missing, in one transaction.
 * @param path the file of `database`, whose foreign keys must be off: a step may make a table anew
 * @throws config.invalid when a newer program made the file; what SQLite throws, and then nothing has changed
 */
export function migrate(database: Database, path: string, migrations: Migrations): void {
  const found = versionOf(database);
  expectKnown(found, migrations, path);
  if (found === migrations.length) return;
  if (found > 0) backUp(database, `${path}.backup-${found}`);
  const steps = database.transaction(() => {
    for (const statements of migrations.slice(found)) database.run(statements);
    if (database.query("PRAGMA foreign_key_check").get() !== null)
      throw new Error("store: a migration left loose ends");
    database.run(`PRAGMA user_version = ${migrations.length}`);
  });
  steps.immediate();
}

/** Which version the tables have; 0 before there are any. */
export function versionOf(database: Database): number {
  return Number(pragma(database, "user_version"));
}

/** @throws config.invalid when `found` is newer than the last of `migrations` */
export function expectKnown(found: number, migrations: Migrations, name: string): void {
  if (found <= migrations.length) return;
  throw new CodedError("config.invalid", `${name}: made by a newer version of the server; use that one`);
}

/** A copy that is there as a whole or not at all, for the owner alone, also after a power cut. */
function backUp(database: Database, path: string): void {
  const unfinished = `${path}.tmp`;
  rmSync(unfinished, { force: true });
  closeSync(openSync(unfinished, "wx", 0o600)); // SQLite fills an empty file, and would make one that others can read
  database.query("VACUUM INTO ?").run(unfinished);
  const fd = openSync(unfinished, "r+");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(unfinished, path);
  syncFolder(dirname(path));
}
