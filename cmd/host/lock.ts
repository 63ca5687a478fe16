/**
 * Locks between processes. The operating system holds them, through SQLite, so they end with the process that took
 * them, however it ends: there is no stale lock, and no process id to misread in another container. The lock file
 * itself is empty and stays; it means nothing while nobody holds it.
 */
import { Database } from "bun:sqlite";
import { closeSync, existsSync, mkdirSync, openSync, statSync } from "node:fs";
import { join } from "node:path";
import { CodedError } from "../../core/errors.ts";
import { resolveLink, systemReason } from "./files.ts";
import { shellQuoted } from "./printable.ts";

const RETRY_MS = 25;
const WAIT_MS = 5000;
/** In a server's `data/` folder. */
const LOCK_NAME = "server.lock";

/** A lock that is held until it is disposed, collected (so keep it) or the process ends. */
export class FileLock implements Disposable {
  #database: Database | null;

  private constructor(database: Database) {
    this.#database = database;
  }

  /**
   * Takes the lock at `path`, or returns null when another process, or another place in this one, holds it.
   * @throws file.failed when the lock file cannot be made
   */
  static tryTake(path: string): FileLock | null {
    touch(path);
    const database = new Database(path, { readwrite: true, create: false });
    try {
      database.run("PRAGMA journal_mode = MEMORY"); // or the first transaction would leave a journal beside the lock
      database.run("BEGIN EXCLUSIVE");
      return new FileLock(database);
    } catch (error) {
      database.close();
      if (error instanceof Error && "code" in error && error.code === "SQLITE_BUSY") return null;
      throw new CodedError("file.failed", `${path}: cannot be locked`, { cause: error });
    }
  }

  get released(): boolean {
    return this.#database === null;
  }

  [Symbol.dispose](): void {
    this.#database?.close();
    this.#database = null;
  }
}

function touch(path: string): void {
  try {
    closeSync(openSync(path, "a", 0o600));
  } catch (error) {
    throw new CodedError("file.failed", `${path}: cannot be made: ${systemReason(error)}`, { cause: error });
  }
}

/**
 * Runs `fn` while no other process writes `path`; waits for another writer for up to `waitMs`.
 * @throws file.locked when it took longer
 */
export async function withLock<T>(path: string, fn: () => T | Promise<T>, waitMs = WAIT_MS): Promise<T> {
  const lockPath = `${resolveLink(path)}.lock`;
  for (let waited = 0; ; waited += RETRY_MS) {
    using lock = FileLock.tryTake(lockPath);
    if (lock !== null) return await fn();
    if (waited >= waitMs) throw new CodedError("file.locked", `${path}: another program is changing it; try again`);
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
}

/**
 * Makes `folder` (mode 0700) when it is missing, and takes it for this process.
 * @throws file.locked when another server uses it
 * @throws file.failed when it cannot be made or written; config.invalid when others may write in it
 */
export function lockFolder(folder: string): FileLock {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw new CodedError("file.failed", `${folder}: cannot be made: ${systemReason(error)}`, { cause: error });
  }
  expectOwnFolder(folder, folder);
  const lock = FileLock.tryTake(join(folder, LOCK_NAME));
  if (lock === null) throw new CodedError("file.locked", `${folder}: another server uses this folder; stop it first`);
  return lock;
}

/** As `lockFolder`, of a folder that is there; null when a server uses it. @throws file.failed */
export function tryLockFolder(folder: string): FileLock | null {
  return FileLock.tryTake(join(folder, LOCK_NAME));
}

/** @throws config.invalid when others may write in `folder`, and so put their files in the place of ours; not on Windows */
export function expectOwnFolder(folder: string, name: string): void {
  if (process.platform === "win32" || (statSync(folder).mode & 0o022) === 0) return;
  throw new CodedError("config.invalid", `${name}: others can write in it; run: chmod 700 ${shellQuoted(folder)}`);
}

/** Whether a running server holds `folder`. Changes nothing, also when the folder is not there. */
export function folderIsLocked(folder: string): boolean {
  const path = join(folder, LOCK_NAME);
  if (!existsSync(path)) return false;
  using lock = FileLock.tryTake(path);
  return lock === null;
}
