/**
 * From the proof of the password to a device that may attach (PROTOCOL §7.2): the account is opened or made, this device is
 * put on the list of the user's devices, and its prekeys are handed in. It owns the export key, the account and the keys of
 * the device until a session takes them over.
 */
import { EMPTY } from "../bytes.ts";
import { equalBytes } from "../crypto/compare.ts";
import {
  type Account,
  createAccount,
  identityWrapOf,
  openAccount,
  recoverAccount,
  wrapAccountKey,
} from "../e2ee/account.ts";
import { NO_DEVICES, nextDeviceList, signDeviceList, staleDevices, verifyDeviceList } from "../e2ee/deviceList.ts";
import type { Owner } from "../e2ee/owner.ts";
import type { Env } from "../env.ts";
import { CodedError } from "../errors.ts";
import type { DeviceId } from "../ids.ts";
import { LOGINS_MAX, PINS_MAX } from "../limits.ts";
import { type Secret, wipe } from "../secret.ts";
import type { AccountKeys, Device, DeviceStanding, Pin, SignedDeviceList } from "../wire/account.ts";
import type { ServerMessage } from "../wire/messages.ts";
import { Contacts, savedDevicesNumber } from "./contacts.ts";
import type { DeviceKeys } from "./deviceKeys.ts";
import { drawDevice, type Enlisted, restoreDevice } from "./deviceState.ts";
import { type OwnDevices, ownDevices } from "./localDevice.ts";
import { newRecoveryCode } from "./newRecoveryCode.ts";
import type { AccountNotice } from "./notices.ts";
import {
  type LoadedState,
  type Output,
  outputOf,
  type SavedState,
  type StoredState,
  wipeLoaded,
} from "./savedState.ts";

export interface AccountStart {
  readonly owner: Owner;
  /** 64 bytes, taken over. */
  readonly exportKey: Secret;
  /** What this device has saved; null for a new one. */
  readonly stored: StoredState | null;
  /** Somebody can be asked for a recovery code, and shown one. */
  readonly interactive: boolean;
  /** The device keeps nothing, and goes with its logout. */
  readonly temporary: boolean;
  /** False: only the account is opened, for a look at its devices. */
  readonly attach: boolean;
}

/** How often the list of devices may be changed by others while this one joins it. */
const TRIES = 100;
const NO_STANDING = { logins: 0, signedPrekey: 0, oneTimePrekeys: 0 };

export class AccountLogin implements Disposable {
  readonly #env: Env;
  readonly #start: AccountStart;
  readonly #pins: Pin[] = [];
  /** As the server has them. */
  #keys: AccountKeys | null = null;
  /** Made here; it counts when the server has taken it. */
  #made: Account | null = null;
  /** A recovery code whose wrap is on its way to the server: shown when it counts. */
  #code: AccountNotice | null = null;
  #account: Account | null = null;
  #list = NO_DEVICES;
  #signed: SignedDeviceList | null = null;
  #standings: readonly DeviceStanding[] = [];
  #device: DeviceKeys | null = null;
  #state: SavedState | null = null;
  #loaded: LoadedState = new Map();
  /** By the server's clock, when it told of the account. */
  #toldMs = 0;
  #tries = 0;
  #enlisted: Enlisted | null = null;
  #output = outputOf();

  constructor(env: Env, start: AccountStart) {
    this.#env = env;
    this.#start = start;
  }

  /** The devices of the account, once it is open. */
  get devices(): OwnDevices {
    return ownDevices(this.#list.devices, this.#standings, this.#toldMs);
  }

  /** The account key while it is open, lent. */
  get accountKey(): Secret | null {
    return this.#account?.key ?? null;
  }

  /** @throws account.*, state.*, e2ee.devices, auth.removed, auth.tooManyDevices, state.unexpected */
  receive(message: ServerMessage): void {
    if (message.kind === "pins" && this.#keys === null && this.#pins.length < PINS_MAX) {
      this.#pins.push(...message.pins);
    } else if (message.kind === "account" && this.#account === null) {
      this.#receiveAccount(message);
    } else if (message.kind === "wrapsStand" && this.#account !== null && this.#code !== null) {
      this.#output.notices.push(this.#code);
      this.#code = null;
      this.#enter(this.#account);
    } else if (message.kind === "devices" && this.#account !== null) {
      this.#receiveDevices(this.#account, message.devices);
    } else {
      throw new CodedError("state.unexpected", "between login and session");
    }
  }

  /** The user's recovery code, 16 bytes, borrowed: a wrong one is refused with a notice, and may be tried again. */
  recover(code: Secret): void {
    const { owner, exportKey } = this.#start;
    if (this.#keys === null || this.#account !== null) throw new Error("account: no recovery is under way");
    try {
      const account = recoverAccount(this.#env.crypto, this.#keys, code, owner);
      const accountWrap = wrapAccountKey(this.#env, account.key, exportKey, owner);
      this.#putWraps(account, accountWrap);
      this.#opened(account, this.#keys);
    } catch (error) {
      if (!(error instanceof CodedError) || error.code !== "account.code") throw error;
      this.#output.notices.push({ kind: "recoveryRefused" });
    }
  }

  /** Another identity in the place of the one that does not open. @throws state.foreign when this device has a state of it */
  newIdentity(): void {
    if (this.#keys === null || this.#account !== null) throw new Error("account: no recovery is under way");
    if (this.#start.stored !== null) throw new CodedError("state.foreign");
    this.#create(this.#keys.identityKey);
  }

  /** Takes devices off the list. The answer is the list as it is then. */
  removeDevices(ids: readonly DeviceId[]): void {
    const devices = this.#list.devices.filter(({ device }) => !ids.includes(device));
    if (this.#account === null) throw new Error("account: not open");
    this.#putDevices(this.#account, devices);
  }

  /** What there is to save, send and tell since the last time. */
  takeOutput(): Output {
    if (this.#state !== null) this.#output.writes = this.#state.takeWrites();
    const output = this.#output;
    this.#output = outputOf();
    return output;
  }

  /** What the session takes over once the device may attach; null before. */
  takeEnlisted(): Enlisted | null {
    const enlisted = this.#enlisted;
    if (enlisted !== null) [this.#account, this.#device, this.#state] = [null, null, null];
    this.#enlisted = null;
    return enlisted;
  }

  [Symbol.dispose](): void {
    wipe(this.#start.exportKey, this.#made, this.#account, this.#device, this.#state);
    wipeLoaded(this.#loaded);
  }

  #receiveAccount({ initial, nowMs, account: found }: Extract<ServerMessage, { kind: "account" }>): void {
    const { stored, owner, exportKey, interactive } = this.#start;
    if (initial === 1) {
      if (!interactive) throw new CodedError("account.initial");
      this.#output.notices.push({ kind: "initialPassword" });
      return;
    }
    if (stored !== null && (found === null || !equalBytes(found.keys.identityKey, stored.header.identityKey))) {
      throw new CodedError("state.foreign");
    }
    if (found === null) {
      this.#create(null);
      return;
    }
    const { keys } = found;
    this.#keys = keys;
    this.#toldMs = nowMs;
    this.#standings = found.standings;
    this.#takeList(keys.identityKey, found.devices);
    const [made, code] = [this.#made, this.#code];
    [this.#made, this.#code] = [null, null];
    if (made !== null && equalBytes(made.identityKey, keys.identityKey)) {
      if (code !== null) this.#output.notices.push(code);
      this.#opened(made, keys);
      return;
    }
    wipe(made);
    const account = openAccount(this.#env.crypto, keys, exportKey, owner);
    if (account !== null) this.#opened(account, keys);
    else if (interactive) this.#output.notices.push({ kind: "recoveryNeeded" });
    else throw new CodedError("account.recovery");
  }

  #create(replaces: Uint8Array | null): void {
    if (this.#made !== null) throw new CodedError("account.conflict", "an account that was made is not there");
    const { owner, exportKey, interactive } = this.#start;
    const made = createAccount(this.#env);
    this.#made = made;
    const recovery = interactive ? newRecoveryCode(this.#env, made, owner) : null;
    this.#code = recovery?.notice ?? null; // another device may have made an account first
    const keys = {
      identityKey: made.identityKey,
      identityWrap: identityWrapOf(this.#env, made, owner),
      accountWrap: wrapAccountKey(this.#env, made.key, exportKey, owner),
      recoveryWrap: recovery?.recoveryWrap ?? EMPTY,
    };
    this.#pins.length = 0;
    [this.#keys, this.#list, this.#signed] = [null, NO_DEVICES, null]; // devices of another identity are not this one's
    this.#output.frames.push({ kind: "createAccount", keys, replaces });
  }

  /** With another recovery code. */
  #putWraps(account: Account, accountWrap: Uint8Array): void {
    const { recoveryWrap, notice } = newRecoveryCode(this.#env, account, this.#start.owner);
    this.#code = notice;
    this.#output.frames.push({ kind: "putWraps", identityKey: account.identityKey, accountWrap, recoveryWrap });
  }

  #opened(account: Account, keys: AccountKeys): void {
    this.#account = account;
    const { interactive, attach } = this.#start;
    const lacksCode = interactive && attach && keys.recoveryWrap.length === 0;
    if (lacksCode && this.#code === null) this.#putWraps(account, EMPTY);
    if (this.#code === null) this.#enter(account);
  }

  /** The device is drawn or restored, and goes on the list. */
  #enter(account: Account): void {
    this.#output.notices.push({ kind: "opened" });
    const { stored, owner, temporary, attach } = this.#start;
    if (!attach) return;
    const { device, state, loaded, header } =
      stored === null
        ? drawDevice(this.#env, account, owner, temporary)
        : restoreDevice(this.#env, account, owner, stored);
    [this.#device, this.#state, this.#loaded, this.#output.header] = [device, state, loaded, header];
    if (this.#list.number < savedDevicesNumber(loaded, owner.user)) throw new CodedError("e2ee.devices");
    this.#enlist(account, device, state);
  }

  /** Puts this device on the list, and takes those off that nobody has seen for long. */
  #enlist(account: Account, device: DeviceKeys, state: SavedState): void {
    const isListed = this.#list.devices.some((entry) => entry.device === device.id);
    // A device that has never been in may have been cut off before it was listed.
    if (!isListed && device.logins > 0) throw new CodedError("auth.removed");
    const nowMs = Math.min(this.#toldMs, this.#env.nowMs()); // the server's word ages nobody
    const stale = staleDevices(this.#list, this.#standings, device.id, nowMs);
    if (isListed && stale.length === 0) {
      this.#complete(account, device, state);
      return;
    }
    const kept = this.#list.devices.filter((entry) => !stale.includes(entry.device));
    this.#putDevices(account, isListed ? kept : [...kept, device.entry]);
  }

  #putDevices(account: Account, devices: readonly Device[]): void {
    if (this.#tries === TRIES) throw new CodedError("account.conflict", "the devices of the account keep changing");
    this.#tries += 1;
    const list = nextDeviceList(this.#list, devices);
    const signed = signDeviceList(this.#env.crypto, account.identity, this.#start.owner, list);
    this.#output.frames.push({ kind: "putDevices", devices: signed });
  }

  #receiveDevices(account: Account, devices: SignedDeviceList): void {
    this.#takeList(account.identityKey, devices);
    if (this.#device !== null && this.#state !== null) this.#enlist(account, this.#device, this.#state);
  }

  /** @throws e2ee.devices for a list that is not this account's, or older than one that was seen */
  #takeList(identityKey: Uint8Array, signed: SignedDeviceList | null): void {
    if (signed === null) return;
    const list = verifyDeviceList(this.#env.crypto, identityKey, this.#start.owner, signed);
    if (list.number < this.#list.number) throw new CodedError("e2ee.devices", "an older list of devices");
    this.#list = list;
    this.#signed = signed;
  }

  #complete(account: Account, device: DeviceKeys, state: SavedState): void {
    const { owner } = this.#start;
    const standing = this.#standings.find((entry) => entry.device === device.id) ?? NO_STANDING;
    // A state that is older than what the server has seen was restored from a copy: ratchets are never restored.
    // Where the count has ended nothing tells a copy, so every state counts as one.
    const restored = standing.logins > device.logins || device.logins === LOGINS_MAX;
    const contacts = new Contacts({ env: this.#env, owner, account, state });
    for (const [name, bytes] of this.#loaded) contacts.restore(name, bytes);
    if (this.#signed !== null) contacts.takeOwn(this.#list, this.#signed);
    for (const pin of this.#pins) contacts.take(pin);
    contacts.putLost();
    device.forgetOldPrekeys(state, this.#env.nowMs());
    device.countLogin(state, Math.max(standing.logins, device.logins) + 1);
    const have = restored ? NO_STANDING : standing; // the private halves of those at the server may not be in the copy
    this.#output.frames.push(...device.replenish(this.#env, state, { owner, identity: account.identity }, have));
    this.#output.frames.push({ kind: "attach", device: device.id, logins: device.logins });
    this.#enlisted = { account, device, state, contacts, loaded: this.#loaded, restored, seen: this.devices.seen };
    this.#loaded = new Map();
  }
}
