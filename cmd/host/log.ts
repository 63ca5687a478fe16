/**
 * JSON lines for whoever runs a server. Only the fields listed here can be logged, each a plain value: there is no way
 * to hand over a key, a frame, a message or an error, and no field for a recipient. Of a fault only `faultPlace` is
 * logged, which holds no text of a dependency. One event is one line, whatever it holds.
 */
import { asciiJson } from "./json.ts";

const LEVELS = ["debug", "info", "warn", "error"] as const;
export type LogLevel = (typeof LEVELS)[number];

const TEXT_FIELDS = [
  "address",
  "changed",
  "code",
  "device",
  "file",
  "fingerprint",
  "host",
  "note",
  "prefix",
  "reason",
  "signal",
  "user",
  "version",
] as const;
const NUMBER_FIELDS = [
  "allowed",
  "connections",
  "count",
  "devices",
  "ms",
  "needed",
  "port",
  "prefixes",
  "users",
] as const;

export type LogFields = { readonly [K in (typeof TEXT_FIELDS)[number]]?: string } & {
  readonly [K in (typeof NUMBER_FIELDS)[number]]?: number;
};

const VALUE_MAX = 512;

export interface LogOptions {
  /** Events below it are dropped; it is read at each event, so that it can change. */
  readonly level: LogLevel;
  /** Receives one line with its line end. */
  readonly write: (line: string) => void;
  readonly nowMs: () => number;
}

/** `event` is a fixed phrase of ours, such as `user.login`; what varies goes into fields. */
export type LogEvent = (event: string, fields?: LogFields) => void;
export type Log = { readonly [L in LogLevel]: LogEvent };

export function createLog(options: LogOptions): Log {
  const at = (own: LogLevel): LogEvent => {
    return (event, fields = {}) => {
      if (LEVELS.indexOf(own) < LEVELS.indexOf(options.level)) return;
      const line = { time: new Date(options.nowMs()).toISOString(), level: own, event, ...listedFields(fields) };
      options.write(`${asciiJson(line)}\n`);
    };
  };
  return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}

/** What of `fields` may be written down. Types can be cast away, so what they say is checked once more. */
export function listedFields(fields: LogFields): Record<string, string | number> {
  const out: Record<string, string | number> = {};
  for (const key of TEXT_FIELDS) {
    const value: unknown = fields[key];
    if (typeof value === "string") out[key] = value.slice(0, VALUE_MAX);
  }
  for (const key of NUMBER_FIELDS) {
    const value: unknown = fields[key];
    if (typeof value === "number" && Number.isFinite(value)) out[key] = value;
  }
  return out;
}
