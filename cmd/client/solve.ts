/** Solves the server's puzzle in slices: the terminal, and whoever is waited for, has a turn in between. */
import type { CryptoProvider } from "../../core/crypto/provider.ts";
import { type Puzzle, search } from "../../core/kdc/puzzle.ts";

/** About ten milliseconds of work. */
const SLICE = 5000;

/** The nonce; null when `over` says that nobody needs it any more. */
export async function solve(crypto: CryptoProvider, puzzle: Puzzle, over: () => boolean): Promise<Uint8Array | null> {
  for (let start = 0; !over(); start += SLICE) {
    const nonce = search(crypto, puzzle, start, start + SLICE);
    if (nonce !== null) return nonce;
    await new Promise((resolve) => setImmediate(resolve));
  }
  return null;
}
