/** The WebSocket to the server: bytes in and out, and why there is none. */
import { codeOfClose, type ErrorCode } from "../../core/errors.ts";

/** Where the server is. */
export interface Target {
  readonly host: string;
  readonly port: number;
}

export interface SocketEvents {
  opened(): void;
  received(bytes: Uint8Array): void;
  /** `code` is what the close code said; server.unreachable when it was never open. */
  closed(code: ErrorCode | null): void;
}

export class ServerSocket {
  readonly #socket: WebSocket;
  readonly #closed = Promise.withResolvers<void>();
  #opened = false;
  #refusal = "";

  constructor(target: Target, events: SocketEvents) {
    this.#socket = new WebSocket(webSocketUrl(target), { perMessageDeflate: false });
    this.#socket.binaryType = "arraybuffer";
    this.#socket.addEventListener("open", () => {
      this.#opened = true;
      events.opened();
    });
    this.#socket.addEventListener("message", ({ data }) => {
      // A text message is no more a record than nothing is.
      events.received(data instanceof ArrayBuffer ? new Uint8Array(data) : new Uint8Array(0));
    });
    // A close follows and says the rest; only this event tells how an upgrade was refused.
    this.#socket.addEventListener("error", (event) => {
      this.#refusal = refusalOf("message" in event ? String(event.message) : "");
    });
    this.#socket.addEventListener("close", ({ code }) => {
      events.closed(this.#opened ? codeOfClose(code) : "server.unreachable");
      this.#closed.resolve();
    });
  }

  /** Resolves when it has gone. */
  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  /** What a server that did not take the connection said, in words; empty when it said nothing. */
  get refusal(): string {
    return this.#refusal;
  }

  send(bytes: Uint8Array): void {
    this.#socket.send(bytes as Uint8Array<ArrayBuffer>);
  }

  close(): void {
    this.#socket.close();
  }
}

function webSocketUrl({ host, port }: Target): string {
  return `ws://${host.includes(":") ? `[${host}]` : host}:${port}/ims`;
}

/** The platform tells the HTTP status of a refused upgrade in a text alone; empty when there was none. */
function refusalOf(message: string): string {
  const [, status] = /Expected 101 status code: ([0-9]{3})/.exec(message) ?? [];
  if (status === undefined) return "";
  if (status === "429") return "the server has too many connections from your address; try again later";
  if (status === "503")
    return "the server takes no more connections now: it is full, or it is stopping; try again later";
  return "what answers there is not an IMS server";
}
