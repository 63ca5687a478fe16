/** Keeps the users of a running server as the file has them, also when another file is named. */
import { fromKey } from "../host/config.ts";
import type { Log } from "../host/log.ts";
import { type Change, simpleChange } from "./change.ts";
import type { Realm } from "./realm.ts";
import { loadUsers, type UserEntries, type UsersFile } from "./users.ts";
import { watchFile } from "./watch.ts";

/** Watches until it is disposed. */
export class UsersWatch implements Disposable {
  readonly #log: Pick<Log, "error">;
  readonly #take: (users: UserEntries, file: string) => void;
  #file: UsersFile;
  #watch: Disposable;

  /** @param take is given each version of the users, and what its file is called */
  constructor(file: UsersFile, log: Pick<Log, "error">, take: (users: UserEntries, file: string) => void) {
    this.#log = log;
    this.#take = take;
    this.#file = file;
    this.#watch = this.#watchOver(file);
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
          this.#take(users, usersFile.name);
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
      changed: (users) => this.#take(users, file.name),
      broken: ({ detail }) =>
        this.#log.error("users.refused", {
          file: file.name,
          reason: detail,
          note: "the last good users stay",
        }),
    });
  }
}
