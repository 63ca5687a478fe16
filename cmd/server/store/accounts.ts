/** Accounts in `store.db`: the keys and their wraps, and the list of devices with what is kept of each. */
import type { Database } from "bun:sqlite";
import { equalBytes } from "../../../core/crypto/compare.ts";
import type { UserName } from "../../../core/name.ts";
import type { StoredAccount } from "../../../core/peer/store.ts";
import type { AccountKeys, DeviceStanding, SignedDeviceList } from "../../../core/wire/account.ts";
import { change, type Request, row, rows } from "./rows.ts";

/** An account among the tables. */
interface AccountRow {
  readonly id: number;
  readonly identityKey: Uint8Array;
  /** 0 while there is no list. */
  readonly number: number;
}

/** null when the user has none. */
export function loadAccount(database: Database, user: UserName, epoch: number): StoredAccount | null {
  const keys = row<AccountKeys>(
    database,
    `SELECT identity_key AS identityKey, identity_wrap AS identityWrap, recovery_wrap AS recoveryWrap,
       ifnull((SELECT wrap FROM account_wrap WHERE account = account.id AND epoch = ?2), x'') AS accountWrap
     FROM account WHERE user = ?1`,
    ...[user, epoch],
  );
  if (keys === null) return null;
  return { keys, devices: deviceListOf(database, user), standings: standingsOf(database, user) };
}

/** null while there is none. */
export function deviceListOf(database: Database, user: UserName): SignedDeviceList | null {
  const sql = "SELECT list, list_signature AS signature FROM account WHERE user = ? AND list IS NOT NULL";
  return row<SignedDeviceList>(database, sql, user);
}

function standingsOf(database: Database, user: UserName): readonly DeviceStanding[] {
  return rows<DeviceStanding>(
    database,
    `SELECT name AS device, seen_at AS seenAt, logins, signed_id AS signedPrekey,
       (SELECT count(*) FROM one_time_prekey WHERE device = device.id) AS oneTimePrekeys
     FROM device WHERE account = (SELECT id FROM account WHERE user = ?)`,
    user,
  );
}

/** Those for earlier epochs go once there is one for this. */
export function pruneWraps(database: Database, { user, epoch }: Request<"load">): void {
  change(
    database,
    `DELETE FROM account_wrap WHERE account = (SELECT id FROM account WHERE user = ?1) AND epoch < ?2
       AND EXISTS (SELECT 1 FROM account_wrap AS kept WHERE kept.account = account_wrap.account AND kept.epoch = ?2)`,
    ...[user, epoch],
  );
}

export function createAccount(database: Database, { user, epoch, keys, replaces }: Request<"create">): void {
  const found = accountOf(database, user);
  if (replaces === null ? found !== null : !isOf(found, replaces)) return;
  if (found !== null) change(database, "DELETE FROM account WHERE id = ?", found.id);
  change(
    database,
    "INSERT INTO account (user, identity_key, identity_wrap, recovery_wrap) VALUES (?, ?, ?, ?)",
    ...[user, keys.identityKey, keys.identityWrap, keys.recoveryWrap],
  );
  const { identityKey, accountWrap } = keys;
  putWraps(database, { op: "putWraps", user, epoch, identityKey, accountWrap, recoveryWrap: new Uint8Array() });
}

export function putWraps(database: Database, request: Request<"putWraps">): boolean {
  const { user, epoch, identityKey, accountWrap, recoveryWrap } = request;
  const account = accountOf(database, user);
  if (!isOf(account, identityKey)) return false;
  if (accountWrap.length > 0) {
    change(database, "INSERT OR REPLACE INTO account_wrap VALUES (?, ?, ?)", account.id, epoch, accountWrap);
  }
  if (recoveryWrap.length > 0) {
    change(database, "UPDATE account SET recovery_wrap = ? WHERE id = ?", recoveryWrap, account.id);
  }
  return true;
}

export function putDevices(database: Database, request: Request<"putDevices">): void {
  const { user, identityKey, number, devices, ids } = request;
  const account = accountOf(database, user);
  if (!isOf(account, identityKey) || account.number !== number - 1) return;
  change(
    database,
    "UPDATE account SET list_number = ?, list = ?, list_signature = ? WHERE id = ?",
    ...[number, devices.list, devices.signature, account.id],
  );
  const listed = JSON.stringify(ids);
  change(
    database,
    "DELETE FROM device WHERE account = ? AND name NOT IN (SELECT value FROM json_each(?))",
    ...[account.id, listed],
  );
  change(
    database,
    "INSERT OR IGNORE INTO device (account, name) SELECT ?, value FROM json_each(?)",
    ...[account.id, listed],
  );
}

/** Nothing for a device that is not in the list. */
export function noteSeen(database: Database, { user, device, atMs, logins }: Request<"seen">): void {
  change(
    database,
    `UPDATE device SET seen_at = ?3, logins = ifnull(?4, logins)
     WHERE account = (SELECT id FROM account WHERE user = ?1) AND name = ?2`,
    ...[user, device, atMs, logins],
  );
}

/** Everything of a user goes. */
export function forgetUser(database: Database, user: UserName): void {
  change(database, "DELETE FROM account WHERE user = ?", user);
}

function accountOf(database: Database, user: UserName): AccountRow | null {
  const sql = "SELECT id, identity_key AS identityKey, list_number AS number FROM account WHERE user = ?";
  return row<AccountRow>(database, sql, user);
}

function isOf(account: AccountRow | null, identityKey: Uint8Array): account is AccountRow {
  return account !== null && equalBytes(account.identityKey, identityKey);
}
