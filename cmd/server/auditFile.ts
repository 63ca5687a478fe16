/**
 * The file of the audit trail: lines are appended, and a file that is full becomes `.1`, its forerunner `.2`, until the
 * oldest is forgotten. It is opened anew for each write, so that whoever moves or removes it takes nothing from what
 * follows, and `server user` may append to it too.
 */
import { constants } from "node:fs";
import { type FileHandle, open, rename, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { CodedError } from "../../core/errors.ts";
import { systemCode } from "../host/files.ts";

export const AUDIT_NAME = "audit.jsonl";
/** Old files that are kept, beside the one that is written. */
export const AUDIT_FILES_KEPT = 5;

const MODE = 0o600;
const NEWLINE = 0x0a;

export interface Appended {
  /** Lines that are in the file, from the first. */
  readonly written: number;
  /** Why the others are not; null when there are none. */
  readonly failure: unknown;
}

/** Appends `lines`, each with its line end, and begins a new file where one would hold more than `maxBytes`. */
export async function appendLines(path: string, lines: readonly string[], maxBytes: number): Promise<Appended> {
  let written = 0;
  try {
    while (written < lines.length) written += await appendSome(path, lines.slice(written), maxBytes);
    return { written, failure: null };
  } catch (failure) {
    return { written, failure };
  }
}

/** How many of the lines it has appended. */
async function appendSome(path: string, lines: readonly string[], maxBytes: number): Promise<number> {
  await using file = await openToAppend(path);
  const { size } = await file.stat();
  const start = (await endsTorn(file, size)) ? "\n" : "";
  let [text, count, bytes] = [start, 0, size + start.length];
  for (const line of lines) {
    if (bytes + line.length > maxBytes && bytes > 0) break;
    text += line; // ASCII: as many bytes as characters
    bytes += line.length;
    count += 1;
  }
  if (count === 0) await rotate(path);
  else await writeWhole(file, text);
  return count;
}

async function openToAppend(path: string): Promise<FileHandle> {
  const file = await open(path, constants.O_RDWR | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW, MODE);
  try {
    const stats = await file.stat();
    if (!stats.isFile()) throw new CodedError("file.failed", "not a file");
    if ((stats.mode & 0o077) !== 0) await file.chmod(MODE);
    // An operator who works as root must not take the file away from the account that the server runs under.
    if (process.geteuid?.() === 0) await giveToOwnerOf(dirname(path), file);
    return file;
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function giveToOwnerOf(folder: string, file: FileHandle): Promise<void> {
  const [{ uid, gid }, own] = [await stat(folder), await file.stat()];
  if (own.uid !== uid) await file.chown(uid, gid);
}

/** A power cut or a full disk may have left half a line, which must not spoil the next. */
async function endsTorn(file: FileHandle, size: number): Promise<boolean> {
  if (size === 0) return false;
  const last = new Uint8Array(1);
  await file.read(last, 0, 1, size - 1);
  return last[0] !== NEWLINE;
}

async function writeWhole(file: FileHandle, text: string): Promise<void> {
  let rest = new TextEncoder().encode(text);
  while (rest.length > 0) {
    const { bytesWritten } = await file.write(rest);
    rest = rest.subarray(bytesWritten);
  }
}

async function rotate(path: string): Promise<void> {
  for (let number = AUDIT_FILES_KEPT; number > 0; number -= 1) {
    const from = number === 1 ? path : `${path}.${number - 1}`;
    await rename(from, `${path}.${number}`).catch((error) => {
      if (systemCode(error) !== "ENOENT") throw error;
    });
  }
}
