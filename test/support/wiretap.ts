/**
 * Somebody on the wire between a client and the server: reads every byte, and may alter, drop, double, hold back or cut
 * what passes.
 */
import { createServer, connect as dial, type Server, type Socket } from "node:net";
import { concat } from "../../core/bytes.ts";
import { encodeFrame, type Frame, FrameReader, OPCODE } from "./frames.ts";

export type Direction = "up" | "down";

/** One WebSocket message on its way. */
export interface Passing extends Frame {
  /** `up` is from client to server. */
  readonly direction: Direction;
  /** Its place among the binary messages of its direction and connection. */
  readonly index: number;
}

export interface WiretapOptions {
  /** What goes on in the place of a binary message; `cut` ends both connections. By default all passes. */
  readonly tamper?: (passing: Passing) => readonly Uint8Array[] | "cut";
  /** Bytes per write, so that everything arrives in pieces. */
  readonly segmentBytes?: number;
  /** Milliseconds before each write. */
  readonly delayMs?: number;
  /** The address that the server sees, one of loopback. */
  readonly from?: string;
}

export class Wiretap implements AsyncDisposable {
  readonly passed: Passing[] = [];
  /** Whatever was read from either side, as it came. */
  readonly #raw: Record<Direction, Uint8Array[]> = { up: [], down: [] };
  readonly #options: WiretapOptions;
  readonly #target: number;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(target: number, options: WiretapOptions) {
    this.#target = target;
    this.#options = options;
    this.#server = createServer((client) => this.#accept(client));
  }

  static async open(target: number, options: WiretapOptions = {}): Promise<Wiretap> {
    const tap = new Wiretap(target, options);
    await new Promise<void>((resolve) => tap.#server.listen(0, "127.0.0.1", resolve));
    return tap;
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === "object" && address !== null ? address.port : 0;
  }

  /** Binary messages of one direction. */
  messages(direction: Direction): readonly Uint8Array[] {
    return this.passed.filter((passing) => passing.direction === direction).map(({ payload }) => payload);
  }

  /** Every byte on the wire, and every message once more without the mask that WebSocket puts over it. */
  get everything(): Uint8Array {
    return concat(...this.#raw.up, ...this.#raw.down, ...this.passed.map(({ payload }) => payload));
  }

  /** Ends every connection, as a network does: without a word. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #accept(client: Socket): void {
    const server = dial({ port: this.#target, host: "127.0.0.1", localAddress: this.#options.from ?? "127.0.0.1" });
    this.#relay(client, server, "up");
    this.#relay(server, client, "down");
  }

  #relay(from: Socket, to: Socket, direction: Direction): void {
    const reader = new FrameReader();
    const write = this.#writer(to);
    let index = 0;
    this.#sockets.add(from);
    from.setNoDelay(true);
    from.on("data", (chunk: Uint8Array) => {
      this.#raw[direction].push(new Uint8Array(chunk));
      const { head, frames } = reader.push(new Uint8Array(chunk));
      if (head !== null) write(head);
      for (const frame of frames) {
        if (frame.opcode !== OPCODE.binary) {
          write(encodeFrame(frame, direction === "up"));
          continue;
        }
        const passing = { ...frame, direction, index };
        index += 1;
        this.passed.push(passing);
        const instead = this.#options.tamper?.(passing) ?? [frame.payload];
        if (instead === "cut") this.cut();
        else for (const payload of instead) write(encodeFrame({ ...frame, payload }, direction === "up"));
      }
    });
    from.on("close", () => {
      this.#sockets.delete(from);
      write(null);
    });
    from.on("error", () => from.destroy());
  }

  /** Writes in order, in pieces and late when the options ask for it; null ends. */
  #writer(to: Socket): (bytes: Uint8Array | null) => void {
    const { segmentBytes, delayMs } = this.#options;
    if (segmentBytes === undefined && delayMs === undefined) {
      return (bytes) => void (bytes === null ? to.end() : to.writable && to.write(bytes));
    }
    let last: Promise<unknown> = Promise.resolve();
    const piece = async (bytes: Uint8Array | null): Promise<void> => {
      await new Promise((resolve) => setTimeout(resolve, delayMs ?? 0));
      if (bytes === null) to.end();
      else if (to.writable) to.write(bytes);
    };
    return (bytes) => {
      const size = segmentBytes ?? bytes?.length ?? 1;
      if (bytes === null) last = last.then(() => piece(null));
      for (let at = 0; bytes !== null && at < bytes.length; at += size) {
        const part = bytes.subarray(at, at + size);
        last = last.then(() => piece(part));
      }
    };
  }
}

/** `message` with one bit of byte `at` flipped. */
export function flipped(message: Uint8Array, at: number): Uint8Array {
  const out = message.slice();
  out[at] = (out[at] ?? 0) ^ 1;
  return out;
}
