import { wipe } from "../secret.ts";
import { type Handshake, secretsOf, without } from "./handshakeState.ts";

/**
 * One attempt to write or read a message: `now` goes on token by token while the handshake that it started from stays
 * as it was. Disposing it wipes what it made, all but what was kept: after a failure that is everything, after success
 * the states in between.
 */
export class Attempt implements Disposable {
  readonly #before: readonly Disposable[];
  #made: readonly Disposable[] = [];
  #now: Handshake;

  constructor(before: Handshake) {
    this.#before = secretsOf(before);
    this.#now = before;
  }

  get now(): Handshake {
    return this.#now;
  }

  /** Goes on with these fields in place of the old ones. Secrets in them belong to the attempt. */
  set(fields: Partial<Handshake>): void {
    this.#now = { ...this.#now, ...fields };
    this.#made = [...this.#made, ...without(secretsOf(this.#now), [...this.#before, ...this.#made])];
  }

  /** Lets go of the secrets of `next`, which from now on is their owner. */
  keep(next: Handshake): void {
    this.#made = without(this.#made, secretsOf(next));
  }

  [Symbol.dispose](): void {
    wipe(...this.#made);
    this.#made = [];
  }
}
