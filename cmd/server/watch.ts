/**
 * Notices when `users.json` was replaced. The folder is watched, because a watch on a file goes deaf once it is
 * replaced; a slow poll stands by for folders that cannot be watched.
 */
import { type FSWatcher, statSync, watch } from "node:fs";
import { dirname } from "node:path";
import { CodedError } from "../../core/errors.ts";
import { systemCode } from "../host/files.ts";

export interface WatchOptions<T> {
  readonly path: string;
  /** Reads the file whole or throws a `CodedError`. */
  readonly load: () => T;
  /** Called with every version of the file that could be loaded. */
  readonly changed: (value: T) => void;
  /** Called once for a file that cannot be loaded, until it can be again; what was loaded before stays in force. */
  readonly broken: (error: CodedError) => void;
  /** Quiet time after an event, so that an editor may finish. */
  readonly settleMs?: number;
  readonly pollMs?: number;
}

/** Starts watching; the version of the file at this moment counts as known. Dispose to stop. */
export function watchFile<T>(options: WatchOptions<T>): Disposable {
  const { path, settleMs = 50, pollMs = 2000 } = options;
  let seen = versionOf(path);
  let complaint = "";
  let timer: ReturnType<typeof setTimeout> | undefined;

  const look = (): void => {
    const now = versionOf(path);
    if (now === seen) return;
    seen = now;
    try {
      options.changed(options.load());
      complaint = "";
    } catch (error) {
      if (!(error instanceof CodedError)) throw error;
      if (["EMFILE", "ENFILE"].includes(systemCode(error.cause))) seen = ""; // not the file's fault: try again
      if (error.message !== complaint) options.broken(error);
      complaint = error.message;
    }
  };
  const settle = (): void => {
    clearTimeout(timer);
    timer = setTimeout(look, settleMs);
  };
  const watcher = watchFolder(dirname(path), settle);
  const poll = setInterval(look, pollMs);
  poll.unref();
  return {
    [Symbol.dispose]: () => {
      watcher?.close();
      clearInterval(poll);
      clearTimeout(timer);
    },
  };
}

/** Changes whenever the content may have; empty when there is no file. */
function versionOf(path: string): string {
  try {
    const { ino, size, mode, mtimeNs, ctimeNs } = statSync(path, { bigint: true });
    return [ino, size, mode, mtimeNs, ctimeNs].join(" ");
  } catch {
    return "";
  }
}

/** null where watching is not possible: then there is the poll. */
function watchFolder(folder: string, event: () => void): FSWatcher | null {
  try {
    const watcher = watch(folder, event);
    return watcher.on("error", event).unref();
  } catch {
    return null;
  }
}
