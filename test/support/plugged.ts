/** The server's driver without a network: its log, and peers that are plugged straight into it. */
import { DEFAULT_LIMITS, type ServerConfig } from "../../cmd/host/config.ts";
import { createLog } from "../../cmd/host/log.ts";
import type { GuessId } from "../../cmd/server/attempts.ts";
import { Driver, type DriverOptions } from "../../cmd/server/driver.ts";
import { createJournal, type Journal } from "../../cmd/server/journal.ts";
import type { Socket } from "../../cmd/server/peer.ts";
import type { Users } from "../../core/kdc/realm.ts";
import type { ConnectionId } from "../../core/peer/online.ts";
import { type FixedEnv, fixedEnv, quickCrypto } from "./fixedEnv.ts";
import { passwordOf, type TestRealm } from "./realm.ts";
import { type Account, logIn, type Peer } from "./remotePeer.ts";
import { Inbox, type Transport } from "./transport.ts";

type Limits = ServerConfig["limits"];

export const PATIENT: Limits = { ...DEFAULT_LIMITS, handshakeSeconds: 60 };

export type Throttling = DriverOptions["throttle"];

/** Lets everybody on, and has heard of nothing. */
const LENIENT: Throttling = {
  knows: () => false,
  judge: ({ user }) => ({ verdict: { kind: "serve" }, guess: { id: 0 as GuessId, user, prefix: "" } }),
  prove: () => ({ guesses: { prefixes: [], others: 0 }, atMs: 0 }),
  told: () => {},
  forgive: () => {},
};

export type Logged = Readonly<Record<string, unknown>>;

/** A driver with a log that a test can read, and with a clock and randomness of its own, which a test may break. */
export class Rig {
  readonly env: FixedEnv = { ...fixedEnv("rig", quickCrypto) };
  readonly log: Logged[] = [];
  readonly journal: Journal;
  readonly driver: Driver;
  /** Called with each line of the log as it is written. */
  onLog: (line: Logged) => void = () => {};
  readonly #peerEnv = fixedEnv("peers", quickCrypto);
  readonly #realm: TestRealm;

  constructor(realm: TestRealm, users: Users, limits: Partial<Limits> = {}, throttle: Partial<Throttling> = {}) {
    this.#realm = realm;
    const write = (line: string): void => {
      const parsed = JSON.parse(line) as Logged;
      this.log.push(parsed);
      this.onLog(parsed);
    };
    const log = createLog({ level: "debug", write, nowMs: () => 0 });
    this.journal = createJournal(log);
    this.driver = new Driver(this.env, realm.keys, {
      users,
      limits: { ...PATIENT, ...limits },
      journal: this.journal,
      throttle: { ...LENIENT, ...throttle },
    });
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
    const ended = this.log.filter(({ event }) =>
      /^(?:user\.logout|login\.failed|connection\.ended)$/.test(String(event)),
    );
    return ended.map(({ user, code }) => [user, code]);
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
  readonly #driver: Driver;
  readonly #inbox = new Inbox();

  constructor(driver: Driver, address = "192.0.2.1") {
    const { promise, resolve } = Promise.withResolvers<number>();
    this.closed = promise;
    this.#driver = driver;
    const socket: Socket = {
      address,
      send: (bytes) => {
        if (this.stuck) return false;
        this.#inbox.push(bytes.slice());
        return true;
      },
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
