/**
 * How often a password may be guessed (PROTOCOL §6.5). A guess is counted when a login begins and taken back when it is
 * proved, so that whoever goes away in between has guessed too.
 *
 * Names that nobody has are counted by the same rule: being refused tells nothing of who is registered.
 *
 * Not its concern: where the counts are kept, and what a prefix is.
 */
import { utf8 } from "../bytes.ts";
import { hkdfExpand } from "../crypto/kdf.ts";
import { LABELS } from "../crypto/labels.ts";
import { type CryptoProvider, HASH256_BYTES } from "../crypto/provider.ts";
import {
  GUESS_WAIT_MAX_SECONDS,
  GUESSES_FREE,
  GUESSES_PER_HOUR,
  LOGINS_UNDER_WAY_MAX,
  PREFIX_GUESSES_PER_DAY,
  PUZZLE_MAX_BITS,
  PUZZLE_MIN_BITS,
} from "../limits.ts";
import type { UserName } from "../name.ts";
import type { Secret } from "../secret.ts";

/** Earlier guesses at one name, as they are kept. Guesses that were proved are in none of the counts. */
export interface KeptGuesses {
  /** From the same prefix, within `GUESS_MEMORY_MS`. */
  readonly here: number;
  /** The last of them, in milliseconds since 1970; 0 when there is none. */
  readonly lastHereMs: number;
  /** From anywhere, within an hour. */
  readonly inHour: number;
  /** From the same prefix at any name, within `GUESS_MEMORY_MS`. */
  readonly fromPrefix: number;
  /** The user has logged in from this prefix within `KNOWN_PREFIX_MS`. */
  readonly known: boolean;
}

/** What is known when a guess is about to be made. */
export interface GuessHistory extends KeptGuesses {
  /** Anybody has logged in from this prefix: not of this name, so that it tells nothing of it. */
  readonly knownToAnybody: boolean;
  /** Those of `here` that are under way: neither proved nor given up. */
  readonly underWay: number;
}

/** A login that has begun goes on, at once or after some work. */
export type Admission = { readonly kind: "serve" } | { readonly kind: "puzzle"; readonly bits: number };
/** What becomes of a login that has begun. */
export type Verdict = Admission | { readonly kind: "wait"; readonly seconds: number };

/**
 * Seconds until one more guess may be made; 0 for now. `GUESSES_FREE` are free; the n-th after them has to wait 2^n
 * seconds since the one before it, at most `GUESS_WAIT_MAX_SECONDS`. A name with `GUESSES_PER_HOUR` failures is served only
 * where its owner has been before, and a prefix with `PREFIX_GUESSES_PER_DAY` serves only those who have been there. Where
 * anybody has been, up to `LOGINS_UNDER_WAY_MAX` logins of a name that are under way do not count. A clock that was set
 * back lengthens no wait beyond its own length.
 */
export function waitSeconds(history: GuessHistory, nowMs: number): number {
  const { here, lastHereMs, inHour, fromPrefix, known, knownToAnybody, underWay } = history;
  const underFire = inHour >= GUESSES_PER_HOUR || fromPrefix >= PREFIX_GUESSES_PER_DAY;
  if (underFire && !known) return GUESS_WAIT_MAX_SECONDS;
  const failed = knownToAnybody ? here - Math.min(underWay, LOGINS_UNDER_WAY_MAX) : here;
  const beyond = failed - GUESSES_FREE + 1;
  if (beyond <= 0) return 0;
  const delay = Math.min(2 ** beyond, GUESS_WAIT_MAX_SECONDS);
  return Math.min(Math.max(Math.ceil((lastHereMs - nowMs) / 1000 + delay), 0), delay);
}

/**
 * The difficulty of the puzzle that a stranger is asked for while `waiting` pieces of strangers' work stand in line and
 * `inWork` of them are taken at a time; null while none is. One bit more, so twice the work, whenever the line has doubled.
 */
export function puzzleBits(waiting: number, inWork: number): number | null {
  if (waiting <= inWork) return null;
  return Math.min(PUZZLE_MIN_BITS + Math.floor(Math.log2(waiting / inWork)), PUZZLE_MAX_BITS);
}

/** Failed logins of one user from one prefix. */
export interface GuessSummary {
  /** The prefix, such as `192.0.2.0/24`. */
  readonly from: string;
  readonly count: number;
  /** Milliseconds since 1970. */
  readonly firstMs: number;
  readonly lastMs: number;
}

/** Logins of a user that failed since the user was last told. */
export interface GuessReport {
  /** Those prefixes that guessed last, at most `GUESS_SUMMARIES_MAX`. */
  readonly prefixes: readonly GuessSummary[];
  /** Guesses from prefixes that are not listed. */
  readonly others: number;
}

/** The key under which names that nobody has are counted: 32 bytes, from the OPRF seed. */
export function attemptsKey(crypto: CryptoProvider, oprfSeed: Secret): Secret {
  return hkdfExpand(crypto, "sha512", oprfSeed, { info: LABELS.attempts, length: HASH256_BYTES });
}

/**
 * How a name is called where guesses are kept: a user by name, and anything else, which may be a password in the wrong
 * place, by an HMAC. Both cost the same.
 */
export function countedName(crypto: CryptoProvider, key: Secret, user: UserName, registered: boolean): string {
  const unknown = key.use((bytes) => crypto.hmacSha256(bytes, utf8(user))).toHex();
  return registered ? user : `#${unknown}`;
}
