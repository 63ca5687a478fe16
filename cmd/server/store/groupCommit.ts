/**
 * Requests that come within a moment share one transaction, and so one wait for the disk. An answer is given once the
 * transaction is committed: what a peer has been told is still there after a power cut.
 *
 * A request that is wrong by itself is undone by itself. When the disk fails none of the group has happened, and all are
 * told so.
 */
import type { Database } from "bun:sqlite";
import { databaseFailure, knownReason } from "../../host/sqlite.ts";

/** How long the first request of a group waits for others: less than anybody notices. */
const GROUP_MS = 2;
/** When it has so many it waits no longer than for those of the same turn of the loop, which come anyway. */
const GROUP_ENOUGH = 64;
/** And with so many it is run at once: a group is one transaction, for which everything else stands still. */
const GROUP_MAX = 512;

interface Waiting<Q, A> {
  readonly request: Q;
  readonly resolve: (answer: A) => void;
  readonly reject: (error: unknown) => void;
}

/** What became of one request, to be told once the group is committed. */
type Outcome = () => void;

/** Runs requests in the order they come in. Disposing of it runs what waits. */
export class GroupCommit<Q, A> implements Disposable {
  readonly #database: Database;
  readonly #path: string;
  readonly #answer: (request: Q) => A;
  #waiting: Waiting<Q, A>[] = [];
  #timer: ReturnType<typeof setTimeout> | null = null;
  #turnEnd: ReturnType<typeof setImmediate> | null = null;
  #closed = false;

  /** @param path how failures call the database; `answer` is run within a transaction */
  constructor(database: Database, path: string, answer: (request: Q) => A) {
    this.#database = database;
    this.#path = path;
    this.#answer = answer;
  }

  /** @throws file.failed when the group cannot be kept; a plain `Error` when the request is a bug, or comes after the end */
  run(request: Q): Promise<A> {
    if (this.#closed) return Promise.reject(new Error("store: a request after it was closed"));
    const { promise, resolve, reject } = Promise.withResolvers<A>();
    this.#waiting.push({ request, resolve, reject });
    if (this.#waiting.length >= GROUP_MAX) this.#runGroup();
    else if (this.#waiting.length >= GROUP_ENOUGH) this.#turnEnd ??= setImmediate(() => this.#runGroup());
    else this.#timer ??= setTimeout(() => this.#runGroup(), GROUP_MS);
    return promise;
  }

  [Symbol.dispose](): void {
    this.#closed = true;
    this.#runGroup();
  }

  #runGroup(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    if (this.#turnEnd !== null) clearImmediate(this.#turnEnd);
    this.#timer = null;
    this.#turnEnd = null;
    const group = this.#waiting;
    this.#waiting = [];
    if (group.length === 0) return;
    try {
      this.#do("BEGIN IMMEDIATE");
      const outcomes = group.map((waiting) => this.#runOne(waiting));
      this.#do("COMMIT");
      for (const outcome of outcomes) outcome();
    } catch (error) {
      this.#rollBack();
      const failure = databaseFailure(this.#path, "written", error);
      for (const { reject } of group) reject(failure);
    }
  }

  /** @throws when the transaction is lost */
  #runOne({ request, resolve, reject }: Waiting<Q, A>): Outcome {
    this.#do("SAVEPOINT request");
    try {
      const answer = this.#answer(request);
      this.#do("RELEASE request");
      return () => resolve(answer);
    } catch (error) {
      if (knownReason(error) !== null) throw error;
      this.#database.run("ROLLBACK TO request");
      this.#database.run("RELEASE request");
      return () => reject(error);
    }
  }

  /** These come with every request, and are prepared once. */
  #do(sql: string): void {
    this.#database.query(sql).run();
  }

  #rollBack(): void {
    try {
      if (this.#database.inTransaction) this.#database.run("ROLLBACK");
    } catch {
      // SQLite has rolled back by itself, as it does after some failures of the disk.
    }
  }
}
