/** A WebSocket server that does what a test says, and leaves to a driver what the test does not. */
import type { ServerWebSocket } from "bun";
import type { Driver } from "../../cmd/server/driver.ts";
import type { ConnectionId } from "../../core/peer/online.ts";

interface Data {
  connection: ConnectionId | null;
  messages: number;
}
export type Line = ServerWebSocket<Data>;

export interface Script {
  /** Instead of an upgrade. */
  readonly refuse?: (request: Request) => Response;
  readonly open?: (line: Line) => void;
  /** The message number `index` of a client; true when the driver is not to see it. */
  readonly message?: (line: Line, index: number, bytes: Uint8Array) => boolean;
  /** What the driver says: what goes to the client in its place, or null for nothing. */
  readonly answer?: (line: Line, bytes: Uint8Array) => Uint8Array | null;
}

export class ScriptedListener implements AsyncDisposable {
  /** The heads of the requests that have come. */
  readonly heads: Headers[] = [];
  readonly lines: Line[] = [];
  /** Close codes that clients have sent, or 1006. */
  readonly closes: number[] = [];
  readonly #server: Bun.Server<Data>;

  /** Without a driver nobody answers but the script. */
  constructor(script: Script = {}, driver: Driver | null = null) {
    this.#server = Bun.serve<Data>({
      hostname: "127.0.0.1",
      port: 0,
      development: false,
      fetch: (request, self) => {
        this.heads.push(request.headers);
        if (script.refuse !== undefined) return script.refuse(request);
        return self.upgrade(request, { data: { connection: null, messages: 0 } }) ? undefined : new Response("no");
      },
      websocket: {
        perMessageDeflate: true, // accepted, if a client were to offer it
        open: (line) => {
          this.lines.push(line);
          if (driver !== null) line.data.connection = driver.connect(socketOf(line, script));
          script.open?.(line);
        },
        message: (line, message) => {
          const bytes = typeof message === "string" ? new TextEncoder().encode(message) : new Uint8Array(message);
          const index = line.data.messages;
          line.data.messages += 1;
          if (script.message?.(line, index, bytes) === true || line.data.connection === null) return;
          driver?.receive(line.data.connection, bytes);
        },
        close: (line, code) => {
          this.closes.push(code);
          if (line.data.connection !== null) driver?.disconnect(line.data.connection);
        },
      },
    });
  }

  get port(): number {
    return this.#server.port ?? 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.stop(true);
  }
}

function socketOf(line: Line, script: Script) {
  return {
    address: "127.0.0.1",
    bufferedBytes: 0,
    send(bytes: Uint8Array): boolean {
      const answer = script.answer === undefined ? bytes : script.answer(line, bytes);
      if (answer !== null) line.sendBinary(answer);
      return true;
    },
    close: (code: number) => line.close(code),
    cut: () => line.terminate(),
  };
}
