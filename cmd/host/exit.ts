/** How a program ends: the exit codes, and the one line that an error becomes. */
import { CodedError, type ERRORS, type ErrorCode } from "../../core/errors.ts";
import { printable } from "./printable.ts";

export const EXIT = {
  done: 0,
  failed: 1,
  /** Usage or configuration. */
  usage: 2,
  /** The server refused the login. */
  refused: 3,
  /** The server cannot be reached. */
  unreachable: 4,
  /** Not delivered in time. */
  undelivered: 5,
  /** Not the server we know. */
  foreign: 6,
  interrupted: 130,
  terminated: 143,
} as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Codes that are not here end with 1. */
const CODES: { readonly [C in ErrorCode]?: ExitCode } = {
  "config.invalid": EXIT.usage,
  "usage.invalid": EXIT.usage,
  "name.invalid": EXIT.usage,
  "password.invalid": EXIT.usage,
  "password.weak": EXIT.usage,
  "text.tooLong": EXIT.usage,
  "auth.rejected": EXIT.refused,
  "auth.tooManyDevices": EXIT.refused,
  "auth.ended": EXIT.refused,
  "auth.device": EXIT.refused,
  "auth.tooManyAttempts": EXIT.refused,
  "auth.removed": EXIT.refused,
  "account.initial": EXIT.refused,
  "account.recovery": EXIT.refused,
  "account.code": EXIT.usage,
  "state.foreign": EXIT.usage,
  "state.damaged": EXIT.usage,
  "server.unreachable": EXIT.unreachable,
  "server.stopping": EXIT.unreachable,
  "connection.lost": EXIT.unreachable,
  "message.undelivered": EXIT.undelivered,
  "channel.handshake": EXIT.foreign,
  "host.interrupted": EXIT.interrupted,
  "host.terminated": EXIT.terminated,
};

/** Codes that a server may send, as a number alone: the words for them are ours. */
type SentCode = { [C in ErrorCode]: (typeof ERRORS)[C]["wire"] extends 0 ? never : C }[ErrorCode];

/** What is said when an error brings no words of its own. */
const SENTENCES: { readonly [C in SentCode]: string } & { readonly [C in ErrorCode]?: string } = {
  "auth.rejected": "name or password not accepted",
  "auth.tooManyDevices": "you have as many devices as the server allows; `client devices` lists them and removes one",
  "auth.device": "this device has logged in from elsewhere",
  "auth.tooManyAttempts": "too many logins of that name have failed",
  "auth.ended": "the server has ended this login: the user was removed or locked, or has a new password",
  "auth.removed": "this device was removed from your account; `client state reset` makes another of it",
  "account.initial": "the operator chose your password: log in once with `client`, at a terminal, and set your own",
  "account.recovery":
    "the operator has set your password: log in once with `client`, at a terminal, and give your recovery code",
  "account.code": "that is not the recovery code of this account",
  "account.invalid": "what the server keeps of your account was not made by you; tell whoever runs the server",
  "account.conflict": "your account is being changed by another login; try again",
  "state.foreign":
    "the state of this device belongs to an identity that you no longer have; `client state reset` makes another of it",
  "state.damaged": "the state of this device is damaged; `client state reset` makes another of it",
  "e2ee.devices":
    "the list of your devices that the server keeps is not the one you signed last; tell whoever runs the server",
  "e2ee.identity": "the server showed another identity key for you; tell whoever runs the server",
  "channel.busy": "the server has cut this connection, because too much was sent at once; try again",
  "channel.puzzle": "the server did not accept the proof of work that it had asked for; try again",
  "channel.exhausted": "this connection has carried all that one connection may; log in again",
  "channel.handshake": "this is not the server you know: it does not hold the key in your server.pub",
  "channel.deadline": "the login took too long; try again",
  "channel.record": "what the server sent was altered on the way; the connection was closed",
  "connection.lost": "the connection to the server is lost",
  "server.fault": "the server had a fault and closed the connection; its log says more",
  "server.slowReader": "the server closed the connection, because it was not read from fast enough",
  "server.stopping": "the server is stopping",
  "server.unreachable": "no server answers",
  "state.unexpected": "the server sent something that has no place there; the connection was closed",
  "wire.malformed": "the server sent something that is not IMS; the connection was closed",
  "wire.tooLong": "something was longer than IMS allows; the connection was closed",
  "wire.version": "the server speaks another version of IMS; use a client of the same version",
};

/** What `code` means for a user: plain words without a line end, or the code itself where it is only for a log. */
export function sentenceOf(code: ErrorCode): string {
  return SENTENCES[code] ?? code;
}

export interface Ending {
  readonly code: ExitCode;
  /** For stderr, without a line end; null when there is nothing to say. */
  readonly line: string | null;
}

/** The end that `error` makes. What is not a `CodedError` is a fault of ours, and says so. */
export function endingOf(error: unknown): Ending {
  if (!(error instanceof CodedError)) {
    const what = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    return { code: EXIT.failed, line: `ims: this is a fault in the program: ${printable(what)}` };
  }
  const code = CODES[error.code] ?? EXIT.failed;
  if (error.code === "host.interrupted" || error.code === "host.terminated") return { code, line: null };
  const what = error.detail === "" ? sentenceOf(error.code) : error.detail;
  return { code, line: `ims: ${printable(what)}` };
}
