/** Looks at a state before anything is written to it: one that is not ours to use stays as it is, to the last byte. */
import type { Database } from "bun:sqlite";
import { statSync } from "node:fs";
import { join } from "node:path";
import { equalBytes } from "../../../core/crypto/compare.ts";
import { CodedError } from "../../../core/errors.ts";
import type { DeviceId } from "../../../core/ids.ts";
import { DEVICE_ID_BYTES } from "../../../core/limits.ts";
import { parseUserName, type UserName } from "../../../core/name.ts";
import type { StateHeader } from "../../../core/peer/savedState.ts";
import { inspectDatabase, isDamage, pragma } from "../../host/sqlite.ts";
import { DATABASE_NAME, damaged, LOG_NAME } from "./stateFiles.ts";

/** Of the tables in `state.db`; the file says its own as `user_version`. */
export const STATE_VERSION = 1;
const TABLES = ["entry", "header"];
/** https://sqlite.org/fileformat2.html §1.3 */
const DATABASE_HEADER_BYTES = 100;
const KEY_BYTES = 32;
const DEVICE = new RegExp(`^[0-9a-f]{${2 * DEVICE_ID_BYTES}}$`);

/** Whose state it is. */
export interface StateOwner {
  /** The realm id: 32 bytes. */
  readonly realm: Uint8Array;
  readonly user: UserName;
}

/**
 * The header of the state in `folder`; null when there is none yet. Reads all of the file, and changes nothing.
 * @throws state.damaged; config.invalid when it was made by a newer version, or cannot be read
 */
export function inspectState(folder: string): StateHeader | null {
  const path = join(folder, DATABASE_NAME);
  const bytes = bytesOf(path);
  if (bytes === null) {
    if (bytesOf(join(folder, LOG_NAME)) === null) return null;
    throw damaged(folder, `there is a log, and no ${DATABASE_NAME}`);
  }
  if (bytes < DATABASE_HEADER_BYTES) throw damaged(folder, `${DATABASE_NAME} is cut or empty`); // SQLite would begin anew
  try {
    return inspectDatabase(path, { name: path, mend: "" }, (database) => headerIn(database, folder));
  } catch (error) {
    throw stateFailure(folder, error);
  }
}

/** As `error`; when a database reported damage, as `state.damaged`. */
export function stateFailure(folder: string, error: unknown): unknown {
  const cause = error instanceof CodedError ? error.cause : error;
  return isDamage(cause) ? damaged(folder, `${DATABASE_NAME} is not a whole database`, cause) : error;
}

/** As `inspectState`; null also when it cannot be read, for instance because its owner is just writing it. */
export function readHeader(folder: string): StateHeader | null {
  try {
    return inspectState(folder);
  } catch (error) {
    if (error instanceof CodedError) return null;
    throw error;
  }
}

/** @throws state.foreign when the state is another user's, or of another realm */
export function expectOwner(folder: string, header: StateHeader | null, owner: StateOwner): void {
  if (header === null || (header.user === owner.user && equalBytes(header.realm, owner.realm))) return;
  throw foreignState(folder, header.user, owner);
}

/** `state.foreign`, for a state of `user` that is not `owner`'s. */
export function foreignState(folder: string, user: string, owner: StateOwner): CodedError {
  const whose = user === owner.user ? `${user} at another server` : user;
  return new CodedError("state.foreign", `${folder}: belongs to ${whose}; name another with --state`);
}

/** The header of an open database; null when nothing was ever saved. @throws state.damaged, config.invalid */
function headerIn(database: Database, folder: string): StateHeader | null {
  const version = Number(pragma(database, "user_version"));
  if (version > STATE_VERSION)
    throw new CodedError(
      "config.invalid",
      `${folder}: made by a newer version of the client; use that one, or name another folder with --state`,
    );
  const names = database.query<{ name: string }, []>("SELECT name FROM sqlite_schema WHERE type = 'table'").all();
  const known = TABLES.every((table) => names.some(({ name }) => name === table));
  if (version < STATE_VERSION || !known) throw damaged(folder, `${DATABASE_NAME} is something else`);
  const row = database.query<HeaderRow, []>("SELECT * FROM header").get();
  const header = row === null ? null : headerOf(row);
  if (header !== null) return header;
  const entries = database.query<{ count: number }, []>("SELECT count(*) AS count FROM entry").get()?.count ?? 0;
  if (row === null && entries === 0) return null;
  throw damaged(folder, "it does not say whose it is");
}

interface HeaderRow {
  readonly realm: unknown;
  readonly user: unknown;
  readonly device: unknown;
  readonly identity_key: unknown;
  readonly state_wrap: unknown;
}

/** null when a field is not what it should be. */
function headerOf({ realm, user, device, identity_key, state_wrap }: HeaderRow): StateHeader | null {
  if (!isKey(realm) || !isKey(identity_key) || !(state_wrap instanceof Uint8Array)) return null;
  if (typeof user !== "string" || typeof device !== "string" || !DEVICE.test(device) || !isName(user)) return null;
  return {
    ...{ realm: new Uint8Array(realm), user, device: device as DeviceId },
    ...{ identityKey: new Uint8Array(identity_key), stateWrap: new Uint8Array(state_wrap) },
  };
}

function isKey(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array && value.length === KEY_BYTES;
}

function isName(text: string): text is UserName {
  try {
    return parseUserName(text) === text;
  } catch {
    return false;
  }
}

/** null when there is no such file. */
function bytesOf(path: string): number | null {
  return statSync(path, { throwIfNoEntry: false })?.size ?? null;
}
