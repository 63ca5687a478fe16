/** Statements of SQL with their values; SQLite keeps each prepared. */
import type { Database } from "bun:sqlite";
import type { StoreRequest } from "../../../core/peer/store.ts";

export type Value = string | number | Uint8Array | null;

/** The request of one kind. */
export type Request<Op extends StoreRequest["op"]> = Extract<StoreRequest, { readonly op: Op }>;

/** The first row; null when there is none. `T` is what the statement selects. */
export function row<T>(database: Database, sql: string, ...values: Value[]): T | null {
  return database.query<T, Value[]>(sql).get(...values);
}

/** All rows. `T` is what the statement selects. */
export function rows<T>(database: Database, sql: string, ...values: Value[]): readonly T[] {
  return database.query<T, Value[]>(sql).all(...values);
}

/** Changes rows. */
export function change(database: Database, sql: string, ...values: Value[]): void {
  database.query<unknown, Value[]>(sql).run(...values);
}
