/** The store of a scripted server: it answers at once, or when a test lets it. */
import type { ServerEvent, StoreEffect } from "../../core/peer/serverEvents.ts";
import type { StoreRequest } from "../../core/peer/store.ts";
import { storedOf } from "./answers.ts";
import { MemoryStore } from "./memoryStore.ts";

export class ScriptedStore {
  readonly memory = new MemoryStore();
  /** While true nothing is answered before `let`. */
  hold = false;
  readonly #asked: StoreRequest[] = [];
  readonly #waiting: StoreEffect[] = [];

  /** The answers to `effect`, as far as there are any now. */
  ask(effect: StoreEffect): ServerEvent[] {
    this.#asked.push(effect.request);
    this.#waiting.push(effect);
    return this.hold ? [] : this.let();
  }

  /** Answers the oldest `count` of what waits. */
  let(count = this.#waiting.length): ServerEvent[] {
    const answers = this.#waiting.splice(0, count).map((effect) => storedOf(effect, this.memory));
    return answers.filter((answer) => answer !== null);
  }

  /** What it was asked for, oldest first. */
  asked<Op extends StoreRequest["op"]>(op: Op): Extract<StoreRequest, { op: Op }>[] {
    return this.#asked.filter((request): request is Extract<StoreRequest, { op: Op }> => request.op === op);
  }
}
