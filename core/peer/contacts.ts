/**
 * Whom this user knows by which identity key (PROTOCOL §7.4). A key is pinned at first sight. Another one in its place is
 * remembered beside it and stops what is sent to that user, until the user accepts it or the pinned one is seen again.
 *
 * Pins are kept with the device and, sealed, at the server, so that a new device does not trust the server anew.
 */
import { equalBytes } from "../crypto/compare.ts";
import type { Account } from "../e2ee/account.ts";
import { verifyDeviceList } from "../e2ee/deviceList.ts";
import { fingerprintOf } from "../e2ee/fingerprint.ts";
import type { Owner } from "../e2ee/owner.ts";
import { openPin, type PinNote, sealPin } from "../e2ee/pin.ts";
import type { Env } from "../env.ts";
import { CodedError } from "../errors.ts";
import type { Address, DeviceId } from "../ids.ts";
import type { UserName } from "../name.ts";
import { type Device, type DeviceList, type Pin, SignedDeviceList } from "../wire/account.ts";
import { constant, fixed, optional, struct, uint } from "../wire/codec.ts";
import type { ClientMessage } from "../wire/messages.ts";
import type { Trust } from "./notices.ts";
import { decodeEntry, type LoadedState, type SavedState } from "./savedState.ts";

export interface Contact {
  /** The pinned identity key. */
  readonly identityKey: Uint8Array;
  readonly verified: boolean;
  /** Another key that was seen in its place; null when there is none. */
  readonly changed: Uint8Array | null;
  /** The newest list of devices under the pinned key; null when none has been seen by this device. */
  readonly devices: { readonly list: DeviceList; readonly signed: SignedDeviceList } | null;
  /** The number of the newest list that any device of this user has seen. */
  readonly devicesNumber: number;
  /** Of the pin at the server. */
  readonly version: number;
}

const SavedContact = struct({
  version: constant(1),
  identityKey: fixed(32),
  verified: uint(1, 1),
  changed: optional(fixed(32)),
  devices: optional(SignedDeviceList),
  devicesNumber: uint(4),
  pinVersion: uint(4),
});

const CONTACT_PREFIX = "contact/";

/**
 * The number of the newest list of a user's devices that this device has saved; 0 when there is none. With an older one of
 * this user's own a server could bring back a device that was removed. @throws state.damaged
 */
export function savedDevicesNumber(loaded: LoadedState, user: UserName): number {
  const bytes = loaded.get(`${CONTACT_PREFIX}${user}`);
  return bytes === undefined ? 0 : decodeEntry(SavedContact, bytes).devicesNumber;
}

/** What a bundle or an opening says of its user. */
export interface Introduction {
  readonly user: UserName;
  readonly identityKey: Uint8Array;
  readonly devices: SignedDeviceList;
}

export interface Met {
  readonly trust: "pinned" | "changed";
  readonly list: DeviceList;
  /** It has not been seen before that this key stands in the place of the pinned one. */
  readonly news: boolean;
  /** Devices that were not in the last list; empty when there was none. */
  readonly added: readonly Device[];
  /** Devices that are no longer in it. */
  readonly removed: readonly DeviceId[];
}

export interface ContactsStart {
  readonly env: Env;
  readonly owner: Owner;
  readonly account: Account;
  readonly state: SavedState;
}

export class Contacts {
  readonly #start: ContactsStart;
  readonly #contacts = new Map<UserName, Contact>();
  /** Whose pins the server has. */
  readonly #kept = new Set<UserName>();
  #frames: ClientMessage[] = [];

  constructor(start: ContactsStart) {
    this.#start = start;
  }

  /** Takes what was saved by this device. @throws state.damaged */
  restore(name: string, bytes: Uint8Array): void {
    if (!name.startsWith(CONTACT_PREFIX)) return;
    const { realm } = this.#start.owner;
    const user = name.slice(CONTACT_PREFIX.length) as UserName;
    const saved = decodeEntry(SavedContact, bytes);
    const { identityKey, changed, devices: signed, devicesNumber } = saved;
    const { crypto } = this.#start.env;
    const devices = signed && { signed, list: verifyDeviceList(crypto, identityKey, { realm, user }, signed) };
    const contact = { identityKey, verified: saved.verified === 1, changed, devices, devicesNumber };
    this.#contacts.set(user, { ...contact, version: saved.pinVersion });
  }

  /**
   * Takes a pin as the server keeps it. The higher version counts. In the place of one that is lower ours is put there
   * again, one version after the other until the server has caught up, while our own version stays: else a server that
   * gives back old pins one by one could bring back a key that was replaced. Of two of the same version the server's stands,
   * but what was verified stays so.
   * @throws account.invalid when it is none of this account's
   */
  take(pin: Pin): void {
    const { env, account, owner } = this.#start;
    const { peer, note } = openPin(env.crypto, account.key, owner, pin);
    this.#kept.add(peer);
    const known = this.#contacts.get(peer);
    if (known !== undefined && known.version > pin.version) {
      this.#put(peer, { ...known, version: pin.version + 1 });
      return;
    }
    const same = known !== undefined && equalBytes(known.identityKey, note.identityKey);
    if (known?.version === pin.version && same && known.verified === note.verified) return;
    const theirs = { ...note, devices: same ? known.devices : null, version: pin.version };
    const lost = same && known.version === pin.version && known.verified && !note.verified;
    if (lost) this.#pin(peer, { ...theirs, verified: true });
    else this.#save(peer, theirs);
  }

  /** What the server has no pin of, all of them having been taken, is put there again: it was never sent, or has been lost. */
  putLost(): void {
    for (const [user, contact] of this.#contacts) {
      if (user !== this.#start.owner.user && !this.#kept.has(user)) this.#put(user, { ...contact, version: 1 });
    }
  }

  /** The devices of this user's own, which need no pin; what was restored of them is not newer. */
  takeOwn(list: DeviceList, signed: SignedDeviceList): void {
    const { owner, account } = this.#start;
    const own = { identityKey: account.identityKey, verified: true, changed: null, version: 0 };
    this.#save(owner.user, { ...own, devices: { list, signed }, devicesNumber: list.number });
  }

  trustOf(user: UserName): Trust {
    const contact = this.#contacts.get(user);
    if (contact === undefined) return "unknown";
    if (contact.changed !== null) return "changed";
    return contact.verified ? "verified" : "pinned";
  }

  get(user: UserName): Contact | null {
    return this.#contacts.get(user) ?? null;
  }

  /** The device as the newest list has it; null when there is no list, or it is not in it. */
  deviceOf({ user, device }: Address): Device | null {
    return this.#contacts.get(user)?.devices?.list.devices.find((entry) => entry.device === device) ?? null;
  }

  /**
   * Somebody's identity key and devices, as a bundle or an opening has them, beside what is known. Changes nothing. A list
   * that is older than one that has been seen counts for nothing: its sender may not have heard of the change yet. Nor does
   * another one of the same number: a device that was shown an old list has made it, perhaps of one that had been removed.
   * @throws e2ee.devices when the list is not signed by that key, or is older and the newer one is not at hand;
   * e2ee.identity for another key in the place of this user's own
   */
  judge({ user, identityKey, devices: signed }: Introduction): Met {
    const { env, owner, account } = this.#start;
    const list = verifyDeviceList(env.crypto, identityKey, { realm: owner.realm, user }, signed);
    if (user === owner.user && !equalBytes(identityKey, account.identityKey)) throw new CodedError("e2ee.identity");
    const known = this.#contacts.get(user);
    if (known !== undefined && !equalBytes(known.identityKey, identityKey)) {
      const news = known.changed === null || !equalBytes(known.changed, identityKey);
      return { trust: "changed", list, news, added: [], removed: [] };
    }
    const other = known?.devices?.list.number === list.number && !equalBytes(known.devices.signed.list, signed.list);
    if (known !== undefined && (other || list.number < known.devicesNumber)) {
      if (known.devices === null) throw new CodedError("e2ee.devices", "an older list of devices");
      return { trust: "pinned", list: known.devices.list, news: false, added: [], removed: [] };
    }
    const before = known?.devices?.list.devices ?? list.devices;
    const removed = missing(before, list.devices).map(({ device }) => device);
    return { trust: "pinned", list, news: false, added: missing(list.devices, before), removed };
  }

  /** Keeps what has been judged; pins the key when it is the first. */
  keep({ user, identityKey, devices: signed }: Introduction, { trust, list, news }: Met): void {
    const known = this.#contacts.get(user);
    if (known !== undefined && trust === "pinned" && list === known.devices?.list && known.changed === null) return;
    if (trust === "changed") {
      if (news && known !== undefined) this.#pin(user, { ...known, changed: identityKey });
      return;
    }
    const devices = list === known?.devices?.list ? known.devices : { list, signed };
    const contact = { identityKey, devices, devicesNumber: list.number, changed: null };
    if (known === undefined) this.#pin(user, { ...contact, verified: false, version: 0 });
    else if (known.changed !== null || known.devicesNumber < list.number) this.#pin(user, { ...known, ...contact });
    else if (known.devices === null) this.#save(user, { ...known, ...contact });
  }

  /** The key in the place of the pinned one is accepted, unverified: false when there is none. */
  accept(user: UserName): boolean {
    const known = this.#contacts.get(user);
    if (known === undefined || known.changed === null) return false;
    const fresh = { identityKey: known.changed, verified: false, changed: null, devices: null, devicesNumber: 0 };
    this.#pin(user, { ...fresh, version: known.version });
    return true;
  }

  /**
   * The user has compared the safety number of the pinned key, whose fingerprint was `shown`: false when that is not the
   * pinned one, or another is in its place.
   */
  verify(user: UserName, shown: string, verified: boolean): boolean {
    const known = this.#contacts.get(user);
    if (known === undefined || known.changed !== null) return false;
    if (fingerprintOf(this.#start.env.crypto, known.identityKey) !== shown) return false;
    if (known.verified !== verified) this.#pin(user, { ...known, verified });
    return true;
  }

  /** What the server is to keep of it. */
  takeFrames(): readonly ClientMessage[] {
    const frames = this.#frames;
    this.#frames = [];
    return frames;
  }

  /** Keeps a contact here and, as another version, at the server. */
  #pin(user: UserName, contact: Contact): void {
    if (user === this.#start.owner.user) {
      this.#save(user, contact);
      return;
    }
    const version = contact.version + 1;
    this.#save(user, { ...contact, version });
    this.#put(user, { ...contact, version });
  }

  #put(user: UserName, { identityKey, verified, changed, devicesNumber, version }: Contact): void {
    const { env, account, owner } = this.#start;
    const note: PinNote = { identityKey, verified, changed, devicesNumber };
    this.#frames.push({ kind: "putPin", pin: sealPin(env, account.key, { ...owner, peer: user, version }, note) });
  }

  #save(user: UserName, contact: Contact): void {
    this.#contacts.set(user, contact);
    const { identityKey, changed, devicesNumber, version: pinVersion } = contact;
    const verified = contact.verified ? 1 : 0;
    const signed = contact.devices?.signed ?? null;
    const saved = { version: 1, identityKey, verified, changed, devices: signed, devicesNumber, pinVersion } as const;
    this.#start.state.put(`${CONTACT_PREFIX}${user}`, SavedContact, saved);
  }
}

function missing(of: readonly Device[], from: readonly Device[]): readonly Device[] {
  return of.filter(({ device }) => !from.some((other) => other.device === device));
}
