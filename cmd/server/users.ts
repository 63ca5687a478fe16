/**
 * `users.json`: who may log in, and what stands in for their passwords. It is loaded whole or refused whole, and every
 * change is made under a lock, on the file as it is then, and replaces it at once.
 */
import type { Stats } from "node:fs";
import { equalBytes } from "../../core/crypto/compare.ts";
import type { CryptoProvider } from "../../core/crypto/provider.ts";
import { CodedError } from "../../core/errors.ts";
import { opaqueConfig } from "../../core/kdc/login.ts";
import type { RegisteredUser } from "../../core/kdc/realm.ts";
import { REALM_ID_BYTES } from "../../core/limits.ts";
import { parseUserName, type UserName } from "../../core/name.ts";
import { RECORD_BYTES } from "../../core/opaque/messages.ts";
import { parseRecord } from "../../core/opaque/record.ts";
import { formatBase64url, parseBase64url } from "../host/base64url.ts";
import { expectUtf8, readBytes, replaceFile } from "../host/files.ts";
import { parseJson } from "../host/json.ts";
import { withLock } from "../host/lock.ts";
import {
  flag,
  hiddenText,
  type Infer,
  integer,
  list,
  object,
  oneOf,
  optional,
  refuse,
  text,
  version,
} from "../host/schema.ts";
import { expectPrivate } from "./keyring.ts";

/** About 100,000 users. */
const MAX_BYTES = 64 * 1024 * 1024;
const MAX_USERS = 100_000;
const TIME = /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$/;

const parseBytes = (length: number) => (found: string) => {
  const bytes = parseBase64url(found);
  return bytes?.length === length ? bytes : null;
};

const usersFile = object({
  version: version(1),
  realm: text("32 bytes of base64url", parseBytes(REALM_ID_BYTES)),
  users: list(
    object({
      name: text("a user name: 1 to 32 of A-Z a-z 0-9 . _ -, beginning with a letter or digit", (found) =>
        isUserName(found) ? found : null,
      ),
      status: oneOf("active", "locked"),
      record: hiddenText(`${RECORD_BYTES} bytes of base64url`, parseBytes(RECORD_BYTES)),
      changedAt: text("a time such as 2026-01-31T12:00:00.000Z", (found) => (isTime(found) ? found : null)),
      epoch: integer(1, Number.MAX_SAFE_INTEGER),
      initial: optional(flag, false),
    }),
    MAX_USERS,
  ),
});

/** One registered user; the protocol's form of the name is `parseUserName` of it. */
export interface UserEntry extends RegisteredUser {
  /** When the password was set: ISO 8601, UTC, milliseconds. */
  readonly changedAt: string;
}

/** By the protocol's form of the name, in the order of the file. */
export type UserEntries = ReadonlyMap<UserName, UserEntry>;

/** The file, and whose it is. */
export interface UsersFile {
  readonly path: string;
  /** How errors call it. */
  readonly name: string;
  /** 32 bytes: the realm of the server's key. */
  readonly realmId: Uint8Array;
  /** The demo realm's file is public; any other must be private to its owner. */
  readonly demo: boolean;
  readonly crypto: CryptoProvider;
}

/** @throws config.invalid when anything in the file is wrong, or when others can read it; never a part of the users */
export function loadUsers(file: UsersFile): UserEntries {
  const inspect = (stats: Stats): void => {
    if (!file.demo) expectPrivate(stats, file.path, file.name);
  };
  const content = readBytes(file.path, { name: file.name, maxBytes: MAX_BYTES, inspect });
  return parseUsers(expectUtf8(content, file.name), file);
}

/** The users that the text of a `users.json` holds. @throws config.invalid */
export function parseUsers(content: string, file: UsersFile): UserEntries {
  const place = { file: file.name, key: "" };
  const found = usersFile.read(parseJson(content, file.name), place);
  if (!equalBytes(found.realm, file.realmId)) {
    refuse({ ...place, key: "realm" }, "these users belong to another realm than the server's key");
  }
  const users = new Map<UserName, UserEntry>();
  for (const [index, entry] of found.users.entries()) {
    const name = parseUserName(entry.name);
    const at = { ...place, key: `users[${index}]` };
    if (users.has(name)) refuse({ ...at, key: `${at.key}.name` }, `the user ${entry.name} is there twice`);
    users.set(name, withRecord(entry, file, at));
  }
  return users;
}

type Entry = Infer<typeof usersFile>["users"][number];

function withRecord(entry: Entry, file: UsersFile, place: { readonly file: string; readonly key: string }): UserEntry {
  try {
    const { name, status, changedAt, epoch, initial } = entry;
    const record = parseRecord(opaqueConfig(file.crypto), entry.record);
    return { name, active: status === "active", record, changedAt, epoch, initial };
  } catch (error) {
    if (!(error instanceof CodedError)) throw error;
    return refuse({ ...place, key: `${place.key}.record` }, `not a record; set ${entry.name}'s password again`);
  }
}

/** The text of a `users.json` with `users`. */
export function formatUsers(realmId: Uint8Array, users: UserEntries): string {
  const content = {
    version: 1,
    realm: formatBase64url(realmId),
    users: Array.from(users.values(), ({ name, active, record, changedAt, epoch, initial }) => {
      const status = active ? "active" : "locked";
      return { name, status, record: formatBase64url(record), changedAt, epoch, ...(initial ? { initial } : {}) };
    }),
  };
  return `${JSON.stringify(content, null, 2)}\n`;
}

/**
 * Replaces the users by what `change` makes of them, with no other writer in between; null leaves them as they are.
 * @returns what `change` has returned, once it is on the disk
 * @throws config.invalid, file.locked, file.failed, and what `change` throws; then the file is as it was
 */
export async function changeUsers<T extends UserEntries | null>(
  file: UsersFile,
  change: (users: UserEntries) => T,
): Promise<T> {
  return await withLock(file.path, () => {
    const users = change(loadUsers(file));
    if (users !== null) replaceFile(file.path, formatUsers(file.realmId, users), 0o600);
    return users;
  });
}

/** A password that a user has chosen. */
export interface NewPassword {
  readonly user: UserName;
  /** The one that it begins with. */
  readonly epoch: number;
  /** 192 bytes. */
  readonly record: Uint8Array;
  readonly atMs: number;
}

/**
 * Sets the password of a user who is active and has the epoch before `epoch`; it is no initial one any more.
 * @returns the users as they are then; null when that does not hold, and nothing has changed
 * @throws config.invalid, file.locked, file.failed
 */
export function setPassword(file: UsersFile, { user, epoch, record, atMs }: NewPassword): Promise<UserEntries | null> {
  return changeUsers(file, (users) => {
    const old = users.get(user);
    if (old?.active !== true || old.epoch !== epoch - 1) return null;
    const parsed = parseRecord(opaqueConfig(file.crypto), record);
    const changedAt = new Date(atMs).toISOString();
    return new Map([...users, [user, { ...old, record: parsed, epoch, changedAt, initial: false }]]);
  });
}

function isUserName(found: string): boolean {
  try {
    parseUserName(found);
    return true;
  } catch {
    return false;
  }
}

function isTime(found: string): boolean {
  const time = TIME.test(found) ? Date.parse(found) : Number.NaN;
  return !Number.isNaN(time) && new Date(time).toISOString() === found;
}
