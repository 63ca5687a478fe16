const FLUSH_MS = 20;

/**
 * Lines of the log that wait to be written, all at once and a moment later: a peer that measures how long its answer
 * takes learns nothing of what was logged about it. Disposing writes what is left.
 */
export class LogLines implements Disposable {
  readonly #write: (text: string) => unknown;
  #waiting: string[] = [];
  #timer: ReturnType<typeof setTimeout> | null = null;

  constructor(write: (text: string) => unknown) {
    this.#write = write;
  }

  add(line: string): void {
    this.#waiting.push(line);
    this.#timer ??= setTimeout(() => this.flush(), FLUSH_MS);
  }

  flush(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    if (this.#waiting.length > 0) this.#write(this.#waiting.join(""));
    this.#waiting = [];
  }

  [Symbol.dispose](): void {
    this.flush();
  }
}
