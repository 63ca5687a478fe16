/**
 * The work of strangers, in the order it came: at most `limit` handshakes and logins are worked on in one turn of the
 * event loop, and then whoever is logged in has a turn.
 */
export class Gate {
  readonly #limit: () => number;
  readonly #waiting: (() => Promise<void> | void)[] = [];
  #active = 0;
  #scheduled = false;

  /** @param limit at least 1; it may change */
  constructor(limit: () => number) {
    this.#limit = limit;
  }

  /** Runs `task` when its turn comes; it must not throw. A promise keeps its place until it settles. */
  push(task: () => Promise<void> | void): void {
    this.#waiting.push(task);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled || this.#waiting.length === 0 || this.#active >= this.#limit()) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      for (const task of this.#waiting.splice(0, this.#limit() - this.#active)) this.#run(task);
      this.#schedule();
    });
  }

  #run(task: () => Promise<void> | void): void {
    const done = task();
    if (done === undefined) return;
    this.#active += 1;
    void done.finally(() => {
      this.#active -= 1;
      this.#schedule();
    });
  }
}
