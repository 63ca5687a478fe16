/**
 * The guesses of one connection, as they are counted: the login, from the guess to the proof and to what the user is told,
 * and then guesses at the old password of whoever sets another.
 */
import type { GuessReport, Verdict } from "../../core/kdc/guessing.ts";
import type { Attempt, Guess, Load, Throttling } from "./throttle.ts";

export class PeerLogin {
  readonly #throttle: Throttling;
  readonly #address: string;
  /** Let on, and not proved yet. */
  #guess: Guess | null = null;
  /** The password has been proved once: that was the login. */
  #loggedIn = false;
  /** Whose login has been proved, and when: what failed up to then is being told. */
  #proved: { readonly guess: Guess; readonly atMs: number } | null = null;

  constructor(throttle: Throttling, address: string) {
    this.#throttle = throttle;
    this.#address = address;
  }

  /** An earlier guess that was not proved has failed. @throws file.failed when a guess cannot be counted */
  judge(attempt: Attempt, load: Load): Verdict {
    this.end();
    const { verdict, guess } = this.#throttle.judge(attempt, this.#address, load);
    this.#guess = guess;
    return verdict;
  }

  /**
   * The guess was the password. @returns what the user has to be told; null when there was no guess, or it was none of the
   * login. @throws file.failed
   */
  prove(): GuessReport | null {
    if (this.#guess === null) return null;
    const guess = this.#guess;
    this.#guess = null;
    const { guesses, atMs } = this.#throttle.prove(guess);
    if (this.#loggedIn) return null;
    this.#loggedIn = true;
    this.#proved = guesses.prefixes.length === 0 ? null : { guess, atMs };
    return guesses;
  }

  /** The user has seen what `prove` gave, once; there is nothing else to see. @throws file.failed */
  told(): void {
    const proved = this.#proved;
    this.#proved = null;
    if (proved !== null) this.#throttle.told(proved.guess, proved.atMs);
  }

  /** It is over: what has not been proved was a failed guess. */
  end(): void {
    if (this.#guess !== null) this.#throttle.over(this.#guess);
    this.#guess = null;
  }
}
