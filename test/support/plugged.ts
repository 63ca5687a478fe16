/** The server's driver without a network: what it tells its journal, and peers that are plugged straight into it. */
import { DEFAULT_LIMITS, type ServerConfig } from "../../cmd/host/config.ts";
import type { GuessId } from "../../cmd/server/attempts.ts";
import { Driver } from "../../cmd/server/driver.ts";
import type { ChangePassword } from "../../cmd/server/errands.ts";
import type { Socket } from "../../cmd/server/peer.ts";
import type { Throttling } from "../../cmd/server/throttle.ts";
import type { Users } from "../../core/kdc/realm.ts";
import type { ConnectionId } from "../../core/peer/online.ts";
import { type FixedEnv, fixedEnv, quickCrypto } from "./fixedEnv.ts";
import { MemoryStore } from "./memoryStore.ts";
import { passwordOf, type TestRealm } from "./realm.ts";
import { type Entry, RecordedJournal } from "./recordedJournal.ts";
import { type Account, logIn, type Peer } from "./remotePeer.ts";
import { Inbox, type Transport } from "./transport.ts";

type Limits = ServerConfig["limits"];

export const PATIENT: Limits = { ...DEFAULT_LIMITS, handshakeSeconds: 60 };

/** Lets everybody on, and has heard of nothing. */
const LENIENT: Throttling = {
  knows: () => false,
  judge: ({ user }) => ({ verdict: { kind: "serve" }, guess: { id: 0 as GuessId, user, prefix: "", name: user } }),
  prove: () => ({ guesses: { prefixes: [], others: 0 }, atMs: 0 }),
  told: () => {},
  over: () => {},
};

/** A driver with a journal that a test can read, and with a clock and randomness of its own, which a test may break. */
export class Rig {
  readonly env: FixedEnv = { ...fixedEnv("rig", quickCrypto) };
  readonly driver: Driver;
  readonly journal = new RecordedJournal();
  readonly store = new MemoryStore();
  /** No password can be set; a test may say otherwise. */
  changePassword: ChangePassword = () => Promise.resolve(null);
  /** May be changed at any time. */
  readonly throttle: { -readonly [K in keyof Throttling]: Throttling[K] };
  readonly #peerEnv = fixedEnv("peers", quickCrypto);
  readonly #realm: TestRealm;

  constructor(realm: TestRealm, users: Users, limits: Partial<Limits> = {}, throttle: Partial<Throttling> = {}) {
    this.#realm = realm;
    this.throttle = { ...LENIENT, ...throttle };
    this.driver = new Driver(this.env, realm.keys, {
      users,
      limits: { ...PATIENT, ...limits },
      journal: this.journal,
      throttle: this.throttle,
      store: this.store,
      changePassword: (...change) => this.changePassword(...change),
    });
  }

  /** What its journal was told, in order. */
  get log(): readonly Entry[] {
    return this.journal.entries;
  }

  get peerEnv(): FixedEnv {
    return this.#peerEnv;
  }

  accountOf(user: string): Account {
    const { realm, staticKey } = this.#realm.keys;
    return { realm, serverPublicKey: staticKey.publicKey, user, password: passwordOf(user) };
  }

  async logIn(user: string): Promise<PluggedPeer> {
    const plug = new Plug(this.driver);
    const peer = await logIn(this.#peerEnv, plug, this.accountOf(user));
    return { ...peer, plug };
  }

  /** The codes with which connections have ended, in order, each with its user if it had one. */
  get ends(): readonly (readonly unknown[])[] {
    const others = ["user.login", "server.fault"];
    return this.log.filter(({ event }) => !others.includes(event)).map(({ user, code }) => [user, code]);
  }
}

export interface PluggedPeer extends Peer {
  readonly plug: Plug;
}

/** One connection. */
export class Plug implements Transport {
  readonly connection: ConnectionId;
  /** The WebSocket close code, once the server has closed. */
  readonly closed: Promise<number>;
  /** While true, this peer does not read, and its buffer is full. */
  stuck = false;
  /** Bytes that the transport holds for it. */
  buffered = 0;
  readonly #driver: Driver;
  readonly #inbox = new Inbox();

  constructor(driver: Driver, address = "192.0.2.1") {
    const { promise, resolve } = Promise.withResolvers<number>();
    this.closed = promise;
    this.#driver = driver;
    const plug = this;
    const socket: Socket = {
      address,
      get bufferedBytes() {
        return plug.buffered;
      },
      send: (bytes) => {
        if (this.stuck) return false;
        this.#inbox.push(bytes.slice());
        return true;
      },
      cut: () => {},
      close: (code) => {
        resolve(code);
        this.#inbox.end();
        if (connection !== null) driver.disconnect(connection); // a WebSocket of Bun says so before `close` returns
      },
    };
    let connection: ConnectionId | null = null;
    connection = driver.connect(socket);
    this.connection = connection;
  }

  send(record: Uint8Array): void {
    this.#driver.receive(this.connection, record);
  }

  receive(): Promise<Uint8Array> {
    return this.#inbox.next();
  }

  async close(): Promise<void> {
    this.#driver.disconnect(this.connection);
    this.#inbox.end();
  }
}
