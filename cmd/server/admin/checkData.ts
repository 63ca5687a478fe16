/** What `server check` says of the files that a server keeps in its data folder. Each throws config.invalid. */
import { accessSync, constants, lstatSync, type Stats } from "node:fs";
import { join } from "node:path";
import { CodedError } from "../../../core/errors.ts";
import { systemReason } from "../../host/files.ts";
import { isServed, SOCKET_NAME } from "../adminSocket.ts";
import { AUDIT_NAME } from "../auditFile.ts";
import { expectPrivate } from "../keyring.ts";

interface Folder {
  readonly path: string;
  /** How errors call it. */
  readonly name: string;
}

export function auditTrailLine(folder: Folder): string {
  const [path, name] = [join(folder.path, AUDIT_NAME), `${folder.name}/${AUDIT_NAME}`];
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
