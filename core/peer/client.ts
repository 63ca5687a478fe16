/**
 * The client as one machine: login, account, session (PROTOCOL §6, §7, §9, §10). Events in, effects out; the caller moves
 * bytes, runs jobs, saves the state, keeps timers and shows notices. One connection, one login: for another try, another machine.
 *
 * A frame that cannot be right ends the connection with its code; bugs are thrown.
 */
import type { Channel } from "../channel/record.ts";
import { wipeResult } from "../crypto/jobs.ts";
import type { Env } from "../env.ts";
import { CodedError, codeOfWire, type ErrorCode } from "../errors.ts";
import type { UserName } from "../name.ts";
import { type Secret, wipe } from "../secret.ts";
import { wipeMessage } from "../wire/frames.ts";
import { type ClientMessage, clientFrames, type ServerMessage, serverFrames } from "../wire/messages.ts";
import { AccountLogin } from "./accountLogin.ts";
import type { ClientConfig, ClientEffect, ClientEvent } from "./clientEvents.ts";
import { ClientLogin, type ProvedLogin } from "./clientLogin.ts";
import { ClientSession, type Comparison } from "./clientSession.ts";
import type { OwnDevices } from "./localDevice.ts";
import { NewPassword, type PasswordStep } from "./newPassword.ts";
import type { RosterView } from "./roster.ts";
import type { Output } from "./savedState.ts";

type Phase =
  | { readonly phase: "login"; readonly login: ClientLogin }
  | {
      readonly phase: "account";
      readonly channel: Channel;
      readonly account: AccountLogin;
      readonly sessionKey: Secret;
    }
  | { readonly phase: "session"; readonly channel: Channel; readonly session: ClientSession }
  | { readonly phase: "ended" };

const NOBODY: RosterView = new Map();
const NO_DEVICES: OwnDevices = { list: [], seen: new Map(), online: new Set(), self: null };

export class Client {
  readonly #env: Env;
  readonly #config: ClientConfig;
  #phase: Phase;
  #password: NewPassword | null = null;
  #effects: ClientEffect[] = [];

  constructor(env: Env, config: ClientConfig) {
    this.#env = env;
    this.#config = config;
    this.#phase = { phase: "login", login: new ClientLogin(env, config) };
  }

  get roster(): RosterView {
    return this.#phase.phase === "session" ? this.#phase.session.roster : NOBODY;
  }

  /** Logged in, and the roster is complete. */
  get attached(): boolean {
    return this.#phase.phase === "session" && this.#phase.session.attached;
  }

  /** This user's devices, once the account is open. */
  get devices(): OwnDevices {
    if (this.#phase.phase === "session") return this.#phase.session.devices;
    return this.#phase.phase === "account" ? this.#phase.account.devices : NO_DEVICES;
  }

  /** What the user compares with a peer; null when the peer's key has not been seen. */
  comparisonOf(user: UserName): Comparison | null {
    return this.#phase.phase === "session" ? this.#phase.session.comparisonOf(user) : null;
  }

  /**
   * Deals with one event. Only what a user asks for throws: text.tooLong, name.invalid, password.invalid,
   * channel.exhausted; before there is a session `send` is a bug, a plain `Error`.
   */
  handle(event: ClientEvent): readonly ClientEffect[] {
    if (this.#phase.phase === "ended") {
      if (event.kind === "computed") wipeResult(event.result);
      return [];
    }
    try {
      this.#step(event);
    } catch (error) {
      if (!(error instanceof CodedError) || event.kind === "send" || event.kind === "changePassword") throw error;
      this.#end(error.code);
    }
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  #step(event: ClientEvent): void {
    switch (event.kind) {
      case "connected":
        this.#atLogin((login) => login.connected());
        break;
      case "frame":
        this.#frame(event.bytes);
        break;
      case "computed":
      case "failed":
        this.#computed(event);
        break;
      case "solved":
        this.#atLogin((login) => login.solved(event.nonce));
        break;
      case "recover":
        this.#atAccount((account) => account.recover(event.code));
        break;
      case "newIdentity":
        this.#atAccount((account) => account.newIdentity());
        break;
      case "changePassword":
        this.#changePassword(event);
        break;
      case "logout":
        this.#logout();
        break;
      case "disconnected":
        this.#disconnected(event.code);
        break;
      case "removeDevices":
        if (this.#phase.phase === "account") this.#atAccount((account) => account.removeDevices(event.devices));
        else this.#inSession((session) => session.removeDevices(event.devices));
        break;
      case "giveUp":
        if (this.#phase.phase === "session") this.#inSession((session) => session.giveUp(event.id));
        break;
      default:
        this.#inSession((session) => session.ask(event));
    }
  }

  /** Where the server can seal its reasons, what an open close code says is nobody's word. */
  #disconnected(code: ErrorCode | null): void {
    const sealed = this.#phase.phase === "login" ? this.#phase.login.sealed : this.attached;
    this.#end((sealed ? null : code) ?? "connection.lost");
  }

  #frame(bytes: Uint8Array): void {
    const channel = this.#phase.phase === "login" ? this.#phase.login.channel : this.#channel;
    if (channel === null) {
      this.#atLogin((login) => login.frame(bytes));
      const early = this.#phase.phase === "login" ? this.#phase.login.takeEarly() : null;
      if (early !== null) this.#frame(early);
      return;
    }
    const plaintext = channel.open(bytes);
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
    if (message.kind === "goodbye") this.#end(codeOfWire(message.reason), message.waitSeconds);
    else if (message.kind === "passwordResponse") this.#passwordStep((password) => password.receive(message));
    else if (message.kind === "passwordResult") {
      this.#passwordChanged(message.reason === 0 ? null : codeOfWire(message.reason), message.waitSeconds);
    } else if (this.#phase.phase === "login") this.#atLogin((login) => login.message(message));
    else if (this.#phase.phase === "account") this.#atAccount((account) => account.receive(message));
    else if (this.#phase.phase === "session") this.#inSession((session) => session.receive(message));
  }

  #computed(event: Extract<ClientEvent, { kind: "computed" | "failed" }>): void {
    if (this.#phase.phase === "login") {
      let proved: ProvedLogin | null = null;
      this.#atLogin((login) => {
        proved = login.computed(event);
      });
      const early = this.#phase.login.takeEarly();
      if (proved !== null) this.#proved(proved);
      else if (early !== null) this.#frame(early);
      return;
    }
    if (event.kind === "failed") throw event.error;
    if (event.result.op !== "stretch") throw new Error("client: a job nobody asked for");
    using stretched = event.result.output;
    if (this.#password === null) return; // it has been given up meanwhile
    this.#passwordStep((password) => password.stretched(stretched));
  }

  #proved({ channel, sessionKey, exportKey }: ProvedLogin): void {
    const { realm, user, stored, interactive, temporary, attach } = this.#config;
    const start = { owner: { realm, user }, exportKey, stored, interactive, temporary, attach };
    this.#phase = { phase: "account", channel, sessionKey, account: new AccountLogin(this.#env, start) };
  }

  #atLogin(act: (login: ClientLogin) => void): void {
    if (this.#phase.phase !== "login") throw new Error("client: the login is over");
    const { login } = this.#phase;
    try {
      act(login);
    } finally {
      this.#effects.push(...login.takeEffects());
    }
  }

  #atAccount(act: (account: AccountLogin) => void): void {
    if (this.#phase.phase !== "account") throw new Error("client: no account is being opened");
    const { account, channel, sessionKey } = this.#phase;
    act(account);
    this.#run(account.takeOutput());
    const enlisted = account.takeEnlisted();
    if (enlisted === null) return;
    const { loaded, restored, seen, ...parts } = enlisted;
    const { realm, user, serverPublicKey } = this.#config;
    const self = { user, device: parts.device.id };
    const local = { env: this.#env, owner: { realm, user }, self, serverPublicKey, ...parts };
    wipe(account);
    const session = new ClientSession({ local, sessionKey, loaded, restored, seen });
    this.#phase = { phase: "session", channel, session };
    this.#run(session.takeOutput());
  }

  #inSession(act: (session: ClientSession) => void): void {
    if (this.#phase.phase !== "session") throw new Error("client: not logged in");
    const { session } = this.#phase;
    try {
      act(session);
    } finally {
      this.#run(session.takeOutput());
    }
  }

  /** Saved first, then told, then sent: what was acknowledged has been shown, also when the process dies in between. */
  #run({ header, writes, frames, notices }: Output): void {
    if (header !== null || writes.size > 0) this.#effects.push({ kind: "save", header, writes });
    for (const notice of notices) this.#effects.push({ kind: "notice", notice });
    this.#transmit(frames);
  }

  #transmit(messages: readonly ClientMessage[]): void {
    const channel = this.#channel;
    if (channel === null) return;
    const frames = messages.map((message) => clientFrames.encode(message));
    for (const bytes of channel.sealPacked(frames)) this.#effects.push({ kind: "transmit", bytes });
  }

  /** Under the keys of the login; null before it, and after the end. */
  get #channel(): Channel | null {
    return this.#phase.phase === "account" || this.#phase.phase === "session" ? this.#phase.channel : null;
  }

  /** Lent; null while the account is not open. */
  get #accountKey(): Secret | null {
    if (this.#phase.phase === "account") return this.#phase.account.accountKey;
    return this.#phase.phase === "session" ? this.#phase.session.accountKey : null;
  }

  #changePassword(passwords: { readonly old: Secret; readonly next: Secret }): void {
    const channel = this.#channel;
    if (channel === null) throw new Error("client: not logged in");
    const { realm, user } = this.#config;
    wipe(this.#password);
    this.#password = new NewPassword(this.#env, { realm, user }, channel.handshakeHash, () => this.#accountKey);
    this.#passwordStep((password) => password.start(passwords));
  }

  #passwordStep(act: (password: NewPassword) => PasswordStep): void {
    if (this.#password === null) throw new CodedError("state.unexpected", "no password is being changed");
    try {
      const { frames, jobs } = act(this.#password);
      this.#transmit(frames);
      for (const job of jobs) this.#effects.push({ kind: "compute", job });
    } catch (error) {
      if (!(error instanceof CodedError) || error.code !== "auth.rejected") throw error;
      this.#passwordChanged(error.code, 0);
    }
  }

  /** What has become of it; the connection goes on, also when the old password was not the right one. */
  #passwordChanged(code: ErrorCode | null, waitSeconds: number): void {
    if (this.#password === null) throw new CodedError("state.unexpected", "no password was being changed");
    wipe(this.#password);
    this.#password = null;
    this.#effects.push({ kind: "notice", notice: { kind: "passwordChanged", code, waitSeconds } });
  }

  #logout(): void {
    if (this.#phase.phase === "session") this.#inSession((session) => session.logout());
    else this.#transmit([{ kind: "logout" }]);
    this.#end(null);
  }

  /** Wipes everything, from any phase. */
  #end(code: ErrorCode | null, waitSeconds = 0): void {
    const phase = this.#phase;
    if (phase.phase === "ended") return;
    wipe(this.#password);
    if (phase.phase === "login") wipe(phase.login);
    if (phase.phase === "account") wipe(phase.account, phase.sessionKey, phase.channel);
    if (phase.phase === "session") wipe(phase.session, phase.channel);
    this.#phase = { phase: "ended" };
    this.#effects.push({ kind: "ended", code, waitSeconds });
  }
}
