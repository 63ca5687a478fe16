/**
 * Drives the pure client machine (core/peer/client.ts) over one WebSocket: bytes, jobs and delivery timers. One login;
 * for another try, another connection.
 */
import type { JobResult } from "../../core/crypto/provider.ts";
import type { Env } from "../../core/env.ts";
import { CodedError, codeOfClose, type ErrorCode } from "../../core/errors.ts";
import { type MessageId, newMessageId } from "../../core/ids.ts";
import type { Puzzle } from "../../core/kdc/puzzle.ts";
import { DELIVERY_MS } from "../../core/limits.ts";
import { Client, type ClientConfig, type ClientEffect, type ClientEvent } from "../../core/peer/client.ts";
import type { Notice } from "../../core/peer/notices.ts";
import type { RosterView } from "../../core/peer/roster.ts";
import { sentenceOf } from "../host/exit.ts";
import { solve } from "./solve.ts";
import { tryAgain } from "./words.ts";

/** Where the server is. */
export interface Target {
  readonly host: string;
  readonly port: number;
}

export interface ConnectionEvents {
  /** The server is busy and wants to see work first. */
  solving(): void;
  /** The server has answered, and the password is being stretched: it takes a moment. */
  stretching(): void;
  notice(notice: Notice): void;
  /** After a login: it is over. `error` is null after a logout, and a plain `Error` for a fault of ours. */
  ended(error: Error | null): void;
}

/** The longest silence of the server: until it accepts the connection, and between the steps of a login. */
const SILENCE_MS = 15_000;
/** How long a logout may take to reach the server before the program ends all the same. */
const CLOSE_MS = 1000;

export class Connection {
  readonly #env: Env;
  readonly #client: Client;
  readonly #events: ConnectionEvents;
  readonly #deliveryMs: number;
  readonly #silenceMs: number;
  readonly #socket: WebSocket;
  readonly #closed = Promise.withResolvers<void>();
  readonly #attached = Promise.withResolvers<void>();
  readonly #timers = new Map<MessageId, ReturnType<typeof setTimeout>>();
  readonly #effects: ClientEffect[] = [];
  #running = false;
  #silence: ReturnType<typeof setTimeout> | undefined;
  #opened = false;
  #ended = false;
  /** What a server that did not take the connection said, in words. */
  #refusal = "";

  private constructor(env: Env, target: Target, config: ClientConfig, options: OpenOptions) {
    this.#env = env;
    this.#client = new Client(env, config);
    this.#events = options.events;
    this.#deliveryMs = options.deliveryMs ?? DELIVERY_MS;
    this.#silenceMs = options.silenceMs ?? SILENCE_MS;
    this.#socket = new WebSocket(webSocketUrl(target), { perMessageDeflate: false });
    this.#socket.binaryType = "arraybuffer";
    this.#expectAnswer();
    this.#socket.addEventListener("open", () => {
      this.#opened = true;
      this.#expectAnswer();
      this.#handle({ kind: "connected" });
    });
    this.#socket.addEventListener("message", ({ data }) => this.#receive(data));
    // A close follows and says the rest; only this event tells how an upgrade was refused.
    this.#socket.addEventListener("error", (event) => {
      this.#refusal = refusalOf("message" in event ? String(event.message) : "");
    });
    this.#socket.addEventListener("close", ({ code }) => {
      this.#handle({ kind: "disconnected", code: this.#opened ? codeOfClose(code) : "server.unreachable" });
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

  get roster(): RosterView {
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

  /** The user has been shown the failed logins that were told, and need not be told again. */
  sawGuesses(): void {
    this.#handle({ kind: "sawGuesses" });
  }

  /** Logs out, or does nothing when it is over already; resolves when the server has heard it. */
  async logout(): Promise<void> {
    this.#handle({ kind: "logout" });
    await Promise.race([this.#closed.promise, Bun.sleep(CLOSE_MS)]);
  }

  #receive(data: unknown): void {
    if (data instanceof ArrayBuffer) this.#handle({ kind: "frame", bytes: new Uint8Array(data) });
    else this.#handle({ kind: "frame", bytes: new Uint8Array(0) }); // a text message is no more a record than nothing is
  }

  /** Until the login is complete the server has to move it on. */
  #expectAnswer(): void {
    clearTimeout(this.#silence);
    if (this.#ended) return;
    const unreachable = (): void => this.#handle({ kind: "disconnected", code: "server.unreachable" });
    this.#silence = setTimeout(unreachable, this.#silenceMs);
  }

  /**
   * Deals with one event. Effects run in their order, also when one of them leads to the next event. A fault of ours ends
   * the connection, and whoever uses it hears of it; only what is wrong with a `send` is its caller's.
   */
  #handle(event: ClientEvent): void {
    try {
      this.#effects.push(...this.#client.handle(event));
      if (!this.#running) this.#runAll();
    } catch (error) {
      if (event.kind === "send" && error instanceof CodedError) throw error;
      this.#effects.length = 0; // what it still wanted is void
      this.#client.handle({ kind: "disconnected", code: null }); // wipes
      this.#end(error instanceof Error ? error : new Error("not an error"));
    }
  }

  #runAll(): void {
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
        if (this.over) this.#expectAnswer(); // the login has a next step, and it is the server's
        this.#socket.send(effect.bytes as Uint8Array<ArrayBuffer>);
        break;
      case "compute":
        void this.#compute(effect);
        break;
      case "solve":
        clearTimeout(this.#silence); // the next step is ours
        this.#events.solving();
        void this.#solve(effect.puzzle);
        break;
      case "stretching":
        clearTimeout(this.#silence); // the next step is ours
        this.#events.stretching();
        break;
      case "notice":
        this.#notice(effect.notice);
        break;
      case "ended":
        this.#end(effect.code === null ? null : this.#errorOf(effect.code, effect.waitSeconds));
    }
  }

  async #compute({ job }: Extract<ClientEffect, { kind: "compute" }>): Promise<void> {
    let result: JobResult;
    try {
      result = await this.#env.crypto.run(job, this.#env.randomBytes);
    } catch (error) {
      this.#handle({ kind: "failed", error });
      return;
    }
    this.#handle({ kind: "computed", result });
  }

  async #solve(puzzle: Puzzle): Promise<void> {
    const nonce = await solve(this.#env.crypto, puzzle, () => this.#ended);
    if (nonce !== null) this.#handle({ kind: "solved", nonce });
  }

  #notice(notice: Notice): void {
    if (notice.kind === "undelivered") this.#clearTimer(notice.id);
    if (notice.kind === "attached") {
      clearTimeout(this.#silence);
      this.#attached.resolve();
    }
    this.#events.notice(notice);
  }

  #end(error: Error | null): void {
    if (this.#ended) return;
    this.#ended = true;
    clearTimeout(this.#silence);
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
    this.#socket.close();
    this.#attached.promise.then(
      () => this.#events.ended(error),
      () => {},
    );
    this.#attached.reject(error ?? new CodedError("connection.lost"));
  }

  #errorOf(code: ErrorCode, waitSeconds: number): CodedError {
    if (waitSeconds > 0) return new CodedError(code, `${sentenceOf(code)}; ${tryAgain(waitSeconds)}`, { waitSeconds });
    return new CodedError(code, code === "server.unreachable" ? this.#refusal : "");
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
  /** The longest silence of the server during a login; 15 s by default. */
  readonly silenceMs?: number;
}

function webSocketUrl({ host, port }: Target): string {
  return `ws://${host.includes(":") ? `[${host}]` : host}:${port}/ims`;
}

/** The platform tells the HTTP status of a refused upgrade in a text alone; empty when there was none. */
function refusalOf(message: string): string {
  const [, status] = /Expected 101 status code: ([0-9]{3})/.exec(message) ?? [];
  if (status === undefined) return "";
  if (status === "429") return "the server has too many connections from your address; try again later";
  if (status === "503")
    return "the server takes no more connections now: it is full, or it is stopping; try again later";
  return "what answers there is not an IMS server";
}
