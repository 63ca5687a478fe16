/**
 * What peers let pile up in our memory, all of them together. Each has a bound of its own; many who stay below it would
 * still fill a machine, so whoever holds most goes first when all of them hold too much.
 */
export class Backlogs<H> {
  readonly #maxBytes: number;
  readonly #bytesOf: (holder: H) => number;
  /** As last seen; most peers never hold anything. What has become less since is noticed when it matters. */
  readonly #held = new Map<H, number>();
  #total = 0;

  constructor(maxBytes: number, bytesOf: (holder: H) => number) {
    this.#maxBytes = maxBytes;
    this.#bytesOf = bytesOf;
  }

  /** To be called when `holder` may hold more than before: who is to be cut, if all hold too much. */
  grew(holder: H): H | null {
    this.#look(holder);
    if (this.#total <= this.#maxBytes) return null;
    for (const other of [...this.#held.keys()]) this.#look(other);
    return this.#total <= this.#maxBytes ? null : this.#largest();
  }

  forget(holder: H): void {
    this.#total -= this.#held.get(holder) ?? 0;
    this.#held.delete(holder);
  }

  #look(holder: H): void {
    this.forget(holder);
    const bytes = this.#bytesOf(holder);
    if (bytes === 0) return;
    this.#held.set(holder, bytes);
    this.#total += bytes;
  }

  #largest(): H | null {
    let largest: H | null = null;
    let most = 0;
    for (const [holder, bytes] of this.#held) {
      if (bytes > most) [largest, most] = [holder, bytes];
    }
    return largest;
  }
}
