/**
 * What a running server tells of itself, declared once: for `server status`, its JSON (OPERATIONS, "Status as JSON")
 * and the metrics. Session keys are counted and named, never told.
 */
import { prefixOf } from "../host/addresses.ts";
import type { ServerConfig } from "../host/config.ts";
import { BUILD, COMMIT, VERSION } from "../host/version.ts";
import type { AuditTrail } from "./audit.ts";
import type { Driver } from "./driver.ts";
import type { ServerJournal } from "./journal.ts";
import { type Descriptors, descriptors, residentBytes } from "./machine.ts";
import type { UserEntries } from "./users.ts";

/** Times are ISO 8601 in UTC with milliseconds. Fields are only ever added. */
export type Figures = {
  readonly type: "status";
  readonly version: string;
  readonly commit: string;
  readonly build: string;
  readonly pid: number;
  readonly startedAt: string;
  readonly uptimeSeconds: number;
  readonly fingerprint: string;
  readonly host: string;
  readonly port: number;
  /** 0: none. */
  readonly metricsPort: number;
  readonly users: { readonly registered: number; readonly locked: number; readonly online: number };
  /** Devices online: a session key is held for each. */
  readonly devices: number;
  readonly connections: number;
  readonly queues: { readonly gate: number; readonly sessionFrames: number; readonly sendBytes: number };
  readonly logins: number;
  readonly logouts: number;
  readonly faults: number;
  /** By cause; those that occurred. */
  readonly refusals: { readonly [cause: string]: number };
  readonly memory: { readonly residentBytes: number };
  /** null where the system does not tell. */
  readonly descriptors: Descriptors | null;
  readonly audit: { readonly lines: number; readonly dropped: number };
};

/** A session key that is held, since when, and for whom. */
export type SessionRow = {
  readonly user: string;
  readonly device: string;
  readonly since: string;
  readonly prefix: string;
};

export type Status = Figures & { readonly sessions: readonly SessionRow[] };

export interface StatusSources {
  readonly driver: Pick<Driver, "online" | "queues" | "sessions">;
  readonly journal: Pick<ServerJournal, "counts">;
  readonly audit: Pick<AuditTrail, "figures">;
  /** Those in force. */
  readonly users: () => UserEntries;
  readonly metricsPort: () => number;
  readonly fingerprint: string;
  readonly place: () => Pick<ServerConfig, "host" | "port">;
  readonly nowMs: () => number;
}

/** Keeps the time of its making as that of the start. */
export class StatusReport {
  readonly #sources: StatusSources;
  readonly #startedAt: string;
  /** Of a clock that nobody sets. */
  readonly #startedTicks = performance.now();

  constructor(sources: StatusSources) {
    this.#sources = sources;
    this.#startedAt = timeOf(sources.nowMs());
  }

  figures(): Figures {
    const { driver, journal, audit, users, metricsPort, fingerprint, place } = this.#sources;
    const { users: online, devices, connections } = driver.online;
    const { refusals, ...counts } = journal.counts;
    const registered = users();
    let locked = 0;
    for (const { active } of registered.values()) if (!active) locked += 1;
    return {
      ...{ type: "status", version: VERSION, commit: COMMIT, build: BUILD, pid: process.pid },
      ...{ startedAt: this.#startedAt, uptimeSeconds: Math.floor((performance.now() - this.#startedTicks) / 1000) },
      ...{ fingerprint, ...place(), metricsPort: metricsPort() },
      users: { registered: registered.size, locked, online },
      ...{ devices, connections, queues: driver.queues, ...counts },
      refusals: Object.fromEntries(refusals),
      memory: { residentBytes: residentBytes() },
      descriptors: descriptors(),
      audit: audit.figures,
    };
  }

  /** The oldest session first. */
  status(): Status {
    const sessions = this.#sources.driver.sessions().toSorted((a, b) => a.since - b.since);
    return {
      ...this.figures(),
      sessions: sessions.map(({ user, device, since, address }) => {
        return { user, device, since: timeOf(since), prefix: prefixOf(address) };
      }),
    };
  }
}

function timeOf(ms: number): string {
  return new Date(ms).toISOString();
}
