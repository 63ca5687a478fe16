/**
 * What a client makes in a state folder, and who may touch it: one process at a time, which holds `state.lock`. Nothing
 * here deletes a state but `deleteState`.
 */
import { closeSync, existsSync, mkdirSync, openSync, rmdirSync, rmSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { CodedError } from "../../../core/errors.ts";
import { syncFolder, systemCode, systemReason } from "../../host/files.ts";
import { expectOwnFolder, FileLock } from "../../host/lock.ts";
import { shellQuoted } from "../../host/printable.ts";

export const DATABASE_NAME = "state.db";
export const LOG_NAME = `${DATABASE_NAME}-wal`;
/** A database that is being made: it gets its name when its tables are in it, so that an empty one is a damaged one. */
export const NEW_NAME = "state.new";
const LOCK_NAME = "state.lock";
/** Where another client of this account on this machine reaches the one that owns the folder. */
export const SOCKET_NAME = "client.sock";
/** The database first: its log without it opens for nobody, and the other way round it would be an older state. */
const NEW_FILES = [NEW_NAME, `${NEW_NAME}-wal`, `${NEW_NAME}-shm`];
const FILES = [DATABASE_NAME, LOG_NAME, `${DATABASE_NAME}-shm`, ...NEW_FILES, SOCKET_NAME, LOCK_NAME];
/** How often a folder is made that somebody else deletes meanwhile. */
const TRIES = 10;
/** What is reported of a file, or of its folder, that was deleted while we looked. */
const GONE = ["ENOENT", "SQLITE_CANTOPEN"];

/**
 * Makes `folder` (mode 0700) when it is missing, so that it outlasts a power cut. True when it was.
 * @throws file.failed; config.invalid when it is another user's, or others may write in it
 */
export function makeFolder(folder: string): boolean {
  /** The topmost folder that was made, in whichever try. */
  let first: string | undefined;
  for (let tries = 1; ; tries += 1) {
    try {
      const made = mkdirSync(folder, { recursive: true, mode: 0o700 });
      first ??= made;
      expectOwnFolder(folder, folder);
      expectOwn(folder);
      for (let made = folder; first !== undefined; made = dirname(made)) {
        syncFolder(dirname(made));
        if (made === first || made === dirname(made)) break;
      }
      return first !== undefined;
    } catch (error) {
      // Another client, whose login has failed, may have deleted it meanwhile.
      const isGone = GONE.includes(systemCode(error instanceof CodedError ? error.cause : error));
      if (isGone && tries < TRIES) continue;
      if (error instanceof CodedError) throw error;
      throw new CodedError("file.failed", `${folder}: ${notMade(error)}`, { cause: error });
    }
  }
}

function notMade(error: unknown): string {
  if (systemCode(error) === "EEXIST") return "it is a file; --state names a folder";
  return `cannot be made: ${systemReason(error)}`;
}

/** Whoever owns the folder can put a socket of theirs there, and be written to in the place of the device. */
function expectOwn(folder: string): void {
  if (process.platform === "win32" || statSync(folder).uid === process.getuid?.()) return;
  throw new CodedError("config.invalid", `${folder}: it is another user's; name one of your own with --state`);
}

/**
 * The lock of a folder that is there; null when another process has it, or is just deleting it. @throws file.failed
 *
 * Whoever deletes a state deletes the lock file too: one that was opened before that is no lock any more, so it has to be
 * the same file after it was taken.
 */
export function tryLockState(folder: string): FileLock | null {
  const path = join(folder, LOCK_NAME);
  try {
    closeSync(openSync(path, "a", 0o600));
    const before = inodeOf(path);
    const lock = FileLock.tryTake(path);
    if (lock === null || (before !== null && before === inodeOf(path))) return lock;
    lock[Symbol.dispose]();
    return null;
  } catch (error) {
    if (GONE.includes(systemCode(error instanceof CodedError ? error.cause : error))) return null;
    if (error instanceof CodedError) throw error;
    throw new CodedError("file.failed", `${path}: cannot be made: ${systemReason(error)}`, { cause: error });
  }
}

function inodeOf(path: string): bigint | null {
  return statSync(path, { bigint: true, throwIfNoEntry: false })?.ino ?? null;
}

/** Whether another process, or another place in this one, has the folder. Changes nothing. @throws file.failed */
export function stateInUse(folder: string): boolean {
  if (!existsSync(join(folder, LOCK_NAME))) return false;
  using lock = tryLockState(folder);
  return lock === null;
}

/** Whether there is anything of a state, also when it cannot be read. */
export function hasState(folder: string): boolean {
  return existsSync(join(folder, DATABASE_NAME)) || existsSync(join(folder, LOG_NAME));
}

/** Of the database and its log. */
export function stateBytes(folder: string): number {
  const sizes = [DATABASE_NAME, LOG_NAME].map((name) => statSync(join(folder, name), { throwIfNoEntry: false })?.size);
  return sizes.reduce<number>((sum, size = 0) => sum + size, 0);
}

/** Deletes what a client has made in the folder, and nothing else; `lock` is its lock, held. @throws file.failed */
export function deleteState(folder: string, _lock: FileLock): void {
  try {
    for (const name of FILES) rmSync(join(folder, name), { force: true });
  } catch (error) {
    throw new CodedError("file.failed", `${folder}: cannot be deleted: ${systemReason(error)}`, { cause: error });
  }
}

/** Deletes a database that was left unfinished. `lock` is held. @throws file.failed */
export function deleteUnfinished(folder: string, _lock: FileLock): void {
  try {
    for (const name of NEW_FILES) rmSync(join(folder, name), { force: true });
  } catch (error) {
    throw new CodedError("file.failed", `${folder}: cannot be written: ${systemReason(error)}`, { cause: error });
  }
}

/** A folder that holds something stays. */
export function removeEmpty(folder: string): void {
  try {
    rmdirSync(folder);
  } catch {
    // It is not empty, or somebody else's.
  }
}

/** `state.damaged`, with what the user can do. `reason` holds nothing of the file. */
export function damaged(folder: string, reason: string, cause?: unknown): CodedError {
  return new CodedError("state.damaged", `${folder}: the state is damaged: ${reason}; ${resetHint(folder)}`, { cause });
}

/** What mends a state that does not fit, as a command that can be pasted. */
export function resetHint(folder: string): string {
  return `\`client state reset --state ${shellQuoted(folder)}\` makes a new device of it, after asking`;
}
