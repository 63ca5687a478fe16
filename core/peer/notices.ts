/** What the user of a client is told. Names are as registered; texts and names are as their senders chose them. */
import type { ErrorCode } from "../errors.ts";
import type { DeviceId, MessageId } from "../ids.ts";
import type { GuessReport } from "../kdc/guessing.ts";

/** What is known of a peer's identity key: nothing, seen, compared with the peer, or another one is in its place. */
export type Trust = "unknown" | "pinned" | "verified" | "changed";

/** A text for this user, or a copy of one that this user wrote on another device. */
export interface MessageNotice {
  readonly kind: "message";
  readonly id: MessageId;
  readonly from: string;
  readonly device: DeviceId;
  readonly to: string;
  /** Written by this user on another device. */
  readonly own: boolean;
  /** Of the sender: `changed` when it was sealed under another key than the pinned one. */
  readonly trust: Trust;
  /** By the sender's clock, milliseconds since 1970: any number. */
  readonly sentAt: number;
  /** By the server's clock. */
  readonly receivedAt: number;
  readonly text: string;
}

/** Nobody has it, and nobody will. */
export interface UndeliveredNotice {
  readonly kind: "undelivered";
  readonly id: MessageId;
  readonly to: string;
  readonly reason: Undelivered;
}

/** Logins of this user that failed since the user was last told; whoever shows it says `sawGuesses`. */
export interface GuessesNotice extends GuessReport {
  readonly kind: "guesses";
}

/** Another identity key stands in the place of the pinned one: nothing is sent to that user until it is accepted. */
export interface IdentityNotice {
  readonly kind: "identityChanged";
  readonly name: string;
  /** Fingerprints: the pinned key's, and the other's. */
  readonly before: string;
  readonly now: string;
}

/** Whether the password has been changed: `code` is null when it has. */
export interface PasswordNotice {
  readonly kind: "passwordChanged";
  readonly code: ErrorCode | null;
  /** After how many seconds another try makes sense; 0 when nothing is said of that. */
  readonly waitSeconds: number;
}

/** Told before `attached`. */
export type AccountNotice =
  /** The operator chose the password: say `changePassword`, then log in with the new one. */
  | { readonly kind: "initialPassword" }
  /** The operator set another password: say `recover` with the recovery code, or `newIdentity`. */
  | { readonly kind: "recoveryNeeded" }
  /** The account is open; without `attach` nothing follows. */
  | { readonly kind: "opened" }
  /** The code did not open the account: another try. */
  | { readonly kind: "recoveryRefused" }
  /** A recovery code, as text, for the user to write down: it is shown this once. */
  | { readonly kind: "recoveryCode"; readonly code: string };

export type StatusNotice =
  /** The roster is complete. */
  | { readonly kind: "attached"; readonly name: string; readonly device: DeviceId }
  /** Told before `attached`, when there are any. */
  | GuessesNotice
  | AccountNotice
  /** A user came or went, or changed devices. */
  | { readonly kind: "presence"; readonly name: string; readonly before: number; readonly devices: number }
  | { readonly kind: "unregistered"; readonly name: string }
  /**
   * An envelope that could not be opened; it is not acknowledged. `mending`: a new conversation has been asked for, in which
   * its sender sends it again.
   */
  | { readonly kind: "unreadable"; readonly from: string; readonly code: ErrorCode; readonly mending: boolean }
  /** Something that this version has no way to show; it is acknowledged all the same. */
  | { readonly kind: "unsupported"; readonly from: string }
  | IdentityNotice
  /** A user, perhaps this one (`own`), has a device that was not in the last list. */
  | { readonly kind: "newDevice"; readonly name: string; readonly own: boolean; readonly device: DeviceId }
  /** A conversation with a device of that user begins without a one-time prekey: see PROTOCOL §7.3 for what that costs. */
  | { readonly kind: "noOneTimePrekey"; readonly name: string }
  | PasswordNotice
  /** The first device of the recipient has it. */
  | { readonly kind: "delivered"; readonly id: MessageId; readonly to: string }
  | UndeliveredNotice;

export type Notice = MessageNotice | StatusNotice;

/**
 * Nobody of that name; no device of theirs is logged in, or none but this one; nobody confirmed it in time; another identity
 * key stands in the place of the pinned one; the keys that the server gave are not the peer's.
 */
export type Undelivered = "unknown" | "offline" | "alone" | "late" | "changed" | "keys";
