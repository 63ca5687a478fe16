/**
 * The server as one machine: every connection, who is online, and what may be asked when (PROTOCOL §7, §8, §10). Events in,
 * effects out; the caller moves bytes, runs jobs, keeps timers and asks the store.
 *
 * It is the KDC: it holds a session key for each device until its logout, and forgets a conversation key as soon as it
 * has been issued. What is asked is answered by accounts.ts, passwordChanges.ts and exchange.ts.
 */
import { wipeResult } from "../crypto/jobs.ts";
import type { Env } from "../env.ts";
import { CodedError, closeCodeOf, type ErrorCode } from "../errors.ts";
import type { Address } from "../ids.ts";
import type { Verdict } from "../kdc/guessing.ts";
import type { ServerKeys, Users } from "../kdc/realm.ts";
import type { Session } from "../kdc/session.ts";
import type { UserName } from "../name.ts";
import type { ClientMessage } from "../wire/messages.ts";
import { Errands } from "./errands.ts";
import { type ConnectionId, Online } from "./online.ts";
import { Outgoing } from "./outgoing.ts";
import { Presences } from "./presences.ts";
import { type ConnectionEvent, ServerConnection } from "./serverConnection.ts";
import type { ServerEffect, ServerEvent } from "./serverEvents.ts";
import { Serving } from "./serving.ts";

/** A session, without its key. */
export interface SessionInfo extends Address {
  readonly connection: ConnectionId;
  /** Since the login: milliseconds since 1970. */
  readonly since: number;
}

const CLOSE_NORMAL = 1000;
/** What costs little: the rest is public-key work, or a write to the disk. */
const CHEAP_KINDS: ReadonlySet<ClientMessage["kind"]> = new Set(["send", "acknowledge", "guessesSeen", "logout"]);

export class Server {
  readonly #env: Env;
  readonly #keys: ServerKeys;
  readonly #connections = new Map<ConnectionId, ServerConnection>();
  readonly #online = new Online();
  readonly #outgoing = new Outgoing();
  readonly #presences: Presences;
  readonly #errands: Errands;
  readonly #serving: Serving;
  #users: Users;
  #effects: ServerEffect[] = [];

  constructor(env: Env, keys: ServerKeys, start: { readonly users: Users; readonly devicesPerUser: number }) {
    this.#env = env;
    this.#keys = keys;
    this.#users = start.users;
    const nameOf = (user: UserName) => this.#users.get(user)?.name ?? user;
    this.#presences = new Presences({ online: this.#online, outgoing: this.#outgoing, nameOf });
    const effect = (asked: ServerEffect) => this.#effects.push(asked);
    this.#errands = new Errands(this.#connections, effect);
    this.#serving = new Serving(
      {
        ...{ env, keys, connections: this.#connections, online: this.#online, outgoing: this.#outgoing, effect },
        ...{ presences: this.#presences, errands: this.#errands },
        nameOf,
        users: () => this.#users.keys(),
        end: (connection, code, silently) => this.#end(connection, code, { silently }),
      },
      start.devicesPerUser,
    );
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
        this.#serving.setDevicesPerUser(event.max);
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
        if (event.code === "server.fault") this.#serving.fault(event.connection);
        this.#end(event.connection, event.code);
        break;
      case "stored":
        this.#blaming(event.connection, () => this.#serving.stored(event.id, event.answer));
        break;
      case "passwordSet":
        this.#serving.passwordSet(event.connection, event.id, event.users);
        if (event.users !== null) this.#setUsers(event.users);
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

  /** The verdict on a login, or on a guess at the old password of a session. */
  #judge(connection: ConnectionId, verdict: Verdict): void {
    const standing = this.#connections.get(connection)?.standing;
    if (standing != null) this.#blaming(connection, () => this.#serving.judged(connection, standing, verdict));
    else if (verdict.kind !== "wait") this.#step(connection, { kind: "admitted", admission: verdict });
    else this.#end(connection, "auth.tooManyAttempts", { waitSeconds: verdict.seconds });
  }

  #step(connection: ConnectionId, event: ConnectionEvent): void {
    const peer = this.#connections.get(connection);
    if (peer === undefined) {
      if (event.kind === "computed") wipeResult(event.result);
      return;
    }
    this.#blaming(connection, () => {
      const { effects, requests } = peer.step(event, this.#users);
      for (const effect of effects) {
        this.#effects.push({ ...effect, connection });
        if (effect.kind === "proved" && peer.standing !== null) this.#serving.begin(connection, peer.standing);
      }
      for (const request of requests) this.#serving.serve(connection, peer, request);
      if (requests.length > 0 || (event.kind === "frame" && peer.session !== null)) {
        this.#effects.push({ kind: "asked", connection, ...askedFor(requests) });
      }
    });
  }

  /** Does `act`; what a peer is to be blamed for ends its connection. */
  #blaming(connection: ConnectionId, act: () => void): void {
    try {
      act();
    } catch (error) {
      if (!(error instanceof CodedError)) throw error;
      this.#end(connection, error.code);
    }
  }

  /** A user who is gone, is locked or has another password is logged out; everybody hears of the others. */
  #setUsers(users: Users): void {
    const before = this.#users;
    this.#users = users;
    for (const [connection, { standing }] of [...this.#connections]) {
      if (standing !== null && !standing.takeIn(users.get(standing.user))) this.#end(connection, "auth.ended");
    }
    for (const user of before.keys()) {
      if (users.has(user)) continue;
      this.#presences.unregistered(user);
      this.#errands.note({ op: "forget", user });
    }
    for (const [user, { name }] of users) if (before.get(user)?.name !== name) this.#presences.changed(user);
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
    this.#errands.note({ op: "seen", ...addressOf(session), atMs: this.#env.nowMs(), logins: null });
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
  const tickets = requests.filter(({ kind }) => !CHEAP_KINDS.has(kind)).length;
  return { frames: Math.max(requests.length, 1), tickets };
}

function addressOf({ user, device }: Session): Address {
  return { user, device };
}
