/**
 * Says the first few occurrences of a thing one by one and at once, and how many more there were when the window ends.
 * What it remembers is bounded, whatever comes: things beyond so many different ones are taken together.
 */

/** Different sources told apart for one thing in one window; further ones are not counted as different. */
export const SOURCES_MAX = 1024;

export interface SumsOptions<T> {
  /** Items with the same key are the same thing. */
  readonly keyOf: (item: T) => string;
  /** Where an item came from; empty when that does not matter. */
  readonly sourceOf: (item: T) => string;
  /** What stands for an item when there are `keysMax` different things already; of few kinds. */
  readonly broad: (item: T) => T;
  readonly keysMax: number;
  /** So many of a thing are said one by one. */
  readonly atOnce: number;
  readonly windowMs: number;
  /** One occurrence. */
  readonly one: (item: T) => void;
  /** Several, with what came first of them. */
  readonly more: (item: T, sum: Sum) => void;
}

export interface Sum {
  readonly count: number;
  /** Different sources, at most `SOURCES_MAX`. */
  readonly sources: number;
}

interface Seen<T> {
  said: number;
  first: T | null;
  count: number;
  /** Of what is counted. */
  sources: Set<string> | null;
}

/** Disposing says what has not been said yet. */
export class Sums<T> implements Disposable {
  readonly #options: SumsOptions<T>;
  #seen = new Map<string, Seen<T>>();
  #timer: ReturnType<typeof setTimeout> | null = null;

  constructor(options: SumsOptions<T>) {
    this.#options = options;
  }

  add(item: T): void {
    const { keyOf, broad, keysMax } = this.#options;
    const known = this.#seen.get(keyOf(item));
    if (known !== undefined || this.#seen.size < keysMax) this.#count(item, known);
    else this.#count(broad(item), this.#seen.get(keyOf(broad(item))));
  }

  #count(item: T, known: Seen<T> | undefined): void {
    const { keyOf, sourceOf, atOnce, one } = this.#options;
    const seen = known ?? { said: 0, first: null, count: 0, sources: null };
    if (known === undefined) this.#seen.set(keyOf(item), seen);
    this.#startWindow();
    if (seen.said < atOnce) {
      seen.said += 1;
      one(item);
      return;
    }
    seen.first ??= item;
    seen.count += 1;
    seen.sources ??= new Set();
    if (seen.sources.size < SOURCES_MAX) seen.sources.add(sourceOf(item));
  }

  #startWindow(): void {
    if (this.#timer !== null) return;
    this.#timer = setTimeout(() => this.endWindow(), this.#options.windowMs);
    this.#timer.unref();
  }

  /** Says the sums. A thing that goes on is summed again in the next window; any other begins anew. */
  endWindow(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    const ended = this.#seen;
    this.#seen = new Map();
    for (const [key, { said, first, count, sources }] of ended) {
      if (first === null) continue;
      this.#options.more(first, { count, sources: sources?.size ?? 0 });
      this.#seen.set(key, { said, first: null, count: 0, sources: null });
    }
    if (this.#seen.size > 0) this.#startWindow();
  }

  [Symbol.dispose](): void {
    this.endWindow();
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }
}
