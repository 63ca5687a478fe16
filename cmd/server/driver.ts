/**
 * Moves bytes, jobs and deadlines between the sockets and the pure machine (core/peer/server.ts), one event at a time.
 * Strangers wait at the gate; who is logged in does not.
 */
import type { Job } from "../../core/crypto/provider.ts";
import type { Env } from "../../core/env.ts";
import { CodedError, type ErrorCode } from "../../core/errors.ts";
import type { ServerKeys, Users } from "../../core/kdc/realm.ts";
import { BACKLOG_MAX_BYTES, WAITING_FRAMES_MAX } from "../../core/limits.ts";
import type { ConnectionId } from "../../core/peer/online.ts";
import { Server, type ServerEffect, type ServerEvent } from "../../core/peer/server.ts";
import type { ServerConfig } from "../host/config.ts";
import { Gate } from "./gate.ts";
import type { Journal } from "./journal.ts";

/** What the driver needs of a connection's transport. */
export interface Socket {
  /** False when the bytes were dropped, because the peer does not read. */
  send(bytes: Uint8Array): boolean;
  /** `known`: the peer had a session, and so is no stranger. */
  close(code: number, known: boolean): void;
  readonly address: string;
}

interface Peer {
  readonly socket: Socket;
  /** Cut when it passes; null once there is a session. */
  deadline: ReturnType<typeof setTimeout> | null;
  /** Frames that wait for the gate or for a turn, oldest first: nothing of this peer may overtake them. */
  readonly waiting: Uint8Array[];
  waitingBytes: number;
  /** Its transport has gone; what it sent before that still has its turn. */
  gone: boolean;
}

export class Driver {
  readonly #env: Env;
  readonly #journal: Journal;
  #limits: ServerConfig["limits"];
  readonly #server: Server;
  readonly #peers = new Map<ConnectionId, Peer>();
  readonly #gate: Gate;
  /** Each with the peer it is for, who may be forgotten before its turn. */
  readonly #effects: (readonly [effect: ServerEffect, peer: Peer | undefined])[] = [];
  #running = false;
  /** Sessions that have had their turn, or wait for the next. */
  readonly #turns = new Map<ConnectionId, Peer>();
  #turnScheduled = false;
  #draining = false;
  #lastId = 0;

  constructor(
    env: Env,
    keys: ServerKeys,
    options: { readonly users: Users; readonly limits: ServerConfig["limits"]; readonly journal: Journal },
  ) {
    const { users, limits, journal } = options;
    this.#env = env;
    this.#journal = journal;
    this.#limits = limits;
    this.#server = new Server(env, keys, { users, devicesPerUser: limits.devicesPerUser });
    this.#gate = new Gate(() => this.#limits.loginsInWork);
  }

  get online(): Server["online"] {
    return this.#server.online;
  }

  /** Once the server is stopping, the connection is ended at once. */
  connect(socket: Socket): ConnectionId {
    this.#lastId += 1;
    const connection = this.#lastId as ConnectionId;
    this.#peers.set(connection, { socket, deadline: null, waiting: [], waitingBytes: 0, gone: false });
    this.#setDeadline(connection, this.#limits.handshakeSeconds);
    void this.#dispatch({ kind: "connected", connection });
    if (this.#draining) this.end(connection, "server.stopping");
    return connection;
  }

  receive(connection: ConnectionId, bytes: Uint8Array): void {
    const peer = this.#peers.get(connection);
    if (peer === undefined) return;
    peer.waiting.push(bytes);
    peer.waitingBytes += bytes.length;
    const stranger = peer.deadline !== null;
    const tooMuch = stranger ? peer.waiting.length > WAITING_FRAMES_MAX : peer.waitingBytes > BACKLOG_MAX_BYTES;
    if (tooMuch) this.end(connection, "channel.busy");
    else if (stranger) this.#gate.push(() => this.#admit(connection, peer));
    else this.#takeTurn(connection, peer);
  }

  disconnect(connection: ConnectionId): void {
    const peer = this.#peers.get(connection);
    if (peer?.deadline === null && peer.waiting.length > 0) {
      peer.gone = true;
      return;
    }
    this.#disconnected(connection);
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
    this.#server.devicesPerUser = limits.devicesPerUser;
  }

  /** Refuses and ends logins; those who are logged in go on until `stop`. */
  drain(): void {
    this.#draining = true;
    for (const [connection, { deadline }] of [...this.#peers]) {
      if (deadline !== null) this.end(connection, "server.stopping");
    }
  }

  /** Says goodbye to everybody and wipes every session. */
  stop(): void {
    void this.#dispatch({ kind: "stop" });
  }

  /** The turn of the oldest frame that waits, unless it has been dealt with already. */
  #admit(connection: ConnectionId, peer: Peer): Promise<void> | undefined {
    const bytes = peer.waiting.shift();
    if (bytes === undefined) return undefined;
    peer.waitingBytes -= bytes.length;
    return this.#dispatch({ kind: "frame", connection, bytes });
  }

  /**
   * Whoever is logged in has one record dealt with in one turn of the event loop: the first at once, more of them when
   * the others have had theirs. The platform hands over all that one peer has sent before it looks at the next.
   */
  #takeTurn(connection: ConnectionId, peer: Peer): void {
    if (!this.#turns.has(connection)) void this.#admit(connection, peer);
    this.#turns.set(connection, peer);
    if (this.#turnScheduled) return;
    this.#turnScheduled = true;
    setImmediate(() => this.#nextTurn());
  }

  #nextTurn(): void {
    this.#turnScheduled = false;
    const turns = [...this.#turns];
    this.#turns.clear();
    for (const [connection, peer] of turns) {
      if (this.#peers.get(connection) !== peer) continue;
      if (peer.waiting.length > 0) this.#takeTurn(connection, peer);
      else if (peer.gone) this.#disconnected(connection);
    }
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
    for (const effect of effects) this.#effects.push([effect, this.#peers.get(effect.connection)]);
    if (!this.#running) this.#runAll();
    return compute === undefined ? undefined : this.#compute(compute.connection, compute.job);
  }

  #runAll(): void {
    this.#running = true;
    try {
      for (let next = this.#effects.shift(); next !== undefined; next = this.#effects.shift()) this.#run(...next);
    } finally {
      this.#running = false;
    }
  }

  #run(effect: ServerEffect, peer: Peer | undefined): void {
    const { connection } = effect;
    switch (effect.kind) {
      case "transmit":
        if (peer?.socket.send(effect.bytes) === false) this.end(connection, "server.slowReader");
        break;
      case "compute": // begun already: a job sends nothing
        break;
      case "channel":
        this.#setDeadline(connection, this.#limits.loginSeconds);
        break;
      case "attached":
        this.#clearDeadline(connection);
        this.#journal.login(effect.device, peer?.socket.address ?? "");
        break;
      case "ended":
        this.#noteEnd(effect, peer?.socket.address ?? "");
        break;
      case "close": {
        const known = peer?.deadline === null;
        this.#forget(connection);
        peer?.socket.close(effect.closeCode, known);
      }
    }
  }

  async #compute(connection: ConnectionId, job: Job): Promise<void> {
    try {
      const result = await this.#env.crypto.run(job, this.#env.randomBytes);
      await this.#dispatch({ kind: "computed", connection, result });
    } catch (error) {
      if (error instanceof CodedError) {
        await this.#dispatch({ kind: "failed", connection, error });
      } else {
        this.#journal.fault(error);
        this.end(connection, "server.fault");
      }
    }
  }

  #noteEnd({ device, attempted, code }: Extract<ServerEffect, { kind: "ended" }>, address: string): void {
    if (device !== null) this.#journal.logout(device, address, code);
    else this.#journal.refused({ cause: code, address, attempted: attempted !== null, user: attempted?.user });
  }

  #setDeadline(connection: ConnectionId, seconds: number): void {
    this.#clearDeadline(connection);
    const peer = this.#peers.get(connection);
    if (peer === undefined) return;
    peer.deadline = setTimeout(() => this.end(connection, "channel.deadline"), seconds * 1000);
  }

  #clearDeadline(connection: ConnectionId): void {
    const peer = this.#peers.get(connection);
    if (peer?.deadline == null) return;
    clearTimeout(peer.deadline);
    peer.deadline = null;
  }

  #forget(connection: ConnectionId): void {
    this.#clearDeadline(connection);
    this.#peers.delete(connection);
  }
}
