/**
 * The server as one machine: every connection, who is online, and what a session may ask (PROTOCOL §7, §9). Events in,
 * effects out; the caller moves bytes, runs jobs and keeps timers.
 *
 * It is the KDC: it holds a session key for each device until its logout, and forgets a conversation key as soon as it
 * has been issued. Envelopes pass through; nothing of them is kept.
 */

import { wipeResult } from "../crypto/jobs.ts";
import type { JobResult } from "../crypto/provider.ts";
import { checkPublicKey } from "../crypto/x25519.ts";
import type { Env } from "../env.ts";
import { CodedError, closeCodeOf, type ErrorCode } from "../errors.ts";
import { type Address, sameAddress } from "../ids.ts";
import { grant } from "../kdc/granting.ts";
import { type ServerKeys, stillCounts, type Users } from "../kdc/realm.ts";
import type { Session } from "../kdc/session.ts";
import type { UserName } from "../name.ts";
import { wipe } from "../secret.ts";
import { type ClientMessage, type ServerMessage, serverFrames } from "../wire/messages.ts";
import { type ConnectionId, Online } from "./online.ts";
import { type Attempt, type ConnectionEffect, ServerConnection } from "./serverConnection.ts";

export type ServerEvent =
  | { readonly kind: "connected"; readonly connection: ConnectionId }
  | { readonly kind: "frame"; readonly connection: ConnectionId; readonly bytes: Uint8Array }
  | { readonly kind: "computed"; readonly connection: ConnectionId; readonly result: JobResult }
  | { readonly kind: "failed"; readonly connection: ConnectionId; readonly error: unknown }
  | { readonly kind: "disconnected"; readonly connection: ConnectionId }
  /** Ends a connection: a deadline, or a fault of ours. */
  | { readonly kind: "end"; readonly connection: ConnectionId; readonly code: ErrorCode }
  /** `users.json` has changed. */
  | { readonly kind: "users"; readonly users: Users }
  | { readonly kind: "stop" };

export type ServerEffect =
  | (ConnectionEffect & { readonly connection: ConnectionId })
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

const CLOSE_NORMAL = 1000;

export class Server {
  /** How often one user may be logged in; whoever is there stays when it becomes less. */
  devicesPerUser: number;
  readonly #env: Env;
  readonly #keys: ServerKeys;
  readonly #connections = new Map<ConnectionId, ServerConnection>();
  readonly #online = new Online();
  #users: Users;
  #effects: ServerEffect[] = [];
  /** Frames to each session, sealed together when the event has been dealt with. */
  readonly #outgoing = new Map<ConnectionId, Uint8Array[]>();
  /** Those of them that hold a conversation key: wiped once sealed. */
  readonly #keyFrames: Uint8Array[] = [];

  constructor(env: Env, keys: ServerKeys, start: { readonly users: Users; readonly devicesPerUser: number }) {
    this.#env = env;
    this.#keys = keys;
    this.#users = start.users;
    this.devicesPerUser = start.devicesPerUser;
  }

  get online(): { readonly users: number; readonly devices: number; readonly connections: number } {
    return { users: this.#online.users, devices: this.#online.devices, connections: this.#connections.size };
  }

  /** Deals with one event. A fault of a peer ends its connection; a plain `Error` is ours, and leaves the others be. */
  handle(event: ServerEvent): readonly ServerEffect[] {
    switch (event.kind) {
      case "connected":
        this.#connections.set(event.connection, new ServerConnection(this.#env, this.#keys));
        break;
      case "users":
        this.#setUsers(event.users);
        break;
      case "stop":
        for (const connection of [...this.#connections.keys()]) this.#end(connection, "server.stopping", false);
        break;
      case "disconnected":
        this.#end(event.connection, null);
        break;
      case "end":
        this.#end(event.connection, event.code);
        break;
      default:
        this.#step(event);
    }
    this.#flush();
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  #step(event: Extract<ServerEvent, { kind: "frame" | "computed" | "failed" }>): void {
    const peer = this.#connections.get(event.connection);
    if (peer === undefined) {
      if (event.kind === "computed") wipeResult(event.result);
      return;
    }
    try {
      const { effects, requests } = peer.step(event, this.#users);
      for (const effect of effects) this.#effects.push({ ...effect, connection: event.connection });
      for (const request of requests) this.#serve(event.connection, peer, request);
    } catch (error) {
      if (!(error instanceof CodedError)) throw error;
      this.#end(event.connection, error.code);
    }
  }

  #serve(connection: ConnectionId, peer: ServerConnection, request: ClientMessage): void {
    if (request.kind === "attach") {
      this.#attach(connection, peer, request);
      return;
    }
    const { session } = peer;
    if (session === null) throw new CodedError("state.unexpected");
    switch (request.kind) {
      case "ticketRequest":
        this.#grant(connection, session, request);
        break;
      case "send":
        this.#route(connection, session, request);
        break;
      case "acknowledge": {
        const { message, user, device } = request;
        const sender = this.#online.connectionOf({ user, device });
        const { user: by, device: from } = session;
        if (sender !== null) this.#send(sender, { kind: "confirmed", message, user: by, device: from });
        break;
      }
      case "logout":
        this.#end(connection, null);
        break;
      case "loginStart":
      case "loginFinish":
        throw new CodedError("state.unexpected");
    }
  }

  #attach(connection: ConnectionId, peer: ServerConnection, request: Extract<ClientMessage, { kind: "attach" }>): void {
    const { proved } = peer;
    if (proved === null || peer.session !== null) throw new CodedError("state.unexpected");
    const devices = this.#online.devicesOf(proved.user);
    if (devices.length >= this.devicesPerUser) throw new CodedError("auth.tooManyDevices");
    if (devices.includes(request.device)) throw new CodedError("auth.device");
    checkTicketKey(request.ticketKey);
    const { device, ticketKey } = request;
    const session = peer.attach({ device, ticketKey, since: this.#env.nowMs() });
    this.#online.add(session, connection);
    for (const user of this.#users.keys()) this.#send(connection, this.#presenceOf(user));
    this.#send(connection, { kind: "attached", name: proved.registered.name });
    this.#broadcast(this.#presenceOf(session.user), connection);
    this.#effects.push({ kind: "attached", connection, device: addressOf(session) });
  }

  #grant(connection: ConnectionId, asker: Session, peer: Address): void {
    const { user, device } = peer;
    const to = this.#online.connectionOf(peer);
    const session = to === null ? null : this.#connections.get(to)?.session;
    if (session == null || sameAddress(peer, asker)) {
      this.#send(connection, { kind: "absent", user, device });
      return;
    }
    const { conversation, key, ticket } = grant(this.#env, this.#keys.staticKey, asker, session);
    const frame = serverFrames.encode({ kind: "grant", user, device, conversation, key, ticket });
    wipe(key);
    this.#queue(connection, frame);
    this.#keyFrames.push(frame);
  }

  #route(connection: ConnectionId, sender: Session, request: Extract<ClientMessage, { kind: "send" }>): void {
    const { message, user, device, envelope } = request;
    const to = sameAddress(request, sender) ? null : this.#online.connectionOf(request);
    if (to === null) {
      this.#send(connection, { kind: "bounced", message, user, device });
      return;
    }
    const from = { user: sender.user, device: sender.device };
    this.#send(to, { kind: "delivery", message, ...from, receivedAt: this.#env.nowMs(), envelope });
  }

  /** A user who is gone, is locked or has another password is logged out; everybody hears of the others. */
  #setUsers(users: Users): void {
    const before = this.#users;
    this.#users = users;
    for (const [connection, peer] of [...this.#connections]) {
      if (peer.proved === null) continue;
      const { user, registered } = peer.proved;
      if (!stillCounts(registered, users.get(user))) this.#end(connection, "auth.ended");
    }
    for (const user of before.keys()) if (!users.has(user)) this.#broadcast({ kind: "unregistered", user });
    for (const [user, { name }] of users) {
      if (before.get(user)?.name !== name) this.#broadcast(this.#presenceOf(user));
    }
  }

  #presenceOf(user: UserName): ServerMessage {
    return { kind: "presence", name: this.#users.get(user)?.name ?? user, devices: this.#online.devicesOf(user) };
  }

  #broadcast(message: ServerMessage, except?: ConnectionId): void {
    const frame = serverFrames.encode(message);
    for (const connection of this.#online.connections()) {
      if (connection !== except) this.#queue(connection, frame);
    }
  }

  #send(connection: ConnectionId, message: ServerMessage): void {
    this.#queue(connection, serverFrames.encode(message));
  }

  #queue(connection: ConnectionId, frame: Uint8Array): void {
    const queue = this.#outgoing.get(connection);
    if (queue === undefined) this.#outgoing.set(connection, [frame]);
    else queue.push(frame);
  }

  #flush(): void {
    for (const [connection, frames] of this.#outgoing) {
      for (const bytes of this.#connections.get(connection)?.seal(frames) ?? []) {
        this.#effects.push({ kind: "transmit", connection, bytes });
      }
    }
    this.#outgoing.clear();
    for (const frame of this.#keyFrames.splice(0)) frame.fill(0);
  }

  /** Ends one connection and wipes what it held; the others, unless they go too, hear that the device has gone. */
  #end(connection: ConnectionId, code: ErrorCode | null, tellOthers = true): void {
    const peer = this.#connections.get(connection);
    if (peer === undefined) return;
    const { session, attempted } = peer;
    this.#flush();
    const { goodbye } = peer.end(code);
    this.#connections.delete(connection);
    if (goodbye !== null) this.#effects.push({ kind: "transmit", connection, bytes: goodbye });
    const device = session === null ? null : addressOf(session);
    this.#effects.push({ kind: "close", connection, closeCode: closeCode(code, goodbye !== null) });
    this.#effects.push({ kind: "ended", connection, device, attempted, code });
    if (session === null) return;
    this.#online.remove(session);
    if (tellOthers && this.#users.has(session.user)) this.#broadcast(this.#presenceOf(session.user));
  }
}

/** The close code says no more than the network may know: a reason is in the channel, once there is one. */
function closeCode(code: ErrorCode | null, sealed: boolean): number {
  if (code === "server.stopping") return closeCodeOf(code);
  return code === null || sealed ? CLOSE_NORMAL : closeCodeOf(code);
}

function addressOf({ user, device }: Session): Address {
  return { user, device };
}

/** @throws wire.malformed for a ticket key that no ticket could be sealed to */
function checkTicketKey(ticketKey: Uint8Array): void {
  try {
    checkPublicKey(ticketKey);
  } catch (cause) {
    throw new CodedError("wire.malformed", "ticket key", { cause });
  }
}
