/** One connection as the driver knows it: what waits of it, how fast it may be served, and when it is cut. */
import type { ErrorCode } from "../../core/errors.ts";
import {
  ACCOUNT_SECONDS,
  BACKLOG_MAX_BYTES,
  DELIVERY_MS,
  WAITING_FRAMES_MAX,
  WAITING_MAX_BYTES,
} from "../../core/limits.ts";
import type { ServerConfig } from "../host/config.ts";
import type { Lane } from "./gate.ts";
import { Pace } from "./pace.ts";
import { PeerLogin } from "./peerLogin.ts";
import type { Throttling } from "./throttle.ts";
import type { Worker } from "./turns.ts";

/** What the driver needs of a connection's transport. */
export interface Socket {
  /** False when the bytes were dropped, because the peer does not read. */
  send(bytes: Uint8Array): boolean;
  /** `known`: the peer had a session, and so is no stranger. */
  close(code: number, known: boolean): void;
  /** Ends it at once, and with it what has not been read. */
  cut(): void;
  readonly address: string;
  /** What it has not read yet, in our memory. */
  readonly bufferedBytes: number;
}

/** What a frame that waits takes in memory besides its bytes, of which it may have none. */
const FRAME_BYTES = 256;
/** Pings of one connection that may come at once; a client sends none, a browser or proxy one now and then. */
const PINGS_MAX = 20;
/** Until a ping is forgotten. */
const PING_MS = 1000;

export interface PeerOptions {
  readonly throttle: Throttling;
  readonly rates: () => ServerConfig["limits"];
  /** Deals with the oldest frame that waits. */
  readonly work: () => unknown;
  /** Its transport has gone, and all that it had sent has been dealt with. */
  readonly left: () => void;
  /** Something of ours failed. */
  readonly fault: (error: unknown) => void;
  /** Ends it, and tells it why. */
  readonly end: (code: ErrorCode) => void;
}

export class Peer implements Worker {
  readonly socket: Socket;
  readonly lane: Lane;
  readonly login: PeerLogin;
  #gone: ReturnType<typeof setTimeout> | null = null;
  readonly #options: PeerOptions;
  readonly #pace = new Pace();
  readonly #sinceMs = performance.now();
  /** Frames that wait for the gate or for a turn, oldest first: nothing of this peer may overtake them. */
  readonly #frames: Uint8Array[] = [];
  #bytes = 0;
  #stranger = true;
  /** Cut when it passes. */
  #deadline: ReturnType<typeof setTimeout> | null = null;
  #pings = 0;
  #pingedAtMs = 0;

  constructor(socket: Socket, options: PeerOptions) {
    this.socket = socket;
    this.lane = laneOf(socket.address, options);
    this.login = new PeerLogin(options.throttle, socket.address);
    this.#options = options;
  }

  /** No password has been proved. */
  get stranger(): boolean {
    return this.#stranger;
  }

  get waiting(): number {
    return this.#frames.length;
  }

  /** What the frames that wait take in memory. */
  get waitingBytes(): number {
    return this.#bytes + this.#frames.length * FRAME_BYTES;
  }

  /** More waits than one peer may let wait. */
  get overfull(): boolean {
    if (!this.stranger) return this.waitingBytes > BACKLOG_MAX_BYTES;
    return this.waiting > WAITING_FRAMES_MAX || this.waitingBytes > WAITING_MAX_BYTES;
  }

  queue(bytes: Uint8Array): void {
    this.#frames.push(bytes);
    this.#bytes += bytes.length;
  }

  /** The oldest frame that waits, if any does. */
  next(): Uint8Array | undefined {
    const bytes = this.#frames.shift();
    if (bytes === undefined) return undefined;
    this.#bytes -= bytes.length;
    if (!this.stranger) this.charge({ bytes: bytes.length });
    return bytes;
  }

  charge(asked: Parameters<Pace["charge"]>[0]): void {
    this.#pace.charge(asked, this.#options.rates(), performance.now());
  }

  /** False when there are too many of them. */
  pinged(): boolean {
    const nowMs = performance.now();
    const forgotten = Math.floor((nowMs - this.#pingedAtMs) / PING_MS);
    this.#pings = Math.max(this.#pings - forgotten, 0) + 1;
    if (forgotten > 0) this.#pingedAtMs = nowMs;
    return this.#pings <= PINGS_MAX;
  }

  work(): void {
    this.#options.work();
  }

  waitMs(): number {
    return this.#pace.waitMs(performance.now());
  }

  idle(): void {
    if (this.#gone !== null) this.#options.left();
  }

  /** Its transport has gone; what it sent before that still has its turn, for `DELIVERY_MS`. */
  leave(): void {
    this.#gone ??= setTimeout(() => this.#options.left(), DELIVERY_MS);
  }

  /** Counted from the upgrade. */
  setDeadline(seconds: number): void {
    this.#clearDeadline();
    const leftMs = Math.max(seconds * 1000 - (performance.now() - this.#sinceMs), 0);
    this.#deadline = setTimeout(() => this.end("channel.deadline"), leftMs);
  }

  /** Whose it is has been proved: it is no stranger, and has time to open its account; in a session that is long past. */
  prove(): void {
    if (!this.#stranger) return;
    this.#stranger = false;
    this.setDeadline(ACCOUNT_SECONDS);
  }

  /** It has a session. */
  attach(): void {
    this.#stranger = false;
    this.#clearDeadline();
  }

  end(code: ErrorCode): void {
    this.#options.end(code);
  }

  /** It does not read, and so can be told nothing. */
  cut(): void {
    this.end("server.slowReader");
    this.socket.cut();
  }

  /** Drops what waits; nothing is done for it any more. */
  forget(): void {
    this.#clearDeadline();
    this.#frames.length = 0;
    this.#bytes = 0;
    if (this.#gone !== null) clearTimeout(this.#gone);
    this.#gone = null;
  }

  #clearDeadline(): void {
    if (this.#deadline !== null) clearTimeout(this.#deadline);
    this.#deadline = null;
  }
}

/** A stranger's when it cannot be looked up: whoever has connected must not be left without a deadline. */
function laneOf(address: string, { throttle, fault }: PeerOptions): Lane {
  try {
    return throttle.knows(address) ? "known" : "stranger";
  } catch (error) {
    fault(error);
    return "stranger";
  }
}
