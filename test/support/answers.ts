/** The answers of a driver to what a server machine wants to know of a login: everybody is let on, nobody has guessed. */
import type { GuessReport, Verdict } from "../../core/kdc/guessing.ts";
import { type Puzzle, search } from "../../core/kdc/puzzle.ts";
import type { ServerEffect, ServerEvent } from "../../core/peer/serverEvents.ts";
import { quickCrypto } from "./fixedEnv.ts";
import type { MemoryStore } from "./memoryStore.ts";

const NO_GUESSES: GuessReport = { prefixes: [], others: 0 };

/** The event that answers `effect`, if it asks for one. */
export function answerOf(
  effect: ServerEffect,
  verdict: Verdict = { kind: "serve" },
  guesses: GuessReport = NO_GUESSES,
): ServerEvent | null {
  if (effect.kind === "attempt") return { kind: "verdict", connection: effect.connection, verdict };
  if (effect.kind !== "proved") return null;
  return { kind: "guesses", connection: effect.connection, guesses };
}

/** The event that answers `effect`, if it asks the store for something and somebody waits for it. */
export function storedOf(effect: ServerEffect, store: MemoryStore): ServerEvent | null {
  if (effect.kind !== "store") return null;
  const { connection, id, request } = effect;
  const answer = store.answer(request);
  return connection === null ? null : { kind: "stored", connection, id, answer };
}

/** Solves a puzzle that is not hard. */
export function solutionOf(puzzle: Puzzle): Uint8Array {
  const nonce = search(quickCrypto, puzzle, 0, 2 ** 20);
  if (nonce === null) throw new Error("a puzzle that nobody solves");
  return nonce;
}
