/**
 * What the machine asks for and does not wait for: jobs of the provider, requests to the store, new passwords. Each ends in
 * one event, or in a fault of ours that ends its connection. They are begun in the order in which they are asked for.
 */
import type { Env } from "../../core/env.ts";
import { CodedError } from "../../core/errors.ts";
import type { Users } from "../../core/kdc/realm.ts";
import type { UserName } from "../../core/name.ts";
import type { ConnectionId } from "../../core/peer/online.ts";
import type { ServerEffect, ServerEvent } from "../../core/peer/serverEvents.ts";
import type { Store } from "./store/store.ts";

/**
 * Sets the password of a user who is active and has the epoch before `epoch`, and resolves, once that is on the disk, with
 * the users as they are then; with null when the condition does not hold.
 */
export type ChangePassword = (user: UserName, epoch: number, record: Uint8Array) => Promise<Users | null>;

export interface ErrandsOptions {
  readonly env: Env;
  readonly store: Pick<Store, "run">;
  readonly changePassword: ChangePassword;
  readonly dispatch: (event: ServerEvent) => Promise<void> | undefined;
  /** A fault of ours; null when it happened on no connection. */
  readonly fail: (connection: ConnectionId | null, error: unknown) => void;
}

/** The effect of one kind. */
export type EffectOf<K extends ServerEffect["kind"]> = Extract<ServerEffect, { kind: K }>;

export class Errands {
  readonly #options: ErrandsOptions;

  constructor(options: ErrandsOptions) {
    this.#options = options;
  }

  /** A peer may be to blame for what fails: then the machine is told. */
  async compute({ connection, job }: EffectOf<"compute">): Promise<void> {
    const { env, dispatch, fail } = this.#options;
    try {
      const result = await env.crypto.run(job, env.randomBytes);
      await dispatch({ kind: "computed", connection, result });
    } catch (error) {
      if (error instanceof CodedError) await dispatch({ kind: "failed", connection, error });
      else fail(connection, error);
    }
  }

  async store({ connection, id, request }: EffectOf<"store">): Promise<void> {
    const { store, dispatch, fail } = this.#options;
    try {
      const answer = await store.run(request);
      if (connection !== null) await dispatch({ kind: "stored", connection, id, answer });
    } catch (error) {
      fail(connection, error);
    }
  }

  async setPassword({ connection, id, user, epoch, record }: EffectOf<"setPassword">): Promise<void> {
    const { changePassword, dispatch, fail } = this.#options;
    try {
      const users = await changePassword(user, epoch, record);
      await dispatch({ kind: "passwordSet", connection, id, users });
    } catch (error) {
      fail(connection, error);
    }
  }
}
