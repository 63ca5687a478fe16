/** Pins in `store.db`: what clients have noted of their peers, sealed. */
import type { Database } from "bun:sqlite";
import { PINS_MAX } from "../../../core/limits.ts";
import type { UserName } from "../../../core/name.ts";
import type { Pin } from "../../../core/wire/account.ts";
import { change, type Request, row, rows } from "./rows.ts";

const PINS = "FROM pin WHERE account = (SELECT id FROM account WHERE user = ?1)";

/** All of a user. */
export function loadPins(database: Database, user: UserName): readonly Pin[] {
  return rows<Pin>(database, `SELECT name, version, sealed ${PINS}`, user);
}

/** @returns the pin of that name as it is then */
export function putPin(database: Database, { user, pin }: Request<"putPin">): Pin | null {
  const { name, version, sealed } = pin;
  const pinOfThatName = (): Pin | null =>
    row<Pin>(database, `SELECT name, version, sealed ${PINS} AND name = ?2`, user, name);
  const found = pinOfThatName();
  const follows = (found?.version ?? 0) === version - 1;
  if (!follows || (found === null && countOf(database, user) >= PINS_MAX)) return found;
  change(
    database,
    "INSERT OR REPLACE INTO pin SELECT id, ?2, ?3, ?4 FROM account WHERE user = ?1",
    ...[user, name, version, sealed],
  );
  return pinOfThatName();
}

function countOf(database: Database, user: UserName): number {
  return row<{ readonly count: number }>(database, `SELECT count(*) AS count ${PINS}`, user)?.count ?? 0;
}
