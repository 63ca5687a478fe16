/**
 * A server machine with scripted peers that speak the wire: they log in and attach as they should and then send what a test
 * wants them to, which no client machine would.
 */
import { utf8 } from "../../core/bytes.ts";
import type { HandshakeEvent } from "../../core/channel/handshake.ts";
import { type InitiatorState, startInitiator, stepInitiator } from "../../core/channel/initiator.ts";
import type { Channel } from "../../core/channel/record.ts";
import type { DhPrivateKey, Job } from "../../core/crypto/provider.ts";
import { codeOfWire, type ErrorCode } from "../../core/errors.ts";
import { type Address, type DeviceId, newDeviceId } from "../../core/ids.ts";
import type { GuessReport, Verdict } from "../../core/kdc/guessing.ts";
import { opaqueConfig, proveLogin, receiveLogin, startLogin } from "../../core/kdc/login.ts";
import type { ServerKeys, Users } from "../../core/kdc/realm.ts";
import { parseUserName, type UserName } from "../../core/name.ts";
import { parseRecord } from "../../core/opaque/record.ts";
import type { ConnectionId } from "../../core/peer/online.ts";
import { Server } from "../../core/peer/server.ts";
import type { ServerEffect, ServerEvent } from "../../core/peer/serverEvents.ts";
import { Secret, wipe } from "../../core/secret.ts";
import { type ClientMessage, clientFrames, type ServerMessage, serverFrames } from "../../core/wire/messages.ts";
import { answerOf } from "./answers.ts";
import { only } from "./channelPair.ts";
import { Enrolment, type TestDevice, testDevice } from "./enrol.ts";
import { type FixedEnv, fixedEnv, quickCrypto } from "./fixedEnv.ts";
import { passwordOf } from "./realm.ts";
import { ScriptedStore } from "./scriptedStore.ts";

/** The result of a job, at once. */
export function runNow(env: FixedEnv, job: Job): HandshakeEvent {
  try {
    const result = env.crypto.run(job, env.randomBytes);
    if (result instanceof Promise) throw new Error("this provider answers later");
    return { kind: "computed", result };
  } catch (error) {
    return { kind: "failed", error };
  }
}

export class ScriptedServer {
  readonly env = fixedEnv("bench", quickCrypto);
  readonly server: Server;
  readonly keys: ServerKeys;
  /** Everything the server asked its driver for, oldest first. */
  readonly effects: ServerEffect[] = [];
  /** What is told at a login. */
  guesses: GuessReport | undefined;
  /** What becomes of a login that has begun. */
  judge: (attempt: Extract<ServerEffect, { kind: "attempt" }>) => Verdict = () => ({ kind: "serve" });
  /** What accounts, devices and prekeys are kept in. */
  readonly store = new ScriptedStore();
  /** Sets a password: the users with it, or null when it could not be; undefined while it takes its time. */
  setPassword: (effect: Extract<ServerEffect, { kind: "setPassword" }>) => Users | null | undefined = (effect) =>
    this.changed(effect);
  /** As they are known to the server. */
  users: Users;
  /** While true the timers that the server asks for wait for `awake`; else they are over as soon as they begin. */
  holdTimers = false;
  readonly #peers = new Map<ConnectionId, RawPeer>();
  readonly #pending: ServerEffect[] = [];
  #running = false;

  constructor(keys: ServerKeys, users: Users, devicesPerUser = 8) {
    this.keys = keys;
    this.users = users;
    this.server = new Server(this.env, keys, { users, devicesPerUser });
  }

  /** A connection on which nothing has been said. */
  connect(): RawPeer {
    const connection = (this.#peers.size + 1) as ConnectionId;
    const peer = new RawPeer(this, connection);
    this.#peers.set(connection, peer);
    this.handle({ kind: "connected", connection });
    return peer;
  }

  /** A peer that is logged in as `user` and attached. */
  attached(user: string, device?: DeviceId): RawPeer {
    const peer = this.connect();
    peer.shake();
    peer.login(user);
    peer.attach(device);
    return peer;
  }

  /** Effects run in their order, also when one of them leads to the next event: as the driver does it. */
  handle(event: ServerEvent): void {
    if (event.kind === "users") this.users = event.users;
    this.#pending.push(...this.server.handle(event));
    if (this.#running) return;
    this.#running = true;
    try {
      for (let next = this.#pending.shift(); next !== undefined; next = this.#pending.shift()) this.#run(next);
    } finally {
      this.#running = false;
    }
  }

  #run(effect: ServerEffect): void {
    this.effects.push(effect);
    if (effect.kind === "wake") {
      if (!this.holdTimers) this.handle({ kind: "awake" });
      return;
    }
    if (effect.kind === "store") {
      for (const answer of this.store.ask(effect)) this.handle(answer);
      return;
    }
    const { connection } = effect;
    if (effect.kind === "setPassword") {
      const users = this.setPassword(effect);
      if (users !== undefined) this.passwordSet(effect, users);
    }
    const answer = answerOf(effect, effect.kind === "attempt" ? this.judge(effect) : undefined, this.guesses);
    if (answer !== null) this.handle(answer);
    if (effect.kind === "compute") this.handle({ ...runNow(this.env, effect.job), connection } as ServerEvent);
    if (effect.kind === "transmit") this.#peers.get(connection)?.receive(effect.bytes);
    if (effect.kind === "close") this.#peers.get(connection)?.close(effect.closeCode);
  }

  /** The store answers the oldest `count` of what it was asked, or all. */
  letStore(count?: number): void {
    for (const answer of this.store.let(count)) this.handle(answer);
  }

  /** The users with the password of `effect`; null when that is not the next one. */
  changed({ user, epoch, record }: Extract<ServerEffect, { kind: "setPassword" }>): Users | null {
    const now = this.users.get(user);
    if (now?.active !== true || now.epoch !== epoch - 1) return null;
    const parsed = parseRecord(opaqueConfig(quickCrypto), record);
    return new Map(this.users).set(user, { ...now, epoch, record: parsed, initial: false });
  }

  /** Says that the password has been set. */
  passwordSet({ connection, id }: Extract<ServerEffect, { kind: "setPassword" }>, users: Users | null): void {
    if (users !== null) this.users = users;
    this.handle({ kind: "passwordSet", connection, id, users });
  }

  /** Why the server ended that connection; undefined while it has not. */
  endOf(peer: RawPeer): ErrorCode | null | undefined {
    for (const effect of this.effects) {
      if (effect.kind === "ended" && effect.connection === peer.connection) return effect.code;
    }
    return undefined;
  }
}

/** What the server says on the way to a session. */
const ENROLLING: ReadonlySet<ServerMessage["kind"]> = new Set(["pins", "account", "devices"]);

export class RawPeer {
  readonly connection: ConnectionId;
  /** Records from the server that have not been opened, for a test that wants to see or spoil them. */
  readonly records: Uint8Array[] = [];
  /** The WebSocket close code, once the server has closed. */
  closeCode: number | null = null;
  device: DeviceId;
  user: UserName = parseUserName("nobody");
  #channel: Channel | null = null;
  #exportKey: Secret | null = null;
  #enrolment: Enrolment | null = null;
  /** What was said beside the way to a session. */
  readonly #unread: ServerMessage[] = [];
  readonly #server: ScriptedServer;

  constructor(server: ScriptedServer, connection: ConnectionId) {
    this.#server = server;
    this.connection = connection;
    this.device = newDeviceId(server.env);
  }

  get channel(): Channel {
    if (this.#channel === null) throw new Error("no channel yet");
    return this.#channel;
  }

  /** Of its device: the same whenever the device comes back. */
  get ticketKey(): DhPrivateKey {
    return this.#device.ticketKey;
  }

  /** How it came to its session, with its account. */
  get enrolment(): Enrolment {
    this.#enrolment ??= this.#newEnrolment();
    return this.#enrolment;
  }

  get address(): Address {
    return { user: this.user, device: this.device };
  }

  receive(bytes: Uint8Array): void {
    this.records.push(bytes);
  }

  close(code: number): void {
    this.closeCode = code;
  }

  raw(bytes: Uint8Array): void {
    this.#server.handle({ kind: "frame", connection: this.connection, bytes });
  }

  /** The handshake, as a client does it; gives the bytes of its first message. */
  shake(): Uint8Array {
    const { env, keys } = this.#server;
    const step = (now: InitiatorState, event: HandshakeEvent) => stepInitiator(now, event, env);
    const start = startInitiator(keys.staticKey.publicKey);
    const hello = step(start.next, runNow(env, { op: "kemGenerate" }));
    const first = only(hello.effects);
    if (first.kind !== "transmit") throw new Error("the first message was expected");
    this.raw(first.bytes);
    const opening = step(hello.next, { kind: "frame", bytes: only(this.records.splice(0)) });
    const job = only(opening.effects);
    if (job.kind !== "compute") throw new Error("a job was expected");
    const { next, spent } = step(opening.next, runNow(env, job.job));
    if (next.phase !== "open") throw new Error("the handshake did not end");
    wipe(...spent);
    this.#channel = next.channel;
    return first.bytes;
  }

  /** Both login records, and the change of keys. @throws auth.rejected as the client finds it out */
  login(user: string, password = passwordOf(user)): Secret {
    const { env, keys } = this.#server;
    this.user = parseUserName(user);
    const context = {
      user: this.user,
      realm: keys.realm,
      handshakeHash: this.channel.handshakeHash,
      purpose: "login",
    } as const;
    const { ke1, state } = startLogin(env, context, Secret.take(utf8(password)));
    this.padded({ kind: "loginStart", user: this.user, ke1 });
    const answer = only(this.take());
    if (answer.kind !== "loginResponse") throw new Error("KE2 was expected");
    const { state: stretching, job } = receiveLogin(state, answer.ke2);
    const stretched = runNow(env, job);
    if (stretched.kind !== "computed" || stretched.result.op !== "stretch") throw new Error("not stretched");
    const { ke3, sessionKey, exportKey } = proveLogin(env, stretching, context, stretched.result.output);
    this.padded({ kind: "loginFinish", ke3 });
    this.channel.switchKeys(sessionKey);
    this.#exportKey = exportKey;
    return sessionKey;
  }

  /** From the account to `attach`, as far as the server answers. */
  attach(device: DeviceId = this.device): void {
    this.device = device;
    for (let answer = this.answer(); answer.length > 0; answer = this.answer()) {
      this.send(...answer);
      if (answer.some(({ kind }) => kind === "attach")) return;
    }
  }

  /** What the device answers to all that the server has said: the next step on the way to a session. */
  answer(): readonly ClientMessage[] {
    const said = this.take();
    this.#unread.push(...said.filter(({ kind }) => !ENROLLING.has(kind)));
    return said.flatMap((message) => this.enrolment.hear(message));
  }

  get #device(): TestDevice {
    return testDevice(this.#server.keys.realm, this.address);
  }

  #newEnrolment(): Enrolment {
    if (this.#exportKey === null) throw new Error("no login yet");
    return new Enrolment(this.#server.env, this.#device, this.#exportKey);
  }

  padded(message: ClientMessage): void {
    this.raw(this.channel.sealPadded(clientFrames.encode(message)));
  }

  /** All of `messages`, in one record where they fit. */
  send(...messages: ClientMessage[]): void {
    const frames = messages.map((message) => clientFrames.encode(message));
    for (const record of this.channel.sealPacked(frames)) this.raw(record);
  }

  /** What the server has said since the last time. */
  take(): ServerMessage[] {
    const said = this.records.splice(0).flatMap((record) => serverFrames.decode(this.channel.open(record)));
    return [...this.#unread.splice(0), ...said];
  }

  /** Those of one kind. */
  taken<K extends ServerMessage["kind"]>(kind: K): Extract<ServerMessage, { kind: K }>[] {
    return this.take().filter((message): message is Extract<ServerMessage, { kind: K }> => message.kind === kind);
  }

  /** The reason of the server's goodbye, if it said one. */
  goodbye(): ErrorCode | null {
    const said = this.taken("goodbye")[0];
    return said === undefined ? null : codeOfWire(said.reason);
  }
}
