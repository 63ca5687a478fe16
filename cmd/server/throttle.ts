/**
 * Decides about each login that begins, for known and unknown names alike: whether it is served, has to wait, or has to show
 * work first (core/kdc/guessing.ts has the rules, attempts.ts the counts).
 *
 * A prefix from which anybody has logged in is no stranger's: it is asked for no puzzle and goes before strangers. That
 * does not depend on the name, so it tells nobody who is registered.
 */
import type { Env } from "../../core/env.ts";
import { countedName, type GuessReport, puzzleBits, type Verdict, waitSeconds } from "../../core/kdc/guessing.ts";
import type { UserName } from "../../core/name.ts";
import type { Secret } from "../../core/secret.ts";
import { prefixOf } from "../host/addresses.ts";
import type { Attempts, Guesser, GuessId } from "./attempts.ts";

/** A login that has begun. */
export interface Attempt {
  readonly user: UserName;
  readonly registered: boolean;
  /** A puzzle has been solved for it. */
  readonly solved: boolean;
}

/** How much strangers' work waits, and how much of it is taken at a time. */
export interface Load {
  readonly waiting: number;
  readonly inWork: number;
}

/** A guess that was let on: by whom, and whether it has been proved is not known yet. */
export interface Guess {
  readonly id: GuessId;
  readonly user: UserName;
  readonly prefix: string;
  /** As it is counted. */
  readonly name: string;
}

/** What is asked of a `Throttle`. */
export type Throttling = Pick<Throttle, "knows" | "judge" | "prove" | "told" | "over">;

export class Throttle {
  readonly #env: Env;
  readonly #attempts: Attempts;
  readonly #key: Secret;
  /** Guesses that are under way, by name and prefix. */
  readonly #underWay = new Map<string, number>();

  /** @param key of `attemptsKey`; borrowed */
  constructor(env: Env, attempts: Attempts, key: Secret) {
    this.#env = env;
    this.#attempts = attempts;
    this.#key = key;
  }

  /** Whether somebody has logged in from the prefix of this address before. */
  knows(address: string): boolean {
    return this.#attempts.isKnown(prefixOf(address), this.#env.nowMs());
  }

  /**
   * `guess` is null unless the login is served: then it is counted already.
   * @throws file.failed when it cannot be counted
   */
  judge(
    { user, registered, solved }: Attempt,
    address: string,
    load: Load,
  ): { readonly verdict: Verdict; readonly guess: Guess | null } {
    const nowMs = this.#env.nowMs();
    const prefix = prefixOf(address);
    const knownToAnybody = this.#attempts.isKnown(prefix, nowMs);
    const bits = solved || knownToAnybody ? null : puzzleBits(load.waiting, load.inWork);
    if (bits !== null) return { verdict: { kind: "puzzle", bits }, guess: null };
    const guesser = { name: countedName(this.#env.crypto, this.#key, user, registered), prefix };
    const underWay = this.#underWay.get(keyOf(guesser)) ?? 0;
    const seconds = waitSeconds({ ...this.#attempts.historyOf(guesser, nowMs), knownToAnybody, underWay }, nowMs);
    if (seconds > 0) return { verdict: { kind: "wait", seconds }, guess: null };
    const id = this.#attempts.count(guesser, registered, nowMs);
    this.#underWay.set(keyOf(guesser), underWay + 1);
    return { verdict: { kind: "serve" }, guess: { id, user, ...guesser } };
  }

  /** The guess was the password. @returns what the user has to be told, and when that was so */
  prove(guess: Guess): { readonly guesses: GuessReport; readonly atMs: number } {
    const { id, user, prefix } = guess;
    this.over(guess);
    const atMs = this.#env.nowMs();
    return { guesses: this.#attempts.prove(user, prefix, id, atMs), atMs };
  }

  /** The guess is under way no more: it has been proved, or will not be. */
  over(guess: Guess): void {
    const left = (this.#underWay.get(keyOf(guess)) ?? 0) - 1;
    if (left > 0) this.#underWay.set(keyOf(guess), left);
    else this.#underWay.delete(keyOf(guess));
  }

  /** The user has been told what `prove` reported at that time. */
  told({ user, prefix }: Guess, atMs: number): void {
    this.#attempts.told(user, prefix, atMs);
  }
}

/** Neither part holds a space. */
function keyOf({ name, prefix }: Guesser): string {
  return `${name} ${prefix}`;
}
