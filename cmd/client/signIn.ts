/** From options, environment and prompts to a connection that is logged in. */
import type { Env } from "../../core/env.ts";
import { CodedError } from "../../core/errors.ts";
import { parseUserName, type UserName } from "../../core/name.ts";
import type { GuessesNotice, Notice } from "../../core/peer/notices.ts";
import type { Secret } from "../../core/secret.ts";
import { type ClientConfig, fromKey, loadClientConfig, shortPath } from "../host/config.ts";
import type { ExitCode } from "../host/exit.ts";
import type { Io } from "../host/io.ts";
import { normalizePassword, readPassword } from "../host/password.ts";
import { Prompter } from "../host/prompt.ts";
import { loadPublicKey } from "../host/publicKey.ts";
import type { SignInOptions } from "./commandLine.ts";
import { Connection, type ConnectionEvents, type OpenOptions } from "./connection.ts";
import { Progress } from "./progress.ts";
import { guessLines } from "./words.ts";
import type { World } from "./world.ts";

/** A person may mistype twice. */
const TRIES = 3;
/** How long a sign-in waits by itself when the server says that it is too early: a script a little, a person somewhat longer. */
const PATIENCE_SECONDS = { script: 10, person: 60 };
/** How often it does so. */
const WAITS = 3;
/** Scripts that were refused together do not come back together. */
const WAIT_JITTER_MS = 500;

interface Credentials {
  readonly user: UserName;
  readonly password: Secret;
}

/** How far a login has come is shown by the sign-in itself. */
type SignInEvents = Omit<ConnectionEvents, "solving" | "stretching">;

/** Where questions are asked, opened when the first one is. */
export type Questions = () => Prompter;

export interface SignIn extends Omit<OpenOptions, "events"> {
  readonly events: SignInEvents;
  /** null when stdin is taken. */
  readonly questions: Questions | null;
  /** Rejects when the user gives up. */
  readonly interrupted: Promise<never>;
}

/**
 * Logs in; asks for what the options leave open, and at a terminal again when it was not accepted.
 * @throws config.invalid, usage.invalid, and what `Connection.open` throws
 */
export async function signIn(options: SignInOptions, io: Io, env: Env, how: SignIn): Promise<Connection> {
  const config = loadClientConfig(options, io.env, io.cwd, io.execDir);
  const { publicKey } = config;
  const known = fromKey(config, "publicKey", () => loadPublicKey(publicKey, shortPath(publicKey, io.cwd)));
  const person = io.isTTY && how.questions !== null && passwordSource(options, io) === null;
  const progress = new Progress(io.stderr, person);
  how.interrupted.catch(() => progress.stop());
  const events = {
    ...how.events,
    solving: () => progress.start("The server is busy and asks for some work first"),
    stretching: () => progress.start("Checking the password"),
  };
  const open = ({ user, password }: Credentials): Promise<Connection> => {
    progress.start("Connecting");
    const copy = password.slice(0, password.length);
    const clientConfig = { realm: known.realmId, serverPublicKey: known.staticPublicKey, user, password: copy };
    return Connection.open(env, config, clientConfig, { ...how, events });
  };
  for (let tries = person ? TRIES : 1; ; tries -= 1) {
    const login = await credentials(options, io, how.questions);
    using _password = login.password;
    try {
      return await patiently(() => open(login), { person, progress, interrupted: how.interrupted });
    } catch (error) {
      if (!(error instanceof CodedError)) throw error;
      if (error.code === "server.unreachable") throw unreachable(config, error);
      if (error.code !== "auth.rejected" || tries <= 1) throw error;
      progress.stop();
      io.stderr.write("Name or password not accepted. Please try again.\n");
    } finally {
      progress.stop();
    }
  }
}

interface Patience {
  readonly person: boolean;
  readonly progress: Progress;
  readonly interrupted: Promise<never>;
}

/** Opens a connection; when the server says to try again soon, does so. */
async function patiently(open: () => Promise<Connection>, patience: Patience): Promise<Connection> {
  const { person, progress, interrupted } = patience;
  for (let waits = WAITS; ; waits -= 1) {
    try {
      return await open();
    } catch (error) {
      const seconds = error instanceof CodedError ? error.waitSeconds : 0;
      if (seconds === 0 || seconds > PATIENCE_SECONDS[person ? "person" : "script"] || waits === 0) throw error;
      progress.start(`Too many logins of that name have failed; trying again in ${seconds} s`);
      await Promise.race([interrupted, Bun.sleep(seconds * 1000 + Math.random() * WAIT_JITTER_MS)]);
    }
  }
}

function unreachable({ host, port, name }: ClientConfig, { detail }: CodedError): CodedError {
  const silent = `no server answers at ${host} port ${port}; is it running, and are host and port in ${name} right?`;
  return new CodedError("server.unreachable", detail === "" ? silent : `${host} port ${port}: ${detail}`);
}

async function credentials(options: SignInOptions, io: Io, questions: Questions | null): Promise<Credentials> {
  const name = options.user ?? io.env.IMS_USER;
  const askName = async () => (await ask(questions, "Name: ", false)).trim();
  const user = name === undefined ? await asked(io, askName, parseUserName) : parseUserName(name.trim());
  const given = passwordSource(options, io);
  if (given !== null) return { user, password: given() };
  const askPassword = () => ask(questions, "Password: ", true);
  return { user, password: await asked(io, askPassword, normalizePassword) };
}

/** An answer that `parse` takes; a person who mistypes is told why and asked again. */
async function asked<T>(io: Io, question: () => Promise<string>, parse: (answer: string) => T): Promise<T> {
  for (;;) {
    const answer = await question();
    try {
      return parse(answer);
    } catch (error) {
      if (!io.isTTY || !(error instanceof CodedError)) throw error;
      io.stderr.write(`${error.detail}\n`);
    }
  }
}

/** How to read the password that options or environment name; null when they name none. */
function passwordSource(options: SignInOptions, io: Io): (() => Secret) | null {
  const { "password-file": path, "password-fd": fd } = options.password;
  const named = path !== undefined || fd !== undefined;
  const file = io.env.IMS_PASSWORD_FILE;
  const source = named || file === undefined ? options.password : { "password-file": file };
  if (!named && file === undefined) return null;
  return () => {
    const password = readPassword(source, io.cwd);
    if (password === null) throw new Error("sign-in: no source for the password");
    return password;
  };
}

async function ask(questions: Questions | null, prompt: string, hidden: boolean): Promise<string> {
  if (questions === null) {
    throw new CodedError("usage.invalid", "stdin holds the text, so give --user and --password-file or --password-fd");
  }
  const prompter = questions();
  const answer = await (hidden ? prompter.askHidden(prompt) : prompter.ask(prompt));
  if (answer === null) throw new CodedError("usage.invalid", hidden ? "no password was given" : "no name was given");
  return answer;
}

/** Asks on stderr, so that stdout stays for data. */
export function openPrompter(io: Io, interrupted: () => void): Prompter {
  return new Prompter({ input: io.stdin, output: io.stderr, terminal: io.isTTY, interrupted });
}

/** A person is told, who has just typed the password; a script would throw it away, and nobody would ever know. */
function tellGuesses(guesses: GuessesNotice | null, io: Io, connection: Connection): void {
  if (guesses === null) return;
  io.stderr.write(`${guessLines(guesses).join("\n")}\n`);
  connection.sawGuesses();
}

export interface OneShot extends Omit<OpenOptions, "events"> {
  readonly events: SignInEvents;
  /** False when stdin is taken. */
  readonly mayAsk: boolean;
}

/**
 * Logs in, runs `fn`, logs out, for commands that do one thing. stdin is left alone unless something has to be asked,
 * and the terminal is as it was when `fn` runs.
 */
export async function withConnection(
  command: SignInOptions,
  world: World,
  how: OneShot,
  fn: (connection: Connection) => Promise<ExitCode> | ExitCode,
): Promise<ExitCode> {
  const { io, env, interrupt } = world;
  let prompter: Prompter | null = null;
  const questions: Questions = () => {
    prompter ??= openPrompter(io, interrupt.fire);
    return prompter;
  };
  let guesses: GuessesNotice | null = null;
  const notice = (told: Notice): void => {
    if (told.kind === "guesses") guesses = told;
    else how.events.notice(told);
  };
  const opening = signIn(command, io, env, {
    ...how,
    events: { ...how.events, notice },
    questions: how.mayAsk ? questions : null,
    interrupted: interrupt.promise,
  });
  let connection: Connection | null = null;
  try {
    connection = await Promise.race([interrupt.promise, opening]).finally(() => prompter?.close());
    if (prompter !== null) tellGuesses(guesses, io, connection);
    return await Promise.race([interrupt.promise, fn(connection)]);
  } finally {
    await connection?.logout();
  }
}
