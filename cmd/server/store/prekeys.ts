/** Prekeys in `store.db`: one signed one of a device, and one-time ones that leave in the order they came. */
import type { Database } from "bun:sqlite";
import type { DeviceId } from "../../../core/ids.ts";
import { ONE_TIME_PREKEYS } from "../../../core/limits.ts";
import type { UserName } from "../../../core/name.ts";
import type { StoreAnswer } from "../../../core/peer/store.ts";
import type { SignedPrekey } from "../../../core/wire/account.ts";
import { change, type Request, row } from "./rows.ts";

/** @returns how many one-time ones there are then; 0 when the device is not in the list, and nothing is kept */
export function putPrekeys(database: Database, request: Request<"putPrekeys">): number {
  const device = deviceOf(database, request.user, request.device);
  if (device === null) return 0;
  const { signed, oneTime } = request;
  if (signed !== null) {
    change(
      database,
      "UPDATE device SET signed_id = ?, signed_prekey = ?, signed_signature = ? WHERE id = ?",
      ...[signed.id, signed.prekey, signed.signature, device],
    );
  }
  for (const { id, prekey, signature } of oneTime) {
    change(
      database,
      "INSERT OR REPLACE INTO one_time_prekey (device, id, prekey, signature) VALUES (?, ?, ?, ?)",
      ...[device, id, prekey, signature],
    );
  }
  dropAbove(database, device);
  return countOf(database, device);
}

/** The oldest above `ONE_TIME_PREKEYS`. */
function dropAbove(database: Database, device: number): void {
  change(
    database,
    `DELETE FROM one_time_prekey WHERE device = ?1 AND position <=
       (SELECT position FROM one_time_prekey WHERE device = ?1 ORDER BY position DESC LIMIT 1 OFFSET ?2)`,
    ...[device, ONE_TIME_PREKEYS],
  );
}

export function takePrekeys(database: Database, { user, device: name }: Request<"takePrekeys">): StoreAnswer {
  const op = "takePrekeys";
  const device = deviceOf(database, user, name);
  if (device === null) return { op, prekeys: null, oneTimePrekeys: 0 };
  const signed = row<SignedPrekey>(
    database,
    `SELECT signed_id AS id, signed_prekey AS prekey, signed_signature AS signature
     FROM device WHERE id = ? AND signed_prekey IS NOT NULL`,
    device,
  );
  const prekeys = signed === null ? null : { signed, oneTime: takeOldest(database, device) };
  return { op, prekeys, oneTimePrekeys: countOf(database, device) };
}

function takeOldest(database: Database, device: number): SignedPrekey | null {
  return row<SignedPrekey>(
    database,
    `DELETE FROM one_time_prekey WHERE position = (SELECT min(position) FROM one_time_prekey WHERE device = ?)
     RETURNING id, prekey, signature`,
    device,
  );
}

function countOf(database: Database, device: number): number {
  const sql = "SELECT count(*) AS count FROM one_time_prekey WHERE device = ?";
  return row<{ readonly count: number }>(database, sql, device)?.count ?? 0;
}

/** null when the device is not in its user's list. */
function deviceOf(database: Database, user: UserName, device: DeviceId): number | null {
  const sql = "SELECT id FROM device WHERE account = (SELECT id FROM account WHERE user = ?) AND name = ?";
  return row<{ readonly id: number }>(database, sql, user, device)?.id ?? null;
}
