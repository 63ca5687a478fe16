/**
 * Changes of passwords as the server carries them out (PROTOCOL §6.7): the guess at the old password is judged and counted
 * like a login; then the account key's wrap for the next epoch is saved, and after it the record of that epoch. Whatever
 * happens in between, either the old password or the new one opens the account: wraps of earlier epochs go at the first login
 * with the new one.
 *
 * One user's password is saved once at a time, also when the connection that asked has gone: of two that are saved together
 * the wrap of one and the record of the other could remain.
 */
import { EMPTY } from "../bytes.ts";
import { equalBytes } from "../crypto/compare.ts";
import { CodedError, ERRORS, type ErrorCode } from "../errors.ts";
import type { Verdict } from "../kdc/guessing.ts";
import type { Users } from "../kdc/realm.ts";
import type { UserName } from "../name.ts";
import type { ClientMessage } from "../wire/messages.ts";
import type { ConnectionId } from "./online.ts";
import type { ServerContext } from "./serverContext.ts";
import type { Standing } from "./standing.ts";

/** What asks for another password. */
export type PasswordMessage = Extract<ClientMessage, { kind: "passwordStart" | "passwordFinish" }>;
type PasswordFinish = Extract<ClientMessage, { kind: "passwordFinish" }>;

/** Whose password is being saved for which connection, and the number under which the answer comes. */
interface Saving {
  readonly connection: ConnectionId;
  readonly id: number;
}

export class PasswordChanges {
  readonly #context: ServerContext;
  readonly #saving = new Map<UserName, Saving>();

  constructor(context: ServerContext) {
    this.#context = context;
  }

  /** @throws state.unexpected, wire.malformed */
  serve(connection: ConnectionId, standing: Standing, message: PasswordMessage): void {
    if (message.kind === "passwordFinish") {
      this.#finish(connection, standing, message);
      return;
    }
    standing.changePassword().start(message);
    this.#context.effect({ kind: "attempt", connection, user: standing.user, registered: true, solved: true });
  }

  /** May the old password be guessed? @throws wire.malformed */
  judged(connection: ConnectionId, standing: Standing, verdict: Verdict): void {
    if (verdict.kind === "wait") this.#refuse(connection, standing, "auth.tooManyAttempts", verdict.seconds);
    else this.#context.outgoing.send(connection, standing.changePassword().answer(standing.registered));
  }

  /** The wrap is saved: next is the record. False for wraps that are not of a change of the password. */
  stored(connection: ConnectionId, id: number): boolean {
    const user = this.#userOf({ connection, id });
    if (user === null) return false;
    this.#saving.delete(user);
    const standing = this.#context.connections.get(connection)?.standing;
    if (standing != null) this.#setRecord(connection, standing);
    return true;
  }

  /**
   * The record is saved, or is not (`users` is null). With it the connection goes on: to be said before `users` are taken
   * in, which ends all others of the user.
   */
  set(connection: ConnectionId, id: number, users: Users | null): void {
    const user = this.#userOf({ connection, id });
    if (user !== null) this.#saving.delete(user);
    const standing = this.#context.connections.get(connection)?.standing;
    const record = standing?.password?.saving;
    if (standing == null || record == null) return;
    const now = users?.get(standing.user);
    if (now === undefined || !equalBytes(now.record, record) || !standing.takeIn(now)) {
      this.#refuse(connection, standing, "server.fault");
      return;
    }
    standing.password?.end();
    this.#context.outgoing.send(connection, { kind: "passwordResult", reason: 0, waitSeconds: 0 });
  }

  /** What was to be saved for this connection has failed: no answer will come. */
  failed(connection: ConnectionId): void {
    for (const [user, saving] of this.#saving) if (saving.connection === connection) this.#saving.delete(user);
  }

  #finish(connection: ConnectionId, standing: Standing, message: PasswordFinish): void {
    const { user, registered, account } = standing;
    const { accountWrap } = message;
    const identityKey = account?.identityKey ?? null;
    if (accountWrap.length > 0 && identityKey === null)
      throw new CodedError("state.unexpected", "a wrap of no account");
    if (!standing.changePassword().prove(message)) {
      this.#refuse(connection, standing, "auth.rejected");
      return;
    }
    this.#context.effect({ kind: "proved", connection, user });
    if (this.#saving.has(user)) {
      this.#refuse(connection, standing, "server.fault");
      return;
    }
    if (accountWrap.length === 0 || identityKey === null) {
      this.#setRecord(connection, standing);
      return;
    }
    const wraps = { identityKey, accountWrap, recoveryWrap: EMPTY };
    const id = this.#context.errands.ask(connection, { op: "putWraps", user, epoch: registered.epoch + 1, ...wraps });
    this.#saving.set(user, { connection, id });
  }

  #setRecord(connection: ConnectionId, { user, registered, password }: Standing): void {
    const record = password?.saving;
    if (record == null) throw new Error("password: no record is to be saved");
    const id = this.#context.errands.newId();
    this.#saving.set(user, { connection, id });
    this.#context.effect({ kind: "setPassword", connection, id, user, epoch: registered.epoch + 1, record });
  }

  #refuse(connection: ConnectionId, { password }: Standing, code: ErrorCode, waitSeconds = 0): void {
    password?.end();
    this.#context.outgoing.send(connection, { kind: "passwordResult", reason: ERRORS[code].wire, waitSeconds });
  }

  #userOf({ connection, id }: Saving): UserName | null {
    for (const [user, saving] of this.#saving) if (saving.id === id && saving.connection === connection) return user;
    return null;
  }
}
