/** `client listen`: messages on stdout as they come. */
import { CodedError, type ErrorCode } from "../../core/errors.ts";
import type { MessageNotice, Notice } from "../../core/peer/clientSession.ts";
import { EXIT, type ExitCode } from "../host/exit.ts";
import type { ListenCommand } from "./commandLine.ts";
import { messageJson, peerTime } from "./json.ts";
import { withConnection } from "./signIn.ts";
import { displayText } from "./tui/sanitize.ts";
import { noticeText } from "./words.ts";
import type { World } from "./world.ts";

/** Ends when `--count` messages have come (0), when `--timeout` has passed (0, or 5 with a count), or interrupted. */
export async function listen(command: ListenCommand, world: World): Promise<ExitCode> {
  const { stdout, stderr } = world.io;
  const done = Promise.withResolvers<ExitCode>();
  done.promise.catch(() => {}); // it may fail before anybody waits for it
  let left = command.count ?? Number.POSITIVE_INFINITY;
  const notice = (told: Notice) => {
    if (told.kind === "unreadable") stderr.write(`ims: ${noticeText(told)}\n`);
    if (told.kind !== "message" || (told.own && !command.own) || left <= 0) return;
    stdout.write(command.json ? messageJson(told) : plainMessage(told));
    left -= 1;
    if (left <= 0) done.resolve(EXIT.done);
  };
  const ended = (code: ErrorCode | null) => done.reject(new CodedError(code ?? "connection.lost"));
  return withConnection(command, world, { mayAsk: true, events: { notice, ended } }, async () => {
    const late = command.count === null ? EXIT.done : EXIT.undelivered;
    const seconds = command.timeoutSeconds;
    const timer = seconds === null ? undefined : setTimeout(() => done.resolve(late), seconds * 1000);
    return done.promise.finally(() => clearTimeout(timer));
  });
}

function plainMessage(message: MessageNotice): string {
  const { own, from, to, receivedAt, text } = message;
  const who = own ? `you -> ${to}` : from;
  return `${peerTime(receivedAt)} ${who}: ${displayText(text).join("\n  ")}\n`;
}
