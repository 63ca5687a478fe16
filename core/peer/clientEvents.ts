/** What the client's machine hears, and what it asks for. */
import type { JobResult } from "../crypto/provider.ts";
import type { ErrorCode } from "../errors.ts";
import type { DeviceId, MessageId } from "../ids.ts";
import type { UserName } from "../name.ts";
import type { Secret } from "../secret.ts";
import type { LoginConfig, LoginEffect } from "./clientLogin.ts";
import type { Notice } from "./notices.ts";
import type { StateHeader, StateWrites, StoredState } from "./savedState.ts";

export interface ClientConfig extends LoginConfig {
  /** What this device has saved; null for a new one. */
  readonly stored: StoredState | null;
  /** Somebody can be asked for a recovery code or a new password, and be shown a code. */
  readonly interactive: boolean;
  /** The device keeps nothing, and is removed at its logout. */
  readonly temporary: boolean;
  /** False: the account is opened for a look at its devices, and nobody is told that the user is there. */
  readonly attach: boolean;
}

/** What a user may ask for during a session. */
export type SessionRequest =
  | { readonly kind: "send"; readonly id: MessageId; readonly to: string; readonly text: string }
  /** The user has been shown the `guesses` notice, and need not be told again. */
  | { readonly kind: "sawGuesses" }
  /** Another recovery code, in the place of the last one. */
  | { readonly kind: "newRecoveryCode" }
  /** The key in the place of the user's pinned one is taken for theirs, if it is the one with the fingerprint `key`. */
  | { readonly kind: "accept"; readonly user: UserName; readonly key: string }
  /** The safety number of a user has been compared with them, or that is taken back, if their key has the fingerprint `key`. */
  | { readonly kind: "verify"; readonly user: UserName; readonly key: string; readonly verified: boolean };

export type ClientEvent =
  | SessionRequest
  /** The transport is open. */
  | { readonly kind: "connected" }
  | { readonly kind: "frame"; readonly bytes: Uint8Array }
  | { readonly kind: "computed"; readonly result: JobResult }
  | { readonly kind: "failed"; readonly error: unknown }
  /** The nonce that solves the puzzle of a `solve`. */
  | { readonly kind: "solved"; readonly nonce: Uint8Array }
  | { readonly kind: "giveUp"; readonly id: MessageId }
  /** Answers `recoveryNeeded` with the code, 16 bytes, borrowed; or with another identity, which peers are warned of. */
  | { readonly kind: "recover"; readonly code: Secret }
  | { readonly kind: "newIdentity" }
  /** Another password, or the answer to `initialPassword`. Both (NFKC, UTF-8) are borrowed. */
  | { readonly kind: "changePassword"; readonly old: Secret; readonly next: Secret }
  | { readonly kind: "removeDevices"; readonly devices: readonly DeviceId[] }
  | { readonly kind: "logout" }
  /** The transport has gone; `code` is what its close code said. */
  | { readonly kind: "disconnected"; readonly code: ErrorCode | null };

export type ClientEffect =
  /** To be on disk, all of it, before any later effect is run; the header when it is not null. */
  | { readonly kind: "save"; readonly header: StateHeader | null; readonly writes: StateWrites }
  | LoginEffect
  | { readonly kind: "notice"; readonly notice: Notice }
  /**
   * It is over and everything is wiped; `code` is null after a logout. Close the transport. `waitSeconds`: when the
   * server said that another try makes sense; 0 when it did not.
   */
  | { readonly kind: "ended"; readonly code: ErrorCode | null; readonly waitSeconds: number };
