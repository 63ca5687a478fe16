/**
 * The client as one machine: channel, login, session (PROTOCOL §4, §6, §9). Events in, effects out; the caller moves
 * bytes, runs jobs, keeps timers and shows notices. One connection, one login: for another try, another machine.
 *
 * A frame that cannot be right ends the connection with its code; bugs are thrown.
 */

import type { HandshakeEvent } from "../channel/handshake.ts";
import { type InitiatorState, startInitiator, stepInitiator, wipeInitiator } from "../channel/initiator.ts";
import type { Channel } from "../channel/record.ts";
import { wipeResult } from "../crypto/jobs.ts";
import type { Job, JobResult } from "../crypto/provider.ts";
import type { Env } from "../env.ts";
import { CodedError, codeOfWire, type ErrorCode } from "../errors.ts";
import { type MessageId, newDeviceId } from "../ids.ts";
import { type LoginContext, proveLogin, receiveLogin, startLogin } from "../kdc/login.ts";
import type { Puzzle } from "../kdc/puzzle.ts";
import type { UserName } from "../name.ts";
import type { ClientLoginState, ClientLoginStretching } from "../opaque/login.ts";
import { Secret, wipe } from "../secret.ts";
import { wipeMessage } from "../wire/frames.ts";
import { type ClientMessage, clientFrames, type ServerMessage, serverFrames } from "../wire/messages.ts";
import { ClientSession, type Output } from "./clientSession.ts";
import type { Notice } from "./notices.ts";
import type { RosterView } from "./roster.ts";

export interface ClientConfig {
  /** The realm id: 32 bytes. */
  readonly realm: Uint8Array;
  /** The server's static key: 32 bytes. */
  readonly serverPublicKey: Uint8Array;
  readonly user: UserName;
  /** NFKC, UTF-8; taken over and wiped as soon as the login no longer needs it. */
  readonly password: Secret;
}

export type ClientEvent =
  /** The transport is open. */
  | { readonly kind: "connected" }
  | { readonly kind: "frame"; readonly bytes: Uint8Array }
  | { readonly kind: "computed"; readonly result: JobResult }
  | { readonly kind: "failed"; readonly error: unknown }
  /** The nonce that solves the puzzle of a `solve`. */
  | { readonly kind: "solved"; readonly nonce: Uint8Array }
  | { readonly kind: "send"; readonly id: MessageId; readonly to: string; readonly text: string }
  /** The user has been shown the `guesses` notice, and need not be told again. */
  | { readonly kind: "sawGuesses" }
  | { readonly kind: "giveUp"; readonly id: MessageId }
  | { readonly kind: "logout" }
  /** The transport has gone; `code` is what its close code said. */
  | { readonly kind: "disconnected"; readonly code: ErrorCode | null };

export type ClientEffect =
  | { readonly kind: "transmit"; readonly bytes: Uint8Array }
  | { readonly kind: "compute"; readonly job: Job }
  /** The server is busy and asks for work: search a nonce, in pieces that leave time for the user, and say `solved`. */
  | { readonly kind: "solve"; readonly puzzle: Puzzle }
  /** The server has answered, and the password is being stretched: it takes a moment. */
  | { readonly kind: "stretching" }
  | { readonly kind: "notice"; readonly notice: Notice }
  /**
   * It is over and everything is wiped; `code` is null after a logout. Close the transport. `waitSeconds`: when the
   * server said that another try makes sense; 0 when it did not.
   */
  | { readonly kind: "ended"; readonly code: ErrorCode | null; readonly waitSeconds: number };

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
  | { readonly phase: "session"; readonly channel: Channel; readonly session: ClientSession }
  | { readonly phase: "ended" };

const NOBODY: RosterView = new Map();

export class Client {
  readonly #env: Env;
  readonly #config: ClientConfig;
  #phase: Phase = { phase: "start" };
  #effects: ClientEffect[] = [];

  constructor(env: Env, config: ClientConfig) {
    this.#env = env;
    this.#config = config;
  }

  get roster(): RosterView {
    return this.#phase.phase === "session" ? this.#phase.session.roster : NOBODY;
  }

  /** Logged in, and the roster is complete. */
  get attached(): boolean {
    return this.#phase.phase === "session" && this.#phase.session.attached;
  }

  /**
   * Deals with one event. Only a `send` throws: text.tooLong, name.invalid, channel.exhausted; before the login is
   * complete it is a bug, a plain `Error`.
   */
  handle(event: ClientEvent): readonly ClientEffect[] {
    if (this.#phase.phase === "ended") {
      if (event.kind === "computed") wipeResult(event.result);
      return [];
    }
    try {
      this.#step(event);
    } catch (error) {
      if (!(error instanceof CodedError) || event.kind === "send") throw error;
      this.#end(error.code);
    }
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  #step(event: ClientEvent): void {
    switch (event.kind) {
      case "connected":
        this.#connected();
        break;
      case "frame":
        this.#frame(event.bytes);
        break;
      case "computed":
      case "failed":
        this.#computed(event);
        break;
      case "solved":
        this.#solved(event.nonce);
        break;
      case "send":
        this.#run(this.#session().send(event.id, event.to, event.text));
        break;
      case "sawGuesses":
        this.#transmit([{ kind: "guessesSeen" }]);
        break;
      case "giveUp":
        if (this.#phase.phase === "session") this.#run(this.#phase.session.giveUp(event.id));
        break;
      case "logout":
        this.#transmit([{ kind: "logout" }]);
        this.#end(null);
        break;
      case "disconnected":
        this.#disconnected(event.code);
    }
  }

  /** Where the server can seal its reasons, what an open close code says is nobody's word. */
  #disconnected(code: ErrorCode | null): void {
    const sealed = this.#phase.phase === "awaitLogin" || this.attached;
    this.#end((sealed ? null : code) ?? "connection.lost");
  }

  #connected(): void {
    if (this.#phase.phase !== "start") throw new Error("client: connected twice");
    const { next, effects } = startInitiator(this.#config.serverPublicKey);
    this.#phase = { phase: "handshake", state: next, early: null };
    this.#effects.push(...effects);
  }

  #frame(bytes: Uint8Array): void {
    if (this.#phase.phase === "handshake") {
      const { state, early } = this.#phase;
      if (state.phase === "opening" && early === null) this.#phase = { ...this.#phase, early: bytes.slice() };
      else this.#shake(state, early, { kind: "frame", bytes });
      return;
    }
    if (this.#phase.phase === "start" || this.#phase.phase === "ended") throw new CodedError("state.unexpected");
    const plaintext = this.#phase.channel.open(bytes);
    let messages: readonly ServerMessage[] = [];
    try {
      messages = serverFrames.decode(plaintext);
      for (const message of messages) this.#message(message);
    } finally {
      plaintext.fill(0);
      for (const message of messages) wipeMessage(message);
    }
  }

  #message(message: ServerMessage): void {
    if (message.kind === "goodbye") {
      this.#end(codeOfWire(message.reason), message.waitSeconds);
    } else if (this.#phase.phase === "session") {
      this.#run(this.#phase.session.receive(message));
    } else if (this.#phase.phase === "awaitLogin" && message.kind === "puzzle" && this.#phase.puzzle === "none") {
      const { handshakeHash } = this.#phase.channel;
      this.#phase = { ...this.#phase, puzzle: "asked" };
      this.#effects.push({ kind: "solve", puzzle: { handshakeHash, bits: message.bits } });
    } else if (
      this.#phase.phase === "awaitLogin" &&
      message.kind === "loginResponse" &&
      this.#phase.puzzle !== "asked"
    ) {
      const { channel, login } = this.#phase;
      const { state, job } = receiveLogin(login, message.ke2);
      this.#phase = { phase: "stretching", channel, login: state };
      wipe(login);
      this.#effects.push({ kind: "stretching" }, { kind: "compute", job });
    } else if (this.#phase.phase !== "ended") {
      throw new CodedError("state.unexpected");
    }
  }

  #solved(nonce: Uint8Array): void {
    if (this.#phase.phase !== "awaitLogin" || this.#phase.puzzle !== "asked") throw new Error("client: no puzzle");
    this.#phase = { ...this.#phase, puzzle: "solved" };
    this.#transmitLogin(this.#phase.channel, { kind: "solution", nonce });
  }

  #computed(event: Extract<ClientEvent, { kind: "computed" | "failed" }>): void {
    if (this.#phase.phase === "handshake") {
      this.#shake(this.#phase.state, this.#phase.early, event);
      return;
    }
    if (event.kind === "failed") throw event.error;
    if (this.#phase.phase !== "stretching" || event.result.op !== "stretch")
      throw new Error("client: a job nobody asked");
    using stretched = event.result.output;
    this.#login(this.#phase.channel, this.#phase.login, stretched);
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
    this.#transmitLogin(channel, { kind: "loginStart", user: this.#config.user, ke1 });
    if (early !== null) this.#frame(early);
  }

  /** The proof is the last record under the first keys; the device introduces itself under the new ones. */
  #login(channel: Channel, login: ClientLoginStretching, stretched: Secret): void {
    const { ke3, sessionKey } = proveLogin(this.#env, login, this.#context(channel), stretched);
    wipe(login);
    this.#transmitLogin(channel, { kind: "loginFinish", ke3 });
    channel.switchKeys(sessionKey);
    const { realm, serverPublicKey, user } = this.#config;
    using ticketSecret = Secret.take(this.#env.randomBytes(32));
    const ticketKey = ticketSecret.use((bytes) => this.#env.crypto.dhKey(bytes));
    const self = { user, device: newDeviceId(this.#env) };
    const start = { crypto: this.#env.crypto, realm, self, ticketKey, serverPublicKey, sessionKey };
    this.#phase = { phase: "session", channel, session: new ClientSession(this.#env, start) };
    this.#transmit([{ kind: "attach", device: self.device, ticketKey: ticketKey.publicKey }]);
  }

  #context(channel: Channel): LoginContext {
    return { user: this.#config.user, realm: this.#config.realm, handshakeHash: channel.handshakeHash };
  }

  #session(): ClientSession {
    if (this.#phase.phase !== "session") throw new Error("client: not logged in");
    return this.#phase.session;
  }

  #run(output: Output): void {
    this.#transmit(output.frames);
    for (const notice of output.notices) this.#effects.push({ kind: "notice", notice });
  }

  #transmitLogin(channel: Channel, message: ClientMessage): void {
    this.#effects.push({ kind: "transmit", bytes: channel.sealPadded(clientFrames.encode(message)) });
  }

  #transmit(messages: readonly ClientMessage[]): void {
    if (this.#phase.phase !== "session") return;
    const frames = messages.map((message) => clientFrames.encode(message));
    for (const bytes of this.#phase.channel.sealPacked(frames)) this.#effects.push({ kind: "transmit", bytes });
  }

  /** Wipes everything, from any phase. */
  #end(code: ErrorCode | null, waitSeconds = 0): void {
    const { phase } = this.#phase;
    if (phase === "ended") return;
    wipe(this.#config.password);
    if (this.#phase.phase === "handshake") wipeInitiator(this.#phase.state);
    if (this.#phase.phase === "awaitLogin" || this.#phase.phase === "stretching")
      wipe(this.#phase.login, this.#phase.channel);
    if (this.#phase.phase === "session") wipe(this.#phase.session, this.#phase.channel);
    this.#phase = { phase: "ended" };
    this.#effects.push({ kind: "ended", code, waitSeconds });
  }
}
