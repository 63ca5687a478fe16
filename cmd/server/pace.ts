/**
 * How much a session may ask of the server: so many frames and bytes a second, and twice as much at once. A session that asks
 * for more is not refused; it waits, and only what it lets pile up beyond `BACKLOG_MAX_BYTES` ends it.
 */
import type { ServerConfig } from "../host/config.ts";

/** A ticket takes as much work as so many other frames. */
const TICKET_FRAMES = 10;
/** What may be asked for at once, in seconds' worth. */
const BURST_SECONDS = 2;

type Rates = Pick<ServerConfig["limits"], "sessionFramesPerSecond" | "sessionBytesPerSecond">;

/** Two token buckets. They may be overdrawn, as what a record holds is known only when it has been opened; then they are paid back. */
export class Pace {
  /** What has been asked for and not been paid back by time, in seconds' worth. */
  #frames = 0;
  #bytes = 0;
  #atMs = 0;

  /** Counts what was asked for. `nowMs` is of a clock that never goes back. */
  charge(
    asked: { readonly frames?: number; readonly tickets?: number; readonly bytes?: number },
    rates: Rates,
    nowMs: number,
  ): void {
    this.#payBack(nowMs);
    const { frames = 0, tickets = 0, bytes = 0 } = asked;
    this.#frames += (frames + tickets * (TICKET_FRAMES - 1)) / rates.sessionFramesPerSecond;
    this.#bytes += bytes / rates.sessionBytesPerSecond;
  }

  /** Milliseconds until more may be asked for; 0 for now. */
  waitMs(nowMs: number): number {
    this.#payBack(nowMs);
    return Math.ceil(Math.max(this.#frames - BURST_SECONDS, this.#bytes - BURST_SECONDS, 0) * 1000);
  }

  #payBack(nowMs: number): void {
    const seconds = Math.max(nowMs - this.#atMs, 0) / 1000;
    this.#frames = Math.max(this.#frames - seconds, 0);
    this.#bytes = Math.max(this.#bytes - seconds, 0);
    this.#atMs = nowMs;
  }
}
