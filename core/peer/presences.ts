/**
 * Tells every session who is there (PROTOCOL §10.1). The first change after a quiet time is told at once; further ones are
 * collected while a timer runs, and told together in their last state when it is over: a crowd that logs in costs each
 * session a record now and then, not one for every login. Whoever is told anything else of a user hears of that change
 * first.
 */
import type { DeviceId } from "../ids.ts";
import { PRESENCE_MS, PRESENCE_SESSIONS_PER_MS } from "../limits.ts";
import type { UserName } from "../name.ts";
import { serverFrames } from "../wire/messages.ts";
import type { ConnectionId, Online } from "./online.ts";
import type { Outgoing } from "./outgoing.ts";

export interface Audience {
  readonly online: Online;
  readonly outgoing: Outgoing;
  /** As registered. */
  readonly nameOf: (user: UserName) => string;
}

/** A state as it was told. */
interface Told {
  readonly name: string;
  readonly devices: readonly DeviceId[];
  readonly frame: Uint8Array;
}

export class Presences {
  readonly #audience: Audience;
  /** Users whose change is not told yet, each with the sessions that have heard of it all the same. */
  readonly #untold = new Map<UserName, Set<ConnectionId>>();
  readonly #frames = new Map<UserName, Told>();
  #timer: "none" | "due" | "runs" = "none";

  constructor(audience: Audience) {
    this.#audience = audience;
  }

  /** The whole roster of `users`, for a session that begins. */
  tellAll(connection: ConnectionId, users: Iterable<UserName>): void {
    for (const user of users) this.#audience.outgoing.queue(connection, this.#frameOf(user));
    for (const heard of this.#untold.values()) heard.add(connection);
  }

  /** A device of `user` has come or gone, or the name is another; `knows` has been told. */
  changed(user: UserName, knows?: ConnectionId): void {
    const heard = new Set(knows === undefined ? [] : [knows]);
    if (this.#timer !== "none") this.#untold.set(user, heard);
    else this.#tell(user, heard);
  }

  /** Tells one session of `user`, if it has yet to hear of a change. */
  tellFirst(connection: ConnectionId, user: UserName): void {
    const heard = this.#untold.get(user);
    if (heard === undefined || heard.has(connection)) return;
    heard.add(connection);
    this.#audience.outgoing.queue(connection, this.#frameOf(user));
  }

  /** There is no such user any more. */
  unregistered(user: UserName): void {
    const { online, outgoing } = this.#audience;
    this.#untold.delete(user);
    this.#frames.delete(user);
    outgoing.broadcast(online.connections(), serverFrames.encode({ kind: "unregistered", user }));
  }

  /** The timer is over: everybody hears what has been collected. */
  tellRest(): void {
    this.#timer = "none";
    for (const [user, heard] of this.#untold) this.#tell(user, heard);
    this.#untold.clear();
  }

  /** How long the timer has to run that is to be started now; null when none is. Not null twice for one timer. */
  startTimer(): number | null {
    if (this.#timer !== "due") return null;
    this.#timer = "runs";
    return Math.max(PRESENCE_MS, Math.ceil(this.#audience.online.devices / PRESENCE_SESSIONS_PER_MS));
  }

  #tell(user: UserName, heard: ReadonlySet<ConnectionId>): void {
    const { online, outgoing } = this.#audience;
    if (online.devices === 0) return; // nobody to tell: it is still quiet
    outgoing.broadcast(online.connections(), this.#frameOf(user), heard);
    this.#timer = "due";
  }

  /** The `presence` of a user, encoded once for all who are told of it. */
  #frameOf(user: UserName): Uint8Array {
    const { online, nameOf } = this.#audience;
    const [name, devices] = [nameOf(user), online.devicesOf(user)];
    const known = this.#frames.get(user);
    if (known?.name === name && known.devices === devices) return known.frame;
    const frame = serverFrames.encode({ kind: "presence", name, devices });
    this.#frames.set(user, { name, devices, frame });
    return frame;
  }
}
