/** A command of the chat about keys, devices and the account, with a terminal that is a stand-in. */
import { runAccountCommand } from "../../cmd/client/accountCommands.ts";
import type { AccountAction } from "../../cmd/client/commands.ts";
import type { Session } from "../../cmd/client/session.ts";
import { openPrompter } from "../../cmd/client/signIn.ts";
import type { Prompter } from "../../cmd/host/prompt.ts";
import type { UserName } from "../../core/name.ts";
import { personIo } from "./personIo.ts";

export interface InChat {
  readonly session: Session;
  readonly shownKeys: Map<UserName, string>;
  /** Answers its questions. */
  readonly typed: string;
}

/** What the chat shows of a command. */
export async function runInChat(action: AccountAction, { session, shownKeys, typed }: InChat) {
  const io = personIo("/");
  io.type(typed);
  const prompter = openPrompter(io, () => {});
  const [printed, told, warned]: [string[], string[], string[]] = [[], [], []];
  const screen = {
    asking: <T>(ask: (prompter: Prompter) => Promise<T>) => ask(prompter),
  };
  await runAccountCommand(action, {
    ...{ session, screen, look: { utf8: false }, shownKeys },
    show: (...lines) => void printed.push(...lines),
    tell: (text) => void told.push(text),
    warn: (text) => void warned.push(text),
  });
  prompter.close();
  return { printed, told, warned, asked: io.err() };
}
