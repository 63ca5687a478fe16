/**
 * Files are read whole, under a cap, and replaced whole: whoever looks, also after a power cut, finds the old bytes or
 * the new ones.
 */
import {
  closeSync,
  constants,
  fchownSync,
  fstatSync,
  fsyncSync,
  openSync,
  readSync,
  realpathSync,
  renameSync,
  rmSync,
  type Stats,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { decodeUtf8 } from "../../core/bytes.ts";
import { CodedError } from "../../core/errors.ts";

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "no such file or folder",
  EACCES: "permission denied",
  EPERM: "not permitted",
  EISDIR: "it is a folder",
  ENOTDIR: "part of the path is not a folder",
  ELOOP: "it is a symbolic link",
  EROFS: "the file system is read-only",
  ENOSPC: "the disk is full",
  EDQUOT: "the disk quota is used up",
  EFBIG: "the file would be too large",
  EMFILE: "too many files are open",
  ENFILE: "too many files are open on this machine",
  EBADF: "it is not open",
  EADDRINUSE: "another program has it",
  EIO: "the disk reports an error",
  ENAMETOOLONG: "the name is too long",
};

/** The system's code of `error`, such as `ENOENT`; empty when it has none. */
export function systemCode(error: unknown): string {
  const code = error instanceof Error && "code" in error ? error.code : "";
  return typeof code === "string" ? code : "";
}

/** What the system reported, in words: never the text of a dependency. */
export function systemReason(error: unknown): string {
  return reasonOf(systemCode(error));
}

/** As `systemReason`, of a system's code; empty when there is none. */
export function reasonOf(code: string): string {
  return REASONS[code] ?? (code === "" ? "unknown reason" : code);
}

/**
 * Puts `content` in the place of `path`, following a link. The folder must exist. After a failure nothing is left
 * beside the file, which is the old one (or, when only its folder could not be synced, the new one).
 * @param mode permissions of the new file, whatever the umask takes away
 * @throws file.failed naming the file and the reason, for instance a full disk
 */
export function replaceFile(path: string, content: Uint8Array | string, mode = 0o600): void {
  const target = resolveLink(path);
  const temporary = `${target}.${crypto.randomUUID().slice(0, 8)}.tmp`;
  try {
    writeNew(temporary, content, mode, ownerOf(target));
    renameSync(temporary, target);
    syncFolder(dirname(target));
  } catch (error) {
    rmSync(temporary, { force: true });
    throw new CodedError("file.failed", `${path}: cannot be written: ${systemReason(error)}`, { cause: error });
  }
}

function writeNew(path: string, content: Uint8Array | string, mode: number, owner: Stats | null): void {
  const fd = openSync(path, "wx", mode);
  try {
    // An operator who works as root must not take the file away from the account that the server runs under.
    if (owner !== null && process.geteuid?.() === 0) fchownSync(fd, owner.uid, owner.gid);
    writeFileSync(fd, content);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function ownerOf(path: string): Stats | null {
  return statSync(path, { throwIfNoEntry: false }) ?? null;
}

/** The file that `path` stands for; `path` itself while there is none. */
export function resolveLink(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return join(path);
  }
}

/** Makes a rename in `folder` outlast a power cut. Windows cannot open folders, and needs it less. */
export function syncFolder(folder: string): void {
  if (process.platform === "win32") return;
  const fd = openSync(folder, "r");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

export interface ReadOptions {
  /** Error texts call the file so; the path when absent. */
  readonly name?: string;
  readonly maxBytes: number;
  /** Looks at the open file before a byte is read, and throws to refuse it. */
  readonly inspect?: (stats: Stats) => void;
  /** Refuse a symbolic link in the last place of the path. */
  readonly noFollow?: boolean;
}

/**
 * The bytes of a regular file; the caller owns, and may wipe, them.
 * @throws config.invalid naming the file when it cannot be read, is not a regular file or holds more than `maxBytes`
 */
export function readBytes(path: string, options: ReadOptions): Uint8Array {
  const name = options.name ?? path;
  const flags = constants.O_RDONLY | constants.O_NONBLOCK | (options.noFollow === true ? constants.O_NOFOLLOW : 0);
  let fd: number;
  try {
    fd = openSync(path, flags);
  } catch (error) {
    throw new CodedError("config.invalid", `${name}: cannot be read: ${systemReason(error)}`, { cause: error });
  }
  try {
    const stats = fstatSync(fd);
    if (!stats.isFile()) throw new CodedError("config.invalid", `${name}: not a file`);
    options.inspect?.(stats);
    return readAll(fd, options.maxBytes, name);
  } finally {
    closeSync(fd);
  }
}

/**
 * Everything from `fd` until its end; the caller owns, and may wipe, the bytes, and closes `fd`.
 * @throws config.invalid above `maxBytes`, or when reading fails
 */
export function readAll(fd: number, maxBytes: number, name: string): Uint8Array {
  const stats = fstatSync(fd);
  const size = stats.isFile() ? stats.size : maxBytes; // a pipe does not know
  if (size > maxBytes) throw new CodedError("config.invalid", `${name}: larger than ${maxBytes} bytes`);
  const buffer = new Uint8Array(size + 1);
  let length = 0;
  try {
    for (let count = -1; count !== 0 && length < buffer.length; length += count) {
      count = readSync(fd, buffer, length, buffer.length - length, null);
    }
  } catch (error) {
    buffer.fill(0);
    throw new CodedError("config.invalid", `${name}: cannot be read: ${systemReason(error)}`, { cause: error });
  }
  const bytes = buffer.slice(0, length);
  buffer.fill(0);
  if (length === buffer.length) {
    bytes.fill(0);
    throw new CodedError("config.invalid", `${name}: larger than ${maxBytes} bytes, or changing while it is read`);
  }
  return bytes;
}

/**
 * A file as text. A byte order mark stays: who parses decides about it.
 * @throws config.invalid naming the file when it cannot be read, is too large, or is not UTF-8
 */
export function readTextFile(path: string, options: ReadOptions): string {
  return expectUtf8(readBytes(path, options), options.name ?? path);
}

/** @throws config.invalid naming the file when `bytes` are not UTF-8 */
export function expectUtf8(bytes: Uint8Array, name: string): string {
  const text = decodeUtf8(bytes);
  if (text === null) throw new CodedError("config.invalid", `${name}: not UTF-8 text; save it as UTF-8`);
  return text;
}
