/** A WebSocket as a peer's transport. */
import { Inbox, type Transport } from "../test/support/transport.ts";

export interface Line extends Transport {
  readonly open: boolean;
  /** From now on nobody reads what comes. */
  ignore(): void;
}

/** A WebSocket to a server on this machine, open. */
export async function connect(port: number, path = "/ims"): Promise<Line> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`);
  socket.binaryType = "arraybuffer";
  const inbox = new Inbox();
  let ignored = false;
  const opened = Promise.withResolvers<void>();
  const closed = Promise.withResolvers<void>();
  socket.addEventListener("open", () => opened.resolve());
  socket.addEventListener("message", ({ data }) => {
    if (!ignored) inbox.push(new Uint8Array(data));
  });
  socket.addEventListener("close", ({ code }) => {
    opened.reject(new Error(`bench: no connection to port ${port} (${code})`));
    inbox.end();
    closed.resolve();
  });
  await opened.promise;
  return {
    send: (record) => socket.send(record as Uint8Array<ArrayBuffer>),
    receive: () => inbox.next(),
    close() {
      socket.close();
      return closed.promise;
    },
    get open() {
      return socket.readyState === WebSocket.OPEN;
    },
    ignore() {
      ignored = true;
    },
  };
}
