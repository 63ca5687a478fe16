/** What the user is told, in words. Names and texts in it are harmless on a terminal. */

import type { UserName } from "../../core/name.ts";
import { parseUserName } from "../../core/name.ts";
import type {
  GuessesNotice,
  IdentityNotice,
  PasswordNotice,
  StatusNotice,
  Trust,
  UndeliveredNotice,
} from "../../core/peer/notices.ts";
import type { RosterEntry, RosterView } from "../../core/peer/roster.ts";
import { sentenceOf } from "../host/exit.ts";
import { printable } from "../host/printable.ts";

/** Those online first, then by name. */
export function rosterOrder(roster: RosterView): readonly (readonly [UserName, RosterEntry])[] {
  const offline = ({ devices }: RosterEntry) => (devices.length > 0 ? 0 : 1);
  return [...roster].sort(([a, x], [b, y]) => offline(x) - offline(y) || (a < b ? -1 : 1));
}

const MARKS: { readonly [T in Trust]: string } = {
  unknown: "",
  pinned: "",
  verified: ", verified",
  changed: ", IDENTITY KEY CHANGED",
};

/** One line for each user. `self` is the user's own name, as registered. */
export function rosterLines(roster: RosterView, self: string): readonly string[] {
  const you = parseUserName(self);
  const width = Math.max(...[...roster.values()].map(({ name }) => name.length), 4);
  return rosterOrder(roster).map(([user, { name, devices, trust }]) => {
    const state = devices.length === 0 ? "offline" : "online";
    const several = devices.length > 1 ? `, ${devices.length} devices` : "";
    return `${printable(name).padEnd(width)}  ${state}${several}${user === you ? " (you)" : MARKS[trust]}`;
  });
}

/** Why a message was not delivered. */
export function undeliveredText({ to, reason }: UndeliveredNotice): string {
  const name = printable(to);
  switch (reason) {
    case "unknown":
      return `there is no user ${name}`;
    case "offline":
      return `${name} is not logged in; the message was not delivered and is dropped`;
    case "alone":
      return "you are not logged in anywhere else; the message to yourself is dropped";
    case "late":
      return `${name} has not confirmed the message in time; it is dropped`;
    case "changed":
      return `${name} has another identity key than before; the message was not sent. /accept ${name} shows both keys`;
    case "keys":
      return `what the server gave as keys of ${name} is not signed by ${name}; the message was not sent`;
  }
}

/** The line for a notice that is no message; null for one that is not told in the chat. */
export function noticeText(notice: StatusNotice): string | null {
  switch (notice.kind) {
    case "presence":
      if (notice.before === 0 && notice.devices > 0) return `${printable(notice.name)} is online`;
      if (notice.before > 0 && notice.devices === 0) return `${printable(notice.name)} is offline`;
      return null;
    case "unregistered":
      return `${printable(notice.name)} is no longer a user here`;
    case "unreadable":
      if (notice.mending) return null;
      return `a message from ${printable(notice.from)} could not be read; it was not confirmed (${notice.code})`;
    case "identityChanged":
      return identityText(notice);
    case "newDevice":
      if (notice.own) return `you have a new device, ${notice.device}; /devices lists them and removes one`;
      return `${printable(notice.name)} has a new device`;
    case "noOneTimePrekey":
      return `${printable(notice.name)} is out of one-time keys: keep what is most secret until ${printable(notice.name)} has answered`;
    case "passwordChanged":
      return passwordText(notice);
    case "unsupported":
      return `${printable(notice.from)} sent something that this version of the client cannot show`;
    case "undelivered":
      return undeliveredText(notice);
    case "attached":
    case "delivered":
    case "guesses":
    case "opened":
    case "initialPassword":
    case "recoveryNeeded":
    case "recoveryRefused":
    case "recoveryCode":
      return null;
  }
}

function identityText({ name, before, now }: IdentityNotice): string {
  const who = printable(name);
  return (
    `the identity key of ${who} has changed: nothing is sent to ${who} until you accept it. ` +
    `It was ${before}, and is ${now}. Ask ${who} by another way, then: /accept ${who}`
  );
}

function passwordText({ code, waitSeconds }: PasswordNotice): string {
  if (code === null) return "your password has been changed; your other sessions have ended";
  if (code === "auth.rejected") return "that is not your password; it was not changed";
  return `your password was not changed: ${sentenceOf(code)}${waitSeconds > 0 ? `; ${tryAgain(waitSeconds)}` : ""}`;
}

const HINT = "If that was not you, tell whoever runs the server.";

/** Whether somebody else may have tried the user's password: one line, and one for each place. */
export function guessLines({ prefixes, others }: GuessesNotice): readonly string[] {
  const total = prefixes.reduce((sum, { count }) => sum + count, others);
  const places = prefixes.map(
    ({ from, count, lastMs }) => `  ${count} from ${printable(from)}, last at ${moment(lastMs)}`,
  );
  const more = others === 0 ? [] : [`  ${others} from elsewhere`];
  const logins = total === 1 ? "1 login with your name has" : `${total} logins with your name have`;
  return [`${logins} failed since you were last told:`, ...places, ...more, HINT];
}

/** When another try makes sense. */
export function tryAgain(seconds: number): string {
  if (seconds < 120) return `try again in ${seconds} s`;
  return `try again in ${Math.ceil(seconds / 60)} minutes, or from where you have logged in before`;
}

/** Local date and time of day. */
function moment(ms: number): string {
  const time = new Date(ms);
  const two = (value: number): string => String(value).padStart(2, "0");
  const date = [time.getFullYear(), two(time.getMonth() + 1), two(time.getDate())].join("-");
  return `${date} ${two(time.getHours())}:${two(time.getMinutes())}`;
}

const EXCERPT_LENGTH = 60;

/** The beginning of a text, in quotes, to tell which one is meant. */
export function excerpt(text: string): string {
  return `"${printable(text, EXCERPT_LENGTH)}"`;
}
