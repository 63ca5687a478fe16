/**
 * A user who has proved the password, on one connection: what the server knows of the account, what waits for the store, and
 * a change of the password.
 *
 * Until the device is attached one answer of the store is awaited at a time: what is asked for meanwhile is held, because it
 * is judged by the account as it is then.
 */
import { equalBytes } from "../crypto/compare.ts";
import type { Env } from "../env.ts";
import { CodedError } from "../errors.ts";
import { type RegisteredUser, type ServerKeys, stillCounts } from "../kdc/realm.ts";
import { HELD_MESSAGES_MAX, PREKEYS_LOW_MS } from "../limits.ts";
import type { UserName } from "../name.ts";
import { wipe } from "../secret.ts";
import type { ClientMessage, ServerMessage } from "../wire/messages.ts";
import type { KnownAccount } from "./knownAccount.ts";
import { PasswordChange } from "./passwordChange.ts";

export interface StandingStart {
  readonly user: UserName;
  /** What the password was proved against. */
  readonly registered: RegisteredUser;
  /** Of the channel: 32 bytes. */
  readonly handshakeHash: Uint8Array;
}

export class Standing implements Disposable {
  readonly user: UserName;
  /** As the store had it last; null before it has answered. */
  account: KnownAccount | null = null;
  readonly #env: Env;
  readonly #keys: ServerKeys;
  readonly #handshakeHash: Uint8Array;
  #registered: RegisteredUser;
  #password: PasswordChange | null = null;
  #held: ClientMessage[] = [];
  #unheard: Map<string, ServerMessage> | null = null;
  /** Requests to the store that are not answered. */
  #asked = 0;
  #toldOfPrekeysMs = Number.NEGATIVE_INFINITY;

  constructor(env: Env, keys: ServerKeys, start: StandingStart) {
    this.#env = env;
    this.#keys = keys;
    this.#handshakeHash = start.handshakeHash;
    this.user = start.user;
    this.#registered = start.registered;
  }

  /** The user as the connection counts for it. */
  get registered(): RegisteredUser {
    return this.#registered;
  }

  /**
   * Takes in what `users.json` says now; false when the connection does not count any more. It does with the password that
   * is being set on it, which may be read from the file before the change has been answered.
   */
  takeIn(now: RegisteredUser | undefined): boolean {
    const record = this.#password?.saving ?? null;
    const isNext = record !== null && now?.epoch === this.#registered.epoch + 1 && equalBytes(now.record, record);
    if (now?.active !== true || !(isNext || stillCounts(this.#registered, now))) return false;
    this.#registered = now;
    return true;
  }

  /** The change of the password on this connection, if one was begun. */
  get password(): PasswordChange | null {
    return this.#password;
  }

  /** The same, begun now if need be. */
  changePassword(): PasswordChange {
    this.#password ??= new PasswordChange(this.#env, this.#keys, this.user, this.#handshakeHash);
    return this.#password;
  }

  /** The store has been asked for something. */
  asked(): void {
    this.#asked += 1;
  }

  /** And has answered. */
  answered(): void {
    this.#asked -= 1;
  }

  /**
   * Keeps `message` until the store has answered what it was asked; false when there is nothing to wait for.
   * @throws state.unexpected when too many wait
   */
  hold(message: ClientMessage): boolean {
    if (this.#asked === 0) return false;
    if (this.#held.length === HELD_MESSAGES_MAX)
      throw new CodedError("state.unexpected", "too much waits for the store");
    this.#held.push(message);
    return true;
  }

  /** The oldest message that was held, as soon as nothing is awaited. */
  release(): ClientMessage | undefined {
    return this.#asked === 0 ? this.#held.shift() : undefined;
  }

  /** Keeps what only sessions are told; `topic`: the last of each is enough. */
  keepForSession(topic: string, message: ServerMessage): void {
    this.#unheard ??= new Map();
    this.#unheard.set(topic, message);
  }

  /** What was kept, for the session that begins. */
  takeUnheard(): Iterable<ServerMessage> {
    const unheard = this.#unheard?.values() ?? [];
    this.#unheard = null;
    return unheard;
  }

  /** Whether to tell the device that its prekeys run low: once in `PREKEYS_LOW_MS`. */
  tellOfPrekeys(nowMs: number): boolean {
    const sinceMs = nowMs - this.#toldOfPrekeysMs;
    if (sinceMs >= 0 && sinceMs < PREKEYS_LOW_MS) return false;
    this.#toldOfPrekeysMs = nowMs;
    return true;
  }

  [Symbol.dispose](): void {
    wipe(this.#password);
    this.#held = [];
    this.#unheard = null;
  }
}
