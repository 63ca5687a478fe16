import type { CryptoProvider } from "../../core/crypto/provider.ts";
import type { ErrorCode } from "../../core/errors.ts";
import type { Address } from "../../core/ids.ts";
import type { RegisteredUser, ServerKeys } from "../../core/kdc/realm.ts";
import { DELIVERY_MS, REPAIR_MS, TEMPORARY_UNSEEN_MS } from "../../core/limits.ts";
import { parseUserName, type UserName } from "../../core/name.ts";
import { quickCrypto } from "./fixedEnv.ts";
import type { Member } from "./member.ts";
import { Mischief } from "./mischief.ts";
import { passwordOf, registerAll, testRealm } from "./realm.ts";
import { Seeded } from "./seeded.ts";
import { World } from "./world.ts";

/** Long: a short one stands in random bytes by chance. */
export const NAMES = ["Alice.Liddell", "Bobby.Tables", "Chris.Cross", "Danae.Perse", "Erica.Jones"] as const;
/** The other password of each user, so that one can be changed for the other. */
const otherPasswordOf = (name: string): string => `another ${passwordOf(name)}`;

/** The realm of a script: keys that its provider has made, and each user with a first and another password. */
export interface ScriptRealm {
  readonly crypto: CryptoProvider;
  readonly keys: ServerKeys;
  readonly registered: ReadonlyMap<UserName, RegisteredUser>;
  readonly changed: ReadonlyMap<UserName, RegisteredUser>;
}

export async function scriptRealm(crypto: CryptoProvider = quickCrypto): Promise<ScriptRealm> {
  const realm = testRealm("simulation", crypto);
  const changed = new Map<UserName, RegisteredUser>();
  for (const name of NAMES) {
    const record = await realm.record(name, otherPasswordOf(name));
    changed.set(parseUserName(name), { name, active: true, initial: false, record, epoch: 2 });
  }
  return { crypto, keys: realm.keys, registered: await registerAll(realm, NAMES), changed };
}

/** Live logins above this many are not added to. */
const CROWD = 12;
/** Nothing is written while more than this is on its way. */
const BACKLOG = 60;
/** How a login may end when nobody breaks the protocol. */
const HONEST: readonly (ErrorCode | null)[] = [
  null,
  "connection.lost",
  "auth.rejected",
  "auth.tooManyDevices",
  "auth.ended",
  "auth.removed",
  "account.recovery",
  "state.foreign",
  "server.stopping",
];

/** One seeded life of a realm. */
export class Script implements Disposable {
  readonly world: World;
  readonly mischief: Mischief;
  readonly #choice: Seeded;
  readonly #realm: ScriptRealm;
  /** Who takes part: with few, both sides often begin a conversation at once. */
  readonly #names: readonly string[];

  constructor(seed: number, realm: ScriptRealm) {
    this.#realm = realm;
    const { crypto, keys, registered: users } = realm;
    this.#choice = new Seeded(seed);
    this.#names = NAMES.slice(0, 2 + (seed % 4));
    this.world = new World(this.#choice, { keys, users, devicesPerUser: 6, crypto });
    const { history } = this.world;
    const overtaken = ({ user }: Address): void => history.overtaken(user);
    this.mischief = new Mischief({ seed, reorders: seed % 2 === 0, overtaken });
  }

  /** Random actions between deliveries, reordered from connection to connection but never within one. */
  run(steps: number): void {
    for (const name of this.#names) this.world.join(name);
    for (let i = 0; i < steps; i += 1) {
      this.#step(this.#choice.integer(2000));
      this.world.pass(this.#choice.integer(30));
    }
  }

  #step(dice: number): void {
    const { world } = this;
    if (dice < 1200) world.deliver();
    else if (dice < 1500) world.finishJob();
    else if (dice < 1960) this.#send();
    else if (dice < 1990) this.#join();
    else if (dice < 1993) this.#with(world.attached, (member) => world.logout(member));
    else if (dice < 1994) this.#with(world.attached, (member) => this.#removeDevice(member));
    else if (dice < 1996) this.#with(world.live, (member) => world.cut(member));
    else if (dice < 1997) this.#with(world.live, (member) => world.kill(member));
    else if (dice < 1998) this.#setBack();
    else if (dice < 1999) this.#changeUsers();
    else this.#restart();
  }

  /** The server goes while some are in the middle of their login. */
  #restart(): void {
    for (let i = 0; i < 3; i += 1) this.#join();
    for (let i = this.#choice.integer(60); i > 0; i -= 1) this.#step(this.#choice.integer(1500));
    this.world.restart();
  }

  /** A copy of a state is made, put back, or a state is lost. */
  #setBack(): void {
    const { world } = this;
    const places = [...world.places.values()].flat();
    if (places.length === 0) return;
    const place = this.#choice.pick(places);
    if (this.#choice.once(2)) place.copy();
    else if (place.taken) return;
    else if (this.#choice.once(8) && place.setBacks < 2) world.lose(place);
    else world.rollBack(place);
  }

  /** A user takes one of the others off the list of devices: it may be there, on its way in, or away. */
  #removeDevice(member: Member): void {
    const { list, self } = member.client.devices;
    const others = list.filter(({ device }) => device !== self);
    if (others.length === 0) return;
    const { device } = this.#choice.pick(others);
    this.world.history.isUnsettled = true; // its last words may come when its conversations have been dropped
    this.world.ask(member, { kind: "removeDevices", devices: [device] });
  }

  #with(members: readonly Member[], act: (member: Member) => void): void {
    if (members.length > 0) act(this.#choice.pick(members));
  }

  #send(): void {
    if (this.world.backlog > BACKLOG) {
      this.world.deliver();
      return;
    }
    this.#with(this.world.attached, (member) => {
      const burst = 1 + this.#choice.integer(3);
      const there = this.world.attached.map(({ name }) => name);
      const to = this.#choice.once(40) ? "Nobody" : this.#choice.pick(this.#choice.once(4) ? this.#names : there);
      for (let i = 0; i < burst; i += 1) this.world.send(member, to);
    });
  }

  #join(): void {
    if (this.world.live.length >= CROWD) return;
    const name = this.#choice.once(3) ? (this.#names[0] ?? NAMES[0]) : this.#choice.pick(this.#names);
    this.world.join(name, {
      password: this.#choice.once(8) ? otherPasswordOf(name) : passwordOf(name),
      interactive: this.#choice.once(2),
      temporary: this.#choice.once(12),
    });
  }

  #changeUsers(): void {
    const { registered, changed } = this.#realm;
    const users = new Map(this.#choice.once(2) ? registered : this.world.users);
    const name = parseUserName(this.#choice.pick(this.#names));
    const now = users.get(name);
    const first = registered.get(name);
    const second = changed.get(name);
    if (first === undefined || second === undefined) throw new Error("a user of the script is missing");
    const dice = this.#choice.integer(4);
    if (dice === 0) users.delete(name);
    else if (dice === 1) users.set(name, { ...(now ?? first), active: now?.active !== true });
    else users.set(name, now?.record === first.record ? second : first);
    this.world.setUsers(users);
  }

  /** Everything arrives, every timer fires: then every message has ended, and every end has a reason. */
  settle(): void {
    const { world } = this;
    this.mischief.active = false;
    world.settle();
    world.pass(DELIVERY_MS);
    world.settle();
    const [open] = world.history.undecided;
    if (open !== undefined) throw new Error(`${open.from.label}: nothing became of ${open.text} to ${open.to}`);
    for (const member of world.members) this.#expectHonestEnd(member);
  }

  #expectHonestEnd({ ended, label, name, password, usersVersion }: Member): void {
    if (ended !== undefined && !HONEST.includes(ended)) throw new Error(`${label} ended with ${ended}`);
    const calm = usersVersion === this.world.usersVersion;
    if (!calm || (ended !== undefined && ended !== "auth.rejected")) return;
    const record = this.world.users.get(parseUserName(name));
    const right = password === (record?.epoch === 2 ? otherPasswordOf(name) : passwordOf(name));
    const welcome = record?.active === true && right;
    if (welcome !== (ended === undefined)) throw new Error(`${label}: ${welcome ? "turned away" : "let in"}`);
  }

  /** After quiet everybody can talk to everybody, and every device of both sides sees it. */
  talk(): void {
    const { world } = this;
    world.people.accepting = true;
    world.setUsers(this.#realm.registered);
    world.settle();
    this.#gather();
    for (const member of world.attached) {
      for (const [user, { trust }] of member.client.roster) {
        const key = trust === "changed" ? (member.client.comparisonOf(user)?.changed ?? null) : null;
        if (key !== null) world.ask(member, { kind: "accept", user, key });
      }
    }
    // What was set back is noticed and mended, and new identity keys are accepted, as people write to each other.
    for (let round = 0; round < 3; round += 1) {
      for (const from of world.attached) for (const to of this.#names) world.send(from, to);
      this.settle();
      world.pass(REPAIR_MS);
    }
    for (const from of world.attached) for (const to of this.#names) world.send(from, to);
    const sent = [...world.history.told.values()].slice(-world.attached.length * this.#names.length);
    this.settle();
    for (const { from, to, text, fate, shownOn } of sent) {
      const others = world.attached.filter((member) => member !== from);
      const reached = others.filter(({ name }) => name === to);
      const copies = others.filter(({ name }) => name === from.name && name !== to);
      const expected = reached.length === 0 ? [] : [...reached, ...copies];
      const alone = to === from.name ? "alone" : "offline";
      if (fate !== (reached.length === 0 ? alone : "delivered")) throw new Error(`${text}: ${fate}`);
      if (shownOn.size !== expected.length || !expected.every((member) => shownOn.has(member))) {
        throw new Error(`${text} from ${from.label} to ${to}: on ${shownOn.size} devices, not ${expected.length}`);
      }
    }
  }

  /** Everybody is there: who cannot log in has too many devices, or a state that is of no use, and tries again. */
  #gather(): void {
    const { world } = this;
    for (let tries = 0; tries < 12; tries += 1) {
      for (const name of this.#names) {
        if (!world.attached.some((member) => member.name === name)) world.join(name, { interactive: true });
      }
      world.settle();
      if (this.#names.every((name) => world.attached.some((member) => member.name === name))) return;
      world.pass(TEMPORARY_UNSEEN_MS);
    }
    throw new Error(`nobody can log in any more: ${world.ends.slice(-6).join()}`);
  }

  /** Everybody leaves, one way or the other: no key is left anywhere. */
  end(): void {
    const { world } = this;
    for (const member of world.attached) if (this.#choice.once(2)) world.logout(member);
    world.restart();
    world.settle();
    if (world.live.length > 0) throw new Error(`${world.live.length} are still there`);
    if (world.watch.alive().length > 0) throw new Error(`${world.watch.alive().length} secrets are not wiped`);
    if (world.tap.handles.size > 0) throw new Error(`${world.tap.handles.size} key handles are not disposed`);
  }

  [Symbol.dispose](): void {
    this.mischief[Symbol.dispose]();
    this.world[Symbol.dispose]();
  }
}
