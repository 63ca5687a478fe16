/**
 * `data/attempts.db`: guesses that were not proved, and where users have logged in from. It outlives a restart, and more than
 * one process may use it: `server user list` and `unlock` do so beside a running server.
 *
 * One row is one guess. Guesses at names that nobody has are kept like the others, but under an HMAC of the name, which may be
 * a password in the wrong place, and only so many of them: whoever makes the server forget one has failed 50,000 logins
 * elsewhere since.
 *
 * WAL without a sync for each commit: a killed process loses nothing, a power cut the last moments, and no login waits
 * for the disk.
 */
import type { Database } from "bun:sqlite";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { CodedError } from "../../core/errors.ts";
import type { GuessReport, GuessSummary, KeptGuesses } from "../../core/kdc/guessing.ts";
import { GUESS_MEMORY_MS, GUESS_SUMMARIES_MAX, KNOWN_PREFIX_MS, PREFIX_GUESSES_PER_DAY } from "../../core/limits.ts";
import type { UserName } from "../../core/name.ts";
import { databaseFailure, openDatabase, pragma } from "../host/sqlite.ts";

export const ATTEMPTS_NAME = "attempts.db";
const VERSION = 1;
const HOUR_MS = 3_600_000;
/** Guesses at names that nobody has, all together. */
const NOBODYS_MAX = 50_000;
/** Guesses at one user: more than the rule lets strangers make in nine hours. */
const GUESSES_AT_USER_MAX = 1000;
/** Between two clean-ups. */
const PRUNE_EVERY = 1000;

const SCHEMA = `
  CREATE TABLE guess (
    id INTEGER PRIMARY KEY, user TEXT NOT NULL, prefix TEXT NOT NULL, at INTEGER NOT NULL, registered INTEGER NOT NULL,
    counts INTEGER NOT NULL DEFAULT 1
  );
  CREATE INDEX guess_by_user ON guess (user, at);
  CREATE INDEX guess_by_prefix ON guess (prefix, at);
  CREATE TABLE login (user TEXT NOT NULL, prefix TEXT NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (user, prefix)) WITHOUT ROWID;
  CREATE TABLE told (user TEXT NOT NULL, prefix TEXT NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (user, prefix)) WITHOUT ROWID;
  CREATE INDEX login_by_prefix ON login (prefix, at);
  PRAGMA user_version = ${VERSION};`;

/** Names a guess until it is proved. */
export type GuessId = number & { readonly brand: "GuessId" };

/** Somebody who guesses: at a name, as `countedName` has it, and the prefix of the address. */
export interface Guesser {
  readonly name: string;
  readonly prefix: string;
}

/** What an operator sees of a user. */
export interface UserGuesses {
  /** Within `GUESS_MEMORY_MS`. */
  readonly failed: number;
  readonly inHour: number;
  readonly last: { readonly prefix: string; readonly atMs: number } | null;
}

export class Attempts implements Disposable {
  readonly #database: Database;
  readonly #path: string;
  #untilPrune = 0;

  private constructor(database: Database, path: string) {
    this.#database = database;
    this.#path = path;
  }

  /** Opens the counts of a data folder, which must exist. @throws config.invalid naming the file and what to do */
  static open(folder: string): Attempts {
    const path = join(folder, ATTEMPTS_NAME);
    const mend = "move it away, and the counts begin again";
    const prepare = (database: Database): void => makeTables(database, path);
    return new Attempts(openDatabase(path, { synchronous: "NORMAL", mend, readThrough: true, prepare }), path);
  }

  /** As `open`, for a look; null when nobody has ever logged in, or tried to. Makes no file. */
  static openExisting(folder: string): Attempts | null {
    return existsSync(join(folder, ATTEMPTS_NAME)) ? Attempts.open(folder) : null;
  }

  /** Counts one guess. @throws file.failed when it cannot be kept: then the login must not go on */
  count({ name, prefix }: Guesser, registered: boolean, nowMs: number): GuessId {
    return this.#written(() => {
      this.#untilPrune -= 1;
      if (this.#untilPrune < 0) this.#prune(name, nowMs);
      const insert = "INSERT INTO guess (user, prefix, at, registered) VALUES (?, ?, ?, ?)";
      return Number(
        this.#database.query(insert).run(name, prefix, nowMs, registered ? 1 : 0).lastInsertRowid,
      ) as GuessId;
    });
  }

  /** The guess was the password: it is taken back, and the prefix is the user's. @returns what failed since the user was last told there */
  prove(user: UserName, prefix: string, guess: GuessId, nowMs: number): GuessReport {
    return this.#written(() => {
      this.#database.query("DELETE FROM guess WHERE id = ?").run(guess);
      const report = this.#reportOf(user, prefix);
      this.#note("login", user, prefix, nowMs);
      return report;
    });
  }

  /**
   * The user has been told, at that prefix, of all guesses up to that time. Elsewhere they are still to be told: whoever has
   * found out the password must not keep it from the user by looking first.
   */
  told(user: UserName, prefix: string, atMs: number): void {
    this.#written(() => this.#note("told", user, prefix, atMs));
  }

  historyOf({ name, prefix }: Guesser, nowMs: number): KeptGuesses {
    const here = this.#row<{ count: number; last: number | null }>(
      "SELECT count(*) AS count, max(at) AS last FROM guess WHERE user = ? AND prefix = ? AND at > ? AND counts",
      ...[name, prefix, nowMs - GUESS_MEMORY_MS],
    );
    const known = this.#row(
      "SELECT 1 FROM login WHERE user = ? AND prefix = ? AND at > ?",
      ...[name, prefix, nowMs - KNOWN_PREFIX_MS],
    );
    const fromPrefix = this.#row<{ count: number }>(
      "SELECT count(*) AS count FROM (SELECT 1 FROM guess WHERE prefix = ? AND at > ? AND counts LIMIT ?)",
      ...[prefix, nowMs - GUESS_MEMORY_MS, PREFIX_GUESSES_PER_DAY],
    );
    return {
      fromPrefix: fromPrefix?.count ?? 0,
      here: here?.count ?? 0,
      lastHereMs: here?.last ?? 0,
      inHour: this.#countSince(name, nowMs - HOUR_MS),
      known: known !== null,
    };
  }

  /** Whether anybody has logged in from there. */
  isKnown(prefix: string, nowMs: number): boolean {
    return (
      this.#row("SELECT 1 FROM login WHERE prefix = ? AND at > ? LIMIT 1", prefix, nowMs - KNOWN_PREFIX_MS) !== null
    );
  }

  guessesOf(user: UserName, nowMs: number): UserGuesses {
    const last = this.#row<{ prefix: string; atMs: number }>(
      "SELECT prefix, at AS atMs FROM guess WHERE user = ? AND counts ORDER BY at DESC LIMIT 1",
      user,
    );
    return {
      failed: this.#countSince(user, nowMs - GUESS_MEMORY_MS),
      inHour: this.#countSince(user, nowMs - HOUR_MS),
      last,
    };
  }

  /** No guess at a user counts any more; the user is told of them all the same. */
  clear(user: UserName): void {
    this.#written(() => this.#database.query("UPDATE guess SET counts = 0 WHERE user = ?").run(user));
  }

  /** Forgets all of a user who is no longer one: whoever gets the name next has none of it. */
  forget(user: UserName): void {
    this.#written(() => {
      for (const table of ["guess", "login", "told"]) {
        this.#database.query(`DELETE FROM ${table} WHERE user = ?`).run(user);
      }
    });
  }

  [Symbol.dispose](): void {
    this.#database.close();
  }

  #countSince(name: string, atMs: number): number {
    const sql = "SELECT count(*) AS count FROM guess WHERE user = ? AND at > ? AND counts";
    return this.#row<{ count: number }>(sql, name, atMs)?.count ?? 0;
  }

  /** That this user was there at that time, or later. */
  #note(table: "login" | "told", user: UserName, prefix: string, atMs: number): void {
    const sql = `INSERT INTO ${table} VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET at = max(at, excluded.at)`;
    this.#database.query(sql).run(user, prefix, atMs);
  }

  #reportOf(user: UserName, here: string): GuessReport {
    const all = this.#database
      .query<GuessSummary, [string, string]>(
        `SELECT prefix AS "from", count(*) AS count, min(at) AS firstMs, max(at) AS lastMs
         FROM guess WHERE user = ?1 AND ${SINCE_TOLD} GROUP BY prefix ORDER BY lastMs DESC`,
      )
      .all(user, here);
    const others = all.slice(GUESS_SUMMARIES_MAX).reduce((sum, { count }) => sum + count, 0);
    return { prefixes: all.slice(0, GUESS_SUMMARIES_MAX), others };
  }

  /** What no rule looks at any more; of the rest, the oldest above the caps: `name` is likely one who has many. */
  #prune(name: string, nowMs: number): void {
    this.#untilPrune = PRUNE_EVERY;
    const run = (sql: string, ...values: (string | number)[]) => this.#database.query(sql).run(...values);
    run("DELETE FROM guess WHERE registered = 0 AND at <= ?", nowMs - GUESS_MEMORY_MS);
    run("DELETE FROM guess WHERE at <= ?", nowMs - KNOWN_PREFIX_MS);
    for (const table of ["login", "told"]) run(`DELETE FROM ${table} WHERE at <= ?`, nowMs - KNOWN_PREFIX_MS);
    run(
      "DELETE FROM guess WHERE id <= (SELECT id FROM guess WHERE registered = 0 ORDER BY id DESC LIMIT 1 OFFSET ?) AND registered = 0",
      NOBODYS_MAX,
    );
    run(
      "DELETE FROM guess WHERE id <= (SELECT id FROM guess WHERE user = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2) AND user = ?1",
      ...[name, GUESSES_AT_USER_MAX],
    );
  }

  #row<T>(sql: string, ...values: (string | number)[]): T | null {
    try {
      return this.#database.query<T, (string | number)[]>(sql).get(...values);
    } catch (error) {
      throw databaseFailure(this.#path, "read", error);
    }
  }

  #written<T>(write: () => T): T {
    try {
      return this.#database.transaction(write)();
    } catch (error) {
      throw databaseFailure(this.#path, "written", error);
    }
  }
}

/** Of the guesses at `?1`: those that the user has not been told of at the prefix `?2`. */
const SINCE_TOLD = "at > ifnull((SELECT told.at FROM told WHERE told.user = ?1 AND told.prefix = ?2), 0)";

function makeTables(database: Database, path: string): void {
  database.transaction(() => {
    const found = Number(pragma(database, "user_version"));
    if (found > VERSION) throw new CodedError("config.invalid", `${path}: written by a newer version of this program`);
    if (found === 0) database.run(SCHEMA);
  })();
}
