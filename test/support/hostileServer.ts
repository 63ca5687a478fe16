/**
 * A server that lies: the real machine over a store in memory, between real clients, whose words a test may change before
 * they are sealed. It has every key that a server has, so nothing below the end-to-end layer can notice. All happens at once,
 * in order of arrival.
 */
import { utf8 } from "../../core/bytes.ts";
import type { CryptoProvider } from "../../core/crypto/provider.ts";
import type { ErrorCode } from "../../core/errors.ts";
import { type Address, type MessageId, newMessageId } from "../../core/ids.ts";
import { grant } from "../../core/kdc/granting.ts";
import type { RegisteredUser } from "../../core/kdc/realm.ts";
import { parseUserName, type UserName } from "../../core/name.ts";
import { Client } from "../../core/peer/client.ts";
import type { ClientEvent } from "../../core/peer/clientEvents.ts";
import type { Notice } from "../../core/peer/notices.ts";
import type { ConnectionId } from "../../core/peer/online.ts";
import { Server } from "../../core/peer/server.ts";
import { ServerConnection } from "../../core/peer/serverConnection.ts";
import type { ServerEffect, ServerEvent } from "../../core/peer/serverEvents.ts";
import type { StoreAnswer, StoredAccount, StoreRequest } from "../../core/peer/store.ts";
import { Secret } from "../../core/secret.ts";
import { type Bundle, type Device, DeviceList, type SignedDeviceList } from "../../core/wire/account.ts";
import { decodeAll } from "../../core/wire/codec.ts";
import { type ClientMessage, type ServerMessage, serverFrames } from "../../core/wire/messages.ts";
import { answerOf } from "./answers.ts";
import { fixedEnv, quickCrypto } from "./fixedEnv.ts";
import { MemoryStore } from "./memoryStore.ts";
import { Place } from "./places.ts";
import { passwordOf, type TestRealm } from "./realm.ts";
import { runNow } from "./scriptedPeers.ts";
import type { SecretWatch } from "./secretWatch.ts";

/** In every text that is sent. */
export const CANARY = "canary";

/** One login of one user. */
export interface Machine {
  readonly user: UserName;
  readonly connection: ConnectionId;
  readonly client: Client;
  readonly place: Place;
  readonly notices: Notice[];
  /** What it has said since the proof of its password. */
  readonly said: ClientMessage[];
  /** What it was told: after the lies. */
  readonly told: ServerMessage[];
  /** Its own address; null until it has attached. */
  self: Address | null;
  /** Undefined until it is over. */
  ended: ErrorCode | null | undefined;
}

export interface HostileOptions {
  /** Puts down what the server's machine makes to "server", and the rest to its user. */
  readonly watch?: SecretWatch;
}

export class HostileServer implements Disposable {
  readonly realm: TestRealm;
  readonly store = new MemoryStore();
  readonly machines: Machine[] = [];
  /** Texts that a client has sealed for somebody. */
  sealedTexts = 0;
  readonly env = fixedEnv("hostile", this.#counting(quickCrypto));
  readonly server: Server;
  /** What is said instead of `message`. */
  lie: (to: Machine, message: ServerMessage) => readonly ServerMessage[] = (_, message) => [message];
  /** What is heard instead of `message`. */
  mishear: (from: Machine, message: ClientMessage) => readonly ClientMessage[] = (_, message) => [message];
  /** What the store has, instead of `answer`. */
  forge: (request: StoreRequest, answer: StoreAnswer) => StoreAnswer = (_, answer) => answer;
  readonly #ends = new Map<ConnectionId, ServerConnection>();
  readonly #watch: SecretWatch | null;
  readonly #restore: () => void;
  #current: ConnectionId | null = null;
  #queue: (() => void)[] = [];
  #isWanted = false;

  constructor(realm: TestRealm, users: ReadonlyMap<UserName, RegisteredUser>, { watch }: HostileOptions = {}) {
    this.realm = realm;
    this.#watch = watch ?? null;
    this.server = new Server(this.env, realm.keys, { users, devicesPerUser: 8 });
    this.#restore = this.#comeBetween();
  }

  /** A client that logs in, with what was saved at `place`. */
  join(name: string, { place = new Place(name), password = passwordOf(name), interactive = false } = {}): Machine {
    const connection = (this.machines.length + 1) as ConnectionId;
    const { realm, staticKey } = this.realm.keys;
    const user = parseUserName(name);
    const login = { realm, serverPublicKey: staticKey.publicKey, user, password: Secret.take(utf8(password)) };
    const client = new Client(this.env, {
      ...login,
      stored: place.stored,
      interactive,
      temporary: false,
      attach: true,
    });
    const machine: Machine = {
      ...{ user, connection, client, place, notices: [], said: [], told: [], self: null, ended: undefined },
    };
    this.machines.push(machine);
    this.#atServer({ kind: "connected", connection });
    this.ask(machine, { kind: "connected" });
    return machine;
  }

  /** The user asks for something, and all that follows from it happens. */
  ask(machine: Machine, event: ClientEvent): void {
    this.#atClient(machine, event);
    this.settle();
  }

  send(from: Machine, to: string, text: string): MessageId {
    const id = newMessageId(this.env);
    this.ask(from, { kind: "send", id, to, text: `${CANARY} ${text}` });
    return id;
  }

  logout(machine: Machine): void {
    this.ask(machine, { kind: "logout" });
  }

  /** The server says something that its machine has no part in; not changed by `lie`. */
  say(to: Machine, ...messages: ServerMessage[]): void {
    const frames = messages.map((message) => serverFrames.encode(message));
    to.told.push(...messages);
    for (const bytes of this.#ends.get(to.connection)?.seal(frames) ?? []) this.#atClient(to, { kind: "frame", bytes });
    this.settle();
  }

  /** A ticket that the KDC has made for `peer`, with whatever `bundle` and ticket key. */
  granted(
    asker: Identified,
    peer: Identified & { readonly ticketKey: Uint8Array },
    bundle: Bundle,
  ): Extract<ServerMessage, { kind: "grant" }> {
    const granted = grant(this.env, this.realm.keys.staticKey, asker, peer);
    return { kind: "grant", user: peer.user, device: peer.device, ...granted, bundle };
  }

  /** Of a user, as the store has it. */
  identityOf(user: UserName): Uint8Array {
    return this.#accountOf(user).keys.identityKey;
  }

  /** The list of a user's devices, likewise. */
  listOf(user: string): SignedDeviceList {
    const { devices } = this.#accountOf(parseUserName(user));
    if (devices === null) throw new Error("no devices");
    return devices;
  }

  /** One of them. */
  deviceOf({ user, device }: Address): Device {
    const found = decodeAll(DeviceList, this.listOf(user).list).devices.find((entry) => entry.device === device);
    if (found === undefined) throw new Error("not on the list");
    return found;
  }

  /** The prekeys that the next asker would get. */
  prekeysOf({ user, device }: Address): Pick<Bundle, "signed" | "oneTime"> {
    const taken = this.store.answer({ op: "takePrekeys", user, device });
    if (taken.op !== "takePrekeys" || taken.prekeys === null) throw new Error("no prekeys");
    return taken.prekeys;
  }

  #accountOf(user: UserName): StoredAccount {
    const loaded = this.store.answer({ op: "load", user, epoch: 1 });
    if (loaded.op !== "load" || loaded.account === null) throw new Error("no account");
    return loaded.account;
  }

  /** All that is on its way arrives, and everybody has heard of everybody. */
  settle(): void {
    for (;;) {
      const next = this.#queue.shift();
      if (next !== undefined) next();
      else if (this.#isWanted) {
        this.#isWanted = false;
        this.#atServer({ kind: "awake" });
      } else return;
    }
  }

  [Symbol.dispose](): void {
    this.#restore();
  }

  /** Stands between every connection's machine and its channel. */
  #comeBetween(): () => void {
    const { seal, step } = ServerConnection.prototype;
    const hostile = this;
    ServerConnection.prototype.seal = function (this: ServerConnection, frames) {
      const to = hostile.machines.find(({ connection }) => hostile.#ends.get(connection) === this);
      if (to === undefined || hostile.#current === null) return seal.call(this, frames);
      const messages = frames.flatMap((frame) => serverFrames.decode(frame)).flatMap((said) => hostile.lie(to, said));
      to.told.push(...messages);
      return seal.call(
        this,
        messages.map((message) => serverFrames.encode(message)),
      );
    };
    ServerConnection.prototype.step = function (this: ServerConnection, event, users) {
      const id = hostile.#current;
      const from = hostile.machines.find(({ connection }) => connection === id);
      if (from === undefined) return step.call(this, event, users);
      hostile.#ends.set(from.connection, this);
      const { effects, requests } = step.call(this, event, users);
      from.said.push(...requests);
      return { effects, requests: requests.flatMap((request) => hostile.mishear(from, request)) };
    };
    return () => Object.assign(ServerConnection.prototype, { seal, step });
  }

  #atClient(machine: Machine, event: ClientEvent): void {
    if (machine.ended !== undefined) return;
    for (const effect of this.#as(machine.user, () => machine.client.handle(event))) {
      if (effect.kind === "save") machine.place.save(effect.header, effect.writes);
      if (effect.kind === "transmit") {
        const { connection } = machine;
        this.#queue.push(() => this.#atServer({ kind: "frame", connection, bytes: effect.bytes }));
      }
      if (effect.kind === "compute") {
        const done = this.#as(machine.user, () => runNow(this.env, effect.job));
        this.#queue.push(() => this.#atClient(machine, done as ClientEvent));
      }
      if (effect.kind === "notice") {
        machine.notices.push(effect.notice);
        if (effect.notice.kind === "attached") machine.self = { user: machine.user, device: effect.notice.device };
      }
      if (effect.kind === "ended") {
        machine.ended = effect.code;
        const { connection } = machine;
        this.#queue.push(() => this.#atServer({ kind: "disconnected", connection }));
      }
    }
  }

  #atServer(event: ServerEvent): void {
    this.#current = "connection" in event ? event.connection : (0 as ConnectionId);
    const effects = this.#as("server", () => this.server.handle(event));
    this.#current = null;
    const answers = effects.map((effect) => this.#serverEffect(effect));
    for (const answer of answers) if (answer !== null) this.#atServer(answer);
  }

  /** What answers it at once, if anything does. */
  #serverEffect(effect: ServerEffect): ServerEvent | null {
    if (effect.kind === "wake") {
      this.#isWanted = true;
      return null;
    }
    if (effect.kind === "store") {
      const { connection, id, request } = effect;
      const answer = this.forge(request, this.store.answer(request));
      return connection === null ? null : { kind: "stored", connection, id, answer };
    }
    const { connection } = effect;
    if (effect.kind === "compute") {
      const done = this.#as("server", () => runNow(this.env, effect.job));
      this.#queue.push(() => this.#atServer({ ...done, connection } as ServerEvent));
    }
    const machine = this.machines.find((other) => other.connection === connection);
    if (machine === undefined) return null;
    const tell = (heard: ClientEvent): number => this.#queue.push(() => this.#atClient(machine, heard));
    if (effect.kind === "transmit") tell({ kind: "frame", bytes: effect.bytes });
    if (effect.kind === "close") tell({ kind: "disconnected", code: null });
    return answerOf(effect);
  }

  #as<T>(owner: string, fn: () => T): T {
    return this.#watch === null ? fn() : this.#watch.as(owner, fn);
  }

  #counting(crypto: CryptoProvider): CryptoProvider {
    return {
      ...crypto,
      seal: (key, nonce, associatedData, plaintext) => {
        if (Buffer.from(plaintext).includes(CANARY)) this.sealedTexts += 1;
        return crypto.seal(key, nonce, associatedData, plaintext);
      },
    };
  }
}

/** A device, and the identity key of its user. */
export interface Identified extends Address {
  readonly identityKey: Uint8Array;
}
