/**
 * Drives the pure client machine (core/peer/client.ts) over one WebSocket: bytes, jobs and delivery timers. One login;
 * for another try, another connection.
 */
import type { JobResult } from "../../core/crypto/provider.ts";
import type { Env } from "../../core/env.ts";
import { CodedError, codeOfWire, type ErrorCode } from "../../core/errors.ts";
import { type MessageId, newMessageId } from "../../core/ids.ts";
import { DELIVERY_MS } from "../../core/limits.ts";
import { Client, type ClientConfig, type ClientEffect, type ClientEvent } from "../../core/peer/client.ts";
import type { Notice } from "../../core/peer/clientSession.ts";
import type { Roster } from "../../core/peer/roster.ts";

/** Where the server is. */
export interface Target {
  readonly host: string;
  readonly port: number;
}

/** How far a login has come: the channel stands; the password is being stretched. */
export type LoginStage = Extract<ClientEffect, { kind: "stage" }>["stage"];

export interface ConnectionEvents {
  stage(stage: LoginStage): void;
  /** From the moment the roster is complete; what comes before it is not told. */
  notice(notice: Notice): void;
  /** After a login: it is over. */
  ended(code: ErrorCode | null): void;
}

const CONNECT_MS = 10_000;
/** How long a logout may take to reach the server before the program ends all the same. */
const CLOSE_MS = 1000;
/** "Service restart", and what is above 4000 is our own (PROTOCOL §9.3). */
const CLOSE_RESTART = 1012;
const CLOSE_OWN = 4000;

export class Connection {
  readonly #env: Env;
  readonly #client: Client;
  readonly #events: ConnectionEvents;
  readonly #deliveryMs: number;
  readonly #socket: WebSocket;
  readonly #closed = Promise.withResolvers<void>();
  readonly #attached = Promise.withResolvers<void>();
  readonly #timers = new Map<MessageId, ReturnType<typeof setTimeout>>();
  readonly #effects: ClientEffect[] = [];
  #running = false;
  #opened = false;

  private constructor(env: Env, target: Target, config: ClientConfig, options: OpenOptions) {
    this.#env = env;
    this.#client = new Client(env, config);
    this.#events = options.events;
    this.#deliveryMs = options.deliveryMs ?? DELIVERY_MS;
    this.#socket = new WebSocket(webSocketUrl(target));
    this.#socket.binaryType = "arraybuffer";
    const slow = setTimeout(() => this.#socket.close(), CONNECT_MS);
    this.#socket.addEventListener("open", () => {
      clearTimeout(slow);
      this.#opened = true;
      this.#handle({ kind: "connected" });
    });
    this.#socket.addEventListener("message", ({ data }) => this.#receive(data));
    this.#socket.addEventListener("error", () => {}); // a close follows, and says all there is to say
    this.#socket.addEventListener("close", ({ code }) => {
      clearTimeout(slow);
      this.#handle({ kind: "disconnected", code: this.#opened ? ownCode(code) : "server.unreachable" });
      this.#closed.resolve();
    });
  }

  /**
   * Connects and logs in; resolves when the roster is complete. `config.password` is taken over.
   * @throws server.unreachable, channel.handshake (not the server we know), auth.rejected, auth.tooManyDevices,
   * connection.lost and whatever else the server may say
   */
  static async open(env: Env, target: Target, config: ClientConfig, options: OpenOptions): Promise<Connection> {
    const connection = new Connection(env, target, config, options);
    await connection.#attached.promise;
    return connection;
  }

  get roster(): Roster {
    return this.#client.roster;
  }

  /** Over: nothing can be sent any more. */
  get over(): boolean {
    return !this.#client.attached;
  }

  /**
   * Sends a text under a fresh id; a `delivered` or `undelivered` notice follows, perhaps before this returns.
   * @throws text.tooLong, name.invalid, connection.lost
   */
  send(to: string, text: string, id = newMessageId(this.#env)): void {
    if (this.over) throw new CodedError("connection.lost");
    this.#timers.set(
      id,
      setTimeout(() => this.#giveUp(id), this.#deliveryMs),
    );
    try {
      this.#handle({ kind: "send", id, to, text });
    } catch (error) {
      this.#clearTimer(id);
      throw error;
    }
  }

  /** Logs out, or does nothing when it is over already; resolves when the server has heard it. */
  async logout(): Promise<void> {
    this.#handle({ kind: "logout" });
    await Promise.race([this.#closed.promise, Bun.sleep(CLOSE_MS)]);
  }

  #receive(data: unknown): void {
    if (data instanceof ArrayBuffer) this.#handle({ kind: "frame", bytes: new Uint8Array(data) });
    else this.#socket.close();
  }

  /** Effects run in their order, also when one of them leads to the next event. */
  #handle(event: ClientEvent): void {
    this.#effects.push(...this.#client.handle(event));
    if (this.#running) return;
    this.#running = true;
    try {
      for (let effect = this.#effects.shift(); effect !== undefined; effect = this.#effects.shift()) this.#run(effect);
    } finally {
      this.#running = false;
    }
  }

  #run(effect: ClientEffect): void {
    switch (effect.kind) {
      case "transmit":
        this.#socket.send(effect.bytes as Uint8Array<ArrayBuffer>);
        break;
      case "compute":
        void this.#compute(effect);
        break;
      case "stage":
        this.#events.stage(effect.stage);
        break;
      case "notice":
        this.#notice(effect.notice);
        break;
      case "ended":
        this.#end(effect.code);
    }
  }

  async #compute({ job }: Extract<ClientEffect, { kind: "compute" }>): Promise<void> {
    let result: JobResult;
    try {
      result = await this.#env.crypto.run(job, (length) => this.#env.randomBytes(length));
    } catch (error) {
      this.#handle({ kind: "failed", error });
      return;
    }
    this.#handle({ kind: "computed", result });
  }

  #notice(notice: Notice): void {
    if (notice.kind === "undelivered") this.#clearTimer(notice.id);
    if (notice.kind === "attached") this.#attached.resolve();
    this.#events.notice(notice);
  }

  #end(code: ErrorCode | null): void {
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
    this.#socket.close();
    this.#attached.promise.then(
      () => this.#events.ended(code),
      () => {},
    );
    this.#attached.reject(new CodedError(code ?? "connection.lost"));
  }

  #giveUp(id: MessageId): void {
    this.#timers.delete(id);
    this.#handle({ kind: "giveUp", id });
  }

  #clearTimer(id: MessageId): void {
    clearTimeout(this.#timers.get(id));
    this.#timers.delete(id);
  }
}

export interface OpenOptions {
  readonly events: ConnectionEvents;
  /** A message that nobody has confirmed by then is undelivered; 10 s by default. */
  readonly deliveryMs?: number;
}

function webSocketUrl({ host, port }: Target): string {
  return `ws://${host.includes(":") ? `[${host}]` : host}:${port}/ims`;
}

function ownCode(closeCode: number): ErrorCode | null {
  if (closeCode === CLOSE_RESTART) return "server.stopping";
  return closeCode > CLOSE_OWN ? codeOfWire(closeCode - CLOSE_OWN) : null;
}
