/**
 * A change of the password on one connection, as the server takes part in it (PROTOCOL §6.7): the old password is proved as
 * in a login, in a context of its own, and the new one is registered. Not its concern: whether the guess may be made, and
 * how record and wraps are saved.
 */
import type { Env } from "../env.ts";
import { CodedError } from "../errors.ts";
import { acceptLogin, answerLogin, opaqueConfig } from "../kdc/login.ts";
import type { RegisteredUser, ServerKeys } from "../kdc/realm.ts";
import { answerRegistration } from "../kdc/register.ts";
import type { UserName } from "../name.ts";
import type { ServerLoginState } from "../opaque/login.ts";
import { parseRecord, type RegistrationRecord } from "../opaque/record.ts";
import { wipe } from "../secret.ts";
import type { ClientMessage, ServerMessage } from "../wire/messages.ts";

type PasswordStart = Extract<ClientMessage, { kind: "passwordStart" }>;
type PasswordFinish = Extract<ClientMessage, { kind: "passwordFinish" }>;
type PasswordResponse = Extract<ServerMessage, { kind: "passwordResponse" }>;

type State =
  | { readonly phase: "none" }
  /** May the old password be guessed? */
  | { readonly phase: "awaitVerdict"; readonly request: PasswordStart }
  | { readonly phase: "awaitProof"; readonly login: ServerLoginState }
  /** The old password was proved; the new one is on its way to the disk. */
  | { readonly phase: "saving"; readonly record: RegistrationRecord };

export class PasswordChange implements Disposable {
  readonly #env: Env;
  readonly #keys: ServerKeys;
  readonly #user: UserName;
  readonly #handshakeHash: Uint8Array;
  #state: State = { phase: "none" };

  /** @param handshakeHash of the channel: 32 bytes */
  constructor(env: Env, keys: ServerKeys, user: UserName, handshakeHash: Uint8Array) {
    this.#env = env;
    this.#keys = keys;
    this.#user = user;
    this.#handshakeHash = handshakeHash;
  }

  /** The record that is being saved; null while there is none. */
  get saving(): RegistrationRecord | null {
    return this.#state.phase === "saving" ? this.#state.record : null;
  }

  /** One more guess at the old password is asked for; one that was not proved is given up. @throws state.unexpected */
  start(request: PasswordStart): void {
    const { phase } = this.#state;
    if (phase === "awaitVerdict" || phase === "saving")
      throw new CodedError("state.unexpected", "a password is changed");
    this.#set({ phase: "awaitVerdict", request });
  }

  /** The guess may be made: the answer to it. @throws wire.malformed */
  answer({ record }: RegisteredUser): PasswordResponse {
    if (this.#state.phase !== "awaitVerdict") throw new Error("password: a verdict that nobody asked for");
    const { ke1, request } = this.#state.request;
    const user = this.#user;
    const context = {
      ...{ user, realm: this.#keys.realm, handshakeHash: this.#handshakeHash },
      purpose: "password",
    } as const;
    const response = answerRegistration(this.#env.crypto, this.#keys.opaque, user, request);
    const { ke2, state } = answerLogin(this.#env, this.#keys.opaque, context, { record, ke1 });
    this.#set({ phase: "awaitProof", login: state });
    return { kind: "passwordResponse", ke2, response };
  }

  /**
   * Whether the old password was proved: then the new record is to be saved.
   * @throws wire.malformed for a record that is none; state.unexpected
   */
  prove({ ke3, record }: PasswordFinish): boolean {
    if (this.#state.phase !== "awaitProof") throw new CodedError("state.unexpected", "no password is changed");
    const parsed = parseRecord(opaqueConfig(this.#env.crypto), record);
    try {
      wipe(acceptLogin(this.#state.login, ke3));
    } catch (error) {
      if (!(error instanceof CodedError) || error.code !== "auth.rejected") throw error;
      this.end();
      return false;
    }
    this.#set({ phase: "saving", record: parsed });
    return true;
  }

  /** It is over, one way or the other. */
  end(): void {
    this.#set({ phase: "none" });
  }

  [Symbol.dispose](): void {
    this.end();
  }

  #set(next: State): void {
    if (this.#state.phase === "awaitProof") wipe(this.#state.login);
    this.#state = next;
  }
}
