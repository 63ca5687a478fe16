/**
 * What the server keeps of accounts, devices and prekeys, as its machine asks for it (PROTOCOL §7). The machine asks with a
 * `store` effect and is answered with a `stored` event; whatever answers does one request of a user after the other, and
 * answers only when what it changed will outlast a power cut.
 */
import type { DeviceId } from "../ids.ts";
import type { UserName } from "../name.ts";
import type { AccountKeys, DeviceStanding, Pin, SignedDeviceList, SignedPrekey } from "../wire/account.ts";

/** An account as one of the user's logins sees it. */
export interface StoredAccount {
  /** `accountWrap` is the one for the password of the epoch that was asked for; empty when there is none. */
  readonly keys: AccountKeys;
  readonly devices: SignedDeviceList | null;
  /** Of the devices in the list, in any order. */
  readonly standings: readonly DeviceStanding[];
}

export type StoreRequest =
  /** The account and all pins. Wraps for earlier epochs than `epoch` are deleted when there is one for it. */
  | { readonly op: "load"; readonly user: UserName; readonly epoch: number }
  /**
   * Makes the account when there is none and `replaces` is null, or when its identity key is `replaces`: then devices,
   * prekeys and pins of the old one go. Answers with the account as it is then, whoever made it.
   */
  | {
      readonly op: "create";
      readonly user: UserName;
      readonly epoch: number;
      readonly keys: AccountKeys;
      readonly replaces: Uint8Array | null;
    }
  /** Sets the wraps that are not empty, when the account has that identity key; else nothing. */
  | {
      readonly op: "putWraps";
      readonly user: UserName;
      readonly epoch: number;
      readonly identityKey: Uint8Array;
      readonly accountWrap: Uint8Array;
      readonly recoveryWrap: Uint8Array;
    }
  /**
   * Replaces the list of devices when the account has that identity key and the list that is there has number
   * `number - 1` (0 when there is none). What was kept of devices that are not in `ids` goes.
   */
  | {
      readonly op: "putDevices";
      readonly user: UserName;
      readonly identityKey: Uint8Array;
      readonly number: number;
      readonly devices: SignedDeviceList;
      readonly ids: readonly DeviceId[];
    }
  /** Keeps prekeys of a device that is in the list; one-time ones up to `ONE_TIME_PREKEYS` in all, none twice. */
  | {
      readonly op: "putPrekeys";
      readonly user: UserName;
      readonly device: DeviceId;
      readonly signed: SignedPrekey | null;
      readonly oneTime: readonly SignedPrekey[];
    }
  /** The prekeys to begin a conversation with: the one-time one, the oldest that is left, is deleted. */
  | { readonly op: "takePrekeys"; readonly user: UserName; readonly device: DeviceId }
  /** Replaces a pin when the one that is there has version `version - 1` (0 when there is none), and there is room. */
  | { readonly op: "putPin"; readonly user: UserName; readonly pin: Pin }
  /** The device is, or was just now, connected. `logins` when it has attached. */
  | {
      readonly op: "seen";
      readonly user: UserName;
      readonly device: DeviceId;
      readonly atMs: number;
      readonly logins: number | null;
    }
  /** Everything of a user goes. */
  | { readonly op: "forget"; readonly user: UserName };

export type StoreAnswer =
  | { readonly op: "load" | "create"; readonly account: StoredAccount | null; readonly pins: readonly Pin[] }
  | { readonly op: "putWraps"; readonly stored: boolean }
  /** The list as it is now; null when there is none. */
  | { readonly op: "putDevices"; readonly devices: SignedDeviceList | null }
  | { readonly op: "putPrekeys"; readonly oneTimePrekeys: number }
  | {
      readonly op: "takePrekeys";
      /** null when the device has no signed prekey. */
      readonly prekeys: { readonly signed: SignedPrekey; readonly oneTime: SignedPrekey | null } | null;
      /** One-time ones that are left. */
      readonly oneTimePrekeys: number;
    }
  /** The pin of that name as it is now; null when there is none. */
  | { readonly op: "putPin"; readonly pin: Pin | null }
  | { readonly op: "seen" | "forget" };
