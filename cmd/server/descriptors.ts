/**
 * File descriptors in reserve. A stranger can hold as many TCP connections as there are descriptors without one of them
 * becoming a WebSocket, and the platform gives no say in it. With no descriptor left it asks for the next connection
 * again and again without a pause, and nothing can be opened: no file of users, no configuration, nothing for whoever
 * administers.
 *
 * So a few are held. When there are hardly any beside them, the port is closed and those held are let go for the work
 * of this machine. Sessions go on. What strangers hold without a WebSocket the platform ends 12 s after it was accepted;
 * then the port is opened again. The port of the metrics, which only this machine can reach, is closed as well when that is
 * not enough.
 */
import { closeSync, openSync } from "node:fs";
import { devNull } from "node:os";
import { CodedError } from "../../core/errors.ts";
import { systemReason } from "../host/files.ts";
import type { Log } from "../host/log.ts";
import type { Listener } from "./listener.ts";
import { descriptors } from "./machine.ts";
import type { MetricsPort } from "./metricsPort.ts";

/** Held while there is no trouble: enough for a database, the files of a reload and a few who administer. */
const RESERVE = 24;
/** With fewer than these left beside the reserve, the port is closed. */
const FEW = 8;
/** That many, the reserve among them, open it again. */
const ENOUGH = 64;
const LOOK_MS = 100;
/** While there is trouble: what floods a port that is open again is stopped sooner. */
const PRESSED_LOOK_MS = 20;
/** A port that was closed stays so for a moment: who comes back at once makes us do this five times a second, no more. */
const REST_MS = 200;
/** Trouble is over when the port has been open for so long. */
const CALM_MS = 5000;

/** The system's, unless a test has others. */
export interface Descriptors {
  /** @throws when none is left */
  open(): number;
  close(descriptor: number): void;
}

export interface GuardOptions {
  readonly listener: Pick<Listener, "isOpen" | "connections" | "close" | "reopen">;
  readonly metrics: Pick<MetricsPort, "close" | "reopen">;
  readonly log: Pick<Log, "error" | "warn" | "info">;
  readonly nowMs: () => number;
  readonly descriptors?: Descriptors;
}

const SYSTEM: Descriptors = { open: () => openSync(devNull, "r"), close: closeSync };

/** Looks again and again until it is disposed. */
export class DescriptorGuard implements Disposable {
  readonly #options: GuardOptions;
  readonly #descriptors: Descriptors;
  #reserve: number[];
  /** It could not be had again: said once. */
  #portLost = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** What there has been of trouble since the last line of the log about it. */
  #trouble: { readonly sinceMs: number; times: number; lastMs: number } | null = null;

  /** @throws file.failed when there are too few descriptors to begin with */
  constructor(options: GuardOptions) {
    this.#options = options;
    this.#descriptors = options.descriptors ?? SYSTEM;
    this.#reserve = this.#take(ENOUGH);
    if (this.#reserve.length < ENOUGH) {
      this.#release();
      throw new CodedError(
        "file.failed",
        "too few files may be open at once; raise the limit (ulimit -n, LimitNOFILE)",
      );
    }
    this.#release(this.#reserve.splice(RESERVE));
    this.#lookLater();
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#release();
  }

  /** Closes the port, opens it, or leaves it as it is. */
  look(): void {
    const { listener, metrics } = this.#options;
    const enough = this.#canOpen(FEW);
    if (enough && listener.isOpen) this.#noteCalm();
    else if (enough) this.#tryReopen();
    else if (listener.isOpen) this.#closePort();
    else metrics.close();
  }

  #lookLater(): void {
    const look = (): void => {
      this.look();
      this.#lookLater();
    };
    this.#timer = setTimeout(look, this.#trouble === null ? LOOK_MS : PRESSED_LOOK_MS);
  }

  #closePort(): void {
    const { listener, log, nowMs } = this.#options;
    const now = nowMs();
    listener.close();
    this.#release();
    if (this.#trouble === null) {
      log.warn("descriptors.low", { connections: listener.connections, note: "no newcomers for now; sessions go on" });
    }
    this.#trouble ??= { sinceMs: now, times: 0, lastMs: now };
    this.#trouble.times += 1;
    this.#trouble.lastMs = now;
  }

  #tryReopen(): void {
    const { listener, metrics, log, nowMs } = this.#options;
    if (this.#trouble !== null && nowMs() - this.#trouble.lastMs < REST_MS) return;
    if (!this.#canOpen(ENOUGH - this.#reserve.length)) return;
    try {
      metrics.reopen();
    } catch {
      // whoever reads them can wait
    }
    try {
      listener.reopen();
    } catch (error) {
      if (!this.#portLost)
        log.error("port.lost", { reason: systemReason(error), note: "nobody can connect; it is tried again" });
      this.#portLost = true;
      return;
    }
    if (this.#portLost) log.info("port.back");
    this.#portLost = false;
    if (this.#trouble !== null) this.#trouble.lastMs = nowMs();
    this.#reserve.push(...this.#take(RESERVE - this.#reserve.length));
  }

  #noteCalm(): void {
    const { listener, log, nowMs } = this.#options;
    if (this.#trouble === null || nowMs() - this.#trouble.lastMs < CALM_MS) return;
    const { sinceMs, times, lastMs } = this.#trouble;
    log.info("descriptors.recovered", {
      connections: listener.connections,
      count: times,
      ms: Math.round(lastMs - sinceMs),
    });
    this.#trouble = null;
  }

  #canOpen(count: number): boolean {
    const taken = this.#take(count);
    this.#release(taken);
    return taken.length === count;
  }

  /** As many as there are, `count` at most. */
  #take(count: number): number[] {
    const taken: number[] = [];
    try {
      while (taken.length < count) taken.push(this.#descriptors.open());
    } catch {
      // none is left
    }
    return taken;
  }

  #release(held = this.#reserve.splice(0)): void {
    for (const descriptor of held) this.#descriptors.close(descriptor);
  }
}

/** Says so when the system allows fewer descriptors than the configuration allows connections. */
export function warnOfFew(log: Pick<Log, "warn">, connections: number, allowed = descriptors()?.max ?? null): void {
  const needed = connections + ENOUGH;
  if (allowed === null || allowed >= needed) return;
  log.warn("descriptors.few", {
    allowed,
    needed,
    note: "limits.connections is more than the system allows; raise the limit of open files (ulimit -n, LimitNOFILE)",
  });
}
