/** What the user of a client is told. Names are as registered; texts and names are as their senders chose them. */
import type { ErrorCode } from "../errors.ts";
import type { DeviceId, MessageId } from "../ids.ts";
import type { GuessReport } from "../kdc/guessing.ts";

/** A text for this user, or a copy of one that this user wrote on another device. */
export interface MessageNotice {
  readonly kind: "message";
  readonly id: MessageId;
  readonly from: string;
  readonly device: DeviceId;
  readonly to: string;
  /** Written by this user on another device. */
  readonly own: boolean;
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

export type StatusNotice =
  /** The roster is complete. */
  | { readonly kind: "attached"; readonly name: string; readonly device: DeviceId }
  /** Told before `attached`, when there are any. */
  | GuessesNotice
  /** A user came or went, or changed devices. */
  | { readonly kind: "presence"; readonly name: string; readonly before: number; readonly devices: number }
  | { readonly kind: "unregistered"; readonly name: string }
  /** An envelope that could not be opened; it is not acknowledged. */
  | { readonly kind: "unreadable"; readonly from: string; readonly code: ErrorCode }
  /** Something that this version has no way to show; it is acknowledged all the same. */
  | { readonly kind: "unsupported"; readonly from: string }
  /** The first device of the recipient has it. */
  | { readonly kind: "delivered"; readonly id: MessageId; readonly to: string }
  | UndeliveredNotice;

export type Notice = MessageNotice | StatusNotice;

/** Nobody of that name; no device of theirs is logged in, or none but this one; nobody confirmed it in time. */
export type Undelivered = "unknown" | "offline" | "alone" | "late";
