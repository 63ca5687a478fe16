/** Jobs and puzzles that the machines of a simulation have asked for: begun at once, finished when the choice falls on them. */
import type { Job, JobResult } from "../../core/crypto/provider.ts";
import type { Env } from "../../core/env.ts";
import type { Puzzle } from "../../core/kdc/puzzle.ts";
import { solutionOf } from "./answers.ts";
import type { SecretWatch } from "./secretWatch.ts";
import type { Seeded } from "./seeded.ts";

type Outcome =
  | { readonly kind: "computed"; readonly result: JobResult }
  | { readonly kind: "failed"; readonly error: unknown }
  | { readonly kind: "solved"; readonly nonce: Uint8Array };

interface Running<Owner> {
  readonly owner: Owner;
  readonly at: "client" | "server";
  readonly event: Outcome;
}

export class Jobs<Owner> {
  readonly #env: Env;
  readonly #watch: SecretWatch;
  readonly #choice: Seeded;
  readonly #running: Running<Owner>[] = [];

  constructor(env: Env, watch: SecretWatch, choice: Seeded) {
    this.#env = env;
    this.#watch = watch;
    this.#choice = choice;
  }

  begin(owner: Owner, at: "client" | "server", job: Job): void {
    this.#running.push({ owner, at, event: this.#outcomeOf(job) });
  }

  solve(owner: Owner, puzzle: Puzzle): void {
    this.#running.push({ owner, at: "client", event: { kind: "solved", nonce: solutionOf(puzzle) } });
  }

  /** One of those under way, which is over now; null when there is none. */
  finish(): Running<Owner> | null {
    if (this.#running.length === 0) return null;
    return this.#running.splice(this.#choice.integer(this.#running.length), 1)[0] ?? null;
  }

  #outcomeOf(job: Job): Outcome {
    try {
      const result = this.#watch.as("jobs", () => this.#env.crypto.run(job, this.#env.randomBytes));
      if (result instanceof Promise) throw new Error("the simulation's provider answers at once");
      return { kind: "computed", result };
    } catch (error) {
      return { kind: "failed", error };
    }
  }
}
