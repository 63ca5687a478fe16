/**
 * `data/store.db`: accounts, devices, prekeys, pins and mailboxes, in one file of SQLite that one server uses. What has been
 * answered outlasts a power cut (`synchronous=FULL`), and what is deleted is overwritten: an old wrap opens with an old
 * password.
 */
import type { Database } from "bun:sqlite";
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { StoreAnswer, StoreRequest } from "../../../core/peer/store.ts";
import { inspectDatabase, openDatabase } from "../../host/sqlite.ts";
import { GroupCommit } from "./groupCommit.ts";
import { expectKnown, migrate, versionOf } from "./migrate.ts";
import { answerRequest } from "./requests.ts";
import { STORE_MIGRATIONS } from "./schema.ts";
import type { Store } from "./store.ts";

export const STORE_NAME = "store.db";
const MEND = "put a backup of the data folder in its place";

export class SqliteStore implements Store {
  readonly #database: Database;
  readonly #group: GroupCommit<StoreRequest, StoreAnswer>;

  private constructor(database: Database, path: string) {
    this.#database = database;
    this.#group = new GroupCommit(database, path, (request) => answerRequest(database, request));
  }

  /**
   * Opens the store of a data folder that this process has locked, or makes it.
   * @throws config.invalid naming the file and what to do
   */
  static open(folder: string): SqliteStore {
    const path = join(folder, STORE_NAME);
    const prepare = (database: Database): void => {
      database.run("PRAGMA secure_delete = ON");
      migrate(database, path, STORE_MIGRATIONS);
    };
    return new SqliteStore(openDatabase(path, { synchronous: "FULL", mend: MEND, readThrough: false, prepare }), path);
  }

  run(request: StoreRequest): Promise<StoreAnswer> {
    return this.#group.run(request);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#group[Symbol.dispose]();
    this.#database.close();
  }
}

/** Whether the folder holds a store. */
export function hasStore(folder: string): boolean {
  return existsSync(join(folder, STORE_NAME));
}

/**
 * Reads all of a store, if there is one, also beside a running server, and changes nothing.
 * @param name how errors call it @throws config.invalid when it is damaged or newer than this program
 */
export function inspectStore(folder: string, name: string): void {
  if (!hasStore(folder)) return;
  inspectDatabase(join(folder, STORE_NAME), { name, mend: MEND }, (database) =>
    expectKnown(versionOf(database), STORE_MIGRATIONS, name),
  );
}
