/** Where a peer's records go, and where they come from, in order. */

export interface Transport {
  send(record: Uint8Array): void;
  /** The next record. Rejects when the connection ends first. */
  receive(): Promise<Uint8Array>;
  /** Closes it, and resolves when the other side has, too. */
  close(): Promise<void>;
}

/** Records that have come, and whoever waits for one. */
export class Inbox {
  readonly #records: Uint8Array[] = [];
  #waiting: PromiseWithResolvers<Uint8Array> | null = null;
  #over = false;

  push(record: Uint8Array): void {
    if (this.#waiting === null) this.#records.push(record);
    else this.#waiting.resolve(record);
    this.#waiting = null;
  }

  end(): void {
    this.#over = true;
    this.#waiting?.reject(new Error("the server has closed the connection"));
  }

  async next(): Promise<Uint8Array> {
    const record = this.#records.shift();
    if (record !== undefined) return record;
    if (this.#over) throw new Error("the server has closed the connection");
    this.#waiting = Promise.withResolvers();
    return this.#waiting.promise;
  }
}
