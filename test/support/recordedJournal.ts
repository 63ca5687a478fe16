import { faultPlace } from "../../cmd/host/fault.ts";
import { eventOf, type Journal, type Refusal } from "../../cmd/server/journal.ts";
import type { ErrorCode } from "../../core/errors.ts";
import type { Address } from "../../core/ids.ts";

/** What a journal was told, under the name that the log has for it. */
export interface Entry {
  readonly event: "user.login" | "user.logout" | "server.fault" | ReturnType<typeof eventOf>;
  readonly address?: string;
  readonly user?: string;
  readonly device?: string;
  readonly code?: string;
  readonly reason?: string;
}

/** A journal that keeps each thing it is told. */
export class RecordedJournal implements Journal {
  readonly entries: Entry[] = [];
  /** Called with each entry once it is kept. */
  onEntry: (entry: Entry) => void = () => {};

  login(device: Address, address: string): void {
    this.#keep({ event: "user.login", ...device, address });
  }

  logout(device: Address, address: string, code: ErrorCode | null): void {
    this.#keep({ event: "user.logout", ...device, address, ...(code === null ? {} : { code }) });
  }

  refused(refusal: Refusal): void {
    const { address, cause, user } = refusal;
    const who = user === undefined ? {} : { user };
    this.#keep({ event: eventOf(refusal), ...who, address, ...(cause === null ? {} : { code: cause }) });
  }

  fault(error: unknown): void {
    this.#keep({ event: "server.fault", reason: faultPlace(error) });
  }

  #keep(entry: Entry): void {
    this.entries.push(entry);
    this.onEntry(entry);
  }
}
