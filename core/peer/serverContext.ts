/** What the parts of the server's machine share, and how they reach whoever is there. */
import type { Env } from "../env.ts";
import type { ErrorCode } from "../errors.ts";
import type { ServerKeys } from "../kdc/realm.ts";
import type { UserName } from "../name.ts";
import type { ServerMessage } from "../wire/messages.ts";
import type { Errands } from "./errands.ts";
import type { ConnectionId, Online } from "./online.ts";
import type { Outgoing } from "./outgoing.ts";
import type { Presences } from "./presences.ts";
import type { ServerConnection } from "./serverConnection.ts";
import type { ServerEffect } from "./serverEvents.ts";
import type { Standing } from "./standing.ts";

export interface ServerContext {
  readonly env: Env;
  readonly keys: ServerKeys;
  readonly connections: ReadonlyMap<ConnectionId, ServerConnection>;
  readonly online: Online;
  readonly outgoing: Outgoing;
  readonly presences: Presences;
  readonly errands: Errands;
  /** As registered. */
  readonly nameOf: (user: UserName) => string;
  /** Everybody who is registered. */
  readonly users: () => Iterable<UserName>;
  readonly effect: (effect: ServerEffect) => void;
  /** Ends a connection; `silently`: nobody hears that its device has gone. */
  readonly end: (connection: ConnectionId, code: ErrorCode | null, silently?: boolean) => void;
}

/** A connection of a user who has proved the password. */
export interface Proved {
  readonly connection: ConnectionId;
  readonly peer: ServerConnection;
  readonly standing: Standing;
}

/** All connections on which `user` has proved the password. */
export function provedBy({ connections }: ServerContext, user: UserName): readonly Proved[] {
  const proved: Proved[] = [];
  for (const [connection, peer] of connections) {
    const { standing } = peer;
    if (standing?.user === user) proved.push({ connection, peer, standing });
  }
  return proved;
}

/**
 * Tells the other sessions of `user`, and later those connections whose device is yet to be attached. `topic`: of what is
 * kept for later the last of each is enough.
 */
export function tellOthers(
  context: ServerContext,
  from: { readonly user: UserName; readonly connection: ConnectionId },
  topic: string,
  message: ServerMessage,
): void {
  for (const { connection, peer, standing } of provedBy(context, from.user)) {
    if (connection === from.connection) continue;
    if (peer.session !== null) context.outgoing.send(connection, message);
    else if (standing.account !== null) standing.keepForSession(topic, message);
  }
}
