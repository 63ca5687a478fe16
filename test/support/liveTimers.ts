/** Counts the timers that code under test has set and that have neither run nor been cleared. */
import { spyOn } from "bun:test";

export interface LiveTimers extends Disposable {
  /** Those of exactly this delay. */
  count(delayMs: number): number;
}

/** From now until it is disposed. The timers are real. */
export function liveTimers(): LiveTimers {
  const [set, clear] = [globalThis.setTimeout, globalThis.clearTimeout];
  const live = new Map<unknown, number>();
  const setting = spyOn(globalThis, "setTimeout").mockImplementation(((fn: () => void, delayMs = 0) => {
    const timer = set(() => {
      live.delete(timer);
      fn();
    }, delayMs);
    live.set(timer, delayMs);
    return timer;
  }) as typeof setTimeout);
  const clearing = spyOn(globalThis, "clearTimeout").mockImplementation(((
    timer: Parameters<typeof clearTimeout>[0],
  ) => {
    live.delete(timer);
    clear(timer);
  }) as typeof clearTimeout);
  return {
    count: (delayMs) => [...live.values()].filter((delay) => delay === delayMs).length,
    [Symbol.dispose]() {
      setting.mockRestore();
      clearing.mockRestore();
    },
  };
}
