/** `client send`: one message, and the answer whether somebody has it. */
import { decodeUtf8, utf8 } from "../../core/bytes.ts";
import { CodedError } from "../../core/errors.ts";
import { TEXT_MAX_BYTES } from "../../core/limits.ts";
import { parseUserName } from "../../core/name.ts";
import type { Notice } from "../../core/peer/notices.ts";
import { encodeText } from "../../core/peer/sending.ts";
import { EXIT, type ExitCode } from "../host/exit.ts";
import type { Io } from "../host/io.ts";
import type { SendCommand } from "./commandLine.ts";
import { isoTime, jsonLine } from "./json.ts";
import { withSession } from "./signIn.ts";
import { undeliveredText } from "./words.ts";
import type { World } from "./world.ts";

type Outcome = Extract<Notice, { kind: "delivered" | "undelivered" }>;

/** @throws every error of the sign-in; message.undelivered, user.unknown, text.tooLong, name.invalid */
export async function send(command: SendCommand, world: World): Promise<ExitCode> {
  parseUserName(command.to);
  const text = command.text ?? (await readText(world.io));
  if (text === "") throw new CodedError("usage.invalid", "there is no text to send");
  encodeText(text); // a text that is too long is refused before anybody logs in
  const outcome = Promise.withResolvers<Outcome>();
  outcome.promise.catch(() => {}); // it may fail before anybody waits for it
  const how = {
    mayAsk: command.text !== null,
    deliveryMs: command.timeoutSeconds * 1000,
    events: {
      notice(notice: Notice) {
        if (notice.kind === "delivered" || notice.kind === "undelivered") outcome.resolve(notice);
      },
      ended: (error: Error | null) => outcome.reject(error ?? new CodedError("connection.lost")),
    },
  };
  return withSession(command, world, how, async (session) => {
    session.send(command.to, text);
    return report(command, await outcome.promise, world);
  });
}

function report(command: SendCommand, outcome: Outcome, { io, env }: World): ExitCode {
  if (outcome.kind === "undelivered") {
    const code = outcome.reason === "unknown" ? "user.unknown" : "message.undelivered";
    throw new CodedError(code, undeliveredText(outcome));
  }
  if (command.json) {
    io.stdout.write(jsonLine({ type: "delivered", id: outcome.id, to: outcome.to, at: isoTime(env.nowMs()) }));
  }
  return EXIT.done;
}

/** The text on stdin, without one line end at its end. */
async function readText(io: Io): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of io.stdin) {
    const part = typeof chunk === "string" ? utf8(chunk) : (chunk as Uint8Array);
    chunks.push(part);
    bytes += part.length;
    if (bytes > 4 * TEXT_MAX_BYTES)
      throw new CodedError("text.tooLong", `the text is longer than ${TEXT_MAX_BYTES} bytes of UTF-8`);
  }
  const text = decodeUtf8(Buffer.concat(chunks));
  if (text === null) throw new CodedError("usage.invalid", "the text on stdin is not UTF-8");
  return text.replace(/\r?\n$/, "");
}
