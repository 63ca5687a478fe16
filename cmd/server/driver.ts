/**
 * Moves bytes, jobs and deadlines between the sockets and the pure machine (core/peer/server.ts), one event at a time.
 * Strangers wait at the gate; who is logged in does not.
 */
import type { Job } from "../../core/crypto/provider.ts";
import type { Env } from "../../core/env.ts";
import { CodedError, type ErrorCode } from "../../core/errors.ts";
import type { ConnectionId } from "../../core/peer/online.ts";
import { Server, type ServerEffect, type ServerEvent } from "../../core/peer/server.ts";
import type { ServerKeys, Users } from "../../core/peer/serverConnection.ts";
import type { ServerConfig } from "../host/config.ts";
import type { Log } from "../host/log.ts";
import { Gate } from "./gate.ts";

/** What the driver needs of a connection's transport. */
export interface Socket {
  /** False when the bytes were dropped, because the peer does not read. */
  send(bytes: Uint8Array): boolean;
  close(code: number): void;
  readonly address: string;
}

interface Peer {
  readonly socket: Socket;
  /** Cut when it passes; null once there is a session. */
  deadline: ReturnType<typeof setTimeout> | null;
  /** Frames that wait at the gate. */
  waiting: number;
}

/** A stranger has no business with more than these frames under way: hello, login, proof, attach. */
const WAITING_MAX = 4;

export class Driver {
  readonly #env: Env;
  readonly #log: Log;
  readonly #limits: ServerConfig["limits"];
  readonly #server: Server;
  readonly #peers = new Map<ConnectionId, Peer>();
  readonly #gate: Gate;
  readonly #effects: ServerEffect[] = [];
  #running = false;
  #lastId = 0;

  constructor(
    env: Env,
    keys: ServerKeys,
    options: { readonly users: Users; readonly limits: ServerConfig["limits"]; readonly log: Log },
  ) {
    const { users, limits, log } = options;
    this.#env = env;
    this.#log = log;
    this.#limits = limits;
    this.#server = new Server(env, keys, { users, devicesPerUser: limits.devicesPerUser });
    this.#gate = new Gate(limits.loginsInWork);
  }

  get online(): Server["online"] {
    return this.#server.online;
  }

  connect(socket: Socket): ConnectionId {
    this.#lastId += 1;
    const connection = this.#lastId as ConnectionId;
    this.#peers.set(connection, { socket, deadline: null, waiting: 0 });
    this.#setDeadline(connection, this.#limits.handshakeSeconds);
    void this.#dispatch({ kind: "connected", connection });
    return connection;
  }

  receive(connection: ConnectionId, bytes: Uint8Array): void {
    const peer = this.#peers.get(connection);
    if (peer === undefined) return;
    if (peer.deadline === null) {
      void this.#dispatch({ kind: "frame", connection, bytes });
      return;
    }
    peer.waiting += 1;
    if (peer.waiting > WAITING_MAX) {
      this.end(connection, "channel.busy");
      return;
    }
    this.#gate.push(() => {
      peer.waiting -= 1;
      return this.#dispatch({ kind: "frame", connection, bytes });
    });
  }

  disconnect(connection: ConnectionId): void {
    void this.#dispatch({ kind: "disconnected", connection });
    this.#forget(connection);
  }

  end(connection: ConnectionId, code: ErrorCode): void {
    void this.#dispatch({ kind: "end", connection, code });
  }

  setUsers(users: Users): void {
    void this.#dispatch({ kind: "users", users });
  }

  /** Says goodbye to everybody and wipes every session. */
  stop(): void {
    void this.#dispatch({ kind: "stop" });
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
      this.#fault(error);
      effects = "connection" in event ? this.#server.handle({ ...event, kind: "end", code: "server.fault" }) : [];
    }
    const compute = effects.find((effect) => effect.kind === "compute");
    this.#effects.push(...effects);
    if (!this.#running) this.#runAll();
    return compute === undefined ? undefined : this.#compute(compute.connection, compute.job);
  }

  #runAll(): void {
    this.#running = true;
    try {
      for (let effect = this.#effects.shift(); effect !== undefined; effect = this.#effects.shift()) this.#run(effect);
    } finally {
      this.#running = false;
    }
  }

  #run(effect: ServerEffect): void {
    const { connection } = effect;
    const peer = this.#peers.get(connection);
    switch (effect.kind) {
      case "transmit":
        if (peer?.socket.send(effect.bytes) === false) this.end(connection, "server.slowReader");
        break;
      case "compute": // begun already: a job sends nothing
        break;
      case "stage":
        if (effect.stage === "channel") this.#setDeadline(connection, this.#limits.loginSeconds);
        break;
      case "attached": {
        const { user, device } = effect.session;
        this.#clearDeadline(connection);
        this.#log.info("user.login", { user, device, address: peer?.socket.address ?? "" });
        break;
      }
      case "ended":
        this.#logEnd(effect, peer?.socket.address ?? "");
        break;
      case "close":
        this.#forget(connection);
        peer?.socket.close(effect.closeCode);
    }
  }

  async #compute(connection: ConnectionId, job: Job): Promise<void> {
    let event: ServerEvent;
    try {
      const result = await this.#env.crypto.run(job, (length) => this.#env.randomBytes(length));
      event = { kind: "computed", connection, result };
    } catch (error) {
      if (!(error instanceof CodedError)) this.#fault(error);
      event = { kind: "failed", connection, error };
    }
    await this.#dispatch(event);
  }

  #logEnd({ session, attempted, code }: Extract<ServerEffect, { kind: "ended" }>, address: string): void {
    const reason = code === null ? {} : { code };
    if (session !== null)
      this.#log.info("user.logout", { user: session.user, device: session.device, address, ...reason });
    else if (attempted !== null) this.#log.info("login.failed", { user: attempted, address, ...reason });
    else this.#log.debug("connection.ended", { address, ...reason });
  }

  /** A fault of ours: loud, and the connection it happened on ends. */
  #fault(error: unknown): void {
    this.#log.error("server.fault", {
      reason: error instanceof Error ? (error.stack ?? error.message) : "not an error",
    });
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
