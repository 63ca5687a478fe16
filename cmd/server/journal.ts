/**
 * What a server writes down of the people it deals with: who came and went, and who was turned away. One place, so that
 * the counters, the log and the audit trail hear the same. Strangers decide how often they are turned away, so a
 * refusal is said once and then summed (`sums.ts`): neither file grows with them.
 */
import { CodedError, ERRORS, type ErrorCode } from "../../core/errors.ts";
import type { Address } from "../../core/ids.ts";
import type { UserName } from "../../core/name.ts";
import { faultPlace } from "../host/fault.ts";
import type { Log } from "../host/log.ts";
import type { Audit, AuditFields } from "./audit.ts";
import { FAILED_LOGINS_MAX, LOGINS_AT_ONCE, type Note, REFUSALS_MAX, summedInLog, summedInTrail } from "./notes.ts";
import type { Sums } from "./sums.ts";
import { userChanges } from "./userChanges.ts";
import type { UserEntries } from "./users.ts";

/** Why somebody was turned away before there was a connection to close with a code. */
export const DOOR_CAUSES = ["door.address", "door.full", "door.stopping"] as const;
/** Somebody who begins a login and goes: as a rule the password was wrong, which the client sees first. */
const UNPROVED = "login.unproved";
export type RefusalCause = ErrorCode | (typeof DOOR_CAUSES)[number] | typeof UNPROVED;

/** Every cause that a server can have. */
export const REFUSAL_CAUSES: readonly RefusalCause[] = [
  ...(Object.keys(ERRORS) as ErrorCode[]).filter((code) => ERRORS[code].wire !== 0),
  ...DOOR_CAUSES,
  UNPROVED,
];

/** Somebody without a session who was turned away, or went by themselves (`cause` null). */
export interface Refusal {
  readonly cause: RefusalCause | null;
  /** Where they were, as it is counted: never behind a proxy of ours. */
  readonly address: string;
  /** A login was begun and not completed: a failed guess, as far as anybody can tell. */
  readonly attempted: boolean;
  /** For whom, if it is a registered user: anything else may be a mistyped password. */
  readonly user?: UserName | undefined;
}

/** What the driver and the listener speak to. */
export interface Journal {
  login(device: Address, address: string): void;
  /** `code` is null for a user who logged out. */
  logout(device: Address, address: string, code: ErrorCode | null): void;
  refused(refusal: Refusal): void;
  /** A fault of ours. */
  fault(error: unknown): void;
}

/** Since the start. */
export interface Counts {
  readonly logins: number;
  readonly logouts: number;
  readonly faults: number;
  /** By cause, those that occurred: who was turned away, and sessions that the server ended. */
  readonly refusals: ReadonlyMap<RefusalCause, number>;
}

/** How a refusal is called. */
export function eventOf({ cause, attempted }: Refusal): "login.failed" | "connection.refused" | "connection.ended" {
  if (attempted) return "login.failed";
  return cause === null ? "connection.ended" : "connection.refused";
}

/** Disposing says what has not been said yet. */
export class ServerJournal implements Journal, Disposable {
  readonly #log: Log;
  readonly #audit: Audit;
  readonly #counts = { logins: 0, logouts: 0, faults: 0, refusals: new Map<RefusalCause, number>() };
  readonly #stack = new DisposableStack();
  readonly #logged: Sums<Note>;
  /** In the trail: users who come and go, refusals of whoever claimed to be a user, and all others. */
  readonly #coming: Sums<Note>;
  readonly #failed: Sums<Note>;
  readonly #refused: Sums<Note>;

  constructor(log: Log, audit: Audit) {
    this.#log = log;
    this.#audit = audit;
    this.#logged = this.#stack.use(summedInLog(log));
    this.#coming = this.#stack.use(
      summedInTrail(audit, { keysMax: Number.POSITIVE_INFINITY, atOnce: LOGINS_AT_ONCE, byPrefix: false }),
    );
    this.#failed = this.#stack.use(summedInTrail(audit, { keysMax: FAILED_LOGINS_MAX, atOnce: 1, byPrefix: true }));
    this.#refused = this.#stack.use(summedInTrail(audit, { keysMax: REFUSALS_MAX, atOnce: 1, byPrefix: true }));
  }

  get counts(): Counts {
    return this.#counts;
  }

  login({ user, device }: Address, address: string): void {
    this.#counts.logins += 1;
    this.#log.info("user.login", { user, device, address });
    this.#coming.add({ event: "user.login", fields: { user, device }, address });
  }

  logout({ user, device }: Address, address: string, code: ErrorCode | null): void {
    this.#counts.logouts += 1;
    if (code !== null) this.#countRefusal(code);
    const fields = { user, device, ...(code === null ? {} : { code }) };
    this.#log.info("user.logout", { ...fields, address });
    this.#coming.add({ event: "user.logout", fields, address });
  }

  refused(refusal: Refusal): void {
    const { address, attempted, user } = refusal;
    const event = eventOf(refusal);
    const code = refusal.cause ?? (attempted ? UNPROVED : null);
    if (code === null) {
      this.#logged.add({ event, fields: {}, address }); // somebody looked in and went
      return;
    }
    this.#countRefusal(code);
    const note = { event, fields: { code, ...(user === undefined ? {} : { user }) }, address };
    this.#logged.add(note);
    (user === undefined ? this.#refused : this.#failed).add(note);
  }

  fault(error: unknown): void {
    this.#counts.faults += 1;
    this.#logged.add({ event: "server.fault", fields: { reason: reasonOf(error) } });
  }

  #countRefusal(cause: RefusalCause): void {
    this.#counts.refusals.set(cause, (this.#counts.refusals.get(cause) ?? 0) + 1);
  }

  /** What the operator did, or the server itself: for the log and the trail. */
  administration(event: string, fields: AuditFields = {}): void {
    this.#log.info(event, fields);
    this.#audit.note(event, fields);
  }

  /** `users.json` was replaced: the trail names who is concerned. */
  usersChanged(before: UserEntries, now: UserEntries, file: string): void {
    this.#log.info("users.loaded", { file, users: now.size });
    for (const { event, user } of userChanges(before, now)) this.#audit.note(event, { user });
  }

  /** Says what has not been said yet. */
  sumUp(): void {
    for (const sums of [this.#logged, this.#coming, this.#failed, this.#refused]) sums.endWindow();
  }

  [Symbol.dispose](): void {
    this.#stack.dispose();
  }
}

/** What the machine did to us in our own words, such as a full disk; of anything else its kind and place. */
function reasonOf(error: unknown): string {
  const ours = error instanceof CodedError && ERRORS[error.code].blame === "operator";
  return ours ? error.detail : faultPlace(error);
}
