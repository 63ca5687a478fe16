import type { Writable } from "node:stream";

const TICK_MS = 400;

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
    this.#timer = setInterval(() => this.#output.write("."), TICK_MS);
  }

  stop(): void {
    if (this.#timer === null) return;
    clearInterval(this.#timer);
    this.#timer = null;
    this.#output.write("\n");
  }
}
