/**
 * Whose turn it is: whoever is logged in has one piece of work done in one turn of the event loop, the first at once, more of
 * it when the others have had theirs. The platform hands over all that one peer has sent before it looks at the next.
 */
export interface Worker {
  /** Does one piece of work. */
  work(): void;
  /** Pieces that wait. */
  readonly waiting: number;
  /** Milliseconds until the next one may be done; 0 for now. */
  waitMs(): number;
  /** Called after a turn in which nothing waits. */
  idle(): void;
}

export class Turns {
  /** Those that have had their turn, or wait for the next. */
  readonly #workers = new Set<Worker>();
  #immediate = false;
  #timer: { readonly handle: ReturnType<typeof setTimeout>; readonly atMs: number } | null = null;

  /** There is work for `worker`. */
  take(worker: Worker): void {
    const waitMs = worker.waitMs();
    const itsTurn = !this.#workers.has(worker) && waitMs === 0;
    this.#workers.add(worker);
    if (itsTurn) worker.work(); // which may be its last
    this.#schedule(waitMs);
  }

  /** Nothing is done for `worker` any more. */
  forget(worker: Worker): void {
    this.#workers.delete(worker);
  }

  #schedule(waitMs: number): void {
    if (this.#immediate) return;
    if (waitMs === 0) {
      this.#immediate = true;
      setImmediate(() => this.#next());
      return;
    }
    const atMs = performance.now() + waitMs;
    if (this.#timer !== null && this.#timer.atMs <= atMs) return;
    if (this.#timer !== null) clearTimeout(this.#timer.handle);
    this.#timer = { handle: setTimeout(() => this.#next(), waitMs), atMs };
  }

  #next(): void {
    this.#immediate = false;
    if (this.#timer !== null) clearTimeout(this.#timer.handle);
    this.#timer = null;
    const turn = [...this.#workers];
    this.#workers.clear();
    for (const worker of turn) {
      if (worker.waiting > 0) this.take(worker);
      else worker.idle();
    }
  }
}
