/**
 * Drives the pure client machine (core/peer/client.ts) over one WebSocket: bytes, jobs and delivery timers. One login;
 * for another try, another connection.
 */
import type { JobResult } from "../../core/crypto/provider.ts";
import type { Env } from "../../core/env.ts";
import { CodedError, type ErrorCode } from "../../core/errors.ts";
import { type DeviceId, newMessageId } from "../../core/ids.ts";
import type { Puzzle } from "../../core/kdc/puzzle.ts";
import { DELIVERY_MS } from "../../core/limits.ts";
import type { UserName } from "../../core/name.ts";
import { Client } from "../../core/peer/client.ts";
import type { ClientEffect, ClientEvent } from "../../core/peer/clientEvents.ts";
import type { LoginConfig } from "../../core/peer/clientLogin.ts";
import type { Comparison } from "../../core/peer/clientSession.ts";
import type { OwnDevices } from "../../core/peer/localDevice.ts";
import type { Notice } from "../../core/peer/notices.ts";
import type { RosterView } from "../../core/peer/roster.ts";
import { sentenceOf } from "../host/exit.ts";
import {
  type AccountAnswer,
  type ConnectionEvents,
  configOf,
  type OpenOptions,
  type OwnerEvent,
} from "./connectionOptions.ts";
import { Deadlines } from "./deadlines.ts";
import { ServerSocket, type Target } from "./serverSocket.ts";
import type { Session } from "./session.ts";
import { solve } from "./solve.ts";
import type { DeviceState } from "./state/deviceState.ts";
import { tryAgain } from "./words.ts";

/** The longest silence of the server: until it accepts the connection, and between the steps of a login. */
const SILENCE_MS = 15_000;
/** How long a logout may take to reach the server before the program ends all the same. */
const CLOSE_MS = 1000;

export class Connection implements Session, AccountAnswer {
  readonly user: UserName;
  readonly #env: Env;
  readonly #state: DeviceState;
  readonly #attach: boolean;
  readonly #client: Client;
  readonly #events: ConnectionEvents;
  readonly #deliveryMs: number;
  readonly #silenceMs: number;
  readonly #socket: ServerSocket;
  readonly #attached = Promise.withResolvers<void>();
  readonly #deadlines = new Deadlines((id) => this.#handle({ kind: "giveUp", id }));
  readonly #effects: ClientEffect[] = [];
  #running = false;
  #silence: ReturnType<typeof setTimeout> | undefined;
  #ended = false;
  #self = "";
  #waiting = (): void => {};
  #device = "" as DeviceId;

  private constructor(env: Env, target: Target, login: LoginConfig, options: OpenOptions) {
    this.#env = env;
    this.#state = options.state;
    this.#attach = options.attach ?? true;
    this.user = login.user;
    this.#client = new Client(env, configOf(login, options));
    this.#events = options.events;
    this.#deliveryMs = options.deliveryMs ?? DELIVERY_MS;
    this.#silenceMs = options.silenceMs ?? SILENCE_MS;
    this.#socket = new ServerSocket(target, {
      opened: () => {
        this.#expectAnswer();
        this.#handle({ kind: "connected" });
      },
      received: (bytes) => {
        this.#handle({ kind: "frame", bytes });
        this.#waiting();
      },
      closed: (code) => this.#handle({ kind: "disconnected", code }),
    });
    this.#expectAnswer();
  }

  /**
   * Connects and logs in; resolves when the roster is complete, or, without `attach`, when the account is open.
   * `login.password` and `options.state` are taken over.
   * @throws server.unreachable, channel.handshake (not the server we know), auth.rejected, auth.tooManyDevices,
   * connection.lost and whatever else the server may say
   */
  static async open(env: Env, target: Target, login: LoginConfig, options: OpenOptions): Promise<Connection> {
    using given = new DisposableStack();
    for (const taken of [login.password, options.state]) given.use(taken);
    const connection = new Connection(env, target, login, options); // reads the state, which may fail
    given.move();
    await connection.#attached.promise;
    return connection;
  }

  get roster(): RosterView {
    return this.#client.roster;
  }

  get self(): string {
    return this.#self;
  }

  get device(): DeviceId {
    return this.#device;
  }

  get devices(): OwnDevices {
    return this.#client.devices;
  }

  get over(): boolean {
    return !this.#client.attached;
  }

  send(to: string, text: string, id = newMessageId(this.#env), deliveryMs = this.#deliveryMs): void {
    if (this.over) throw new CodedError("connection.lost");
    this.#deadlines.set(id, deliveryMs);
    try {
      this.#handle({ kind: "send", id, to, text });
    } catch (error) {
      this.#deadlines.clear(id);
      throw error;
    }
  }

  sawGuesses(): void {
    this.#handle({ kind: "sawGuesses" });
  }

  accept(user: UserName, key: string): void {
    this.#handle({ kind: "accept", user, key });
  }

  verify(user: UserName, key: string, verified: boolean): void {
    this.#handle({ kind: "verify", user, key, verified });
  }

  async comparisonOf(user: UserName): Promise<Comparison | null> {
    return this.#client.comparisonOf(user);
  }

  /** Resolves when `holds` does, which is looked at whenever the server has said something. */
  until(holds: () => boolean): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting = () => {
      if (holds()) resolve();
    };
    return promise;
  }

  /** Says something that only the owner of the connection may. @throws password.invalid */
  say(event: OwnerEvent): void {
    this.#handle(event);
  }

  /** The user gives up before the login is complete. */
  giveUp(error: Error): void {
    this.#client.handle({ kind: "disconnected", code: null });
    this.#end(error);
  }

  async logout(): Promise<void> {
    this.#handle({ kind: "logout" });
    await Promise.race([this.#socket.closed, Bun.sleep(CLOSE_MS)]);
  }

  /** Until the login is complete the server has to move it on. */
  #expectAnswer(): void {
    clearTimeout(this.#silence);
    if (this.#ended) return;
    const code = "server.unreachable";
    this.#silence = setTimeout(() => this.#handle({ kind: "disconnected", code }), this.#silenceMs);
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
      if ((event.kind === "send" || event.kind === "changePassword") && error instanceof CodedError && !this.#running) {
        throw error;
      }
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
      case "save":
        this.#state.save(effect.header, effect.writes);
        break;
      case "transmit":
        if (this.over) this.#expectAnswer(); // the login has a next step, and it is the server's
        this.#socket.send(effect.bytes);
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
    switch (notice.kind) {
      case "undelivered":
        this.#deadlines.clear(notice.id);
        break;
      case "attached":
        clearTimeout(this.#silence);
        this.#self = notice.name;
        this.#device = notice.device;
        this.#attached.resolve();
        break;
      case "opened":
        if (this.#attach) return; // the server has more to say
        clearTimeout(this.#silence);
        this.#attached.resolve();
        return;
      case "initialPassword":
      case "recoveryNeeded":
      case "recoveryRefused":
        clearTimeout(this.#silence); // the next step is the user's
        this.#events.account(notice, this);
        return;
      case "recoveryCode":
        if (this.over) {
          this.#events.account(notice, this);
          return;
        }
        break;
      default:
    }
    this.#events.notice(notice);
  }

  #end(error: Error | null): void {
    if (this.#ended) return;
    this.#ended = true;
    clearTimeout(this.#silence);
    this.#deadlines[Symbol.dispose]();
    this.#socket.close();
    this.#state[Symbol.dispose]();
    this.#attached.promise.then(
      () => this.#events.ended(error),
      () => {},
    );
    this.#attached.reject(error ?? new CodedError("connection.lost"));
  }

  #errorOf(code: ErrorCode, waitSeconds: number): CodedError {
    if (waitSeconds > 0) return new CodedError(code, `${sentenceOf(code)}; ${tryAgain(waitSeconds)}`, { waitSeconds });
    return new CodedError(code, code === "server.unreachable" ? this.#socket.refusal : "");
  }
}
