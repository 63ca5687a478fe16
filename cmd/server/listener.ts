/**
 * The port: WebSocket on `/ims`, `/healthz`, nothing else. It counts connections by address, bounds what a peer may
 * send and leave unread, and hands bytes to the driver.
 */
import type { ServerWebSocket } from "bun";
import { BACKLOG_MAX_BYTES, DRAIN_MS, IDLE_SECONDS } from "../../core/limits.ts";
import type { ConnectionId } from "../../core/peer/online.ts";
import { plainAddress, rangeMatcher } from "../host/addresses.ts";
import type { ServerConfig } from "../host/config.ts";
import type { Driver } from "./driver.ts";

/** How long the closing of connections may take when the server stops. */
const CLOSE_MS = 1000;
/** How long a peer may take to answer our close before the socket is cut. */
const LINGER_MS = 1000;

interface Data {
  readonly address: string;
  connection: ConnectionId | null;
  /** We have closed it, and a stranger may keep the socket for a while. */
  lingers: boolean;
}

export interface Listener {
  /** What the system chose when the configuration says 0. */
  readonly port: number;
  /**
   * Takes no more connections or logins, lets sessions go on for `DRAIN_MS`, then says goodbye to them; resolves when
   * all have closed, at the latest a second after that. Once `hurry` has resolved it waits for nothing.
   */
  stop(hurry: Promise<unknown>): Promise<void>;
}

type Options = Pick<ServerConfig, "host" | "port" | "limits" | "trustedProxies">;

/** @throws a system error, such as EADDRINUSE, when the port cannot be had */
export function listen(config: Options, driver: Driver): Listener {
  const door = new Door(config);
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
      ping(ws) {
        if (ws.data.connection !== null) driver.pinged(ws.data.connection);
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

/** Who may connect: so many from one address, and nobody once it is shut. */
class Door {
  readonly #perAddress = new Map<string, number>();
  readonly #isProxy: (address: string) => boolean;
  readonly #limits: Options["limits"];
  #shut = false;

  constructor({ trustedProxies, limits }: Options) {
    this.#isProxy = rangeMatcher(trustedProxies);
    this.#limits = limits;
  }

  shut(): void {
    this.#shut = true;
  }

  enter(address: string): void {
    this.#perAddress.set(address, this.#inside(address) + 1);
  }

  leave(address: string): void {
    const left = this.#inside(address) - 1;
    if (left > 0) this.#perAddress.set(address, left);
    else this.#perAddress.delete(address);
  }

  /** The answer to a request; undefined when it has become a WebSocket. */
  answer(request: Request, self: Bun.Server<Data>): Response | undefined {
    const path = pathOf(request.url);
    if (path !== "/ims" && path !== "/healthz") return text("not found", 404);
    if (this.#shut) return text("stopping", 503);
    if (path === "/healthz") return text("ok", 200);
    const direct = self.requestIP(request)?.address ?? "";
    const address = clientAddress(direct, request.headers.get("x-forwarded-for"), this.#isProxy);
    if (this.#inside(address) >= this.#limits.connectionsPerAddress) return text("too many connections", 429);
    if (self.upgrade(request, { data: { address, connection: null, lingers: false } })) return undefined;
    return text("a WebSocket is expected here", 426, { upgrade: "websocket" });
  }

  #inside(address: string): number {
    return this.#perAddress.get(address) ?? 0;
  }
}

/** No connection is kept for another request: only WebSockets are counted. */
function text(line: string, status: number, headers: Record<string, string> = {}): Response {
  return new Response(`${line}\n`, { status, headers: { ...headers, connection: "close" } });
}

/** The path as it was asked for; the host before it can be anything. */
function pathOf(url: string): string {
  return url.replace(/^[a-z]+:\/\/[^/?#]*/i, "").replace(/[?#].*$/s, "");
}

function socketOf(ws: ServerWebSocket<Data>) {
  return {
    address: ws.data.address,
    get bufferedBytes() {
      return ws.getBufferedAmount();
    },
    send: (bytes: Uint8Array) => ws.sendBinary(bytes) !== 0 || ws.readyState !== WebSocket.OPEN,
    close(code: number, known: boolean) {
      ws.data.lingers = !known;
      ws.close(code);
      setTimeout(() => ws.terminate(), LINGER_MS);
    },
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
  let address = plainAddress(hops.pop() ?? "");
  while (isProxy(address) && hops.length > 0) address = plainAddress(hops.pop() ?? "");
  return address;
}
