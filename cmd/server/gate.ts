/**
 * The work of those who are not logged in, in the order it came: at most `limit` handshakes and logins are worked on in one
 * turn of the event loop, and then whoever is logged in has a turn. Those who come from where somebody has logged in before
 * go first; one task in four is a stranger's all the same, so that nobody waits for ever.
 */
type Task = () => Promise<void> | void;

/** So many of those who are known for each stranger. */
const KNOWN_IN_A_ROW = 3;

/** Where somebody waits. */
export type Lane = "known" | "stranger";

export class Gate {
  readonly #limit: () => number;
  readonly #known: Task[] = [];
  readonly #strangers: Task[] = [];
  #knownInARow = 0;
  #active = 0;
  #scheduled = false;

  /** @param limit at least 1; it may change */
  constructor(limit: () => number) {
    this.#limit = limit;
  }

  /** Tasks of strangers that wait for their turn. */
  get strangers(): number {
    return this.#strangers.length;
  }

  /** All that wait. */
  get waiting(): number {
    return this.#known.length + this.#strangers.length;
  }

  /** Runs `task` when its turn comes; it must not throw. A promise keeps its place until it settles. */
  push(task: Task, lane: Lane): void {
    (lane === "known" ? this.#known : this.#strangers).push(task);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled || this.waiting === 0 || this.#active >= this.#limit()) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      // What a task pushes waits for the next turn.
      const turn = Array.from({ length: Math.min(this.#limit() - this.#active, this.waiting) }, () => this.#next());
      for (const task of turn) this.#run(task);
      this.#schedule();
    });
  }

  #next(): Task | undefined {
    const known = this.#strangers.length === 0 || (this.#known.length > 0 && this.#knownInARow < KNOWN_IN_A_ROW);
    this.#knownInARow = known ? this.#knownInARow + 1 : 0;
    return (known ? this.#known : this.#strangers).shift();
  }

  #run(task: Task | undefined): void {
    const done = task?.();
    if (done === undefined) return;
    this.#active += 1;
    void done.finally(() => {
      this.#active -= 1;
      this.#schedule();
    });
  }
}
