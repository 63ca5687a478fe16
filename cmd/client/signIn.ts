/** From options, environment and prompts to a connection that is logged in. */
import type { Env } from "../../core/env.ts";
import { CodedError } from "../../core/errors.ts";
import { parseUserName, type UserName } from "../../core/name.ts";
import type { GuessesNotice, Notice } from "../../core/peer/notices.ts";
import type { Secret } from "../../core/secret.ts";
import type { ExitCode } from "../host/exit.ts";
import type { Io } from "../host/io.ts";
import { normalizePassword, readPassword } from "../host/password.ts";
import { Prompter } from "../host/prompt.ts";
import type { SignInOptions } from "./commandLine.ts";
import { Login, type LoginOptions, type Questions } from "./login.ts";
import type { Session, SessionEvents } from "./session.ts";
import { guessLines } from "./words.ts";
import type { World } from "./world.ts";

/** A person may mistype twice. */
const TRIES = 3;

/**
 * Logs in; asks for what the options leave open, and at a terminal again when it was not accepted. A session of the client
 * that holds the device already needs no password.
 * @throws config.invalid, usage.invalid, state.*, file.locked, and what `Connection.open` throws
 */
export async function signIn(options: SignInOptions, io: Io, env: Env, how: LoginOptions): Promise<Session> {
  const login = new Login(options, io, env, how);
  const person = io.isTTY && how.questions !== null && passwordSource(options, io) === null;
  for (let tries = person ? TRIES : 1; ; tries -= 1) {
    const user = await nameOf(options, io, how.questions);
    using attempt = await login.reach(user);
    if (attempt.guest !== null) return attempt.guest;
    using password = await passwordOf(options, io, how.questions);
    try {
      return await attempt.open(password, person);
    } catch (error) {
      if (!(error instanceof CodedError) || error.code !== "auth.rejected" || tries <= 1) throw error;
      io.stderr.write("Name or password not accepted. Please try again.\n");
    }
  }
}

function nameOf(options: SignInOptions, io: Io, questions: Questions | null): Promise<UserName> {
  const name = options.user ?? io.env.IMS_USER;
  if (name !== undefined) return Promise.resolve(parseUserName(name.trim()));
  return asked(io, async () => (await ask(questions, "Name: ", false)).trim(), parseUserName);
}

async function passwordOf(options: SignInOptions, io: Io, questions: Questions | null): Promise<Secret> {
  const given = passwordSource(options, io);
  if (given !== null) return given();
  return await asked(io, () => ask(questions, "Password: ", true), normalizePassword);
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
function tellGuesses(guesses: GuessesNotice | null, io: Io, session: Session): void {
  if (guesses === null) return;
  io.stderr.write(`${guessLines(guesses).join("\n")}\n`);
  session.sawGuesses();
}

export interface OneShot {
  readonly events: SessionEvents;
  readonly deliveryMs?: number;
  /** False when stdin is taken. */
  readonly mayAsk: boolean;
  /** It stays, and others may use its device meanwhile. */
  readonly serves?: boolean;
}

/**
 * Logs in, runs `fn`, logs out, for commands that do one thing. stdin is left alone unless something has to be asked,
 * and the terminal is as it was when `fn` runs.
 */
export async function withSession(
  command: SignInOptions,
  world: World,
  how: OneShot,
  fn: (session: Session) => Promise<ExitCode> | ExitCode,
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
    ...{ serves: false, ...how, events: { ...how.events, notice } },
    ...{ interactive: false, interrupted: interrupt.promise, questions: how.mayAsk ? questions : null },
  });
  let session: Session | null = null;
  try {
    session = await Promise.race([interrupt.promise, opening]).finally(() => prompter?.close());
    if (prompter !== null) tellGuesses(guesses, io, session);
    return await Promise.race([interrupt.promise, fn(session)]);
  } finally {
    await session?.logout();
  }
}
