/**
 * A user's account, devices and prekeys, as clients make them and the server keeps them (PROTOCOL §7).
 *
 * What is signed travels as the bytes that were signed: a reader checks the signature first and decodes then.
 */
import {
  DEVICE_LIST_MAX_BYTES,
  DEVICES_MAX,
  PIN_MAX_BYTES,
  PIN_NAME_BYTES,
  PREKEY_BYTES,
  WRAP_MAX_BYTES,
} from "../limits.ts";
import { bytes, constant, fixed, type Infer, id, list, optional, struct, time, uint } from "./codec.ts";
import { deviceId } from "./fields.ts";

/** A wrapped key; empty where there is none. */
export const Wrapped = bytes(WRAP_MAX_BYTES);

/** One device of a user: the keys that tickets are sealed to and that agreements are made with, both X25519. */
export const Device = struct({
  device: deviceId,
  ticketKey: fixed(32),
  agreementKey: fixed(32),
  addedAt: time,
  /** 1 for a device that keeps nothing and removes itself at its logout. */
  temporary: uint(1, 1),
});
export type Device = Infer<typeof Device>;

/** All devices of a user. `number` rises by one with each change. */
export const DeviceList = struct({ version: constant(1), number: uint(4), devices: list(Device, DEVICES_MAX) });
export type DeviceList = Infer<typeof DeviceList>;

/** A `DeviceList`, encoded, and the identity key's signature of it. */
export const SignedDeviceList = struct({ list: bytes(DEVICE_LIST_MAX_BYTES), signature: fixed(64) });
export type SignedDeviceList = Infer<typeof SignedDeviceList>;

/** An X25519 and an ML-KEM-768 key of a device, to begin conversations with it: signed or one-time. */
export const Prekey = struct({
  version: constant(1),
  device: deviceId,
  /** From 1, counted up by the device. */
  id: uint(4, 0xffffffff, 1),
  dhKey: fixed(32),
  kemKey: fixed(1184),
  expiresAt: time,
});
export type Prekey = Infer<typeof Prekey>;

/** A `Prekey`, encoded, and the identity key's signature of it: under one label for signed ones, another for one-time ones. */
export const SignedPrekey = struct({ id: uint(4, 0xffffffff, 1), prekey: fixed(PREKEY_BYTES), signature: fixed(64) });
export type SignedPrekey = Infer<typeof SignedPrekey>;

/** All that is needed to begin a conversation with one device. */
export const Bundle = struct({
  identityKey: fixed(32),
  devices: SignedDeviceList,
  signed: SignedPrekey,
  /** null when none is left: then the signed one serves alone. */
  oneTime: optional(SignedPrekey),
});
export type Bundle = Infer<typeof Bundle>;

/** What is wrapped under the account key, and the account key itself, wrapped twice. */
export const AccountKeys = struct({
  /** Ed25519. */
  identityKey: fixed(32),
  /** The identity's private key under the account key. */
  identityWrap: Wrapped,
  /** The account key under the export key of the password that the login has just proved; empty when it is not known. */
  accountWrap: Wrapped,
  /** The account key under the recovery code; empty when there is none yet. */
  recoveryWrap: Wrapped,
});
export type AccountKeys = Infer<typeof AccountKeys>;

/** What the server knows of one device of the user's own. */
export const DeviceStanding = struct({
  device: deviceId,
  /** When it was last connected: now, while it is. */
  seenAt: time,
  /** How often it has attached. */
  logins: uint(4),
  /** Its signed prekey; 0 when it has none. */
  signedPrekey: uint(4),
  oneTimePrekeys: uint(2),
});
export type DeviceStanding = Infer<typeof DeviceStanding>;

/** What a client has noted of one peer, sealed under the account key. */
export const Pin = struct({ name: id<PinName>(PIN_NAME_BYTES), version: uint(4), sealed: bytes(PIN_MAX_BYTES) });
export type Pin = Infer<typeof Pin>;
/** Which pin it is: 16 bytes, as hexadecimal. */
export type PinName = string & { readonly brand: "PinName" };
