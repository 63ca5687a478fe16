/** Until when somebody has to have confirmed each message. */
import type { MessageId } from "../../core/ids.ts";

export class Deadlines implements Disposable {
  readonly #passed: (id: MessageId) => void;
  readonly #timers = new Map<MessageId, ReturnType<typeof setTimeout>>();

  constructor(passed: (id: MessageId) => void) {
    this.#passed = passed;
  }

  set(id: MessageId, afterMs: number): void {
    this.clear(id);
    const pass = (): void => {
      this.#timers.delete(id);
      this.#passed(id);
    };
    this.#timers.set(id, setTimeout(pass, afterMs));
  }

  clear(id: MessageId): void {
    clearTimeout(this.#timers.get(id));
    this.#timers.delete(id);
  }

  [Symbol.dispose](): void {
    for (const id of this.#timers.keys()) this.clear(id);
  }
}
