/** `client passwd`: another password, for a person at a prompt or a script with two files. */
import { CodedError } from "../../core/errors.ts";
import { parseUserName } from "../../core/name.ts";
import type { PasswordNotice } from "../../core/peer/notices.ts";
import { type Secret, wipe } from "../../core/secret.ts";
import { EXIT, type ExitCode } from "../host/exit.ts";
import { readPassword } from "../host/password.ts";
import { expectStrong } from "../host/passwordPolicy.ts";
import { askOwnPassword } from "./accountQuestions.ts";
import type { PasswdCommand } from "./commandLine.ts";
import { Connection } from "./connection.ts";
import { openPrompter, signIn } from "./signIn.ts";
import { noticeText } from "./words.ts";
import type { World } from "./world.ts";

/** @throws every error of the sign-in; password.weak, password.invalid; auth.rejected when the old one is not the right one */
export async function passwd(command: PasswdCommand, { io, env, interrupt }: World): Promise<ExitCode> {
  const prompter = openPrompter(io, interrupt.fire);
  const changed = Promise.withResolvers<PasswordNotice>();
  changed.promise.catch(() => {});
  let connection: Connection | null = null;
  /** Of the login. */
  const old: Secret[] = [];
  let next: Secret | null = null;
  try {
    const questions = () => prompter;
    const events = {
      notice: (notice: { readonly kind: string }) => {
        if (notice.kind === "passwordChanged") changed.resolve(notice as PasswordNotice);
      },
      ended: (error: Error | null) => changed.reject(error ?? new CodedError("connection.lost")),
    };
    const accepted = (password: Secret): void => {
      old.push(password.slice(0, password.length));
    };
    const how = { events, questions, interactive: io.isTTY, serves: false, attach: false, accepted };
    const session = await Promise.race([
      interrupt.promise,
      signIn(command, io, env, { ...how, interrupted: interrupt.promise }),
    ]);
    if (!(session instanceof Connection)) throw new Error("passwd: a session that is not our own");
    connection = session;
    const user = parseUserName(connection.user);
    next =
      command.newPasswordFile === null
        ? await askOwnPassword(prompter, user)
        : readNew(command.newPasswordFile, io.cwd);
    if (command.newPasswordFile !== null) await expectStrong(next, user, "");
    const [given] = old;
    if (given === undefined) throw new Error("passwd: a login without a password");
    connection.say({ kind: "changePassword", old: given, next });
    const notice = await Promise.race([interrupt.promise, changed.promise]);
    if (notice.code !== null) throw new CodedError(notice.code, noticeText(notice) ?? "");
    io.stderr.write("Your password has been changed; your other sessions have ended.\n");
    return EXIT.done;
  } finally {
    wipe(...old, next);
    await connection?.logout();
    prompter.close();
  }
}

function readNew(file: string, cwd: string): Secret {
  const password = readPassword({ "password-file": file }, cwd);
  if (password === null) throw new Error("passwd: no file");
  return password;
}
