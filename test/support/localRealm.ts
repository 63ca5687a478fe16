/** A real server in the test's own process, and clients of it: everything is real but Argon2id and the executables. */
import { writeFileSync } from "node:fs";
import { Connection } from "../../cmd/client/connection.ts";
import type { AccountAnswer, ConnectionEvents, OpenOptions } from "../../cmd/client/connectionOptions.ts";
import { NoState } from "../../cmd/client/state/deviceState.ts";
import type { World } from "../../cmd/client/world.ts";
import { formatPublicKey } from "../../cmd/host/publicKey.ts";
import { type Listener, listen } from "../../cmd/server/listener.ts";
import { utf8 } from "../../core/bytes.ts";
import type { Env } from "../../core/env.ts";
import { CodedError } from "../../core/errors.ts";
import { opaqueConfig } from "../../core/kdc/login.ts";
import type { RegisteredUser, Users } from "../../core/kdc/realm.ts";
import { parseUserName, type UserName } from "../../core/name.ts";
import { parseRecord } from "../../core/opaque/record.ts";
import type { LoginConfig } from "../../core/peer/clientLogin.ts";
import type { AccountNotice, Notice } from "../../core/peer/notices.ts";
import { Secret } from "../../core/secret.ts";
import { fixedEnv, quickCrypto } from "./fixedEnv.ts";
import { temporaryFolder } from "./folder.ts";
import { type RecordedIo, recordedIo } from "./io.ts";
import { PATIENT, Rig } from "./plugged.ts";
import { Watched } from "./programs.ts";
import { passwordOf, registerAll, type TestRealm, testRealm } from "./realm.ts";
import { ScriptedListener } from "./scriptedListener.ts";

/** What a connection has told, and a way to wait for it. */
export class Heard implements ConnectionEvents {
  readonly notices: Notice[] = [];
  readonly ends: (Error | null)[] = [];
  solvings = 0;
  stretchings = 0;
  /** Called with each notice after it was kept. */
  onNotice: (notice: Notice) => void = () => {};
  /** Called with what the account asks for before the session; nobody answers by default. */
  onAccount: (notice: AccountNotice, answer: AccountAnswer) => void = () => {};
  readonly #watched = new Watched();

  readonly solving = (): void => {
    this.solvings += 1;
  };

  readonly stretching = (): void => {
    this.stretchings += 1;
  };

  readonly notice = (notice: Notice): void => {
    this.notices.push(notice);
    this.#watched.wake();
    this.onNotice(notice);
  };

  readonly account = (notice: AccountNotice, answer: AccountAnswer): void => {
    this.notice(notice);
    this.onAccount(notice, answer);
  };

  readonly ended = (error: Error | null): void => {
    this.ends.push(error);
    this.#watched.wake();
  };

  of<K extends Notice["kind"]>(kind: K): Extract<Notice, { kind: K }>[] {
    return this.notices.filter((notice): notice is Extract<Notice, { kind: K }> => notice.kind === kind);
  }

  get texts(): readonly string[] {
    return this.of("message").map(({ text }) => text);
  }

  until(look: () => boolean, what: string): Promise<true> {
    return this.#watched.until(
      () => look() || null,
      () => what,
      4000,
    ) as Promise<true>;
  }

  /** How it ended. */
  async end(): Promise<Error | null> {
    await this.until(() => this.ends.length > 0, "the end of a connection");
    return this.ends[0] ?? null;
  }
}

export interface LocalClient {
  readonly connection: Connection;
  readonly heard: Heard;
}

/** What of a login is not as usual. */
export interface Try extends Partial<OpenOptions> {
  readonly env?: Env;
  readonly host?: string;
  readonly port?: number;
  readonly config?: LoginConfig;
}

/** A world for a command, whose input, output and interruption a test holds. */
export interface LocalWorld extends World {
  readonly io: RecordedIo;
}

const HOST = "127.0.0.1";

/** No command of a test keeps state, least of all in the home of whoever runs it. */
export const BORROWED = { IMS_STATE: "none" } as const;

export class LocalRealm implements AsyncDisposable {
  readonly rig: Rig;
  #users: Users;
  readonly #realm: TestRealm;
  readonly #listener: Listener;
  readonly #folder = temporaryFolder();
  #clients = 0;

  private constructor(realm: TestRealm, users: Users) {
    this.#realm = realm;
    this.#users = users;
    this.rig = new Rig(realm, users);
    this.rig.changePassword = async (user, epoch, record) => {
      if (this.#users.get(user)?.epoch !== epoch - 1) return null;
      return this.#withRecord(user, { record: parseRecord(opaqueConfig(quickCrypto), record), initial: false });
    };
    const config = { host: HOST, port: 0, limits: PATIENT, trustedProxies: [] };
    this.#listener = listen(config, this.rig.driver, this.rig.journal);
    this.writeConfig({});
    const { realm: realmId, staticKey } = realm.keys;
    writeFileSync(this.#folder.at("server.pub"), formatPublicKey({ realmId, staticPublicKey: staticKey.publicKey }));
  }

  /** A realm of these users, each with their `passwordOf`, on a port that the system chooses. */
  static async start(...names: readonly string[]): Promise<LocalRealm> {
    const realm = testRealm();
    return new LocalRealm(realm, await registerAll(realm, names));
  }

  get users(): Users {
    return this.#users;
  }

  /** As an operator does: everybody's sessions with the old one end. `initial`: the user has to set another. */
  async setPassword(name: string, password: string, initial = false): Promise<void> {
    const record = await this.#realm.record(name, password);
    this.rig.driver.setUsers(this.#withRecord(parseUserName(name), { record, initial }));
  }

  #withRecord(user: UserName, change: Pick<RegisteredUser, "record" | "initial">): Users {
    const old = this.#users.get(user);
    if (old === undefined) throw new Error("no such user");
    this.#users = new Map([...this.#users, [user, { ...old, ...change, epoch: old.epoch + 1 }]]);
    return this.#users;
  }

  get port(): number {
    return this.#listener.port;
  }

  /** Holds `config.json` and `server.pub`. */
  get folder(): { readonly path: string; readonly at: (name: string) => string } {
    return this.#folder;
  }

  /** An environment of a client, each with randomness of its own. */
  env(): Env {
    this.#clients += 1;
    return fixedEnv(`client ${this.#clients}`, quickCrypto);
  }

  writeConfig(change: Readonly<Record<string, unknown>>): void {
    const config = { version: 1, host: HOST, port: this.port, publicKey: "server.pub", ...change };
    writeFileSync(this.#folder.at("config.json"), JSON.stringify(config));
  }

  /** The path of a file with `text`; by default the password of `user`. */
  passwordFile(user: string, text = passwordOf(user)): string {
    const path = this.#folder.at(`${user}.password`);
    writeFileSync(path, `${text}\n`);
    return path;
  }

  configOf(user: string, password = passwordOf(user)): LoginConfig {
    const { realm, staticKey } = this.#realm.keys;
    const secret = Secret.take(utf8(password));
    return { realm, serverPublicKey: staticKey.publicKey.slice(), user: parseUserName(user), password: secret };
  }

  /** A login, by default of Alice with her password at this realm's own listener, where nobody listens. */
  open({ port = this.port, host = HOST, config = this.configOf("Alice"), ...options }: Try = {}): Promise<Connection> {
    const { env = this.env(), events = new Heard(), ...others } = options;
    return Connection.open(env, { host, port }, config, {
      events,
      state: new NoState(),
      interactive: false,
      ...others,
    });
  }

  /** A client that is logged in. */
  async connect(user: string, options: Omit<Try, "events" | "config"> = {}): Promise<LocalClient> {
    const heard = new Heard();
    return { heard, connection: await this.open({ config: this.configOf(user), events: heard, ...options }) };
  }

  /** The user's next login makes another account: devices that were lost do not fill the list. */
  forget(user: string): void {
    this.rig.store.answer({ op: "forget", user: parseUserName(user) });
  }

  /** Somebody who is logged in, and from then on hears everything and never answers. */
  async deaf(user: string): Promise<AsyncDisposable & { readonly connection: Connection }> {
    let deaf = false;
    const listener = new ScriptedListener({ message: () => deaf }, this.rig.driver);
    const connection = await this.open({ config: this.configOf(user), port: listener.port });
    deaf = true;
    return { connection, [Symbol.asyncDispose]: () => listener[Symbol.asyncDispose]() };
  }

  /**
   * A world without a terminal, where `user` can log in without a question, on a device that leaves nothing behind;
   * `typed` is all of stdin.
   */
  world(user: string, options: Parameters<typeof recordedIo>[1] = {}): LocalWorld {
    const own = { ...BORROWED, IMS_USER: user, IMS_PASSWORD_FILE: this.passwordFile(user) };
    return worldOf(recordedIo(this.#folder.path, { ...options, env: { ...own, ...options.env } }), this.env());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#listener.stop(Promise.resolve());
    this.#folder[Symbol.dispose]();
  }
}

export function worldOf(io: RecordedIo, env: Env): LocalWorld {
  const { promise, reject } = Promise.withResolvers<never>();
  promise.catch(() => {});
  return { io, env, interrupt: { promise, fire: () => reject(new CodedError("host.interrupted")) } };
}
