/**
 * What sessions ask of each other through the server (PROTOCOL §8, §10.2): conversation keys, envelopes, and word that they
 * have been taken. Envelopes pass through and nothing of them is kept.
 */
import type { Address } from "../ids.ts";
import { sameAddress } from "../ids.ts";
import { grant } from "../kdc/granting.ts";
import type { Session } from "../kdc/session.ts";
import { ONE_TIME_PREKEYS_LOW } from "../limits.ts";
import { wipe } from "../secret.ts";
import type { ClientMessage } from "../wire/messages.ts";
import type { ConnectionId } from "./online.ts";
import type { ServerConnection } from "./serverConnection.ts";
import type { ServerContext } from "./serverContext.ts";
import type { StoreAnswer } from "./store.ts";

type MessageOf<K extends ClientMessage["kind"]> = Extract<ClientMessage, { kind: K }>;
type Taken = Extract<StoreAnswer, { op: "takePrekeys" }>;

export class Exchange {
  readonly #context: ServerContext;

  constructor(context: ServerContext) {
    this.#context = context;
  }

  /** A ticket takes prekeys of the device it is for, if that is connected. */
  request(connection: ConnectionId, asker: Session, { user, device }: MessageOf<"ticketRequest">): void {
    const peer = { user, device };
    if (sameAddress(peer, asker) || this.#context.online.connectionOf(peer) === null) this.#absent(connection, peer);
    else this.#context.errands.ask(connection, { op: "takePrekeys", user, device });
  }

  /** The store has given prekeys of `peer`, or has none; either of the two may have gone meanwhile. */
  taken(connection: ConnectionId, peer: Address, { prekeys, oneTimePrekeys }: Taken): void {
    const { connections, online, outgoing, presences, env, keys } = this.#context;
    const to = online.connectionOf(peer);
    const at = to === null ? undefined : connections.get(to);
    if (to !== null && at !== undefined) this.#tellIfLow(to, at, oneTimePrekeys);
    const asker = connections.get(connection)?.session;
    if (asker == null) return;
    const [session, devices] = [at?.session, at?.standing?.account?.signed];
    if (prekeys === null || session == null || devices == null) {
      this.#absent(connection, peer);
      return;
    }
    presences.tellFirst(connection, peer.user);
    const { conversation, key, ticket } = grant(env, keys.staticKey, asker, session);
    const bundle = { identityKey: session.identityKey, devices, ...prekeys };
    outgoing.sendKey(connection, { kind: "grant", ...peer, conversation, key, ticket, bundle });
    wipe(key);
  }

  send(connection: ConnectionId, sender: Session, request: MessageOf<"send">): void {
    const { online, outgoing, presences, env } = this.#context;
    const { message, user, device, envelope } = request;
    const to = sameAddress(request, sender) ? null : online.connectionOf(request);
    // Devices that the sender has not heard of get the message too, as long as it is not confirmed.
    presences.tellFirst(connection, user);
    presences.tellFirst(connection, sender.user);
    if (to === null) {
      outgoing.send(connection, { kind: "bounced", message, user, device });
      return;
    }
    const from = { user: sender.user, device: sender.device };
    presences.tellFirst(to, sender.user);
    outgoing.send(to, { kind: "delivery", message, ...from, receivedAt: env.nowMs(), envelope });
  }

  acknowledge({ user: by, device: from }: Session, { message, user, device }: MessageOf<"acknowledge">): void {
    const sender = this.#context.online.connectionOf({ user, device });
    if (sender === null) return;
    this.#context.outgoing.send(sender, { kind: "confirmed", message, user: by, device: from });
  }

  #absent(connection: ConnectionId, { user, device }: Address): void {
    this.#context.presences.tellFirst(connection, user);
    this.#context.outgoing.send(connection, { kind: "absent", user, device });
  }

  #tellIfLow(connection: ConnectionId, { standing }: ServerConnection, oneTimePrekeys: number): void {
    if (oneTimePrekeys >= ONE_TIME_PREKEYS_LOW) return;
    if (standing?.tellOfPrekeys(this.#context.env.nowMs()) !== true) return;
    this.#context.outgoing.send(connection, { kind: "prekeysLow", oneTimePrekeys });
  }
}
