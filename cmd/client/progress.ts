import type { Writable } from "node:stream";

const TICK_MS = 400;
/** All of it stays on one row. */
const DOTS_MAX = 12;

/** A sign of life on a terminal while something takes its time; says nothing elsewhere. */
export class Progress {
  readonly #output: Pick<Writable, "write">;
  readonly #enabled: boolean;
  #timer: ReturnType<typeof setInterval> | null = null;

  constructor(output: Pick<Writable, "write">, enabled: boolean) {
    this.#output = output;
    this.#enabled = enabled;
  }

  start(label: string): void {
    this.stop();
    if (!this.#enabled) return;
    this.#output.write(`${label} ...`);
    let dots = 0;
    this.#timer = setInterval(() => {
      dots += 1;
      if (dots <= DOTS_MAX) this.#output.write(".");
    }, TICK_MS);
  }

  stop(): void {
    if (this.#timer === null) return;
    clearInterval(this.#timer);
    this.#timer = null;
    this.#output.write("\n");
  }
}
