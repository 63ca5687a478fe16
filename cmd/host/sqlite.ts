/**
 * Databases of SQLite: how we open them, and what we say when something goes wrong. Write-ahead logs throughout: a process
 * that is killed loses nothing that it committed, and readers do not wait for the writer.
 */
import { constants, Database } from "bun:sqlite";
import { closeSync, openSync, statSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { CodedError } from "../../core/errors.ts";
import { systemReason } from "./files.ts";

/** How long a process waits for another that writes: it stands still meanwhile, and a write takes one millisecond. */
const BUSY_MS = 1000;
/**
 * Statements that each database keeps prepared: more than any of ours has. Bun keeps 20 unless told otherwise, and drops
 * the one that was used longest ago: a few too many in turn, and every one is prepared anew each time.
 */
const PREPARED_MAX = 128;

const DAMAGED = "it is damaged";
const REASONS: readonly (readonly [prefix: string, words: string])[] = [
  ["SQLITE_FULL", "the disk is full"],
  ["SQLITE_READONLY", "it cannot be written"],
  ["SQLITE_CANTOPEN", "it cannot be opened"],
  ["SQLITE_BUSY", "another program is writing it"],
  ["SQLITE_NOTADB", DAMAGED],
  ["SQLITE_CORRUPT", DAMAGED],
  ["SQLITE_IOERR", "the disk reports an error"],
];

export interface DatabaseOptions {
  /** NORMAL: a power cut takes the last moments. FULL: what was committed outlasts it, at the price of a sync each time. */
  readonly synchronous: "NORMAL" | "FULL";
  /** What an operator does when the file is damaged. */
  readonly mend: string;
  /** Read all of it first: damage that only a request would come upon is better told at the start. Not for large ones. */
  readonly readThrough: boolean;
  /** Makes the tables, or brings them up to date. */
  readonly prepare: (database: Database) => void;
}

/**
 * Opens the database at `path`, for its owner alone (mode 0600), or makes it; its folder must exist. Foreign keys hold once
 * `prepare` has returned.
 * @throws config.invalid naming the file and what to do, and what `prepare` throws
 */
export function openDatabase(path: string, options: DatabaseOptions): Database {
  let database: Database | null = null;
  try {
    closeSync(openSync(path, "a", 0o600));
    Database.MAX_QUERY_CACHE_SIZE = PREPARED_MAX;
    database = new Database(path, { readwrite: true, create: false });
    database.run(`PRAGMA busy_timeout = ${BUSY_MS}`);
    database.run("PRAGMA journal_mode = WAL");
    database.run(`PRAGMA synchronous = ${options.synchronous}`);
    if (options.readThrough) expectSound(database);
    options.prepare(database);
    database.run("PRAGMA foreign_keys = ON");
    return database;
  } catch (error) {
    database?.close();
    if (error instanceof CodedError) throw error;
    throw unusable(path, options.mend, error);
  }
}

/**
 * Lends the database at `path`, which must exist, to `look`, and changes nothing on the disk. With a log beside it a server
 * runs, or was killed, and what the log needs is there; without one it is read as a file that nobody changes.
 * @throws config.invalid when it is damaged, named as `name`
 */
export function inspectDatabase<T>(path: string, { name, mend }: Inspecting, look: (database: Database) => T): T {
  const logged = (statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0) > 0;
  const place = logged ? path : `${pathToFileURL(path)}?immutable=1`;
  try {
    using database = new Database(place, constants.SQLITE_OPEN_READONLY | constants.SQLITE_OPEN_URI);
    database.run(`PRAGMA busy_timeout = ${BUSY_MS}`);
    expectSound(database);
    return look(database);
  } catch (error) {
    if (error instanceof CodedError) throw error;
    throw unusable(name, mend, error);
  }
}

interface Inspecting {
  /** How errors call it. */
  readonly name: string;
  readonly mend: string;
}

/** The first answer to a PRAGMA; undefined when there is none. */
export function pragma(database: Database, name: string): unknown {
  return database.query<Record<string, unknown>, []>(`PRAGMA ${name}`).get()?.[name];
}

/** What SQLite reported, in words of ours: never its own text, which can hold what was stored. */
export function sqliteReason(error: unknown): string {
  return knownReason(error) ?? "unknown reason";
}

/** As `sqliteReason`, of what the disk or another program is to blame for; null when it is a bug. */
export function knownReason(error: unknown): string | null {
  const code = error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";
  return REASONS.find(([prefix]) => code.startsWith(prefix))?.[1] ?? null;
}

/** Whether SQLite found that the file is not a whole database. */
export function isDamage(error: unknown): boolean {
  return knownReason(error) === DAMAGED;
}

/** `file.failed`, for what could not be read or written in an open database. */
export function databaseFailure(path: string, what: "read" | "written", error: unknown): CodedError {
  return new CodedError("file.failed", `${path}: cannot be ${what} (${sqliteReason(error)})`, { cause: error });
}

function unusable(path: string, mend: string, cause: unknown): CodedError {
  const reason = knownReason(cause) ?? systemReason(cause);
  const advice = reason === DAMAGED ? `; ${mend}` : "";
  return new CodedError("config.invalid", `${path}: cannot be used (${reason})${advice}`, { cause });
}

function expectSound(database: Database): void {
  if (pragma(database, "quick_check") !== "ok") throw Object.assign(new Error("damaged"), { code: "SQLITE_CORRUPT" });
}
