import type { UserName } from "../name.ts";
import type { ConnectionId } from "./online.ts";
import type { ServerConnection } from "./serverConnection.ts";
import type { StoreEffect } from "./serverEvents.ts";
import type { StoreRequest } from "./store.ts";

/** What the store was asked for, and for whom. */
export interface Errand {
  readonly connection: ConnectionId;
  /** Of the connection. */
  readonly user: UserName;
  readonly request: StoreRequest;
}

/**
 * What the store has been asked and has not answered. An errand outlives the connection that asked: others have to hear of
 * what has changed.
 */
export class Errands {
  readonly #connections: ReadonlyMap<ConnectionId, ServerConnection>;
  readonly #effect: (effect: StoreEffect) => void;
  readonly #errands = new Map<number, Errand>();
  #lastId = 0;

  constructor(connections: ReadonlyMap<ConnectionId, ServerConnection>, effect: (effect: StoreEffect) => void) {
    this.#connections = connections;
    this.#effect = effect;
  }

  /** Never twice the same. */
  newId(): number {
    this.#lastId += 1;
    return this.#lastId;
  }

  /** Asks the store for a connection whose user has proved the password. */
  ask(connection: ConnectionId, request: StoreRequest): number {
    const standing = this.#connections.get(connection)?.standing;
    if (standing == null) throw new Error("server: nobody asks the store");
    const id = this.newId();
    this.#errands.set(id, { connection, user: standing.user, request });
    standing.asked();
    this.#effect({ kind: "store", connection, id, request });
    return id;
  }

  /** Has the store note something; nobody waits for the answer. */
  note(request: StoreRequest): void {
    this.#effect({ kind: "store", connection: null, id: 0, request });
  }

  /** The errand that is done; null for one that was forgotten. */
  take(id: number): Errand | null {
    const errand = this.#errands.get(id) ?? null;
    this.#errands.delete(id);
    return errand;
  }

  /** What failed is not answered any more. */
  forget(connection: ConnectionId): void {
    for (const [id, errand] of this.#errands) if (errand.connection === connection) this.#errands.delete(id);
  }
}
