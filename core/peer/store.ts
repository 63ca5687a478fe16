/**
 * What the server keeps of accounts, devices, prekeys and mailboxes, as its machine asks for it (PROTOCOL §7). The machine
 * asks with a `store` effect and is answered with a `stored` event; whatever answers does one request of a user after the
 * other, and answers only when what it changed will outlast a power cut.
 */
import type { Address, DeviceId, MessageId } from "../ids.ts";
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

/** An envelope that waits for a device. */
export interface KeptEnvelope {
  /** Above 0, rises in the order of the deposits, and is never given to another envelope, of whatever device. */
  readonly position: number;
  readonly from: Address;
  readonly message: MessageId;
  /** When the server received it, in milliseconds since 1970 by its own clock. */
  readonly receivedAt: number;
  readonly envelope: Uint8Array;
}

/** How much a mailbox holds; `bytes` are those of the envelopes alone. */
export interface MailboxLimits {
  readonly envelopes: number;
  readonly bytes: number;
}

/** What a device has lost: as many envelopes were older than they are kept. */
export interface ExpiredEnvelopes extends Address {
  readonly envelopes: number;
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
  /** Puts an envelope behind all others that wait for a device of `user`, unless the mailbox would then be above `limits`. */
  | {
      readonly op: "deposit";
      readonly user: UserName;
      readonly device: DeviceId;
      readonly from: Address;
      readonly message: MessageId;
      readonly receivedAt: number;
      readonly envelope: Uint8Array;
      readonly limits: MailboxLimits;
    }
  /**
   * What waits for a device behind position `after` (0: from the beginning), the oldest first, at most `maxEnvelopes` and
   * `maxBytes` of them; but one, however long, when there is any. Nothing goes.
   */
  | {
      readonly op: "collect";
      readonly user: UserName;
      readonly device: DeviceId;
      readonly after: number;
      readonly maxEnvelopes: number;
      readonly maxBytes: number;
    }
  /** The device has acknowledged these messages of one sender: they go, however often each was deposited. */
  | {
      readonly op: "discard";
      readonly user: UserName;
      readonly device: DeviceId;
      readonly from: Address;
      readonly messages: readonly MessageId[];
    }
  /** Envelopes that were received before `beforeMs` go, of all devices: those received first, at most `maxEnvelopes`. */
  | { readonly op: "expire"; readonly beforeMs: number; readonly maxEnvelopes: number }
  /** Everything of a user goes, but what they have sent to others. */
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
  /** An envelope is kept as a whole, or not at all. `absent`: the device is not in its user's list, or there is no such user. */
  | { readonly op: "deposit"; readonly outcome: "kept" | "full" | "absent" }
  | {
      readonly op: "collect";
      readonly envelopes: readonly KeptEnvelope[];
      /** How many envelopes have expired since the device came into the list. It only grows: a gap shows as a difference. */
      readonly expired: number;
    }
  /** How many wait then. */
  | { readonly op: "discard"; readonly left: number }
  /** One for each device that has lost any, in any order. When they make `maxEnvelopes` in all there may be more. */
  | { readonly op: "expire"; readonly expired: readonly ExpiredEnvelopes[] }
  | { readonly op: "seen" | "forget" };
