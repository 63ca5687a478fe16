/**
 * What a server writes down of the people it deals with: who came and went, and who was turned away. One place, so that
 * the log, and whatever else keeps count, hear the same.
 */
import type { ErrorCode } from "../../core/errors.ts";
import type { Address } from "../../core/ids.ts";
import type { UserName } from "../../core/name.ts";
import { faultPlace } from "../host/fault.ts";
import type { Log } from "../host/log.ts";

/** Why somebody was turned away before there was a connection to close with a code. */
export const DOOR_CAUSES = ["door.address", "door.full", "door.stopping"] as const;
export type RefusalCause = ErrorCode | (typeof DOOR_CAUSES)[number];

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

export interface Journal {
  login(device: Address, address: string): void;
  /** `code` is null for a user who logged out. */
  logout(device: Address, address: string, code: ErrorCode | null): void;
  refused(refusal: Refusal): void;
  /** A fault of ours. */
  fault(error: unknown): void;
}

export function createJournal(log: Log): Journal {
  return {
    login: (device, address) => log.info("user.login", { ...device, address }),
    logout: (device, address, code) => log.info("user.logout", { ...device, address, ...reason(code) }),
    refused({ cause, address, attempted, user }) {
      const who = user === undefined ? {} : { user };
      if (attempted) log.info("login.failed", { ...who, address, ...reason(cause) });
      else log.debug("connection.ended", { address, ...reason(cause) });
    },
    fault: (error) => log.error("server.fault", { reason: faultPlace(error) }),
  };
}

function reason(code: RefusalCause | null): { readonly code?: string } {
  return code === null ? {} : { code };
}
