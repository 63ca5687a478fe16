/**
 * Tells every session who is there (PROTOCOL §9.1). The first change after a quiet time is told at once; further ones are
 * collected while a timer runs, and told together in their last state when it is over: a crowd that logs in costs each
 * session a record now and then, not one for every login. Whoever is told anything else of a user hears of that change
 * first.
 */
import type { UserName } from "../name.ts";
import type { ServerMessage } from "../wire/messages.ts";
import type { ConnectionId, Online } from "./online.ts";
import type { Outgoing } from "./outgoing.ts";

export interface Audience {
  readonly online: Online;
  readonly outgoing: Outgoing;
  /** As registered. */
  readonly nameOf: (user: UserName) => string;
}

export class Presences {
  readonly #audience: Audience;
  /** Users whose change is not told yet, each with the sessions that have heard of it all the same. */
  readonly #untold = new Map<UserName, Set<ConnectionId>>();
  #timer: "none" | "due" | "runs" = "none";

  constructor(audience: Audience) {
    this.#audience = audience;
  }

  /** The whole roster of `users`, for a session that begins. */
  tellAll(connection: ConnectionId, users: Iterable<UserName>): void {
    for (const user of users) this.#audience.outgoing.send(connection, this.#stateOf(user));
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
    this.#audience.outgoing.send(connection, this.#stateOf(user));
  }

  /** There is no such user any more. */
  unregistered(user: UserName): void {
    const { online, outgoing } = this.#audience;
    this.#untold.delete(user);
    outgoing.broadcast(online.connections(), { kind: "unregistered", user });
  }

  /** The timer is over: everybody hears what has been collected. */
  tellRest(): void {
    this.#timer = "none";
    for (const [user, heard] of this.#untold) this.#tell(user, heard);
    this.#untold.clear();
  }

  /** Whether the timer is to be started now; true once. */
  startsTimer(): boolean {
    const due = this.#timer === "due";
    if (due) this.#timer = "runs";
    return due;
  }

  #tell(user: UserName, heard: ReadonlySet<ConnectionId>): void {
    const { online, outgoing } = this.#audience;
    if (online.devices === 0) return; // nobody to tell: it is still quiet
    outgoing.broadcast(online.connections(), this.#stateOf(user), heard);
    this.#timer = "due";
  }

  #stateOf(user: UserName): ServerMessage {
    const { online, nameOf } = this.#audience;
    return { kind: "presence", name: nameOf(user), devices: online.devicesOf(user) };
  }
}
