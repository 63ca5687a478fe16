/** How what is noted is summed: what counts as the same in the log and in the audit trail, and what a sum says. */
import { prefixOf } from "../host/addresses.ts";
import type { Log, LogFields } from "../host/log.ts";
import type { Audit, AuditFields } from "./audit.ts";
import { type Sum, Sums } from "./sums.ts";

/** Something that was noted, and where it came from. */
export interface Note {
  readonly event: string;
  readonly fields: AuditFields;
  readonly address?: string;
  /** Stands for others that are too many to tell apart: where it came from does not make it another. */
  readonly wide?: boolean;
}

const LOG_WINDOW_MS = 10_000;
/** Longer, because the trail is to reach back for long. */
const AUDIT_WINDOW_MS = 300_000;
/** Different things in the log: all the causes there are, and as many faults. */
const LOGGED_MAX = 200;
/** Refusals told apart in the trail by cause, user and prefix; beyond them by cause alone. Likewise without a user. */
export const FAILED_LOGINS_MAX = 64;
export const REFUSALS_MAX = 32;
/** Logins, and logouts, of one user that the trail holds one by one in one window. */
export const LOGINS_AT_ONCE = 10;

/** Once at once, then a sum every ten seconds, by event and code, or place of a fault. */
export function summedInLog(log: Log): Sums<Note> {
  const say = (event: string, fields: LogFields): void => log[levelOf(event)](event, fields);
  return new Sums<Note>({
    keyOf: ({ event, fields: { code = "", reason = "" } }) => `${event} ${code} ${reason}`,
    sourceOf,
    broad: ({ event }) => ({ event, fields: {} }),
    ...{ keysMax: LOGGED_MAX, atOnce: 1, windowMs: LOG_WINDOW_MS },
    one: ({ event, fields, address }) => say(event, address === undefined ? fields : { ...fields, address }),
    more({ event, fields: { code, reason }, address }, sum) {
      const shared = { ...(code === undefined ? {} : { code }), ...(reason === undefined ? {} : { reason }) };
      say(event, { ...shared, ...sumFields(sum, address) });
    },
  });
}

function levelOf(event: string): "debug" | "info" | "error" {
  if (event === "server.fault") return "error";
  return event === "connection.ended" ? "debug" : "info";
}

/** Some at once, then a sum every five minutes, by event, code and user, and `byPrefix` if that makes it another thing. */
export function summedInTrail(
  audit: Audit,
  { byPrefix, ...options }: { readonly keysMax: number; readonly atOnce: number; readonly byPrefix: boolean },
): Sums<Note> {
  return new Sums<Note>({
    keyOf(note) {
      const { event, fields, wide } = note;
      if (wide === true) return `${event} ${fields.code}`;
      return `${event} ${fields.code} ${fields.user} ${byPrefix ? sourceOf(note) : ""}`;
    },
    sourceOf,
    broad: ({ fields: { code }, ...note }) => ({ ...note, fields: code === undefined ? {} : { code }, wide: true }),
    ...{ ...options, windowMs: AUDIT_WINDOW_MS },
    one: ({ event, fields, address }) => audit.note(event, { ...fields, ...prefixField(address) }),
    more({ event, fields: { device: _, ...fields }, address }, sum) {
      audit.note(event, { ...fields, ...sumFields(sum, address) });
    },
  });
}

function sourceOf({ address }: Note): string {
  return address === undefined ? "" : prefixOf(address);
}

function prefixField(address: string | undefined): { readonly prefix?: string } {
  return address === undefined ? {} : { prefix: prefixOf(address) };
}

/** How many, and from where: the prefix when there was one, else how many there were. */
function sumFields({ count, sources }: Sum, address: string | undefined): AuditFields {
  return sources > 1 ? { count, prefixes: sources } : { count, ...prefixField(address) };
}
