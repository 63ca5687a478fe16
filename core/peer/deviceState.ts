/** The keys of a device and the state that they are kept in: drawn for a new device, or as they were saved. */
import type { Account } from "../e2ee/account.ts";
import type { Owner } from "../e2ee/owner.ts";
import { drawStateKey, unwrapStateKey, wrapStateKey } from "../e2ee/state.ts";
import type { Env } from "../env.ts";
import { type DeviceId, newDeviceId } from "../ids.ts";
import { wipe } from "../secret.ts";
import type { Contacts } from "./contacts.ts";
import { DeviceKeys } from "./deviceKeys.ts";
import { type LoadedState, SavedState, type StateHeader, type StoredState, wipeLoaded } from "./savedState.ts";

export interface OpenDevice {
  readonly device: DeviceKeys;
  readonly state: SavedState;
  /** What was saved, to be wiped by whoever takes it over; nothing of a new device. */
  readonly loaded: LoadedState;
  /** To be saved; null when it was. */
  readonly header: StateHeader | null;
}

/** All that a session is made of. */
export interface Enlisted {
  readonly account: Account;
  readonly device: DeviceKeys;
  readonly state: SavedState;
  readonly contacts: Contacts;
  /** What was saved, to be wiped by whoever takes it over. */
  readonly loaded: LoadedState;
  /** The state is older than what the server has seen of this device: its conversations must not go on. */
  readonly restored: boolean;
  /** When the user's devices were last connected. */
  readonly seen: ReadonlyMap<DeviceId, number>;
}

/** A new device, with a state that its keys are written to. */
export function drawDevice(env: Env, account: Account, owner: Owner, temporary: boolean): OpenDevice {
  const device = DeviceKeys.draw(env, newDeviceId(env), temporary);
  const stateKey = drawStateKey(env);
  const state = new SavedState(env, stateKey);
  const stateWrap = wrapStateKey(env, account.key, { ...owner, device: device.id }, stateKey);
  device.save(state);
  const header = { ...owner, device: device.id, identityKey: account.identityKey, stateWrap };
  return { device, state, loaded: new Map(), header };
}

/** Nothing is left of it when it throws. @throws state.damaged */
export function restoreDevice(env: Env, account: Account, owner: Owner, stored: StoredState): OpenDevice {
  const { device, stateWrap } = stored.header;
  const state = new SavedState(env, unwrapStateKey(env.crypto, account.key, { ...owner, device }, stateWrap));
  let loaded: LoadedState = new Map();
  try {
    loaded = state.load(stored.entries);
    return { device: DeviceKeys.restore(env.crypto, device, loaded), state, loaded, header: null };
  } catch (error) {
    wipe(state);
    wipeLoaded(loaded);
    throw error;
  }
}
