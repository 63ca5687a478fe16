/** What the server machine (server.ts) hears, and what it asks of its driver. */
import type { JobResult } from "../crypto/provider.ts";
import type { ErrorCode } from "../errors.ts";
import type { Address } from "../ids.ts";
import type { GuessReport, Verdict } from "../kdc/guessing.ts";
import type { Users } from "../kdc/realm.ts";
import type { ConnectionId } from "./online.ts";
import type { Attempt, ConnectionEffect } from "./serverConnection.ts";

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
  /** `users.json` has changed. */
  | { readonly kind: "users"; readonly users: Users }
  /** How often one user may be logged in from now on; whoever is there stays. */
  | { readonly kind: "devicesPerUser"; readonly max: number }
  /** The timer of a `wake` is over. */
  | { readonly kind: "awake" }
  | { readonly kind: "stop" };

export type ServerEffect = PeerEffect | WakeEffect;

/** Asks for an `awake` after `afterMs`. One such timer runs at most; a server that stops needs none. */
export interface WakeEffect {
  readonly kind: "wake";
  readonly afterMs: number;
}

/** What concerns one connection. */
export type PeerEffect =
  | (ConnectionEffect & { readonly connection: ConnectionId })
  /** The user has been shown the `guesses` of this login. */
  | { readonly kind: "guessesSeen"; readonly connection: ConnectionId }
  /** What one record of a session has asked for, at least one frame: it may be made to wait before the next. */
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
