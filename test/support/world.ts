/**
 * The whole system in memory: one server machine and any number of client machines, joined by seeded queues. Nothing
 * happens but what `deliver`, `finishJob` and the actions make happen, so a run is the same whenever its seed is.
 */
import { utf8 } from "../../core/bytes.ts";
import { codeOfWire, type ErrorCode } from "../../core/errors.ts";
import { newMessageId } from "../../core/ids.ts";
import type { Verdict } from "../../core/kdc/guessing.ts";
import type { RegisteredUser, ServerKeys } from "../../core/kdc/realm.ts";
import { DELIVERY_MS } from "../../core/limits.ts";
import { parseUserName, type UserName } from "../../core/name.ts";
import { Client, type ClientEffect, type ClientEvent } from "../../core/peer/client.ts";
import type { ConnectionId } from "../../core/peer/online.ts";
import { Server } from "../../core/peer/server.ts";
import type { PeerEffect, ServerEvent } from "../../core/peer/serverEvents.ts";
import { Secret } from "../../core/secret.ts";
import { answerOf } from "./answers.ts";
import { type FixedEnv, fixedEnv } from "./fixedEnv.ts";
import { type Actor, History, type Told } from "./history.ts";
import { Jobs } from "./jobs.ts";
import { passwordOf } from "./realm.ts";
import { SecretWatch } from "./secretWatch.ts";
import type { Seeded } from "./seeded.ts";
import { Tap } from "./tap.ts";

/** A record on its way, or the end of the connection with its close code. */
type Item = Uint8Array | number;

/** One login of one user: its machine, its connection, and what is on the way in both directions. */
export interface Member extends Actor {
  readonly password: string;
  readonly client: Client;
  readonly connection: ConnectionId;
  readonly server: Server;
  readonly toServer: Item[];
  readonly toClient: Item[];
  /** How often `users` had changed when it came. */
  readonly usersVersion: number;
}

/** In every text, so that it is found wherever it leaks. */
export const CANARY = "canary";
/** A server may be woken this much later than it wanted: time enough for whole conversations. */
const LATE_MS = 3000;

export interface WorldOptions {
  readonly keys: ServerKeys;
  readonly users: ReadonlyMap<UserName, RegisteredUser>;
  readonly devicesPerUser?: number;
}

export class World implements Disposable {
  readonly env: FixedEnv;
  readonly tap: Tap;
  readonly watch = new SecretWatch();
  readonly history = new History();
  readonly members: Member[] = [];
  users: ReadonlyMap<UserName, RegisteredUser>;
  usersVersion = 0;
  server: Server;
  readonly #options: WorldOptions;
  readonly #choice: Seeded;
  readonly #jobs: Jobs<Member>;
  /** A queue that lags behind all others for a while. */
  #stalled: Item[] | null = null;
  /** When the server wants to be woken; a busy one is woken late. */
  #wakeAt: number | null = null;
  #timers: { readonly at: number; readonly told: Told; readonly member: Member }[] = [];

  constructor(choice: Seeded, options: WorldOptions) {
    this.#choice = choice;
    this.#options = options;
    this.users = options.users;
    const names = [...options.users.values()].flatMap(({ name }) => [name, name.toLowerCase()]);
    this.tap = new Tap({ secretTexts: [CANARY, "password of"], names });
    this.env = fixedEnv(`world ${choice.integer(2 ** 32)}`, this.tap.crypto);
    this.#jobs = new Jobs(this.env, this.watch, choice);
    this.server = this.#newServer();
  }

  #newServer(): Server {
    const { keys, devicesPerUser = 8 } = this.#options;
    return new Server(this.env, keys, { users: this.users, devicesPerUser });
  }

  /** Members that are not over. */
  get live(): readonly Member[] {
    return this.members.filter(({ ended }) => ended === undefined);
  }

  get attached(): readonly Member[] {
    return this.live.filter(({ client }) => client.attached);
  }

  /** Records on their way. */
  get backlog(): number {
    return this.members.reduce((sum, { toServer, toClient }) => sum + toServer.length + toClient.length, 0);
  }

  join(name: string, password = passwordOf(name)): Member {
    const connection = (this.members.length + 1) as ConnectionId;
    const label = `${name}#${connection}`;
    const { realm, staticKey } = this.#options.keys;
    const secret = this.watch.as(label, () => Secret.take(utf8(password)));
    const user = parseUserName(name);
    const client = new Client(this.env, { realm, serverPublicKey: staticKey.publicKey, user, password: secret });
    const member: Member = {
      ...{ label, name, password, client, connection, server: this.server, usersVersion: this.usersVersion },
      ...{ toServer: [], toClient: [], device: null, ended: undefined },
    };
    this.members.push(member);
    this.#atServer(member.server, { kind: "connected", connection });
    this.#atClient(member, { kind: "connected" });
    return member;
  }

  send(from: Member, to: string): Told {
    const id = newMessageId(this.env);
    const told = this.history.wrote(from, id, to, `${CANARY} ${this.history.told.size}`);
    this.#timers.push({ at: this.env.now + DELIVERY_MS, told, member: from });
    this.#atClient(from, { kind: "send", id, to, text: told.text });
    return told;
  }

  logout(member: Member): void {
    this.#atClient(member, { kind: "logout" });
  }

  /** The connection breaks: each side still gets a part of what was on its way, and then the end. */
  cut({ toServer, toClient }: Member): void {
    for (const queue of [toServer, toClient]) {
      queue.splice(this.#choice.integer(queue.length + 1));
      queue.push(1006);
    }
  }

  setUsers(users: ReadonlyMap<UserName, RegisteredUser>): void {
    this.users = users;
    this.usersVersion += 1;
    this.#atServer(this.server, { kind: "users", users });
  }

  /** The server stops, and another takes its place. */
  restart(): void {
    this.#atServer(this.server, { kind: "stop" });
    this.server = this.#newServer();
    this.#wakeAt = null;
  }

  pass(ms: number): void {
    this.env.now += ms;
    if (this.#wakeAt !== null && this.#wakeAt <= this.env.now) this.#wake();
    const due = this.#timers.filter(({ at }) => at <= this.env.now);
    this.#timers = this.#timers.filter(({ at }) => at > this.env.now);
    for (const { told, member } of due) {
      if (told.fate === null) this.#atClient(member, { kind: "giveUp", id: told.id });
    }
  }

  /** Hands over the next item of one queue, if there is any. */
  deliver(): boolean {
    const ready = this.members.flatMap((member) =>
      [member.toServer, member.toClient].filter((queue) => queue.length > 0).map((queue) => ({ member, queue })),
    );
    if (ready.length === 0) return false;
    if (this.#choice.once(40)) this.#stalled = this.#choice.pick(ready).queue;
    const others = ready.filter(({ queue }) => queue !== this.#stalled);
    const { member, queue } = this.#choice.pick(others.length > 0 ? others : ready);
    const item = queue.shift() ?? 1006;
    const { connection, server } = member;
    if (queue === member.toServer) {
      const over = { kind: "disconnected", connection } as const;
      this.#atServer(server, typeof item === "number" ? over : { kind: "frame", connection, bytes: item });
    } else {
      const code = typeof item === "number" && item > 4000 ? codeOfWire(item - 4000) : null;
      this.#atClient(
        member,
        typeof item === "number" ? { kind: "disconnected", code } : { kind: "frame", bytes: item },
      );
    }
    return true;
  }

  /** Hands over the result of one job, if any is under way. */
  finishJob(): boolean {
    const done = this.#jobs.finish();
    if (done === null) return false;
    const { owner, at, event } = done;
    if (at === "client") this.#atClient(owner, event as ClientEvent);
    else this.#atServer(owner.server, { ...event, connection: owner.connection } as ServerEvent);
    return true;
  }

  /** Until nothing is on its way, and everybody has heard of everybody. */
  settle(): void {
    while (this.deliver() || this.finishJob() || this.#wake());
  }

  /** Wakes the server, if it has asked for that. */
  #wake(): boolean {
    if (this.#wakeAt === null) return false;
    this.#wakeAt = null;
    this.#atServer(this.server, { kind: "awake" });
    return true;
  }

  #atClient(member: Member, event: ClientEvent): void {
    const effects = this.watch.as(member.label, () => member.client.handle(event));
    for (const effect of effects) this.#clientEffect(member, effect);
  }

  #clientEffect(member: Member, effect: ClientEffect): void {
    switch (effect.kind) {
      case "transmit":
        this.tap.wire(effect.bytes);
        member.toServer.push(effect.bytes);
        break;
      case "compute":
        this.#jobs.begin(member, "client", effect.job);
        break;
      case "solve":
        this.#jobs.solve(member, effect.puzzle);
        break;
      case "notice":
        this.history.noticed(member, effect.notice);
        break;
      case "ended":
        member.ended = effect.code;
        member.toServer.push(1000);
        this.#expectWiped(member.label);
        break;
      default:
    }
  }

  #atServer(server: Server, event: ServerEvent): void {
    this.tap.atServer = true;
    const owner = "connection" in event ? `server ${event.connection}` : "server";
    const effects = this.watch.as(owner, () => server.handle(event));
    this.tap.atServer = false;
    for (const effect of effects) {
      if (effect.kind === "wake") this.#wakeAt = this.env.now + effect.afterMs + this.#choice.integer(LATE_MS);
      else this.#serverEffect(effect);
    }
  }

  #serverEffect(effect: PeerEffect): void {
    const member = this.members[effect.connection - 1];
    if (member === undefined) throw new Error("an effect for nobody");
    switch (effect.kind) {
      case "transmit":
        this.tap.wire(effect.bytes);
        member.toClient.push(effect.bytes);
        break;
      case "compute":
        this.#jobs.begin(member, "server", effect.job);
        break;
      case "attempt":
      case "proved":
        this.#atServer(member.server, answerOf(effect, this.#verdict(effect)) as ServerEvent);
        break;
      case "close":
        member.toClient.push(effect.closeCode);
        break;
      case "ended":
        this.#expectWiped(`server ${effect.connection}`);
        break;
      default:
    }
  }

  /** Now and then a server is busy. */
  #verdict(effect: PeerEffect): Verdict {
    const busy = effect.kind === "attempt" && !effect.solved && this.#choice.once(4);
    return busy ? { kind: "puzzle", bits: 1 + this.#choice.integer(6) } : { kind: "serve" };
  }

  #expectWiped(owner: string): void {
    if (this.watch.alive(owner).length > 0) throw new Error(`${owner} is over, but not all it made is wiped`);
  }

  /** Everybody's end, as code; undefined for those who are there. */
  get ends(): readonly (ErrorCode | null | undefined)[] {
    return this.members.map(({ ended }) => ended);
  }

  [Symbol.dispose](): void {
    this.watch[Symbol.dispose]();
  }
}
