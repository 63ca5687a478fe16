/** What the server knows of the account of a connection's user, as the store had it last. */
import { NO_DEVICES } from "../e2ee/deviceList.ts";
import type { DeviceId } from "../ids.ts";
import { type Device, DeviceList, type SignedDeviceList } from "../wire/account.ts";
import { decodeAll } from "../wire/codec.ts";

export interface KnownAccount {
  /** Ed25519, 32 bytes; null when there is no account. */
  readonly identityKey: Uint8Array | null;
  /** The list of devices, and the same as it was signed; null before the first. */
  readonly list: DeviceList;
  readonly signed: SignedDeviceList | null;
}

/** `signed` is what the store kept: its signature was verified when it came. */
export function knownAccount(identityKey: Uint8Array | null, signed: SignedDeviceList | null): KnownAccount {
  return { identityKey, signed, list: signed === null ? NO_DEVICES : decodeAll(DeviceList, signed.list) };
}

/** A device as it stands on the list; undefined when it does not. */
export function deviceOf({ list }: KnownAccount, id: DeviceId): Device | undefined {
  return list.devices.find(({ device }) => device === id);
}
