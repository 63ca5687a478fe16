/** What `server check` says of the files that a server keeps in its data folder. Each throws config.invalid. */
import { accessSync, closeSync, constants, lstatSync, openSync, readSync, type Stats } from "node:fs";
import { join } from "node:path";
import { CodedError } from "../../../core/errors.ts";
import { systemCode, systemReason } from "../../host/files.ts";
import { isServed, SOCKET_NAME } from "../adminSocket.ts";
import { ATTEMPTS_NAME } from "../attempts.ts";
import { AUDIT_NAME } from "../auditFile.ts";
import { expectPrivate } from "../keyring.ts";
import { inspectStore, STORE_NAME } from "../store/sqlite.ts";

interface Folder {
  readonly path: string;
  /** How errors call it. */
  readonly name: string;
}

/** How every database of SQLite begins. An empty file is one too. */
const SQLITE_BEGINS = "SQLite format 3\0";

export function auditTrailLine(folder: Folder): string {
  return fileLine(folder, AUDIT_NAME);
}

/** Reads the first bytes only: whoever opens a database writes beside it. */
export function attemptsLine(folder: Folder): string {
  const line = fileLine(folder, ATTEMPTS_NAME);
  const name = `${folder.name}/${ATTEMPTS_NAME}`;
  const begins = beginning(join(folder.path, ATTEMPTS_NAME), name);
  if (begins === "" || begins === SQLITE_BEGINS) return line;
  throw new CodedError("config.invalid", `${name}: is damaged; move it away, and the counts begin again`);
}

/** Reads all of it. */
export function storeLine(folder: Folder): string {
  const line = fileLine(folder, STORE_NAME);
  inspectStore(folder.path, `${folder.name}/${STORE_NAME}`);
  return line;
}

function fileLine(folder: Folder, file: string): string {
  const [path, name] = [join(folder.path, file), `${folder.name}/${file}`];
  const stats = statsOf(path, name);
  if (stats === null) return `${name}: not there yet`;
  if (!stats.isFile()) throw new CodedError("config.invalid", `${name}: not a file; remove it`);
  expectPrivate(stats, path, name);
  try {
    accessSync(path, constants.R_OK | constants.W_OK);
  } catch (error) {
    throw new CodedError("config.invalid", `${name}: cannot be written: ${systemReason(error)}`, { cause: error });
  }
  return `${name}: ${stats.size} bytes`;
}

/** As many bytes as `SQLITE_BEGINS` has; empty when the file is empty or not there. */
function beginning(path: string, name: string): string {
  let fd: number | undefined;
  try {
    fd = openSync(path, "r");
    const bytes = Buffer.alloc(SQLITE_BEGINS.length);
    return bytes.toString("latin1", 0, readSync(fd, bytes));
  } catch (error) {
    if (systemCode(error) === "ENOENT") return "";
    throw new CodedError("config.invalid", `${name}: cannot be read: ${systemReason(error)}`, { cause: error });
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

/** @param running whether a server holds the folder */
export async function socketLine(folder: Folder, running: boolean): Promise<string> {
  const name = `${folder.name}/${SOCKET_NAME}`;
  const stats = statsOf(join(folder.path, SOCKET_NAME), name);
  if (stats !== null && !stats.isSocket()) throw new CodedError("config.invalid", `${name}: not a socket; remove it`);
  if (running) return `${name}: a running server ${(await isServed(folder.path)) ? "answers" : "does not answer"}`;
  return `${name}: ${stats === null ? "not there while no server runs" : "of a server that is gone; the next replaces it"}`;
}

/** null when there is nothing. */
function statsOf(path: string, name: string): Stats | null {
  try {
    return lstatSync(path, { throwIfNoEntry: false }) ?? null;
  } catch (error) {
    throw new CodedError("config.invalid", `${name}: cannot be looked at: ${systemReason(error)}`, { cause: error });
  }
}
