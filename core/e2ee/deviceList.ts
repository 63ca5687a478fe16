/**
 * The list of a user's devices, signed by the user's identity key (PROTOCOL §7.2).
 *
 * Who may be spoken to is said by the user and never by the server: a device that is not on the list gets nothing. Lists
 * are numbered and a change makes the next number. Not its concern: that a peer refuses a list with a lower number than
 * one it has seen.
 */
import { LABELS } from "../crypto/labels.ts";
import type { CryptoProvider, SignPrivateKey } from "../crypto/provider.ts";
import { checkPublicKey } from "../crypto/x25519.ts";
import { CodedError } from "../errors.ts";
import type { DeviceId } from "../ids.ts";
import { DEVICE_UNSEEN_MS, DEVICES_MAX, TEMPORARY_UNSEEN_MS } from "../limits.ts";
import { type Device, DeviceList, type DeviceStanding, type SignedDeviceList } from "../wire/account.ts";
import { decodeAll, encodeAll } from "../wire/codec.ts";
import { type Owner, signedBytes } from "./owner.ts";

/** What the first list is made from. Never signed: a list that is signed has a number from 1. */
export const NO_DEVICES: DeviceList = { version: 1, number: 0, devices: [] };

const NUMBER_MAX = 0xffffffff;

/** Signs `list` with the identity key of `owner`: `label || lv(realm) || lv(user) || list`. */
export function signDeviceList(
  crypto: CryptoProvider,
  identity: SignPrivateKey,
  owner: Owner,
  list: DeviceList,
): SignedDeviceList {
  const encoded = encodeAll(DeviceList, list);
  return { list: encoded, signature: crypto.sign(identity, signedBytes(LABELS.deviceList, owner, encoded)) };
}

/**
 * The list that `owner`, whose identity key is `identityKey`, has signed.
 * @throws e2ee.devices for another signature, what is no list, number 0, one device twice, and for a key that is none
 */
export function verifyDeviceList(
  crypto: CryptoProvider,
  identityKey: Uint8Array,
  owner: Owner,
  signed: SignedDeviceList,
): DeviceList {
  const message = signedBytes(LABELS.deviceList, owner, signed.list);
  if (!crypto.verify(identityKey, message, signed.signature)) throw new CodedError("e2ee.devices", "signature");
  try {
    const list = decodeAll(DeviceList, signed.list);
    checkList(list);
    return list;
  } catch (cause) {
    if (!(cause instanceof CodedError) || cause.code === "e2ee.devices") throw cause;
    throw new CodedError("e2ee.devices", cause.detail, { cause });
  }
}

/** @throws e2ee.devices, crypto.badKey */
function checkList(list: DeviceList): void {
  if (list.number === 0) throw new CodedError("e2ee.devices", "number 0");
  if (new Set(list.devices.map(({ device }) => device)).size !== list.devices.length) {
    throw new CodedError("e2ee.devices", "one device twice");
  }
  for (const { ticketKey, agreementKey } of list.devices) {
    checkPublicKey(ticketKey);
    checkPublicKey(agreementKey);
  }
}

/**
 * The list that takes the place of `list`.
 * @throws auth.tooManyDevices above 64 devices
 * @throws e2ee.devices when there is no next number
 */
export function nextDeviceList(list: DeviceList, devices: readonly Device[]): DeviceList {
  if (devices.length > DEVICES_MAX) throw new CodedError("auth.tooManyDevices");
  if (list.number >= NUMBER_MAX) throw new CodedError("e2ee.devices", "the numbers are used up");
  return { version: 1, number: list.number + 1, devices };
}

/** The next list: with `device` at its end, in place of an entry of the same device. @throws as `nextDeviceList` */
export function withDevice(list: DeviceList, device: Device): DeviceList {
  return nextDeviceList(list, [...list.devices.filter((entry) => entry.device !== device.device), device]);
}

/** The next list: without the devices `ids`. @throws as `nextDeviceList` */
export function withoutDevices(list: DeviceList, ids: Iterable<DeviceId>): DeviceList {
  const gone = new Set(ids);
  return nextDeviceList(
    list,
    list.devices.filter(({ device }) => !gone.has(device)),
  );
}

/**
 * The devices, but never `self`, that have not been seen for 60 days, or for an hour when they are temporary. One that has
 * never been connected counts from when it was added, by the clock of the device that added it.
 * @param nowMs by the clock of the server, whose word `standings` are
 */
export function staleDevices(
  list: DeviceList,
  standings: readonly DeviceStanding[],
  self: DeviceId,
  nowMs: number,
): readonly DeviceId[] {
  const seenAt = new Map(standings.map((standing) => [standing.device, standing.seenAt]));
  const isStale = ({ device, addedAt, temporary }: Device): boolean => {
    const unseenMs = nowMs - Math.max(addedAt, seenAt.get(device) ?? 0);
    return unseenMs >= (temporary === 1 ? TEMPORARY_UNSEEN_MS : DEVICE_UNSEEN_MS);
  };
  return list.devices.filter((entry) => entry.device !== self && isStale(entry)).map(({ device }) => device);
}
