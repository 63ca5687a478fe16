/** The server of a simulated world: one machine after the other, over one store, and what it asks of its driver. */
import type { Env } from "../../core/env.ts";
import type { Verdict } from "../../core/kdc/guessing.ts";
import type { ServerKeys, Users } from "../../core/kdc/realm.ts";
import type { ConnectionId } from "../../core/peer/online.ts";
import { Server } from "../../core/peer/server.ts";
import type { PeerEffect, ServerEffect, ServerEvent, StoreEffect } from "../../core/peer/serverEvents.ts";
import type { Ahead } from "./ahead.ts";
import { answerOf, storedOf } from "./answers.ts";
import type { Jobs } from "./jobs.ts";
import type { Member } from "./member.ts";
import { MemoryStore } from "./memoryStore.ts";
import type { SecretWatch } from "./secretWatch.ts";
import type { Seeded } from "./seeded.ts";
import type { Tap } from "./tap.ts";

/** A server may be woken this much later than it wanted: time enough for whole conversations. */
const LATE_MS = 3000;

export interface WorldServerParts {
  readonly env: Env;
  readonly keys: ServerKeys;
  readonly devicesPerUser: number;
  readonly choice: Seeded;
  readonly watch: SecretWatch;
  readonly tap: Tap;
  readonly jobs: Jobs<Member>;
  readonly ahead: Ahead;
  readonly memberOf: (connection: ConnectionId) => Member | undefined;
}

export class WorldServer {
  readonly store = new MemoryStore();
  readonly #parts: WorldServerParts;
  /** The one that serves now; those before it still deal with what was theirs. */
  machine: Server;
  /** When the server wants to be woken; a busy one is woken late. */
  #wakeAt: number | null = null;

  constructor(parts: WorldServerParts, users: Users) {
    this.#parts = parts;
    this.machine = this.#newMachine(users);
  }

  /** It stops, and another takes its place. */
  restart(users: Users): void {
    this.handle(this.machine, { kind: "stop" });
    this.machine = this.#newMachine(users);
    this.#wakeAt = null;
  }

  /** Wakes it, if it has asked for that, and not for later than `atMs`. */
  wake(atMs = Number.POSITIVE_INFINITY): boolean {
    if (this.#wakeAt === null || this.#wakeAt > atMs) return false;
    this.#wakeAt = null;
    this.handle(this.machine, { kind: "awake" });
    return true;
  }

  handle(machine: Server, event: ServerEvent): void {
    const { tap, watch, ahead } = this.#parts;
    tap.atServer = true;
    const owner = "connection" in event ? `server ${event.connection}` : "server";
    const effects = watch.as(owner, () => machine.handle(event));
    tap.atServer = false;
    for (const effect of effects) ahead.push(() => this.#run(machine, effect));
    ahead.run();
  }

  #newMachine(users: Users): Server {
    const { env, keys, devicesPerUser } = this.#parts;
    return new Server(env, keys, { users, devicesPerUser });
  }

  #run(machine: Server, effect: ServerEffect): void {
    const { env, choice } = this.#parts;
    if (effect.kind === "wake") this.#wakeAt = env.nowMs() + effect.afterMs + choice.integer(LATE_MS);
    else if (effect.kind === "store") this.#stored(machine, effect);
    else this.#runPeer(effect);
  }

  #stored(machine: Server, effect: StoreEffect): void {
    const answer = storedOf(effect, this.store);
    if (answer !== null) this.handle(machine, answer);
  }

  #runPeer(effect: PeerEffect): void {
    const { memberOf, tap, jobs, watch } = this.#parts;
    const member = memberOf(effect.connection);
    if (member === undefined) throw new Error("an effect for nobody");
    switch (effect.kind) {
      case "transmit":
        tap.wire(effect.bytes);
        member.toClient.push(effect.bytes);
        break;
      case "compute":
        jobs.begin(member, "server", effect.job);
        break;
      case "attempt":
      case "proved":
        this.handle(member.server, answerOf(effect, this.#verdict(effect)) as ServerEvent);
        break;
      case "close":
        member.toClient.push(effect.closeCode);
        break;
      case "ended":
        watch.expectWiped(`server ${effect.connection}`);
        break;
      default:
    }
  }

  /** Now and then a server is busy. */
  #verdict(effect: PeerEffect): Verdict {
    const { choice } = this.#parts;
    const busy = effect.kind === "attempt" && !effect.solved && choice.once(4);
    return busy ? { kind: "puzzle", bits: 1 + choice.integer(6) } : { kind: "serve" };
  }
}
