/** What two users who write to each other, and the server, feel of something that goes on beside them. */
import { processCost } from "./figures.ts";
import type { RunningRealm } from "./runningRealm.ts";
import type { Talk } from "./talk.ts";

const LAG_TICK_MS = 10;

/** How much later than asked for a timer of this process comes. */
class Lag implements Disposable {
  longestMs = 0;
  #lastMs = performance.now();
  readonly #timer = setInterval(() => {
    const nowMs = performance.now();
    this.longestMs = Math.max(this.longestMs, Math.round(nowMs - this.#lastMs - LAG_TICK_MS));
    this.#lastMs = nowMs;
  }, LAG_TICK_MS);

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}

export interface Beside {
  readonly longestMs: number;
  /** For a line of figures. */
  readonly wait: string;
  readonly memory: string;
  /** MiB. */
  readonly grew: number;
}

/** What the pair and the server did while something went on. */
export async function beside(realm: RunningRealm, talk: Talk, what: () => Promise<unknown>): Promise<Beside> {
  const { pid } = realm.server;
  const [before, began] = [processCost(pid), performance.now()];
  using lag = new Lag();
  talk.lap();
  await what();
  await talk.more(5);
  const [after, seconds] = [processCost(pid), (performance.now() - began) / 1000];
  const { texts, medianMs, p99Ms, longestMs } = talk.lap();
  const cpu = Math.round(((after.cpuSeconds - before.cpuSeconds) / seconds) * 100);
  const waits = `median ${medianMs} p99 ${p99Ms} longest ${longestMs} ms of ${texts} texts`;
  return {
    longestMs,
    wait: `${waits} (own lag ${lag.longestMs} ms), server CPU ${cpu} %`,
    memory: `${before.memoryMiB} -> ${after.memoryMiB} MiB`,
    grew: after.memoryMiB - before.memoryMiB,
  };
}
