/**
 * The port: WebSocket on `/ims`, `/healthz`, nothing else. It asks the door who may come in, bounds what a peer may send
 * and leave unread, and hands bytes to the driver.
 */
import type { ServerWebSocket } from "bun";
import { BACKLOG_MAX_BYTES, DRAIN_MS, IDLE_SECONDS } from "../../core/limits.ts";
import type { ServerConfig } from "../host/config.ts";
import { systemCode } from "../host/files.ts";
import { type Change, simpleChange } from "./change.ts";
import { type Data, Door, type DoorOptions, text } from "./door.ts";
import type { Driver } from "./driver.ts";
import type { Journal } from "./journal.ts";
import { listenFailure } from "./listenFailure.ts";

/** How long the closing of connections may take when the server stops. */
const CLOSE_MS = 1000;
/** How long a peer may take to answer our close before the socket is cut. */
const LINGER_MS = 1000;
/** "Closed abnormally" (RFC 6455 §7.4.1): there was no close frame, so the socket has gone. */
const CLOSE_ABNORMAL = 1006;
/** How long the platform may keep the socket of a peer that has sent a close frame and does not let go. */
const HELD_MS = 15_000;

export type ListenerConfig = Pick<ServerConfig, "host" | "port"> & DoorOptions;
type Place = Pick<ServerConfig, "host" | "port"> & { readonly frameBytes: number };

export interface Listener {
  /** Where newcomers come in. The port is what the system chose when the configuration says 0. */
  readonly place: Pick<ServerConfig, "host" | "port">;
  readonly port: number;
  /** Whether newcomers find the port open. */
  readonly isOpen: boolean;
  /** WebSockets that are open, wherever they came in. */
  readonly connections: number;
  /** Ends what is no WebSocket, and takes no newcomers until `reopen`; sessions go on. */
  close(): void;
  /** Takes newcomers again, unless the server is stopping. @throws a system error when the port cannot be had */
  reopen(): void;
  /**
   * Makes ready for another configuration; sessions go on, whether they came in here or there.
   * @throws port.busy, config.invalid when the port cannot be had: then all is as before
   */
  prepare(next: ListenerConfig & Pick<ServerConfig, "name">): Change;
  /**
   * Takes no more connections or logins, lets sessions go on for `DRAIN_MS`, then says goodbye to them; resolves when
   * all have closed, at the latest a second after that. Once `hurry` has resolved it waits for nothing.
   */
  stop(hurry: Promise<unknown>): Promise<void>;
}

/** @throws a system error, such as EADDRINUSE, when the port cannot be had */
export function listen(config: ListenerConfig, driver: Driver, journal: Pick<Journal, "refused">): Listener {
  return new Port(config, driver, new Door(config, journal));
}

type Server = Bun.Server<Data>;

class Port implements Listener {
  readonly #driver: Driver;
  readonly #door: Door;
  /** Where newcomers come in; the port is the one that the system chose. */
  #place: Place;
  /** null while it is closed. */
  #server: Server | null;
  /** Those that take no newcomers any more, each for as long as it has WebSockets. */
  readonly #standing = new Set<Server>();

  constructor(config: ListenerConfig, driver: Driver, door: Door) {
    this.#driver = driver;
    this.#door = door;
    const place = placeOf(config, config.port);
    this.#server = this.#serve(place);
    this.#place = { ...place, port: this.#server.port ?? place.port };
  }

  get place(): Pick<ServerConfig, "host" | "port"> {
    const { host, port } = this.#place;
    return { host, port };
  }

  get port(): number {
    return this.#place.port;
  }

  get isOpen(): boolean {
    return this.#server !== null;
  }

  get connections(): number {
    return this.#door.inside;
  }

  close(): void {
    if (this.#server !== null) this.#retire(this.#server);
    this.#server = null;
  }

  reopen(): void {
    if (!this.#door.isShut) this.#server ??= this.#serve(this.#place);
  }

  prepare(next: ListenerConfig & Pick<ServerConfig, "name">): Change {
    const now = this.#place;
    const place = placeOf(next, next.port === 0 ? now.port : next.port); // any port will do, so this one will
    if (place.host === now.host && place.port === now.port && place.frameBytes === now.frameBytes) {
      return simpleChange(() => this.#door.set(next));
    }
    const wasOpen = this.isOpen;
    const sharesPort = place.port === now.port;
    if (sharesPort) this.close();
    try {
      return this.#change(next, place, this.#serve(place), wasOpen);
    } catch (error) {
      if (sharesPort && wasOpen) this.#tryReopen();
      throw listenFailure(systemCode(error), next, { cause: error });
    }
  }

  async stop(hurry: Promise<unknown>): Promise<void> {
    this.#door.shut();
    this.#driver.drain();
    if (this.#driver.online.devices > 0) await Promise.race([Bun.sleep(DRAIN_MS), hurry]);
    this.#driver.stop();
    this.close();
    const servers = [...this.#standing];
    const closed = Promise.all(servers.map((server) => server.stop(false)));
    await Promise.race([closed, Bun.sleep(CLOSE_MS), hurry]);
    await Promise.all(servers.map((server) => server.stop(true)));
  }

  #change(next: ListenerConfig, place: Place, server: Server, wasOpen: boolean): Change {
    return {
      commit: () => {
        this.close();
        this.#place = { ...place, port: server.port ?? place.port };
        if (wasOpen) this.#server = server;
        else this.#retire(server);
        this.#door.set(next);
      },
      rollback: () => {
        this.#retire(server);
        if (wasOpen) this.#tryReopen();
      },
    };
  }

  /** Whoever watches over the port opens it later if it cannot be had now. */
  #tryReopen(): void {
    try {
      this.reopen();
    } catch {
      this.#server = null;
    }
  }

  #retire(server: Server): void {
    this.#standing.add(server);
    void server.stop(false).then(() => this.#standing.delete(server));
  }

  #serve({ host, port, frameBytes }: Place): Server {
    const [door, driver] = [this.#door, this.#driver];
    return Bun.serve<Data>({
      hostname: host,
      port,
      development: false,
      reusePort: false, // without a word of ours `development: false` shares the port with whoever asks
      fetch: (request, self) => door.answer(request, self),
      error: () => text("bad request", 400), // or Bun would print the request and our source
      websocket: {
        maxPayloadLength: frameBytes,
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
        close(ws, code) {
          // A stranger counts until the socket has gone; users may log out and in as often as they like.
          const { address, connection, lingers } = ws.data;
          const leftByItself = code !== CLOSE_ABNORMAL && connection !== null && driver.isStranger(connection);
          const heldMs = lingers ? LINGER_MS : leftByItself ? HELD_MS : 0;
          if (heldMs > 0) setTimeout(() => door.leave(address), heldMs);
          else door.leave(address);
          if (connection !== null) driver.disconnect(connection);
        },
      },
    });
  }
}

function placeOf({ host, limits }: ListenerConfig, port: number): Place {
  return { host, port, frameBytes: limits.frameBytes };
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
    cut: () => ws.terminate(),
  };
}
