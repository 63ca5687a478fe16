/**
 * The port: WebSocket on `/ims`, `/healthz`, nothing else. It counts connections by address, bounds what a peer may
 * send and leave unread, and hands bytes to the driver.
 */
import type { ServerWebSocket } from "bun";
import type { ConnectionId } from "../../core/peer/online.ts";
import { rangeMatcher } from "../host/addresses.ts";
import type { ServerConfig } from "../host/config.ts";
import type { Driver } from "./driver.ts";

/** Bytes that wait for a peer who does not read; then it is cut. */
const BACKLOG_MAX_BYTES = 4 * 1024 * 1024;
/** A connection on which nothing moves, pings included, is dead. */
const IDLE_SECONDS = 60;

interface Data {
  readonly address: string;
  connection: ConnectionId | null;
}

export interface Listener {
  /** What the system chose when the configuration says 0. */
  readonly port: number;
  /** Takes no more connections; resolves when those that are there have closed, at the latest after a second. */
  stop(): Promise<void>;
}

/** @throws a system error, such as EADDRINUSE, when the port cannot be had */
export function listen(
  config: Pick<ServerConfig, "host" | "port" | "limits" | "trustedProxies">,
  driver: Driver,
): Listener {
  const perAddress = new Map<string, number>();
  const isProxy = rangeMatcher(config.trustedProxies);
  let stopping = false;

  const server = Bun.serve<Data>({
    hostname: config.host,
    port: config.port,
    development: false,
    reusePort: false, // without a word of ours `development: false` shares the port with whoever asks
    fetch(request, self) {
      const { pathname } = new URL(request.url);
      if (pathname === "/healthz")
        return new Response(stopping ? "stopping\n" : "ok\n", { status: stopping ? 503 : 200 });
      if (pathname !== "/ims") return new Response("not found\n", { status: 404 });
      if (stopping) return new Response("stopping\n", { status: 503 });
      const direct = self.requestIP(request)?.address ?? "";
      const address = clientAddress(direct, request.headers.get("x-forwarded-for"), isProxy);
      if ((perAddress.get(address) ?? 0) >= config.limits.connectionsPerAddress) {
        return new Response("too many connections\n", { status: 429 });
      }
      if (self.upgrade(request, { data: { address, connection: null } })) return undefined;
      return new Response("a WebSocket is expected here\n", { status: 426, headers: { upgrade: "websocket" } });
    },
    websocket: {
      maxPayloadLength: config.limits.frameBytes,
      backpressureLimit: BACKLOG_MAX_BYTES,
      closeOnBackpressureLimit: true,
      idleTimeout: IDLE_SECONDS,
      perMessageDeflate: false,
      open(ws) {
        const { address } = ws.data;
        perAddress.set(address, (perAddress.get(address) ?? 0) + 1);
        ws.data.connection = driver.connect(socketOf(ws));
      },
      message(ws, message) {
        if (ws.data.connection === null) return;
        if (typeof message === "string") driver.end(ws.data.connection, "wire.malformed");
        else driver.receive(ws.data.connection, new Uint8Array(message));
      },
      close(ws) {
        const { address, connection } = ws.data;
        const left = (perAddress.get(address) ?? 1) - 1;
        if (left > 0) perAddress.set(address, left);
        else perAddress.delete(address);
        if (connection !== null) driver.disconnect(connection);
      },
    },
  });

  return {
    port: server.port ?? config.port,
    async stop() {
      stopping = true;
      driver.stop();
      const closed = server.stop(false);
      await Promise.race([closed, Bun.sleep(1000)]);
      await server.stop(true);
    },
  };
}

function socketOf(ws: ServerWebSocket<Data>) {
  return {
    address: ws.data.address,
    send: (bytes: Uint8Array) => ws.sendBinary(bytes) !== 0 || ws.readyState !== WebSocket.OPEN,
    close: (code: number) => ws.close(code),
  };
}

/**
 * Whom a connection is from: behind a proxy of ours, the last address in `X-Forwarded-For` that is not one of ours too.
 * Anybody else's header is not believed.
 */
export function clientAddress(direct: string, forwarded: string | null, isProxy: (address: string) => boolean): string {
  const hops = [
    ...(forwarded ?? "")
      .split(",")
      .map((hop) => hop.trim())
      .filter((hop) => hop !== ""),
    direct,
  ];
  let address = normalAddress(hops.pop() ?? "");
  while (isProxy(address) && hops.length > 0) address = normalAddress(hops.pop() ?? "");
  return address;
}

/** On a dual-stack socket an IPv4 address arrives as `::ffff:a.b.c.d`. */
function normalAddress(address: string): string {
  return address.replace(/^::ffff:(?=[0-9.]+$)/i, "");
}
