/** What the server machine (server.ts) hears, and what it asks of its driver. */
import type { JobResult } from "../crypto/provider.ts";
import type { ErrorCode } from "../errors.ts";
import type { Address } from "../ids.ts";
import type { GuessReport, Verdict } from "../kdc/guessing.ts";
import type { Users } from "../kdc/realm.ts";
import type { UserName } from "../name.ts";
import type { ConnectionId } from "./online.ts";
import type { Attempt, ConnectionEffect } from "./serverConnection.ts";
import type { StoreAnswer, StoreRequest } from "./store.ts";

export type ServerEvent =
  | { readonly kind: "connected"; readonly connection: ConnectionId }
  | { readonly kind: "frame"; readonly connection: ConnectionId; readonly bytes: Uint8Array }
  | { readonly kind: "computed"; readonly connection: ConnectionId; readonly result: JobResult }
  | { readonly kind: "failed"; readonly connection: ConnectionId; readonly error: unknown }
  | { readonly kind: "disconnected"; readonly connection: ConnectionId }
  /** Ends a connection: a deadline, or a fault of ours. */
  | { readonly kind: "end"; readonly connection: ConnectionId; readonly code: ErrorCode }
  /** The answer to an `attempt`. */
  | { readonly kind: "verdict"; readonly connection: ConnectionId; readonly verdict: Verdict }
  /** The answer to a `proved`: what the user is told at the login. */
  | { readonly kind: "guesses"; readonly connection: ConnectionId; readonly guesses: GuessReport }
  /** The answer to a `store` of this connection, in the order in which the requests were made; also when it has gone. */
  | { readonly kind: "stored"; readonly connection: ConnectionId; readonly id: number; readonly answer: StoreAnswer }
  /**
   * The answer to a `setPassword`, also when the connection has gone: the users with the new password, or null when it is
   * not set, because somebody else changed the user meanwhile.
   */
  | {
      readonly kind: "passwordSet";
      readonly connection: ConnectionId;
      readonly id: number;
      readonly users: Users | null;
    }
  /** `users.json` has changed. */
  | { readonly kind: "users"; readonly users: Users }
  /** How many devices a user's list may have from now on; one that is longer may only become shorter. */
  | { readonly kind: "devicesPerUser"; readonly max: number }
  /** The timer of a `wake` is over. */
  | { readonly kind: "awake" }
  | { readonly kind: "stop" };

export type ServerEffect = PeerEffect | WakeEffect | StoreEffect;

/**
 * A request to the store (store.ts). With a connection it is to be answered with `stored`, and what fails is a fault of ours
 * that ends it; without one nobody waits for the answer.
 */
export interface StoreEffect {
  readonly kind: "store";
  readonly connection: ConnectionId | null;
  readonly id: number;
  readonly request: StoreRequest;
}

/** Asks for an `awake` after `afterMs`. One such timer runs at most; a server that stops needs none. */
export interface WakeEffect {
  readonly kind: "wake";
  readonly afterMs: number;
}

/** What concerns one connection. */
export type PeerEffect =
  | (ConnectionEffect & { readonly connection: ConnectionId })
  /**
   * Sets the password of a user, with its epoch, when the user is active and has the epoch before it. To be answered with
   * `passwordSet` once it is on disk.
   */
  | {
      readonly kind: "setPassword";
      readonly connection: ConnectionId;
      readonly id: number;
      readonly user: UserName;
      readonly epoch: number;
      /** Of OPAQUE: 192 bytes. */
      readonly record: Uint8Array;
    }
  /** The user has been shown the `guesses` of this login. */
  | { readonly kind: "guessesSeen"; readonly connection: ConnectionId }
  /**
   * What one record has asked for since the proof of the password, at least one frame: the peer may be made to wait before
   * the next. `tickets` counts whatever costs as much as a ticket: public-key work, or a write to the disk.
   */
  | { readonly kind: "asked"; readonly connection: ConnectionId; readonly frames: number; readonly tickets: number }
  /** Close the transport. `closeCode` is a WebSocket close code. */
  | { readonly kind: "close"; readonly connection: ConnectionId; readonly closeCode: number }
  /** For the log: who came and went, and why somebody was refused. */
  | { readonly kind: "attached"; readonly connection: ConnectionId; readonly device: Address }
  | {
      readonly kind: "ended";
      readonly connection: ConnectionId;
      /** The device whose session this was, if there was one. */
      readonly device: Address | null;
      /** A login was begun and not completed: a failed guess, as far as anybody can tell. */
      readonly attempted: Attempt | null;
      readonly code: ErrorCode | null;
    };
