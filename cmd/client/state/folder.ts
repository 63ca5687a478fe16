/**
 * The state folder of one device (PROTOCOL §7.5): `state.db`, a header in clear and sealed entries, each change of several in
 * one transaction. It is refused, and left as it is, when it is damaged, of another user or realm, or newer than this
 * program.
 */
import type { Database } from "bun:sqlite";
import { renameSync } from "node:fs";
import { join } from "node:path";
import { CodedError } from "../../../core/errors.ts";
import type { StateHeader, StateWrites, StoredState } from "../../../core/peer/savedState.ts";
import { syncFolder } from "../../host/files.ts";
import type { FileLock } from "../../host/lock.ts";
import { databaseFailure, knownReason, openDatabase } from "../../host/sqlite.ts";
import type { DeviceState } from "./deviceState.ts";
import { expectOwner, inspectState, STATE_VERSION, type StateOwner, stateFailure } from "./inspect.ts";
import {
  DATABASE_NAME,
  deleteState,
  deleteUnfinished,
  hasState,
  makeFolder,
  NEW_NAME,
  removeEmpty,
  tryLockState,
} from "./stateFiles.ts";

const SCHEMA = `
  CREATE TABLE header (one INTEGER PRIMARY KEY CHECK (one = 1), realm BLOB NOT NULL, user TEXT NOT NULL, device TEXT NOT NULL,
    identity_key BLOB NOT NULL, state_wrap BLOB NOT NULL) STRICT;
  CREATE TABLE entry (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;
  PRAGMA user_version = ${STATE_VERSION};`;

/**
 * How long what was replaced may lie in the log beside the database: keys of messages that were read, and prekeys that were
 * used. To empty it with each save would take more than twice the time.
 */
const LOG_MS = 1000;

const OPTIONS = {
  synchronous: "FULL",
  mend: "",
  readThrough: false,
  prepare: (database: Database) => database.run("PRAGMA secure_delete = ON"), // a key that is deleted is not left in the file
} as const;

interface FolderParts {
  readonly path: string;
  /** It was not there before. */
  readonly made: boolean;
  readonly header: StateHeader | null;
  readonly lock: FileLock;
  readonly database: Database;
}

export class StateFolder implements DeviceState {
  readonly temporary = false;
  /** Absolute. */
  readonly path: string;
  readonly #database: Database;
  readonly #lock: FileLock;
  readonly #made: boolean;
  #header: StateHeader | null;
  #beforeRelease = (): void => {};
  #emptying: ReturnType<typeof setTimeout> | null = null;

  private constructor({ path, made, header, lock, database }: FolderParts) {
    [this.path, this.#made, this.#header, this.#lock, this.#database] = [path, made, header, lock, database];
  }

  /**
   * Takes the folder for this process, and makes it when it is missing (mode 0700); null when another process has it.
   * @throws state.damaged; state.foreign when it is somebody else's; config.invalid when it is newer than this program,
   * cannot be opened, or others can write in it; file.failed
   */
  static tryOpen(path: string, owner: StateOwner): StateFolder | null {
    const made = makeFolder(path);
    const lock = tryLockState(path);
    if (lock === null) return null;
    try {
      const header = inspectState(path);
      expectOwner(path, header, owner);
      deleteUnfinished(path, lock);
      if (!hasState(path)) makeDatabase(path);
      const database = openDatabase(join(path, DATABASE_NAME), OPTIONS);
      return new StateFolder({ path, made, header, lock, database });
    } catch (error) {
      lock[Symbol.dispose]();
      throw stateFailure(path, error);
    }
  }

  get header(): StateHeader | null {
    return this.#header;
  }

  /** @throws state.damaged, file.failed */
  get stored(): StoredState | null {
    if (this.#header === null) return null;
    try {
      const rows = this.#database.query<{ name: string; value: Uint8Array }, []>("SELECT name, value FROM entry").all();
      return { header: this.#header, entries: new Map(rows.map(({ name, value }) => [name, new Uint8Array(value)])) };
    } catch (error) {
      throw stateFailure(this.path, databaseFailure(join(this.path, DATABASE_NAME), "read", error));
    }
  }

  /** A header is saved once: for a new state. */
  save(header: StateHeader | null, writes: StateWrites): void {
    try {
      this.#database.transaction(() => this.#write(header, writes))();
    } catch (error) {
      if (knownReason(error) === null) throw error; // a fault of ours
      throw stateFailure(this.path, databaseFailure(join(this.path, DATABASE_NAME), "written", error));
    }
    this.#header = header ?? this.#header;
    this.#emptying ??= setTimeout(() => this.#emptyLog(), LOG_MS).unref();
  }

  /** `end` runs before another process can have the folder: for what this one has in it besides. */
  beforeRelease(end: () => void): void {
    this.#beforeRelease = end;
  }

  /** A folder in which nothing was ever saved is left as it was found: its name was mistyped, or the login failed. */
  [Symbol.dispose](): void {
    if (this.#lock.released) return;
    try {
      this.#beforeRelease();
      if (this.#emptying !== null) clearTimeout(this.#emptying);
      this.#database.close();
      if (this.#header === null) this.#clear();
    } finally {
      this.#lock[Symbol.dispose]();
    }
  }

  #emptyLog(): void {
    this.#emptying = null;
    try {
      this.#database.run("PRAGMA wal_checkpoint(TRUNCATE)");
    } catch {
      // The disk is full, or somebody looks at the state just now: it is emptied after the next save, or at the end.
    }
  }

  #clear(): void {
    try {
      deleteState(this.path, this.#lock);
      if (this.#made) removeEmpty(this.path);
    } catch (error) {
      if (!(error instanceof CodedError)) throw error; // else it stays, with nothing in it
    }
  }

  #write(header: StateHeader | null, writes: StateWrites): void {
    if (header !== null) {
      const { realm, user, device, identityKey, stateWrap } = header;
      const insert = this.#database.query("INSERT INTO header VALUES (1, ?, ?, ?, ?, ?)");
      insert.run(realm, user, device, identityKey, stateWrap);
    }
    const put = this.#database.query("INSERT OR REPLACE INTO entry VALUES (?, ?)");
    const remove = this.#database.query("DELETE FROM entry WHERE name = ?");
    for (const [name, value] of writes) {
      if (value === null) remove.run(name);
      else put.run(name, value);
    }
  }
}

/** Closed before it gets its name: then its log is in it. */
function makeDatabase(folder: string): void {
  const unfinished = join(folder, NEW_NAME);
  openDatabase(unfinished, { ...OPTIONS, prepare: (database) => database.run(SCHEMA) }).close();
  renameSync(unfinished, join(folder, DATABASE_NAME));
  syncFolder(folder);
}
