/** What an account needs from its user before the session begins: a recovery code, a password of their own. */

import { parseRecoveryCode } from "../../core/e2ee/recovery.ts";
import type { Env } from "../../core/env.ts";
import { CodedError } from "../../core/errors.ts";
import type { UserName } from "../../core/name.ts";
import type { AccountNotice } from "../../core/peer/notices.ts";
import type { Secret } from "../../core/secret.ts";
import type { Io } from "../host/io.ts";
import { askNewPassword } from "../host/password.ts";
import { expectStrong } from "../host/passwordPolicy.ts";
import type { Prompter } from "../host/prompt.ts";
import type { AccountAnswer } from "./connectionOptions.ts";

export interface Asker {
  readonly env: Env;
  readonly io: Io;
  readonly user: UserName;
  /** Of this login; lent. */
  readonly password: Secret;
  readonly prompter: Prompter;
  /** The user has set this one, which the login has to be made again with. Taken over. */
  readonly replaced: (password: Secret) => void;
}

/** The recovery code as it is shown, once. */
export function recoveryCodeLines(code: string): readonly string[] {
  return [
    "Your recovery code. It opens your account if your password is ever lost:",
    "",
    `    ${code}`,
    "",
    "Write it down and keep it away from this machine. It is not shown again.",
    "/recovery makes another, and then this one opens nothing any more.",
    "",
  ];
}

/** Shows or asks what the notice wants. A user who gives up ends the login. */
export async function answerAccount(notice: AccountNotice, answer: AccountAnswer, asker: Asker): Promise<void> {
  const { io } = asker;
  try {
    switch (notice.kind) {
      case "recoveryCode":
        io.stderr.write(`\n${recoveryCodeLines(notice.code).join("\n")}\n`);
        break;
      case "initialPassword":
        await askInitial(answer, asker);
        break;
      case "recoveryRefused":
        io.stderr.write("That is not the recovery code of this account.\n");
        await askRecovery(answer, asker);
        break;
      case "recoveryNeeded":
        io.stderr.write("The operator has reset your password. Your recovery code opens your account again.\n");
        await askRecovery(answer, asker);
        break;
      case "opened":
        break;
    }
  } catch (error) {
    answer.giveUp(error instanceof Error ? error : new Error("not an error"));
  }
}

async function askInitial(answer: AccountAnswer, { io, user, password, prompter, replaced }: Asker): Promise<void> {
  io.stderr.write("Your password was chosen by the operator, who knows it. Set one of your own.\n");
  const next = await askOwnPassword(prompter, user);
  replaced(next);
  io.stderr.write("Changing the password ...\n");
  answer.say({ kind: "changePassword", old: password, next });
}

/** A new password, twice; one that is easily guessed is refused. */
export function askOwnPassword(prompter: Prompter, user: UserName): Promise<Secret> {
  return askNewPassword(prompter, user, (password) => expectStrong(password, user, ""));
}

async function askRecovery(answer: AccountAnswer, { env, io, prompter }: Asker): Promise<void> {
  for (;;) {
    const typed = await prompter.ask("Your recovery code, or NEW for a new identity: ");
    if (typed === null) throw new CodedError("account.recovery");
    if (typed.trim().toUpperCase() === "NEW") {
      const sure = await prompter.ask(
        "Everybody you talk to will be warned that your key has changed. Go on? (yes/no) ",
      );
      if (!/^y(es)?$/i.test(sure?.trim() ?? "")) continue;
      answer.say({ kind: "newIdentity" });
      return;
    }
    try {
      using code = parseRecoveryCode(env.crypto, typed);
      answer.say({ kind: "recover", code });
      return;
    } catch (error) {
      if (!(error instanceof CodedError) || error.code !== "account.code") throw error;
      io.stderr.write(`${error.detail}\n`);
    }
  }
}
