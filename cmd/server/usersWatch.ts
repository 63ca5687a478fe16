/** Keeps the users of a running server as the file has them, also when another file is named. */
import { fromKey } from "../host/config.ts";
import type { Log } from "../host/log.ts";
import { type Change, simpleChange } from "./change.ts";
import type { Realm } from "./realm.ts";
import { loadUsers, type UserEntries, type UsersFile } from "./users.ts";
import { watchFile } from "./watch.ts";

export interface UsersWatchOptions {
  /** Called with every version that could be loaded, and how its file is called. */
  readonly changed: (before: UserEntries, now: UserEntries, file: string) => void;
  readonly log: Pick<Log, "error">;
}

/** Watches until it is disposed. */
export class UsersWatch implements Disposable {
  readonly #options: UsersWatchOptions;
  #file: UsersFile;
  #users: UserEntries;
  #watch: Disposable;

  /** @param users what `file` holds now */
  constructor(file: UsersFile, users: UserEntries, options: UsersWatchOptions) {
    this.#options = options;
    this.#file = file;
    this.#users = users;
    this.#watch = this.#watchOver(file);
  }

  /** Where they come from. */
  get file(): UsersFile {
    return this.#file;
  }

  /** Those in force. */
  get users(): UserEntries {
    return this.#users;
  }

  /** @throws config.invalid when another file is named and is not one of users */
  prepare({ config, usersFile }: Pick<Realm, "config" | "usersFile">): Change {
    if (usersFile.path === this.#file.path) return simpleChange(() => {});
    const watch = this.#watchOver(usersFile); // first, so that no change goes by between the two
    try {
      const users = fromKey(config, "users", () => loadUsers(usersFile));
      return {
        commit: () => {
          this.#watch[Symbol.dispose]();
          this.#watch = watch;
          this.#file = usersFile;
          this.#take(usersFile, users);
        },
        rollback: () => watch[Symbol.dispose](),
      };
    } catch (error) {
      watch[Symbol.dispose]();
      throw error;
    }
  }

  [Symbol.dispose](): void {
    this.#watch[Symbol.dispose]();
  }

  #watchOver(file: UsersFile): Disposable {
    return watchFile({
      path: file.path,
      load: () => loadUsers(file),
      changed: (users) => this.#take(file, users),
      broken: ({ detail }) =>
        this.#options.log.error("users.refused", {
          file: file.name,
          reason: detail,
          note: "the last good users stay",
        }),
    });
  }

  #take(file: UsersFile, users: UserEntries): void {
    const before = this.#users;
    this.#users = users;
    this.#options.changed(before, users, file.name);
  }
}
