/** A copy of the demo realm in a temporary folder, and the compiled server that serves it. */
import { chmodSync, cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DEMO_USERS } from "./demoRealm.ts";
import { temporaryFolder } from "./folder.ts";
import { type Outcome, Program, type ProgramOptions } from "./programs.ts";
import { type TerminalOptions, TerminalProgram } from "./terminal.ts";

const ROOT = join(import.meta.dir, "..", "..");
type Json = Record<string, unknown>;
type SomeOptions<T> = Partial<Omit<T, "cwd">> & { readonly cwd?: string };

export interface LogLine extends Json {
  readonly event: string;
}

/** The folder alone; nothing runs. */
export class RealmFolder implements Disposable {
  readonly #folder = temporaryFolder();
  /** Passwords lie outside the realm, so that a search for them there finds only leaks. */
  readonly #secrets = temporaryFolder();
  readonly path = this.#folder.path;

  /** A copy of the demo realm with other values in `sconf.json`; null leaves the folder empty. */
  constructor(change: Json | null = {}) {
    if (change === null) return;
    for (const part of ["users.json", "keys"]) cpSync(join(ROOT, part), this.at(part), { recursive: true });
    this.writeServerConfig({ ...readJson(join(ROOT, "sconf.json")), port: 0, ...change });
    this.writeClientConfig(1);
    for (const [user, password] of DEMO_USERS) this.setPassword(user, password);
  }

  /** A realm of its own, as `server init` makes it, without users. */
  static async made(change: Json = {}): Promise<RealmFolder> {
    const folder = new RealmFolder(null);
    await folder.admin("init");
    folder.changeServerConfig({ port: 0, ...change });
    return folder;
  }

  at(name: string): string {
    return join(this.path, name);
  }

  passwordFile(user: string): string {
    return this.#secrets.at(user.toLowerCase());
  }

  setPassword(user: string, password: string): string {
    const path = this.passwordFile(user);
    writeFileSync(path, `${password}\n`, { mode: 0o600 });
    return path;
  }

  writeServerConfig(value: Json): void {
    writeFileSync(this.at("sconf.json"), JSON.stringify(value, null, 2));
  }

  changeServerConfig(change: Json): void {
    this.writeServerConfig({ ...readJson(this.at("sconf.json")), ...change });
  }

  writeClientConfig(port: number, change: Json = {}): void {
    const value = { version: 1, host: "127.0.0.1", port, publicKey: "keys/server.pub", ...change };
    writeFileSync(this.at("config.json"), JSON.stringify(value));
  }

  /** A configuration of its own, for instance for a client that goes through a wiretap. */
  clientConfigFor(port: number, change: Json = {}): string {
    const folder = this.at(`client-${port}`);
    mkdirSync(folder, { recursive: true });
    const value = { version: 1, host: "127.0.0.1", port, publicKey: this.at("keys/server.pub"), ...change };
    writeFileSync(join(folder, "config.json"), JSON.stringify(value));
    return join(folder, "config.json");
  }

  program(name: "server" | "client", args: readonly string[], options: SomeOptions<ProgramOptions> = {}): Program {
    return new Program(name, args, { cwd: this.path, ...options });
  }

  async run(
    name: "server" | "client",
    args: readonly string[],
    options: SomeOptions<ProgramOptions> = {},
  ): Promise<Outcome> {
    await using program = this.program(name, args, options);
    return await program.ended();
  }

  /** `server user …` and the like, which must work. */
  async admin(...args: readonly string[]): Promise<string> {
    const { code, out, err } = await this.run("server", args);
    if (code !== 0) throw new Error(`server ${args.join(" ")} ended with ${code}: ${err}`);
    return out;
  }

  [Symbol.dispose](): void {
    chmodSync(this.path, 0o700);
    this.#folder[Symbol.dispose]();
    this.#secrets[Symbol.dispose]();
  }
}

/** Something that ends. */
interface Running {
  readonly running: boolean;
}

/** A realm whose server runs. */
export class RunningRealm implements AsyncDisposable {
  readonly folder: RealmFolder;
  readonly #programs: AsyncDisposable[] = [];
  /** By user: which program has each device. */
  readonly #holders = new Map<string, Running[]>();
  readonly #options: SomeOptions<ProgramOptions>;
  #server: Program;
  #port = 0;
  #log = "";

  private constructor(folder: RealmFolder, options: SomeOptions<ProgramOptions>) {
    this.folder = folder;
    this.#options = options;
    this.#server = folder.program("server", [], options);
  }

  /** Starts a server in `folder`, which it takes over. */
  static async start(
    change: Json = {},
    folder = new RealmFolder(change),
    options: SomeOptions<ProgramOptions> = {},
  ): Promise<RunningRealm> {
    const realm = new RunningRealm(folder, options);
    await realm.#started();
    return realm;
  }

  get port(): number {
    return this.#port;
  }

  get server(): Program {
    return this.#server;
  }

  /** Everything that its servers have logged. */
  get logText(): string {
    return this.#log + this.#server.err;
  }

  /** The log of the server that runs now. */
  get log(): readonly LogLine[] {
    const lines = this.#server.err.split("\n").slice(0, -1);
    return lines.filter((line) => line.startsWith("{")).map((line) => JSON.parse(line) as LogLine);
  }

  /** Waits for an event in the log. */
  logged(event: string, fields: Json = {}): Promise<LogLine> {
    const matches = (line: LogLine): boolean =>
      line.event === event && Object.entries(fields).every(([key, value]) => line[key] === value);
    return this.#server.until(() => this.log.find(matches) ?? null, `${event} ${JSON.stringify(fields)} in the log`);
  }

  /** A client that ends by itself. */
  async client(args: readonly string[], options: SomeOptions<ProgramOptions> = {}): Promise<Outcome> {
    return await this.folder.run("client", args, options);
  }

  /** As `client`, logged in by a password file. */
  async as(user: string, args: readonly string[], options: SomeOptions<ProgramOptions> = {}): Promise<Outcome> {
    const device = this.#device(user);
    const env = { ...device.env, ...options.env };
    await using program = this.folder.program("client", [...this.signIn(user), ...args], { ...options, env });
    device.held(program);
    return await program.ended();
  }

  /** A client that goes on until it is told to end, at the latest with this realm. */
  background(user: string, args: readonly string[], options: SomeOptions<ProgramOptions> = {}): Program {
    const device = this.#device(user);
    const env = { ...device.env, ...options.env };
    const program = this.folder.program("client", [...this.signIn(user), ...args], { ...options, env });
    device.held(program);
    return this.#keep(program);
  }

  /** A device of a user that no program of this realm uses now: programs that run beside each other are different devices. */
  #device(user: string): { readonly env: Readonly<Record<string, string>>; readonly held: (by: Running) => void } {
    const holders = this.#holders.get(user) ?? [];
    this.#holders.set(user, holders);
    const free = holders.findIndex((holder) => !holder.running);
    const index = free < 0 ? holders.length : free;
    holders[index] = { running: true };
    const held = (by: Running): void => {
      holders[index] = by;
    };
    return { env: { IMS_STATE: this.folder.at(`devices/${user.toLowerCase()}-${index}`) }, held };
  }

  /** `client listen --json` that is logged in. */
  async listener(user: string, args: readonly string[] = []): Promise<Program> {
    const before = this.logins(user);
    const program = this.background(user, ["listen", "--json", ...args]);
    await this.server.until(() => this.logins(user) > before, `a login of ${user}`);
    return program;
  }

  /** How often a user has logged in at the server that runs now. */
  logins(user: string): number {
    return this.log.filter((line) => line.event === "user.login" && line.user === user.toLowerCase()).length;
  }

  /** The client on a terminal; it ends at the latest with this realm. */
  terminal(args: readonly string[] = [], options: SomeOptions<TerminalOptions> = {}): TerminalProgram {
    return this.#keep(new TerminalProgram("client", args, { cwd: this.folder.path, ...options }));
  }

  /** The chat of a user of the demo realm, logged in. */
  async chat(
    user: string,
    options: SomeOptions<TerminalOptions> = {},
    args: readonly string[] = [],
  ): Promise<TerminalProgram> {
    const device = this.#device(user);
    const env = { ...device.env, ...options.env };
    const terminal = this.terminal([...this.signIn(user), ...args], { ...options, env });
    device.held(terminal);
    await terminal.shows(`Welcome, ${user}`);
    await terminal.prompts();
    return terminal;
  }

  /** The chats of several users, who log in at the same time and leave together. */
  async chats<const U extends readonly string[]>(
    ...users: U
  ): Promise<{ readonly [K in keyof U]: TerminalProgram } & AsyncDisposable> {
    const chats = await Promise.all(users.map((user) => this.chat(user)));
    return Object.assign(chats as { readonly [K in keyof U]: TerminalProgram }, {
      [Symbol.asyncDispose]: () => this.leave(...chats),
    });
  }

  /** Ends programs that are logged in, and waits until the server has noticed. */
  async leave(...programs: readonly (AsyncDisposable & { readonly running: boolean })[]): Promise<void> {
    const logouts = (): number => this.log.filter(({ event }) => event === "user.logout").length;
    const expected = logouts() + programs.filter(({ running }) => running).length;
    for (const program of programs) await program[Symbol.asyncDispose]();
    if (this.#server.running) await this.#server.until(() => logouts() >= expected, "the logouts");
  }

  signIn(user: string): readonly string[] {
    return ["--user", user, "--password-file", this.folder.passwordFile(user)];
  }

  /** Stops the server as an operator does. */
  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<Outcome> {
    this.#server.kill(signal);
    return await this.#server.ended();
  }

  /** Starts the server again, on the port it had unless the configuration now says another. */
  async startAgain(change: Json = { port: this.#port }): Promise<void> {
    this.#log += this.#server.err;
    this.folder.changeServerConfig(change);
    this.#server = this.folder.program("server", [], this.#options);
    await this.#started();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const program of this.#programs) await program[Symbol.asyncDispose]();
    await this.#server[Symbol.asyncDispose]();
    this.folder[Symbol.dispose]();
  }

  async #started(): Promise<void> {
    const { port } = await this.logged("server.listening");
    if (typeof port !== "number") throw new Error("the server does not say where it listens");
    this.#port = port;
    this.folder.writeClientConfig(port);
  }

  #keep<P extends AsyncDisposable>(program: P): P {
    this.#programs.push(program);
    return program;
  }
}

function readJson(path: string): Json {
  return JSON.parse(readFileSync(path, "utf8")) as Json;
}
