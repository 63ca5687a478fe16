/** A client machine and the server's end of its one connection, taken step by step, to see it at every stage. */
import { utf8 } from "../../core/bytes.ts";
import type { Job } from "../../core/crypto/provider.ts";
import type { ErrorCode } from "../../core/errors.ts";
import type { Admission } from "../../core/kdc/guessing.ts";
import type { ServerKeys, Users } from "../../core/kdc/realm.ts";
import { parseUserName } from "../../core/name.ts";
import { Client } from "../../core/peer/client.ts";
import type { ClientEffect, ClientEvent } from "../../core/peer/clientEvents.ts";
import { knownAccount } from "../../core/peer/knownAccount.ts";
import type { Notice } from "../../core/peer/notices.ts";
import { ServerConnection } from "../../core/peer/serverConnection.ts";
import { Secret } from "../../core/secret.ts";
import type { AccountKeys } from "../../core/wire/account.ts";
import { type ClientMessage, type ServerMessage, serverFrames } from "../../core/wire/messages.ts";
import { fixedEnv, quickCrypto } from "./fixedEnv.ts";
import { passwordOf } from "./realm.ts";
import { runNow } from "./scriptedPeers.ts";

/** What the client waits for. */
export const STAGES = ["connection", "key", "answer", "channel", "login", "stretching", "roster", "nothing"] as const;
export type Stage = (typeof STAGES)[number];

export interface DuoOptions {
  readonly user?: string;
  readonly password?: string;
  readonly serverPublicKey?: Uint8Array;
}

export class Duo {
  readonly env = fixedEnv("duo", quickCrypto);
  readonly client: Client;
  readonly connection: ServerConnection;
  readonly password: Secret;
  /** Records from the client that the server has not seen. */
  readonly toServer: Uint8Array[] = [];
  readonly notices: Notice[] = [];
  /** How often it has said that it stretches. */
  stretching = 0;
  /** Undefined until the client is over. */
  ended: ErrorCode | null | undefined;
  job: Job | null = null;
  readonly #users: Users;

  constructor(keys: ServerKeys, users: Users, options: DuoOptions = {}) {
    const { user = "Alice", password = passwordOf(user), serverPublicKey = keys.staticKey.publicKey } = options;
    this.#users = users;
    this.password = Secret.take(utf8(password));
    const login = { realm: keys.realm, serverPublicKey, user: parseUserName(user), password: this.password };
    const config = { ...login, stored: null, interactive: false, temporary: false, attach: true };
    this.client = new Client(this.env, config);
    this.connection = new ServerConnection(this.env, keys);
  }

  /** What becomes of the login. */
  admission: Admission = { kind: "serve" };

  /** A client that waits at `stage`. */
  static at(stage: Stage, keys: ServerKeys, users: Users, options: DuoOptions = {}): Duo {
    const duo = new Duo(keys, users, options);
    const steps: (() => void)[] = [
      () => duo.handle({ kind: "connected" }),
      () => duo.compute(),
      () => duo.frame(duo.serve()),
      () => duo.compute(),
      () => duo.frame(duo.serve()),
      () => duo.compute(),
      () => duo.attach(),
    ];
    for (const step of steps.slice(0, STAGES.indexOf(stage))) step();
    return duo;
  }

  handle(event: ClientEvent): readonly ClientEffect[] {
    const effects = this.client.handle(event);
    for (const effect of effects) {
      if (effect.kind === "transmit") this.toServer.push(effect.bytes);
      if (effect.kind === "compute") this.job = effect.job;
      if (effect.kind === "notice") this.notices.push(effect.notice);
      if (effect.kind === "stretching") this.stretching += 1;
      if (effect.kind === "ended") this.ended = effect.code;
    }
    return effects;
  }

  frame(bytes: Uint8Array): void {
    this.handle({ kind: "frame", bytes });
  }

  /** Answers the job that the client asked for. */
  compute(): void {
    if (this.job === null) throw new Error("no job");
    this.handle(runNow(this.env, this.job) as ClientEvent);
  }

  /** Gives the server the client's next record, and what the server answers. */
  serve(): Uint8Array {
    const bytes = this.toServer.shift();
    if (bytes === undefined) throw new Error("the client has sent nothing");
    let { effects } = this.connection.step({ kind: "frame", bytes }, this.#users);
    const [first] = effects;
    if (first?.kind === "compute") {
      effects = this.connection.step(runNow(this.env, first.job), this.#users).effects;
    }
    if (effects[0]?.kind === "attempt") {
      effects = this.connection.step({ kind: "admitted", admission: this.admission }, this.#users).effects;
    }
    const sent = effects.find((effect) => effect.kind === "transmit");
    return sent?.kind === "transmit" ? sent.bytes : new Uint8Array(0);
  }

  /** The server accepts the proof; there is no account yet. */
  prove(): void {
    this.serve();
    this.say({ kind: "account", initial: 0, nowMs: this.env.now, account: null });
  }

  /** The server accepts the proof, the account and the device, and says that the roster is complete. */
  attach(...roster: ServerMessage[]): void {
    this.prove();
    let keys: AccountKeys | null = null;
    for (const request of this.#requests()) {
      if (request.kind === "createAccount") {
        keys = request.keys;
        const account = { keys, devices: null, standings: [] };
        this.say({ kind: "account", initial: 0, nowMs: this.env.now, account });
      } else if (request.kind === "putDevices") {
        const { standing } = this.connection;
        if (standing !== null) standing.account = knownAccount(keys?.identityKey ?? null, request.devices);
        this.say({ kind: "devices", devices: request.devices });
      } else if (request.kind === "attach") {
        this.connection.attach(request.device, this.env.now);
        this.say(...roster, { kind: "attached", name: "Alice" });
        return;
      }
    }
    throw new Error("the device was expected");
  }

  /** What the client asks for, also in answer to what it is told of that. */
  *#requests(): Generator<ClientMessage> {
    for (let bytes = this.toServer.shift(); bytes !== undefined; bytes = this.toServer.shift()) {
      yield* this.connection.step({ kind: "frame", bytes }, this.#users).requests;
    }
  }

  /** The server says `messages` in one record. */
  say(...messages: ServerMessage[]): void {
    this.sealed(...messages.map((message) => serverFrames.encode(message)));
  }

  /** The server seals these frames, whatever they are, as one session's. */
  sealed(...frames: Uint8Array[]): void {
    for (const record of this.connection.seal(frames)) this.frame(record);
  }
}
