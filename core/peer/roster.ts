import type { Address, DeviceId } from "../ids.ts";
import type { UserName } from "../name.ts";
import type { Trust } from "./notices.ts";

export interface RosterEntry {
  /** As registered. */
  readonly name: string;
  readonly devices: readonly DeviceId[];
  /** What is known of the user's identity key. */
  readonly trust: Trust;
}

/** Who is registered, by protocol name, and which of their devices are logged in. */
export type RosterView = ReadonlyMap<UserName, RosterEntry>;

/** The roster as the server has told it. */
export class Roster {
  readonly #entries = new Map<UserName, RosterEntry>();

  get entries(): RosterView {
    return this.#entries;
  }

  has(user: UserName): boolean {
    return this.#entries.has(user);
  }

  /** As registered; the protocol's form when nobody is. */
  nameOf(user: UserName): string {
    return this.#entries.get(user)?.name ?? user;
  }

  devicesOf(user: UserName): readonly Address[] {
    return (this.#entries.get(user)?.devices ?? []).map((device) => ({ user, device }));
  }

  /** States all devices of a user: those that are new and those that have gone. */
  set(user: UserName, entry: RosterEntry): { readonly come: readonly Address[]; readonly gone: readonly Address[] } {
    const before = this.devicesOf(user);
    this.#entries.set(user, entry);
    const now = this.devicesOf(user);
    return { come: without(now, before), gone: without(before, now) };
  }

  setTrust(user: UserName, trust: Trust): void {
    const entry = this.#entries.get(user);
    if (entry !== undefined) this.#entries.set(user, { ...entry, trust });
  }

  /** Removes a user: false when there was none. */
  delete(user: UserName): boolean {
    return this.#entries.delete(user);
  }
}

function without(addresses: readonly Address[], others: readonly Address[]): readonly Address[] {
  return addresses.filter(({ device }) => !others.some((other) => other.device === device));
}
