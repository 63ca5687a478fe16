/**
 * A client from the open transport to the proof of its password: channel, puzzle, OPAQUE (PROTOCOL §4, §6). The proof is the
 * last record under the channel's first keys; what follows is under those of the login.
 */
import type { HandshakeEvent } from "../channel/handshake.ts";
import { type InitiatorState, startInitiator, stepInitiator, wipeInitiator } from "../channel/initiator.ts";
import type { Channel } from "../channel/record.ts";
import type { Job } from "../crypto/provider.ts";
import type { Env } from "../env.ts";
import { CodedError } from "../errors.ts";
import { type LoginContext, proveLogin, receiveLogin, startLogin } from "../kdc/login.ts";
import type { Puzzle } from "../kdc/puzzle.ts";
import type { UserName } from "../name.ts";
import type { ClientLoginState, ClientLoginStretching } from "../opaque/login.ts";
import { type Secret, wipe } from "../secret.ts";
import { type ClientMessage, clientFrames, type ServerMessage } from "../wire/messages.ts";

export interface LoginConfig {
  /** The realm id: 32 bytes. */
  readonly realm: Uint8Array;
  /** The server's static key: 32 bytes. */
  readonly serverPublicKey: Uint8Array;
  readonly user: UserName;
  /** NFKC, UTF-8; taken over and wiped as soon as the login no longer needs it. */
  readonly password: Secret;
}

export type LoginEffect =
  | { readonly kind: "transmit"; readonly bytes: Uint8Array }
  | { readonly kind: "compute"; readonly job: Job }
  /** The server is busy and asks for work: search a nonce, in pieces that leave time for the user, and say `solved`. */
  | { readonly kind: "solve"; readonly puzzle: Puzzle }
  /** The server has answered, and the password is being stretched: it takes a moment. */
  | { readonly kind: "stretching" };

/** What the login has led to: all three are the caller's. */
export interface ProvedLogin {
  readonly channel: Channel;
  readonly sessionKey: Secret;
  readonly exportKey: Secret;
}

type Phase =
  | { readonly phase: "start" }
  | {
      readonly phase: "handshake";
      readonly state: InitiatorState;
      /** A record that came before its channel was computed: a server that has to end at once says so. */
      readonly early: Uint8Array | null;
    }
  | {
      readonly phase: "awaitLogin";
      readonly channel: Channel;
      readonly login: ClientLoginState;
      /** One puzzle is all that a server may ask for. */
      readonly puzzle: "none" | "asked" | "solved";
    }
  | { readonly phase: "stretching"; readonly channel: Channel; readonly login: ClientLoginStretching }
  /** Proved, and taken over by whoever asked. */
  | { readonly phase: "over" };

export class ClientLogin implements Disposable {
  readonly #env: Env;
  readonly #config: LoginConfig;
  #phase: Phase = { phase: "start" };
  #effects: LoginEffect[] = [];
  #early: Uint8Array | null = null;

  constructor(env: Env, config: LoginConfig) {
    this.#env = env;
    this.#config = config;
  }

  /** The channel, once there is one; lent. */
  get channel(): Channel | null {
    return this.#phase.phase === "awaitLogin" || this.#phase.phase === "stretching" ? this.#phase.channel : null;
  }

  /** The server can seal its reasons, and whatever else ends the connection is nobody's word. */
  get sealed(): boolean {
    return this.#phase.phase === "awaitLogin";
  }

  connected(): void {
    if (this.#phase.phase !== "start") throw new Error("client: connected twice");
    const { next, effects } = startInitiator(this.#config.serverPublicKey);
    this.#phase = { phase: "handshake", state: next, early: null };
    this.#effects.push(...effects);
  }

  /** Bytes while there is no channel. @throws what the handshake refuses them with */
  frame(bytes: Uint8Array): void {
    if (this.#phase.phase !== "handshake") throw new CodedError("state.unexpected");
    const { state, early } = this.#phase;
    if (state.phase === "opening" && early === null) this.#phase = { ...this.#phase, early: bytes.slice() };
    else this.#shake(state, early, { kind: "frame", bytes });
  }

  /** @throws state.unexpected, auth.rejected, wire.malformed */
  message(message: ServerMessage): void {
    if (this.#phase.phase !== "awaitLogin") throw new CodedError("state.unexpected");
    const { channel, login, puzzle } = this.#phase;
    if (message.kind === "puzzle" && puzzle === "none") {
      const { handshakeHash } = channel;
      this.#phase = { ...this.#phase, puzzle: "asked" };
      this.#effects.push({ kind: "solve", puzzle: { handshakeHash, bits: message.bits } });
    } else if (message.kind === "loginResponse" && puzzle !== "asked") {
      const { state, job } = receiveLogin(login, message.ke2);
      this.#phase = { phase: "stretching", channel, login: state };
      wipe(login);
      this.#effects.push({ kind: "stretching" }, { kind: "compute", job });
    } else {
      throw new CodedError("state.unexpected");
    }
  }

  solved(nonce: Uint8Array): void {
    if (this.#phase.phase !== "awaitLogin" || this.#phase.puzzle !== "asked") throw new Error("client: no puzzle");
    this.#phase = { ...this.#phase, puzzle: "solved" };
    this.#transmit(this.#phase.channel, { kind: "solution", nonce });
  }

  /** The result of a job; what it leads to when the password has been proved. @throws auth.rejected and what it failed with */
  computed(event: Extract<HandshakeEvent, { kind: "computed" | "failed" }>): ProvedLogin | null {
    if (this.#phase.phase === "handshake") {
      this.#shake(this.#phase.state, this.#phase.early, event);
      return null;
    }
    if (event.kind === "failed") throw event.error;
    if (this.#phase.phase !== "stretching" || event.result.op !== "stretch")
      throw new Error("client: a job nobody asked for");
    using stretched = event.result.output;
    const { channel, login } = this.#phase;
    const { ke3, sessionKey, exportKey } = proveLogin(this.#env, login, this.#context(channel), stretched);
    wipe(login);
    this.#transmit(channel, { kind: "loginFinish", ke3 });
    channel.switchKeys(sessionKey);
    this.#phase = { phase: "over" };
    return { channel, sessionKey, exportKey };
  }

  /** What there is to do since the last time. */
  takeEffects(): readonly LoginEffect[] {
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  /** A record that came before the channel was ready for it. */
  takeEarly(): Uint8Array | null {
    const early = this.#early;
    this.#early = null;
    return early;
  }

  [Symbol.dispose](): void {
    wipe(this.#config.password);
    if (this.#phase.phase === "handshake") wipeInitiator(this.#phase.state);
    if (this.#phase.phase === "awaitLogin" || this.#phase.phase === "stretching") {
      wipe(this.#phase.login, this.#phase.channel);
    }
    this.#phase = { phase: "over" };
  }

  #shake(state: InitiatorState, early: Uint8Array | null, event: HandshakeEvent): void {
    const { next, effects, spent } = stepInitiator(state, event, this.#env);
    this.#effects.push(...effects);
    wipe(...spent);
    this.#phase = { phase: "handshake", state: next, early };
    if (next.phase !== "open") return;
    const { channel } = next;
    using password = this.#config.password;
    const { ke1, state: login } = startLogin(this.#env, this.#context(channel), password);
    this.#phase = { phase: "awaitLogin", channel, login, puzzle: "none" };
    this.#transmit(channel, { kind: "loginStart", user: this.#config.user, ke1 });
    this.#early = early;
  }

  #context(channel: Channel): LoginContext {
    const { user, realm } = this.#config;
    return { user, realm, handshakeHash: channel.handshakeHash, purpose: "login" };
  }

  #transmit(channel: Channel, message: ClientMessage): void {
    this.#effects.push({ kind: "transmit", bytes: channel.sealPadded(clientFrames.encode(message)) });
  }
}
