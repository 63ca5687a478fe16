/** State folders, and what is saved in them, for tests. */
import { Database } from "bun:sqlite";
import { join } from "node:path";
import { StateFolder } from "../../cmd/client/state/folder.ts";
import type { StateOwner } from "../../cmd/client/state/inspect.ts";
import type { DeviceId } from "../../core/ids.ts";
import { parseUserName } from "../../core/name.ts";
import type { StateHeader } from "../../core/peer/savedState.ts";

export const ALICE: StateOwner = { realm: new Uint8Array(32).fill(7), user: parseUserName("alice") };

export const HEADER: StateHeader = {
  ...ALICE,
  ...{ device: "0123456789abcdef" as DeviceId, identityKey: new Uint8Array(32).fill(8) },
  stateWrap: new Uint8Array([1, 2, 3]),
};

/** The name of an entry. */
export const entry = (number: number): string => number.toString(16).padStart(32, "0");

/** Takes a folder that nobody holds. */
export function open(path: string, owner = ALICE): StateFolder {
  const folder = StateFolder.tryOpen(path, owner);
  if (folder === null) throw new Error(`${path} is held`);
  return folder;
}

/** A state of Alice with one entry, and nobody who holds it. */
export function makeState(path: string, header = HEADER): void {
  using folder = open(path, header);
  folder.save(header, new Map([[entry(1), new Uint8Array([9])]]));
}

/** Changes the database as some other program would. */
export function spoil(path: string, sql: string): void {
  using database = new Database(join(path, "state.db"));
  database.run(sql);
}
