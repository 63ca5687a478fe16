import type { Client } from "../../core/peer/client.ts";
import type { ConnectionId } from "../../core/peer/online.ts";
import type { Server } from "../../core/peer/server.ts";
import type { Actor } from "./history.ts";
import type { Place } from "./places.ts";

/** A record on its way, or the end of the connection with its close code. */
export type Item = Uint8Array | number;

/** One login of one user: its machine, its connection, and what is on the way in both directions. */
export interface Member extends Actor {
  readonly password: string;
  readonly client: Client;
  readonly connection: ConnectionId;
  readonly server: Server;
  readonly toServer: Item[];
  readonly toClient: Item[];
  readonly place: Place;
  /** Recovery codes that it has tried. */
  readonly tried: Set<string>;
  /** Its process dies after so many more effects; null when it does not. */
  diesAfter: number | null;
  /** How often `users` had changed when it came. */
  readonly usersVersion: number;
}

export interface JoinOptions {
  readonly password?: string;
  /** Somebody sits there who knows the recovery codes. */
  readonly interactive?: boolean;
  /** A device that keeps nothing. */
  readonly temporary?: boolean;
}
