/** This device, as everything that a session does with peers needs it. Nothing here is owned by who is given it. */
import type { Account } from "../e2ee/account.ts";
import type { Owner } from "../e2ee/owner.ts";
import type { Env } from "../env.ts";
import type { Address, DeviceId } from "../ids.ts";
import type { Device, DeviceStanding } from "../wire/account.ts";
import type { Contacts } from "./contacts.ts";
import type { DeviceKeys } from "./deviceKeys.ts";
import type { SavedState } from "./savedState.ts";

export interface LocalDevice {
  readonly env: Env;
  readonly owner: Owner;
  readonly self: Address;
  /** The server's static key: 32 bytes. */
  readonly serverPublicKey: Uint8Array;
  readonly account: Account;
  readonly device: DeviceKeys;
  readonly state: SavedState;
  readonly contacts: Contacts;
}

/** A user's own devices, and which of them this one is. */
export interface OwnDevices {
  readonly list: readonly Device[];
  /**
   * When each was last connected, as far as that is known: milliseconds since 1970, by the server's clock, or by this
   * device's where it has seen the other one go.
   */
  readonly seen: ReadonlyMap<DeviceId, number>;
  /** Those that are connected now. */
  readonly online: ReadonlySet<DeviceId>;
  readonly self: DeviceId | null;
}

/** As a login is told of them: a device that is connected has been seen at the moment of telling, `nowMs`. */
export function ownDevices(list: readonly Device[], standings: readonly DeviceStanding[], nowMs: number): OwnDevices {
  const seen = new Map<DeviceId, number>();
  for (const { device, seenAt } of standings) if (seenAt > 0) seen.set(device, seenAt);
  const online = new Set([...seen].filter(([, seenAt]) => seenAt === nowMs).map(([device]) => device));
  return { list, seen, online, self: null };
}
