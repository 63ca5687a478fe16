/** Effects in their order, also when one of them leads to the next event: a record that overtook another would end its channel. */
export class Ahead {
  readonly #steps: (() => void)[] = [];
  #running = false;

  push(step: () => void): void {
    this.#steps.push(step);
  }

  /** Runs all there are, and all that they lead to; does nothing while that is going on. */
  run(): void {
    if (this.#running) return;
    this.#running = true;
    try {
      for (let next = this.#steps.shift(); next !== undefined; next = this.#steps.shift()) next();
    } finally {
      this.#running = false;
    }
  }
}
