/** `client` without a command: the chat, from the sign-in to the logout. */
import { CodedError } from "../../core/errors.ts";
import { newMessageId } from "../../core/ids.ts";
import { parseUserName, type UserName } from "../../core/name.ts";
import type { Notice } from "../../core/peer/notices.ts";
import { EXIT, type ExitCode } from "../host/exit.ts";
import { printable } from "../host/printable.ts";
import { runAccountCommand } from "./accountCommands.ts";
import { recoveryCodeLines } from "./accountQuestions.ts";
import type { ChatCommand } from "./commandLine.ts";
import { type AccountAction, COMMANDS, parseInput } from "./commands.ts";
import { SentMessages } from "./sentMessages.ts";
import type { Session } from "./session.ts";
import { openPrompter, signIn } from "./signIn.ts";
import { Screen } from "./tui/screen.ts";
import {
  bold,
  hangingLines,
  type Look,
  lookOf,
  messageLines,
  noticeLines,
  sentLines,
  shownLines,
  warningLines,
} from "./tui/view.ts";
import { excerpt, guessLines, noticeText, rosterLines } from "./words.ts";
import type { World } from "./world.ts";

/** @throws every error of the sign-in, and the reason why the server ended it */
export async function chat(command: ChatCommand, world: World): Promise<ExitCode> {
  const { io, env, interrupt } = world;
  const prompter = openPrompter(io, interrupt.fire);
  let session: Chat | null = null;
  const early: ((chat: Chat) => void)[] = [];
  const tell = (fn: (chat: Chat) => void) => void (session === null ? early.push(fn) : fn(session));
  const events = {
    notice: (notice: Notice) => tell((chat) => chat.notice(notice)),
    ended: (error: Error | null) => tell((chat) => chat.ended(error)),
  };
  try {
    const how = { events, questions: () => prompter, interactive: io.isTTY, serves: true };
    const opening = signIn(command, io, env, { ...how, interrupted: interrupt.promise });
    const login = await Promise.race([interrupt.promise, opening]);
    session = new Chat(command, world, login, (handlers) => new Screen(io, prompter, process.stdout, handlers));
    session.welcome();
    for (const fn of early.splice(0)) fn(session);
    return await Promise.race([interrupt.promise, session.done]).finally(() => session?.close());
  } finally {
    prompter.close();
  }
}

const HELP_COLUMN = 16;

class Chat {
  readonly #world: World;
  readonly #session: Session;
  readonly #screen: Screen;
  readonly #look: Look;
  readonly #shownKeys = new Map<UserName, string>();
  readonly #done = Promise.withResolvers<ExitCode>();
  readonly #sent: SentMessages;
  /** Whom a text without a command goes to, as registered. */
  #current: string | null = null;
  #leaving = false;

  constructor(
    command: ChatCommand,
    world: World,
    session: Session,
    openScreen: (handlers: ConstructorParameters<typeof Screen>[3]) => Screen,
  ) {
    this.#world = world;
    this.#session = session;
    this.#done.promise.catch(() => {}); // it may fail before anybody waits for it
    this.#screen = openScreen({
      line: (text) => this.#line(text),
      end: () => this.#leave(),
      interrupt: () => world.interrupt.fire(),
    });
    this.#look = lookOf({ color: command.color, full: this.#screen.full }, world.io.env, world.io.stdout);
    this.#sent = new SentMessages({
      show: (sent, waiting) => this.#screen.print(...sentLines(this.#look, this.#now(), { ...sent, waiting })),
      tell: (text) => this.#tell(text),
      warn: (text) => this.#warn(text),
      idle: () => {
        if (this.#leaving) this.#done.resolve(EXIT.done);
      },
    });
  }

  /** Resolves at the logout; rejects with the reason when the server ends it. */
  get done(): Promise<ExitCode> {
    return this.#done.promise;
  }

  async close(): Promise<void> {
    this.#screen.close();
    await this.#session.logout();
  }

  notice(notice: Notice): void {
    switch (notice.kind) {
      case "attached":
        break;
      case "message":
        this.#screen.print(...messageLines(this.#look, this.#now(), notice));
        break;
      case "guesses":
        this.#print(guessLines(notice), (line) => bold(this.#look, line));
        if (this.#world.io.isTTY) this.#session.sawGuesses();
        break;
      case "delivered":
        this.#sent.delivered(notice.id);
        break;
      case "undelivered":
        this.#sent.undelivered(notice);
        break;
      case "identityChanged":
        this.#warn(noticeText(notice) ?? "");
        break;
      case "recoveryCode":
        this.#show(...recoveryCodeLines(notice.code));
        break;
      default:
        this.#tell(noticeText(notice));
    }
  }

  ended(error: Error | null): void {
    this.#sent.lost();
    this.#screen.close();
    if (error === null) this.#done.resolve(EXIT.done);
    else this.#done.reject(error);
  }

  #line(text: string): void {
    if (this.#leaving) return; // what was pasted behind a logout is not sent
    const action = parseInput(text, this.#current !== null);
    switch (action.kind) {
      case "nothing":
        break;
      case "help":
        this.#show(...COMMANDS.map(([usage, meaning]) => `${usage.padEnd(HELP_COLUMN)} ${meaning}`));
        break;
      case "list":
        this.#show(...rosterLines(this.#session.roster, this.#session.self));
        break;
      case "logout":
        this.#leave();
        return;
      case "chat":
        this.#choose(action.to);
        break;
      case "send":
        this.#send(action.to, action.text);
        break;
      case "say":
        if (this.#current === null)
          this.#warn(`not sent, nobody is chosen: /chat USER first, or send USER TEXT: ${excerpt(action.text)}`);
        else this.#send(this.#current, action.text);
        break;
      case "verify":
      case "accept":
      case "devices":
      case "passwd":
      case "recovery":
        void this.#account(action);
        break;
      case "wrong":
        this.#warn(`${action.problem}: ${excerpt(text)}`);
    }
    this.#prompt();
  }

  welcome(): void {
    const others = [...this.#session.roster.values()].filter(
      ({ name, devices }) => devices.length > 0 && name !== this.#session.self,
    );
    const online =
      others.length === 0 ? "nobody else is online" : `online: ${others.map(({ name }) => printable(name)).join(", ")}`;
    this.#print([`Welcome, ${printable(this.#session.self)}; ${online}. /help lists the commands.`]);
    this.#prompt();
  }

  #account(action: AccountAction): Promise<void> {
    return runAccountCommand(action, {
      ...{ session: this.#session, screen: this.#screen, look: this.#look, shownKeys: this.#shownKeys },
      show: (...lines) => this.#show(...lines),
      tell: (text) => this.#tell(text),
      warn: (text) => this.#warn(text),
    }).catch((error) => this.ended(error instanceof Error ? error : new Error("not an error")));
  }

  #choose(to: string | null): void {
    const name = to === null ? null : this.#nameOf(to);
    if (to !== null && name === null) {
      this.#warn(`there is no user ${printable(to, 60)}; /list shows who there is`);
      return;
    }
    this.#current = name;
    this.#tell(name === null ? "what you type goes to nobody" : `what you type goes to ${printable(name)}`);
  }

  #send(to: string, text: string): void {
    const id = newMessageId(this.#world.env);
    this.#sent.add(id, { to: this.#nameOf(to) ?? to, text });
    try {
      this.#session.send(to, text, id);
    } catch (error) {
      if (!(error instanceof CodedError)) throw error;
      this.#sent.drop(id);
      this.#warn(`not sent: ${error.detail}`);
    }
  }

  /** Ends when what is on its way has been confirmed or given up: every message has its own deadline. */
  #leave(): void {
    this.#leaving = true;
    if (this.#sent.size === 0) this.#done.resolve(EXIT.done);
  }

  #prompt(): void {
    this.#screen.setPrompt(this.#current === null ? "> " : `${printable(this.#current)}> `);
  }

  /** Broken between words. */
  #print(lines: readonly string[], style = (line: string): string => line): void {
    const rows = lines.flatMap((line) => hangingLines("", line, this.#look.columns));
    this.#screen.print(...rows.map((row) => style(row)));
  }

  /** What the user has asked to see. */
  #show(...lines: readonly string[]): void {
    this.#screen.print(...shownLines(this.#look, lines));
  }

  #tell(text: string | null): void {
    if (text !== null) this.#screen.print(...noticeLines(this.#look, this.#now(), text));
  }

  #warn(text: string): void {
    this.#screen.print(...warningLines(this.#look, this.#now(), text));
  }

  #now(): number {
    return this.#world.env.nowMs();
  }

  /** A user's name as registered; null when there is none. */
  #nameOf(name: string): string | null {
    try {
      return this.#session.roster.get(parseUserName(name))?.name ?? null;
    } catch {
      return null;
    }
  }
}
