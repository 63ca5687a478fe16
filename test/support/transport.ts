/** Where a peer's records go, and where they come from, in order. */
import { CodedError, type ErrorCode } from "../../core/errors.ts";

export interface Transport {
  send(record: Uint8Array): void;
  /** The next record. @throws CodedError with what the close code said, when the connection ends first */
  receive(): Promise<Uint8Array>;
  /** Closes it, and resolves when the other side has, too. */
  close(): Promise<void>;
}

/** Records that have come, and whoever waits for one. */
export class Inbox {
  readonly #records: Uint8Array[] = [];
  #waiting: PromiseWithResolvers<Uint8Array> | null = null;
  #over: CodedError | null = null;

  push(record: Uint8Array): void {
    if (this.#waiting === null) this.#records.push(record);
    else this.#waiting.resolve(record);
    this.#waiting = null;
  }

  end(code: ErrorCode | null = null): void {
    this.#over ??= new CodedError(code ?? "connection.lost", "the server has closed the connection");
    this.#waiting?.reject(this.#over);
  }

  async next(): Promise<Uint8Array> {
    const record = this.#records.shift();
    if (record !== undefined) return record;
    if (this.#over !== null) throw this.#over;
    this.#waiting = Promise.withResolvers();
    return this.#waiting.promise;
  }
}
