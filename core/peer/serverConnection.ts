/**
 * One connection as the server sees it, from the first byte to the session (PROTOCOL §4, §6). It owns the channel, the
 * login, what is known of a user who has proved the password, and the session key. What is asked for once that is proved is
 * handed up: the server, which knows the others and the store, answers.
 */
import type { HandshakeEvent } from "../channel/handshake.ts";
import type { Channel } from "../channel/record.ts";
import { type ResponderState, stepResponder, wipeResponder } from "../channel/responder.ts";
import type { Job } from "../crypto/provider.ts";
import type { Env } from "../env.ts";
import { CodedError, ERRORS, type ErrorCode } from "../errors.ts";
import type { DeviceId } from "../ids.ts";
import type { Admission, GuessReport } from "../kdc/guessing.ts";
import { acceptLogin, answerLogin } from "../kdc/login.ts";
import { solves } from "../kdc/puzzle.ts";
import { type RegisteredUser, type ServerKeys, stillCounts, type Users } from "../kdc/realm.ts";
import type { Session } from "../kdc/session.ts";
import type { UserName } from "../name.ts";
import type { ServerLoginState } from "../opaque/login.ts";
import { type Secret, wipe } from "../secret.ts";
import { type ClientMessage, clientFrames, type ServerMessage, serverFrames } from "../wire/messages.ts";
import { deviceOf } from "./knownAccount.ts";
import { Standing } from "./standing.ts";

/** A login that was begun: for whom, if it is a registered user; anything else may be a mistyped password. */
export interface Attempt {
  readonly user?: UserName;
}

/** What a `loginStart` asked for, until it is answered. */
interface LoginRequest {
  readonly user: UserName;
  readonly ke1: Uint8Array;
  /** The user that it began with, locked or not: it counts only while that has not changed. */
  readonly registered: RegisteredUser | null;
}

type Phase =
  | { readonly phase: "handshake"; readonly state: ResponderState }
  | { readonly phase: "awaitLogin"; readonly channel: Channel }
  /** The driver is asked whether the login may go on. */
  | { readonly phase: "awaitVerdict"; readonly channel: Channel; readonly request: LoginRequest }
  | {
      readonly phase: "awaitSolution";
      readonly channel: Channel;
      readonly request: LoginRequest;
      readonly bits: number;
    }
  | {
      readonly phase: "awaitProof";
      readonly channel: Channel;
      readonly login: ServerLoginState;
      readonly request: LoginRequest;
    }
  | {
      readonly phase: "awaitAttach";
      readonly channel: Channel;
      readonly standing: Standing;
      readonly key: Secret;
      readonly report: GuessReport | null;
    }
  | {
      readonly phase: "session";
      readonly channel: Channel;
      readonly standing: Standing;
      readonly session: Session;
    }
  | { readonly phase: "ended" };

export type ConnectionEffect =
  | { readonly kind: "transmit"; readonly bytes: Uint8Array }
  | { readonly kind: "compute"; readonly job: Job }
  /** The handshake is done. */
  | { readonly kind: "channel" }
  /**
   * A login of this name has begun, known or not, or a change of the password: may it go on? To be answered with a
   * `verdict` before the next frame of this connection is handed over. Whoever is let on has made a guess. `solved`: a
   * puzzle has been, and one is enough.
   */
  | { readonly kind: "attempt"; readonly user: UserName; readonly registered: boolean; readonly solved: boolean }
  /** The guess was the password. To be answered with `guesses`, likewise. */
  | { readonly kind: "proved"; readonly user: UserName };

export type ConnectionEvent = HandshakeEvent | { readonly kind: "admitted"; readonly admission: Admission };

/** Effects to run, then what the session asks. */
export interface ConnectionStep {
  readonly effects: readonly ConnectionEffect[];
  readonly requests: readonly ClientMessage[];
}

export class ServerConnection {
  readonly #env: Env;
  readonly #keys: ServerKeys;
  #phase: Phase;

  constructor(env: Env, keys: ServerKeys) {
    this.#env = env;
    this.#keys = keys;
    this.#phase = { phase: "handshake", state: { phase: "awaitHello", key: keys.staticKey } };
  }

  get session(): Session | null {
    return this.#phase.phase === "session" ? this.#phase.session : null;
  }

  /** The login whose proof is awaited, or that was not let on. */
  get attempted(): Attempt | null {
    if (this.#phase.phase !== "awaitVerdict" && this.#phase.phase !== "awaitProof") return null;
    const { registered, user } = this.#phase.request;
    return registered === null ? {} : { user };
  }

  /** The user who has proved the password; lent. */
  get standing(): Standing | null {
    return this.#phase.phase === "awaitAttach" || this.#phase.phase === "session" ? this.#phase.standing : null;
  }

  /** What the user has to be told when the device is attached. */
  get report(): GuessReport | null {
    return this.#phase.phase === "awaitAttach" ? this.#phase.report : null;
  }

  /** What the user is told once the device is attached. */
  keepReport(report: GuessReport): void {
    if (this.#phase.phase === "awaitAttach") this.#phase = { ...this.#phase, report };
  }

  /** @throws every code that a peer can be blamed for: the connection is then to be ended with it */
  step(event: ConnectionEvent, users: Users): ConnectionStep {
    if (event.kind === "admitted") return { effects: this.#admitted(event.admission), requests: [] };
    if (this.#phase.phase === "handshake") return { effects: this.#shake(this.#phase.state, event), requests: [] };
    if (event.kind !== "frame" || this.#phase.phase === "ended") throw new CodedError("state.unexpected");
    const plaintext = this.#phase.channel.open(event.bytes);
    const effects: ConnectionEffect[] = [];
    const requests: ClientMessage[] = [];
    const messages = clientFrames.decode(plaintext);
    // A session may send padding alone; a login has nothing to say with it.
    if (messages.length === 0 && !this.#isProved) throw new CodedError("state.unexpected", "an empty login record");
    for (const message of messages) {
      if (this.#isProved) {
        requests.push(message);
        continue;
      }
      // A login record holds one frame: what follows it would be under the next keys.
      if (messages.length > 1) throw new CodedError("state.unexpected", "a login record with company");
      effects.push(...this.#login(message, users));
    }
    return { effects, requests };
  }

  /**
   * Completes the login: a device on the list of the user who has proved the password.
   * @throws auth.removed when it is not on the list; state.unexpected
   */
  attach(device: DeviceId, since: number): Session {
    if (this.#phase.phase !== "awaitAttach") throw new CodedError("state.unexpected");
    const { channel, standing, key } = this.#phase;
    const { user } = standing;
    const session: Session = { user, device, key, since, ...listed(standing, device) };
    this.#phase = { phase: "session", channel, standing, session };
    return session;
  }

  /** The account has changed: so does the session. @throws auth.removed when its device is not on the list any more */
  refresh(): void {
    if (this.#phase.phase !== "session") return;
    const { standing, session } = this.#phase;
    this.#phase = { ...this.#phase, session: { ...session, ...listed(standing, session.device) } };
  }

  /** Seals frames for whoever has proved the password; nothing for others. */
  seal(frames: readonly Uint8Array[]): readonly Uint8Array[] {
    if (this.#phase.phase !== "awaitAttach" && this.#phase.phase !== "session") return [];
    return this.#phase.channel.sealPacked(frames);
  }

  /**
   * Ends the connection and wipes all that it held. The reason is sealed, and padded, when there is a channel whose keys
   * both sides have; else (and while a proof is awaited, as the client may have changed its keys) it is for the close
   * code. `waitSeconds`: when another try makes sense, if that is known.
   */
  end(code: ErrorCode | null, waitSeconds = 0): { readonly goodbye: Uint8Array | null } {
    const phase = this.#phase;
    this.#phase = { phase: "ended" };
    if (phase.phase === "ended") return { goodbye: null };
    if (phase.phase === "handshake") {
      wipeResponder(phase.state);
      return { goodbye: null };
    }
    const unheard = code === null || phase.phase === "awaitProof";
    const goodbye = unheard
      ? null
      : sealPadded(phase.channel, { kind: "goodbye", reason: ERRORS[code].wire, waitSeconds });
    wipe(phase.channel);
    if (phase.phase === "awaitProof") wipe(phase.login);
    if (phase.phase === "awaitAttach") wipe(phase.key, phase.standing);
    if (phase.phase === "session") wipe(phase.session.key, phase.standing);
    return { goodbye };
  }

  get #isProved(): boolean {
    return this.standing !== null;
  }

  #shake(state: ResponderState, event: HandshakeEvent): readonly ConnectionEffect[] {
    const { next, effects, spent } = stepResponder(state, event, this.#env);
    wipe(...spent);
    if (next.phase !== "open") {
      this.#phase = { phase: "handshake", state: next };
      return effects;
    }
    this.#phase = { phase: "awaitLogin", channel: next.channel };
    return [...effects, { kind: "channel" }];
  }

  #login(message: ClientMessage, users: Users): readonly ConnectionEffect[] {
    const phase = this.#phase;
    if (phase.phase === "awaitLogin" && message.kind === "loginStart") {
      const { user, ke1 } = message;
      return this.#ask(phase.channel, { user, ke1, registered: users.get(user) ?? null }, false);
    }
    if (phase.phase === "awaitSolution" && message.kind === "solution") {
      const puzzle = { handshakeHash: phase.channel.handshakeHash, bits: phase.bits };
      if (!solves(this.#env.crypto, puzzle, message.nonce)) throw new CodedError("channel.puzzle");
      return this.#ask(phase.channel, phase.request, true);
    }
    if (phase.phase === "awaitProof" && message.kind === "loginFinish") {
      const { channel, login, request } = phase;
      const { user, registered } = request;
      const key = acceptLogin(login, message.ke3);
      if (registered === null || !stillCounts(registered, users.get(user))) {
        wipe(key);
        throw new CodedError("auth.rejected", "the record has changed");
      }
      channel.switchKeys(key);
      wipe(login);
      const { handshakeHash } = channel;
      const standing = new Standing(this.#env, this.#keys, { user, registered, handshakeHash });
      this.#phase = { phase: "awaitAttach", channel, standing, key, report: null };
      return [{ kind: "proved", user }];
    }
    throw new CodedError("state.unexpected");
  }

  #ask(channel: Channel, request: LoginRequest, solved: boolean): readonly ConnectionEffect[] {
    this.#phase = { phase: "awaitVerdict", channel, request };
    return [{ kind: "attempt", user: request.user, registered: request.registered !== null, solved }];
  }

  #admitted(admission: Admission): readonly ConnectionEffect[] {
    if (this.#phase.phase !== "awaitVerdict") throw new Error("server: a verdict that nobody asked for");
    const { channel, request } = this.#phase;
    if (admission.kind === "puzzle") {
      const { bits } = admission;
      this.#phase = { phase: "awaitSolution", channel, request, bits };
      return [{ kind: "transmit", bytes: sealPadded(channel, { kind: "puzzle", bits }) }];
    }
    const { user, ke1, registered } = request;
    const { handshakeHash } = channel;
    const context = { user, realm: this.#keys.realm, handshakeHash, purpose: "login" } as const;
    const record = registered?.active === true ? registered.record : null;
    const { ke2, state } = answerLogin(this.#env, this.#keys.opaque, context, { record, ke1 });
    this.#phase = { phase: "awaitProof", channel, login: state, request };
    return [{ kind: "transmit", bytes: sealPadded(channel, { kind: "loginResponse", ke2 }) }];
  }
}

/** What a session has from the list of the user's devices. @throws auth.removed when its device is not on it */
function listed({ account }: Standing, device: DeviceId): Pick<Session, "identityKey" | "ticketKey"> {
  const entry = account === null ? undefined : deviceOf(account, device);
  if (account?.identityKey == null || entry === undefined) throw new CodedError("auth.removed");
  return { identityKey: account.identityKey, ticketKey: entry.ticketKey };
}

function sealPadded(channel: Channel, message: ServerMessage): Uint8Array {
  return channel.sealPadded(serverFrames.encode(message));
}
