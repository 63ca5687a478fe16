/**
 * Moves bytes, jobs and deadlines between the sockets and the pure machine (core/peer/server.ts), one event at a time.
 * Strangers wait at the gate; who is logged in does not.
 */
import type { Env } from "../../core/env.ts";
import type { ErrorCode } from "../../core/errors.ts";
import type { ServerKeys, Users } from "../../core/kdc/realm.ts";
import { BACKLOGS_MAX_BYTES } from "../../core/limits.ts";
import type { ConnectionId } from "../../core/peer/online.ts";
import { Server, type SessionInfo } from "../../core/peer/server.ts";
import type { PeerEffect, ServerEffect, ServerEvent } from "../../core/peer/serverEvents.ts";
import type { ServerConfig } from "../host/config.ts";
import { Backlogs } from "./backlogs.ts";
import { type ChangePassword, type EffectOf, Errands } from "./errands.ts";
import { Gate } from "./gate.ts";
import type { Journal } from "./journal.ts";
import { Peer, type Socket } from "./peer.ts";
import type { Store } from "./store/store.ts";
import type { Throttling } from "./throttle.ts";
import { Turns } from "./turns.ts";

export interface DriverOptions {
  readonly users: Users;
  readonly limits: ServerConfig["limits"];
  readonly journal: Journal;
  readonly throttle: Throttling;
  readonly store: Store;
  readonly changePassword: ChangePassword;
}

/** What waits. */
export interface Queues {
  /** Frames of those who are not logged in, for their turn at the gate. */
  readonly gate: number;
  /** Frames of sessions, for their turn. */
  readonly sessionFrames: number;
  /** Bytes for peers that do not read fast enough. */
  readonly sendBytes: number;
}

export class Driver {
  readonly #journal: Journal;
  readonly #throttle: Throttling;
  #limits: ServerConfig["limits"];
  readonly #server: Server;
  readonly #peers = new Map<ConnectionId, Peer>();
  readonly #gate: Gate;
  readonly #turns = new Turns();
  readonly #errands: Errands;
  readonly #unread = new Backlogs<Peer>(BACKLOGS_MAX_BYTES, ({ socket }) => socket.bufferedBytes);
  readonly #undone = new Backlogs<Peer>(BACKLOGS_MAX_BYTES, ({ waitingBytes }) => waitingBytes);
  /** Each with the peer it is for, who may be forgotten before its turn. */
  readonly #effects: (readonly [effect: ServerEffect, peer: Peer | undefined])[] = [];
  #running = false;
  /** What the machine has asked for with its last `wake`. */
  #wakeTimer: ReturnType<typeof setTimeout> | null = null;
  #draining = false;
  #lastId = 0;

  constructor(env: Env, keys: ServerKeys, options: DriverOptions) {
    const { users, limits, journal, throttle, store, changePassword } = options;
    this.#journal = journal;
    this.#throttle = throttle;
    this.#limits = limits;
    this.#server = new Server(env, keys, { users, devicesPerUser: limits.devicesPerUser });
    this.#gate = new Gate(() => this.#limits.loginsInWork);
    this.#errands = new Errands({
      ...{ env, store, changePassword },
      dispatch: (event) => this.#dispatch(event),
      fail: (connection, error) => this.#fail(connection, error),
    });
  }

  get online(): Server["online"] {
    return this.#server.online;
  }

  get queues(): Queues {
    let [sessionFrames, sendBytes] = [0, 0];
    for (const { stranger, waiting, socket } of this.#peers.values()) {
      if (!stranger) sessionFrames += waiting;
      sendBytes += socket.bufferedBytes;
    }
    return { gate: this.#gate.waiting, sessionFrames, sendBytes };
  }

  /** Whom a session key is held for, and where they are. */
  sessions(): readonly (SessionInfo & { readonly address: string })[] {
    return this.#server
      .sessions()
      .map((session) => ({ ...session, address: this.#peers.get(session.connection)?.socket.address ?? "" }));
  }

  /** Once the server is stopping, the connection is ended at once. */
  connect(socket: Socket): ConnectionId {
    this.#lastId += 1;
    const connection = this.#lastId as ConnectionId;
    const peer = new Peer(socket, {
      throttle: this.#throttle,
      rates: () => this.#limits,
      work: () => this.#admit(connection, peer),
      left: () => this.#disconnected(connection),
      fault: (error) => this.#journal.fault(error),
      end: (code) => this.end(connection, code),
    });
    this.#peers.set(connection, peer);
    peer.setDeadline(this.#limits.handshakeSeconds);
    void this.#dispatch({ kind: "connected", connection });
    if (this.#draining) this.end(connection, "server.stopping");
    return connection;
  }

  receive(connection: ConnectionId, bytes: Uint8Array): void {
    const peer = this.#peers.get(connection);
    if (peer === undefined) return;
    peer.queue(bytes);
    if (peer.overfull) this.end(connection, "channel.busy");
    else if (peer.stranger) this.#gate.push(() => this.#admit(connection, peer), peer.lane);
    else this.#turns.take(peer);
    if (!peer.stranger && peer.waiting > 0) this.#undone.grew(peer)?.end("channel.busy");
  }

  /** Somebody who has connected and has no session. */
  isStranger(connection: ConnectionId): boolean {
    return this.#peers.get(connection)?.stranger === true;
  }

  /** Something that asks for nothing but takes time, such as a ping. */
  pinged(connection: ConnectionId): void {
    if (this.#peers.get(connection)?.pinged() === false) this.end(connection, "channel.busy");
  }

  disconnect(connection: ConnectionId): void {
    const peer = this.#peers.get(connection);
    if (peer !== undefined && !peer.stranger && peer.waiting > 0) peer.leave();
    else this.#disconnected(connection);
  }

  #disconnected(connection: ConnectionId): void {
    void this.#dispatch({ kind: "disconnected", connection });
    this.#forget(connection);
  }

  end(connection: ConnectionId, code: ErrorCode): void {
    void this.#dispatch({ kind: "end", connection, code });
  }

  setUsers(users: Users): void {
    void this.#dispatch({ kind: "users", users });
  }

  /** Others from now on; deadlines that run, and devices above a lower limit, stay. */
  setLimits(limits: ServerConfig["limits"]): void {
    this.#limits = limits;
    void this.#dispatch({ kind: "devicesPerUser", max: limits.devicesPerUser });
  }

  /** Refuses and ends logins; those who are logged in go on until `stop`. */
  drain(): void {
    this.#draining = true;
    for (const [connection, { stranger }] of [...this.#peers]) {
      if (stranger) this.end(connection, "server.stopping");
    }
  }

  /** Says goodbye to everybody and wipes every session. */
  stop(): void {
    void this.#dispatch({ kind: "stop" });
    if (this.#wakeTimer !== null) clearTimeout(this.#wakeTimer);
  }

  /** The turn of the oldest frame that waits, unless it has been dealt with already. */
  #admit(connection: ConnectionId, peer: Peer): Promise<void> | undefined {
    const bytes = peer.next();
    return bytes === undefined ? undefined : this.#dispatch({ kind: "frame", connection, bytes });
  }

  /**
   * Deals with one event; a promise while a job of it is under way. Effects run in their order, also when one of them
   * leads to the next event: a record that overtook another would end its channel.
   */
  #dispatch(event: ServerEvent): Promise<void> | undefined {
    let effects: readonly ServerEffect[];
    try {
      effects = this.#server.handle(event);
    } catch (error) {
      this.#journal.fault(error);
      effects = "connection" in event ? this.#server.handle({ ...event, kind: "end", code: "server.fault" }) : [];
    }
    const compute = effects.find((effect) => effect.kind === "compute");
    for (const effect of effects) {
      const of = "connection" in effect ? effect.connection : null;
      this.#effects.push([effect, of === null ? undefined : this.#peers.get(of)]);
    }
    if (!this.#running) this.#runAll();
    return compute === undefined ? undefined : this.#errands.compute(compute);
  }

  #runAll(): void {
    this.#running = true;
    try {
      for (let next = this.#effects.shift(); next !== undefined; next = this.#effects.shift()) {
        const [effect, peer] = next;
        if (effect.kind === "wake") this.#wake(effect.afterMs);
        else if (effect.kind === "store") void this.#errands.store(effect);
        else this.#run(effect, peer);
      }
    } finally {
      this.#running = false;
    }
  }

  #wake(afterMs: number): void {
    this.#wakeTimer = setTimeout(() => void this.#dispatch({ kind: "awake" }), afterMs);
  }

  #run(effect: PeerEffect, peer: Peer | undefined): void {
    const { connection } = effect;
    switch (effect.kind) {
      case "transmit":
        if (peer !== undefined) (peer.socket.send(effect.bytes) ? this.#unread.grew(peer) : peer)?.cut();
        break;
      case "compute": // begun already: a job sends nothing
        break;
      case "setPassword":
        void this.#errands.setPassword(effect);
        break;
      case "channel":
        peer?.setDeadline(this.#limits.loginSeconds);
        break;
      case "attempt":
        if (peer !== undefined) this.#answer(connection, () => this.#verdict(effect, peer));
        break;
      case "proved":
        peer?.prove();
        this.#answer(connection, () => {
          const guesses = peer?.login.prove() ?? null;
          return guesses === null ? null : { kind: "guesses", connection, guesses };
        });
        break;
      case "attached":
        peer?.attach();
        this.#journal.login(effect.device, peer?.socket.address ?? "");
        break;
      case "guessesSeen":
        this.#answer(connection, () => {
          peer?.login.told();
          return null;
        });
        break;
      case "asked":
        peer?.charge(effect);
        break;
      case "ended":
        this.#noteEnd(effect, peer);
        break;
      case "close": {
        const known = peer?.stranger === false;
        this.#forget(connection);
        peer?.socket.close(effect.closeCode, known);
      }
    }
  }

  /** What the login of a peer says to its step. A guess that cannot be counted is not served. */
  #answer(connection: ConnectionId, ask: () => ServerEvent | null): void {
    try {
      const event = ask();
      if (event !== null) void this.#dispatch(event);
    } catch (error) {
      this.#fail(connection, error);
    }
  }

  #verdict({ connection, ...attempt }: EffectOf<"attempt">, { login }: Peer): ServerEvent {
    const load = { waiting: this.#gate.strangers, inWork: this.#limits.loginsInWork };
    return { kind: "verdict", connection, verdict: login.judge(attempt, load) };
  }

  #noteEnd({ device, attempted, code }: EffectOf<"ended">, peer: Peer | undefined): void {
    const address = peer?.socket.address ?? "";
    if (device !== null) this.#journal.logout(device, address, code);
    else this.#journal.refused({ cause: code, address, attempted: attempted !== null, user: attempted?.user });
    peer?.login.end();
  }

  /** A fault of ours: loud, and the connection it happened on, if any, ends. */
  #fail(connection: ConnectionId | null, error: unknown): void {
    this.#journal.fault(error);
    if (connection !== null) this.end(connection, "server.fault");
  }

  #forget(connection: ConnectionId): void {
    const peer = this.#peers.get(connection);
    if (peer === undefined) return;
    peer.forget();
    for (const list of [this.#turns, this.#unread, this.#undone]) list.forget(peer);
    this.#peers.delete(connection);
  }
}
