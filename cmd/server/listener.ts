/**
 * The port: WebSocket on `/ims`, `/healthz`, nothing else. It asks the door who may come in, bounds what a peer may send
 * and leave unread, and hands bytes to the driver.
 */
import type { ServerWebSocket } from "bun";
import { BACKLOG_MAX_BYTES, DRAIN_MS, IDLE_SECONDS } from "../../core/limits.ts";
import type { ServerConfig } from "../host/config.ts";
import { type Data, Door, type DoorOptions, text } from "./door.ts";
import type { Driver } from "./driver.ts";
import type { Journal } from "./journal.ts";

/** How long the closing of connections may take when the server stops. */
const CLOSE_MS = 1000;
/** How long a peer may take to answer our close before the socket is cut. */
const LINGER_MS = 1000;

export interface Listener {
  /** What the system chose when the configuration says 0. */
  readonly port: number;
  /**
   * Takes no more connections or logins, lets sessions go on for `DRAIN_MS`, then says goodbye to them; resolves when
   * all have closed, at the latest a second after that. Once `hurry` has resolved it waits for nothing.
   */
  stop(hurry: Promise<unknown>): Promise<void>;
}

type Options = Pick<ServerConfig, "host" | "port"> & DoorOptions;

/** @throws a system error, such as EADDRINUSE, when the port cannot be had */
export function listen(config: Options, driver: Driver, journal: Pick<Journal, "refused">): Listener {
  const door = new Door(config, journal);
  const server = Bun.serve<Data>({
    hostname: config.host,
    port: config.port,
    development: false,
    reusePort: false, // without a word of ours `development: false` shares the port with whoever asks
    fetch: (request, self) => door.answer(request, self),
    error: () => text("bad request", 400), // or Bun would print the request and our source
    websocket: {
      maxPayloadLength: config.limits.frameBytes,
      backpressureLimit: BACKLOG_MAX_BYTES,
      closeOnBackpressureLimit: true,
      idleTimeout: IDLE_SECONDS,
      perMessageDeflate: false,
      open(ws) {
        door.enter(ws.data.address);
        ws.data.connection = driver.connect(socketOf(ws));
      },
      message(ws, message) {
        if (ws.data.connection === null) return;
        if (typeof message === "string") driver.end(ws.data.connection, "wire.malformed");
        else driver.receive(ws.data.connection, new Uint8Array(message));
      },
      close(ws) {
        // A stranger counts until we have cut the socket; users may log out and in as often as they like.
        if (ws.data.lingers) setTimeout(() => door.leave(ws.data.address), LINGER_MS);
        else door.leave(ws.data.address);
        if (ws.data.connection !== null) driver.disconnect(ws.data.connection);
      },
    },
  });

  return {
    port: server.port ?? config.port,
    async stop(hurry) {
      door.shut();
      driver.drain();
      if (driver.online.devices > 0) await Promise.race([Bun.sleep(DRAIN_MS), hurry]);
      driver.stop();
      const closed = server.stop(false);
      await Promise.race([closed, Bun.sleep(CLOSE_MS), hurry]);
      await server.stop(true);
    },
  };
}

function socketOf(ws: ServerWebSocket<Data>) {
  return {
    address: ws.data.address,
    send: (bytes: Uint8Array) => ws.sendBinary(bytes) !== 0 || ws.readyState !== WebSocket.OPEN,
    close(code: number, known: boolean) {
      ws.data.lingers = !known;
      ws.close(code);
      setTimeout(() => ws.terminate(), LINGER_MS);
    },
  };
}
