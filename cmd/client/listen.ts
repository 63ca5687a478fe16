/** `client listen`: messages on stdout as they come. */
import { CodedError } from "../../core/errors.ts";
import type { MessageNotice, Notice } from "../../core/peer/notices.ts";
import { EXIT, type ExitCode } from "../host/exit.ts";
import { printable } from "../host/printable.ts";
import type { ListenCommand } from "./commandLine.ts";
import { messageJson, peerTime } from "./json.ts";
import { withSession } from "./signIn.ts";
import { CHANGED_MARK, hangingLines } from "./tui/view.ts";
import { noticeText } from "./words.ts";
import type { World } from "./world.ts";

/** What whoever reads the messages has to know besides; null for what is told in the chat alone. */
function warningOf(notice: Notice): string | null {
  switch (notice.kind) {
    case "newDevice":
      return notice.own ? noticeText(notice) : null; // it may be somebody else's
    case "unreadable":
    case "unsupported":
    case "identityChanged":
      return noticeText(notice);
    default:
      return null;
  }
}

/** Ends when `--count` messages have come (0), when `--timeout` has passed (0, or 5 with a count), or interrupted. */
export async function listen(command: ListenCommand, world: World): Promise<ExitCode> {
  const { stdout, stderr } = world.io;
  const done = Promise.withResolvers<ExitCode>();
  done.promise.catch(() => {}); // it may fail before anybody waits for it
  let left = command.count ?? Number.POSITIVE_INFINITY;
  const notice = (told: Notice) => {
    const warning = warningOf(told);
    if (warning !== null) stderr.write(`ims: ${warning}\n`);
    if (told.kind !== "message" || (told.own && !command.own) || left <= 0) return;
    stdout.write(command.json ? messageJson(told) : plainMessage(told, stdout.columns));
    left -= 1;
    if (left <= 0) done.resolve(EXIT.done);
  };
  const ended = (error: Error | null) => done.reject(error ?? new CodedError("connection.lost"));
  return withSession(command, world, { mayAsk: true, serves: true, events: { notice, ended } }, async () => {
    const late = command.count === null ? EXIT.done : EXIT.undelivered;
    const seconds = command.timeoutSeconds;
    const timer = seconds === null ? undefined : setTimeout(() => done.resolve(late), seconds * 1000);
    return done.promise.finally(() => clearTimeout(timer));
  });
}

/** A message as a line, its further lines indented. */
export function plainMessage(message: MessageNotice, columns = Number.POSITIVE_INFINITY): string {
  const { own, from, to, trust, receivedAt, text } = message;
  const who = own ? `you -> ${printable(to)}` : `${printable(from)}${trust === "changed" ? CHANGED_MARK : ""}`;
  return `${hangingLines(`${peerTime(receivedAt)} ${who}: `, text, columns).join("\n")}\n`;
}
