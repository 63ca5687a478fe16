/**
 * The server as one machine: every connection, who is online, and what a session may ask (PROTOCOL §7, §9). Events in,
 * effects out; the caller moves bytes, runs jobs and keeps timers.
 *
 * It is the KDC: it holds a session key for each device until its logout, and forgets a conversation key as soon as it
 * has been issued. Envelopes pass through; nothing of them is kept.
 */

import { wipeResult } from "../crypto/jobs.ts";
import { checkPublicKey } from "../crypto/x25519.ts";
import type { Env } from "../env.ts";
import { CodedError, closeCodeOf, type ErrorCode } from "../errors.ts";
import { type Address, sameAddress } from "../ids.ts";
import { grant } from "../kdc/granting.ts";
import type { Verdict } from "../kdc/guessing.ts";
import { type ServerKeys, stillCounts, type Users } from "../kdc/realm.ts";
import type { Session } from "../kdc/session.ts";
import type { UserName } from "../name.ts";
import { wipe } from "../secret.ts";
import type { ClientMessage, ServerMessage } from "../wire/messages.ts";
import { type ConnectionId, Online } from "./online.ts";
import { Outgoing } from "./outgoing.ts";
import { Presences } from "./presences.ts";
import { type ConnectionEvent, ServerConnection } from "./serverConnection.ts";
import type { ServerEffect, ServerEvent } from "./serverEvents.ts";

/** A session, without its key. */
export interface SessionInfo extends Address {
  readonly connection: ConnectionId;
  /** Since the login: milliseconds since 1970. */
  readonly since: number;
}

const CLOSE_NORMAL = 1000;

export class Server {
  readonly #env: Env;
  readonly #keys: ServerKeys;
  readonly #connections = new Map<ConnectionId, ServerConnection>();
  readonly #online = new Online();
  readonly #outgoing = new Outgoing();
  readonly #presences: Presences;
  #users: Users;
  /** How often one user may be logged in; whoever is there stays when it becomes less. */
  #devicesPerUser: number;
  #effects: ServerEffect[] = [];

  constructor(env: Env, keys: ServerKeys, start: { readonly users: Users; readonly devicesPerUser: number }) {
    this.#env = env;
    this.#keys = keys;
    this.#users = start.users;
    this.#devicesPerUser = start.devicesPerUser;
    const nameOf = (user: UserName) => this.#users.get(user)?.name ?? user;
    this.#presences = new Presences({ online: this.#online, outgoing: this.#outgoing, nameOf });
  }

  get online(): { readonly users: number; readonly devices: number; readonly connections: number } {
    return { users: this.#online.users, devices: this.#online.devices, connections: this.#connections.size };
  }

  /** Whom a session key is held for. */
  sessions(): readonly SessionInfo[] {
    const sessions: SessionInfo[] = [];
    for (const connection of this.#online.connections()) {
      const session = this.#connections.get(connection)?.session;
      if (session == null) continue;
      const { user, device, since } = session;
      sessions.push({ connection, user, device, since });
    }
    return sessions;
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
      case "devicesPerUser":
        this.#devicesPerUser = event.max;
        break;
      case "awake":
        this.#presences.tellRest();
        break;
      case "stop":
        for (const connection of [...this.#connections.keys()]) {
          this.#end(connection, "server.stopping", { silently: true });
        }
        break;
      case "disconnected":
        this.#end(event.connection, null);
        break;
      case "end":
        this.#end(event.connection, event.code);
        break;
      case "verdict":
        this.#judge(event.connection, event.verdict);
        break;
      case "guesses":
        this.#connections.get(event.connection)?.keepReport(event.guesses);
        break;
      default:
        this.#step(event.connection, event);
    }
    this.#flush();
    const afterMs = this.#presences.startTimer();
    if (afterMs !== null) this.#effects.push({ kind: "wake", afterMs });
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  #judge(connection: ConnectionId, verdict: Verdict): void {
    if (verdict.kind !== "wait") this.#step(connection, { kind: "admitted", admission: verdict });
    else this.#end(connection, "auth.tooManyAttempts", { waitSeconds: verdict.seconds });
  }

  #step(connection: ConnectionId, event: ConnectionEvent): void {
    const peer = this.#connections.get(connection);
    if (peer === undefined) {
      if (event.kind === "computed") wipeResult(event.result);
      return;
    }
    try {
      const { effects, requests } = peer.step(event, this.#users);
      for (const effect of effects) this.#effects.push({ ...effect, connection });
      for (const request of requests) this.#serve(connection, peer, request);
      if (event.kind === "frame" && peer.session !== null) {
        this.#effects.push({ kind: "asked", connection, ...askedFor(requests) });
      }
    } catch (error) {
      if (!(error instanceof CodedError)) throw error;
      this.#end(connection, error.code);
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
      case "guessesSeen":
        this.#effects.push({ kind: "guessesSeen", connection });
        break;
      case "loginStart":
      case "loginFinish":
      case "solution":
        throw new CodedError("state.unexpected");
    }
  }

  #attach(connection: ConnectionId, peer: ServerConnection, request: Extract<ClientMessage, { kind: "attach" }>): void {
    const { proved } = peer;
    if (proved === null || peer.session !== null) throw new CodedError("state.unexpected");
    const devices = this.#online.devicesOf(proved.user);
    if (devices.length >= this.#devicesPerUser) throw new CodedError("auth.tooManyDevices");
    if (devices.includes(request.device)) throw new CodedError("auth.device");
    checkTicketKey(request.ticketKey);
    const { device, ticketKey } = request;
    const session = peer.attach({ device, ticketKey, since: this.#env.nowMs() });
    this.#online.add(session, connection);
    this.#presences.tellAll(connection, this.#users.keys());
    const { report } = proved;
    if (report !== null && report.prefixes.length > 0) this.#send(connection, { kind: "guesses", ...report });
    this.#send(connection, { kind: "attached", name: proved.registered.name });
    this.#presences.changed(session.user, connection);
    this.#effects.push({ kind: "attached", connection, device: addressOf(session) });
  }

  #grant(connection: ConnectionId, asker: Session, peer: Address): void {
    const { user, device } = peer;
    this.#presences.tellFirst(connection, user);
    const to = this.#online.connectionOf(peer);
    const session = to === null ? null : this.#connections.get(to)?.session;
    if (session == null || sameAddress(peer, asker)) {
      this.#send(connection, { kind: "absent", user, device });
      return;
    }
    const { conversation, key, ticket } = grant(this.#env, this.#keys.staticKey, asker, session);
    this.#outgoing.sendKey(connection, { kind: "grant", user, device, conversation, key, ticket });
    wipe(key);
  }

  #route(connection: ConnectionId, sender: Session, request: Extract<ClientMessage, { kind: "send" }>): void {
    const { message, user, device, envelope } = request;
    const to = sameAddress(request, sender) ? null : this.#online.connectionOf(request);
    // Devices that the sender has not heard of get the message too, as long as it is not confirmed.
    this.#presences.tellFirst(connection, user);
    this.#presences.tellFirst(connection, sender.user);
    if (to === null) {
      this.#send(connection, { kind: "bounced", message, user, device });
      return;
    }
    const from = { user: sender.user, device: sender.device };
    this.#presences.tellFirst(to, sender.user);
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
    for (const user of before.keys()) if (!users.has(user)) this.#presences.unregistered(user);
    for (const [user, { name }] of users) if (before.get(user)?.name !== name) this.#presences.changed(user);
  }

  #send(connection: ConnectionId, message: ServerMessage): void {
    this.#outgoing.send(connection, message);
  }

  #flush(): void {
    this.#outgoing.flush((connection, frames) => {
      for (const bytes of this.#connections.get(connection)?.seal(frames) ?? []) {
        this.#effects.push({ kind: "transmit", connection, bytes });
      }
    });
  }

  /**
   * Ends one connection and wipes what it held. The others hear that the device has gone, unless they go too
   * (`silently`).
   */
  #end(connection: ConnectionId, code: ErrorCode | null, { waitSeconds = 0, silently = false } = {}): void {
    const peer = this.#connections.get(connection);
    if (peer === undefined) return;
    const { session, attempted } = peer;
    this.#flush();
    const { goodbye } = peer.end(code, waitSeconds);
    this.#connections.delete(connection);
    if (goodbye !== null) this.#effects.push({ kind: "transmit", connection, bytes: goodbye });
    const device = session === null ? null : addressOf(session);
    this.#effects.push({ kind: "close", connection, closeCode: closeCode(code, goodbye !== null) });
    this.#effects.push({ kind: "ended", connection, device, attempted, code });
    if (session === null) return;
    this.#online.remove(session);
    if (!silently && this.#users.has(session.user)) this.#presences.changed(session.user);
  }
}

/** The close code says no more than the network may know: a reason is in the channel, once there is one. */
function closeCode(code: ErrorCode | null, sealed: boolean): number {
  if (code === "server.stopping") return closeCodeOf(code);
  return code === null || sealed ? CLOSE_NORMAL : closeCodeOf(code);
}

/** A record of padding asks for nothing, and is work too. */
function askedFor(requests: readonly ClientMessage[]): { readonly frames: number; readonly tickets: number } {
  const tickets = requests.filter(({ kind }) => kind === "ticketRequest").length;
  return { frames: Math.max(requests.length, 1), tickets };
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
