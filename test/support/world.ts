/**
 * The whole system in memory: one server machine and any number of client machines, joined by seeded queues. Nothing
 * happens but what `deliver`, `finishJob` and the actions make happen, so a run is the same whenever its seed is.
 */
import { utf8 } from "../../core/bytes.ts";
import type { CryptoProvider } from "../../core/crypto/provider.ts";
import { codeOfWire, type ErrorCode } from "../../core/errors.ts";
import { newMessageId } from "../../core/ids.ts";
import type { RegisteredUser, ServerKeys } from "../../core/kdc/realm.ts";
import { DELIVERY_MS, TICKET_LIFETIME_MS } from "../../core/limits.ts";
import { parseUserName, type UserName } from "../../core/name.ts";
import { Client } from "../../core/peer/client.ts";
import type { ClientEffect, ClientEvent } from "../../core/peer/clientEvents.ts";
import type { ConnectionId } from "../../core/peer/online.ts";
import type { ServerEvent } from "../../core/peer/serverEvents.ts";
import { Secret } from "../../core/secret.ts";
import { Ahead } from "./ahead.ts";
import { type FixedEnv, fixedEnv } from "./fixedEnv.ts";
import { History, type Told } from "./history.ts";
import { Jobs } from "./jobs.ts";
import type { Item, JoinOptions, Member } from "./member.ts";
import { People } from "./people.ts";
import { Place } from "./places.ts";
import { passwordOf } from "./realm.ts";
import { SecretWatch } from "./secretWatch.ts";
import type { Seeded } from "./seeded.ts";
import { Tap } from "./tap.ts";
import { WorldServer } from "./worldServer.ts";

/** In every text, so that it is found wherever it leaks. */
export const CANARY = "canary";

export interface WorldOptions {
  readonly keys: ServerKeys;
  readonly users: ReadonlyMap<UserName, RegisteredUser>;
  readonly devicesPerUser?: number;
  /** Quick and real, unless the test takes another. */
  readonly crypto?: CryptoProvider;
}

export class World implements Disposable {
  readonly env: FixedEnv;
  readonly tap: Tap;
  readonly watch = new SecretWatch();
  readonly history = new History();
  readonly members: Member[] = [];
  /** By user: where their devices are kept. */
  readonly places = new Map<UserName, Place[]>();
  readonly people: People;
  users: ReadonlyMap<UserName, RegisteredUser>;
  usersVersion = 0;
  readonly server: WorldServer;
  readonly #options: WorldOptions;
  readonly #choice: Seeded;
  readonly #jobs: Jobs<Member>;
  readonly #ahead = new Ahead();
  /** A queue that lags behind all others for a while. */
  #stalled: Item[] | null = null;
  #timers: { readonly at: number; readonly told: Told; readonly member: Member }[] = [];

  constructor(choice: Seeded, options: WorldOptions) {
    this.#choice = choice;
    this.#options = options;
    this.users = options.users;
    const names = [...options.users.values()].flatMap(({ name }) => [name, name.toLowerCase()]);
    this.tap = new Tap({ secretTexts: [CANARY, "password of"], names }, options.crypto);
    this.env = fixedEnv(`world ${choice.integer(2 ** 32)}`, this.tap.crypto);
    this.people = new People({
      crypto: this.tap.crypto,
      watch: this.watch,
      ask: (member, event) => this.#atClient(member, event),
    });
    this.#jobs = new Jobs(this.env, this.watch, choice);
    const { keys, devicesPerUser = 8, users } = options;
    const parts = { env: this.env, keys, devicesPerUser, choice, watch: this.watch, tap: this.tap, jobs: this.#jobs };
    const memberOf = (connection: ConnectionId) => this.members[connection - 1];
    this.server = new WorldServer({ ...parts, ahead: this.#ahead, memberOf }, users);
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

  /** A login from a place of that user that nobody has taken; a new one when there is none. */
  join(name: string, options: JoinOptions = {}): Member {
    const { password = passwordOf(name), interactive = false, temporary = false } = options;
    const connection = (this.members.length + 1) as ConnectionId;
    const label = `${name}#${connection}`;
    const { realm, staticKey } = this.#options.keys;
    const secret = this.watch.as(label, () => Secret.take(utf8(password)));
    const user = parseUserName(name);
    const place = temporary ? new Place(`${label} temporary`) : this.#freePlace(user);
    place.taken = true;
    const login = { realm, serverPublicKey: staticKey.publicKey, user, password: secret };
    const config = { ...login, stored: place.stored, interactive, temporary, attach: true };
    const member: Member = {
      ...{ label, name, password, client: new Client(this.env, config), connection, server: this.server.machine },
      ...{ usersVersion: this.usersVersion, place, tried: new Set(), diesAfter: null },
      ...{ toServer: [], toClient: [], device: null, ended: undefined },
    };
    this.members.push(member);
    this.server.handle(member.server, { kind: "connected", connection });
    this.#atClient(member, { kind: "connected" });
    return member;
  }

  #freePlace(user: UserName): Place {
    const places = this.places.get(user) ?? [];
    this.places.set(user, places);
    const free = places.filter(({ taken }) => !taken);
    if (free.length > 0) return this.#choice.pick(free);
    const place = new Place(`${user} ${places.length}`);
    places.push(place);
    return place;
  }

  /** The process of a client dies somewhere within its next events. */
  kill(member: Member): void {
    member.diesAfter = this.#choice.integer(6);
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
    this.server.handle(this.server.machine, { kind: "users", users });
  }

  /** The server stops, and another takes its place. */
  restart(): void {
    this.server.restart(this.users);
  }

  pass(ms: number): void {
    this.env.now += ms;
    if (ms > TICKET_LIFETIME_MS) this.history.isUnsettled = true;
    this.server.wake(this.env.now);
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
      this.server.handle(server, typeof item === "number" ? over : { kind: "frame", connection, bytes: item });
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
    else this.server.handle(owner.server, { ...event, connection: owner.connection } as ServerEvent);
    return true;
  }

  /** Until nothing is on its way, and everybody has heard of everybody. */
  settle(): void {
    while (this.deliver() || this.finishJob() || this.server.wake());
  }

  /** The user of a member asks for something. */
  ask(member: Member, event: ClientEvent): void {
    this.#atClient(member, event);
  }

  #atClient(member: Member, event: ClientEvent): void {
    if (member.ended !== undefined && event.kind !== "computed") return;
    const effects = this.watch.as(member.label, () => member.client.handle(event));
    const messageKeys = this.tap.takeSealedUnder();
    for (const effect of effects) this.#ahead.push(() => this.#runAtClient(member, effect, messageKeys));
    this.#ahead.run();
  }

  #runAtClient(member: Member, effect: ClientEffect, messageKeys: string[]): void {
    if (member.ended !== undefined) return;
    if (member.diesAfter === 0) {
      this.#died(member);
      return;
    }
    if (effect.kind === "save" || effect.kind === "transmit") this.tap.use(messageKeys.splice(0));
    this.#clientEffect(member, effect);
    if (member.diesAfter !== null) member.diesAfter -= 1;
  }

  /** What it had not done yet is not done; what it had saved is there. */
  #died(member: Member): void {
    member.diesAfter = null;
    if (member.ended !== undefined) return;
    this.watch.as(member.label, () => member.client.handle({ kind: "disconnected", code: null })); // wipes
    this.#over(member, "connection.lost");
  }

  #over(member: Member, code: ErrorCode | null): void {
    member.ended = code;
    member.place.taken = false;
    member.toServer.push(1006);
    this.watch.expectWiped(member.label);
    // Another identity stands where this device had one, or it is on no list: its user makes another device of it.
    if (code === "state.foreign" || code === "auth.removed") this.lose(member.place);
  }

  lose(place: Place): void {
    place.lose();
    this.history.isUnsettled = true;
  }

  rollBack(place: Place): void {
    if (place.rollBack()) this.history.isUnsettled = true;
  }

  #clientEffect(member: Member, effect: ClientEffect): void {
    switch (effect.kind) {
      case "save":
        this.#expectSealed(effect.writes);
        member.place.save(effect.header, effect.writes);
        break;
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
        if (!this.people.noticed(member, effect.notice)) this.history.noticed(member, effect.notice);
        break;
      case "ended":
        this.#over(member, effect.code);
        break;
      default:
    }
  }

  /** Nothing that a user wrote, and no name, is on a disk in clear. */
  #expectSealed(writes: ReadonlyMap<string, Uint8Array | null>): void {
    for (const bytes of writes.values()) if (bytes !== null) this.tap.wire(bytes);
  }

  /** Everybody's end, as code; undefined for those who are there. */
  get ends(): readonly (ErrorCode | null | undefined)[] {
    return this.members.map(({ ended }) => ended);
  }

  [Symbol.dispose](): void {
    this.watch[Symbol.dispose]();
  }
}
