/**
 * What everything is measured beside: the least that a program on the same runtime does to relay. A WebSocket server that
 * hands each message to the other connection of its pair. It knows nobody, encrypts nothing and keeps nothing.
 */
import { BACKLOG_MAX_BYTES, IDLE_SECONDS, RECORD_MAX_BYTES } from "../core/limits.ts";

interface Data {
  /** Empty for a connection that only stands there. */
  readonly pair: string;
  other: Bun.ServerWebSocket<Data> | null;
}

const waiting = new Map<string, Bun.ServerWebSocket<Data>>();

const server = Bun.serve<Data>({
  hostname: "127.0.0.1",
  port: 0,
  development: false,
  fetch(request, self) {
    const pair = new URL(request.url).searchParams.get("pair") ?? "";
    return self.upgrade(request, { data: { pair, other: null } }) ? undefined : new Response("no", { status: 426 });
  },
  websocket: {
    maxPayloadLength: RECORD_MAX_BYTES,
    backpressureLimit: BACKLOG_MAX_BYTES,
    closeOnBackpressureLimit: true,
    idleTimeout: IDLE_SECONDS,
    perMessageDeflate: false,
    open(ws) {
      const { pair } = ws.data;
      if (pair === "") return;
      const other = waiting.get(pair);
      if (other === undefined) {
        waiting.set(pair, ws);
        return;
      }
      waiting.delete(pair);
      ws.data.other = other;
      other.data.other = ws;
    },
    message(ws, message) {
      if (typeof message !== "string") ws.data.other?.sendBinary(message);
    },
  },
});

process.stdout.write(`${server.port}\n`);
