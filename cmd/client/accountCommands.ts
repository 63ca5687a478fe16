/** The commands of the chat about keys, devices and the account. Those about the account are for whoever owns the connection. */
import { CodedError } from "../../core/errors.ts";
import { parseUserName, type UserName } from "../../core/name.ts";
import type { Comparison } from "../../core/peer/clientSession.ts";
import { wipe } from "../../core/secret.ts";
import { normalizePassword } from "../host/password.ts";
import { printable } from "../host/printable.ts";
import { askOwnPassword } from "./accountQuestions.ts";
import type { AccountAction } from "./commands.ts";
import { Connection } from "./connection.ts";
import { deviceLines, findDevice } from "./devices.ts";
import type { Session } from "./session.ts";
import type { Screen } from "./tui/screen.ts";
import { changedLines, comparisonLines, ownLines } from "./verification.ts";

export interface AccountCommandParts {
  readonly session: Session;
  readonly screen: Pick<Screen, "asking">;
  readonly look: { readonly utf8: boolean };
  /** What was shown last of a user: only that key can be accepted, only that safety number marked as compared. */
  readonly shownKeys: Map<UserName, string>;
  /** Lines that stand by themselves. */
  readonly show: (...lines: readonly string[]) => void;
  readonly tell: (text: string) => void;
  readonly warn: (text: string) => void;
}

/** Does what `action` asks for, and says what came of it. */
export async function runAccountCommand(action: AccountAction, parts: AccountCommandParts): Promise<void> {
  try {
    switch (action.kind) {
      case "verify":
        await verify(action, parts);
        break;
      case "accept":
        await accept(action, parts);
        break;
      case "devices":
        devices(action, parts);
        break;
      case "passwd":
        await changePassword(parts);
        break;
      case "recovery":
        ownConnection(parts.session).say({ kind: "newRecoveryCode" });
        break;
    }
  } catch (error) {
    if (!(error instanceof CodedError)) throw error;
    parts.warn(error.detail === "" ? "nothing was changed" : error.detail);
  }
}

async function verify(
  { user, yes }: Extract<AccountAction, { kind: "verify" }>,
  parts: AccountCommandParts,
): Promise<void> {
  const name = parseUserName(user);
  const comparison = await parts.session.comparisonOf(name);
  if (comparison === null) {
    parts.warn(unseen(name, parts.session));
  } else if (name === parseUserName(parts.session.self)) {
    parts.show(...ownLines(comparison));
  } else if (yes === null || comparison.changed !== null || (yes && !wasShown(name, comparison, parts))) {
    show(name, comparison, parts, comparisonLines(comparison, parts.look, `/verify ${comparison.name} yes`));
  } else {
    parts.session.verify(name, comparison.fingerprint, yes);
    const now = await parts.session.comparisonOf(name); // what a guest asks for is done by another process, and later
    if (now === null || now.fingerprint !== comparison.fingerprint || (now.trust === "verified") !== yes) {
      parts.warn(`the identity key of ${printable(comparison.name)} has just changed; nothing was marked`);
      return;
    }
    parts.tell(`${printable(comparison.name)} is ${yes ? "verified" : "no longer marked as verified"}`);
  }
}

async function accept(
  { user, yes }: Extract<AccountAction, { kind: "accept" }>,
  parts: AccountCommandParts,
): Promise<void> {
  const name = parseUserName(user);
  const comparison = await parts.session.comparisonOf(name);
  if (comparison === null) parts.warn(unseen(name, parts.session));
  else if (comparison.changed === null) parts.tell(`the identity key of ${printable(comparison.name)} has not changed`);
  else if (!yes || !wasShown(name, comparison, parts)) {
    const { fingerprint, changed } = comparison;
    show(name, comparison, parts, changedLines(printable(comparison.name), fingerprint, changed));
  } else {
    parts.session.accept(name, comparison.changed);
    parts.tell(
      `the new identity key of ${printable(comparison.name)} is accepted; /verify ${printable(comparison.name)} compares it`,
    );
  }
}

/** What an answer would be about: the key in the place of the pinned one, or the safety number of the pinned one. */
const shownOf = ({ changed, fingerprint }: Comparison): string =>
  changed === null ? `pinned ${fingerprint}` : `changed ${changed}`;

/** A server can put another key in place while the user compares the one that was shown. */
function wasShown(name: UserName, comparison: Comparison, { shownKeys }: AccountCommandParts): boolean {
  return shownKeys.get(name) === shownOf(comparison);
}

function show(name: UserName, comparison: Comparison, parts: AccountCommandParts, lines: readonly string[]): void {
  parts.shownKeys.set(name, shownOf(comparison));
  parts.show(...lines);
}

function unseen(name: UserName, { roster }: Session): string {
  const found = roster.get(name);
  if (found === undefined) return `there is no user ${name}`;
  return `you have not talked with ${printable(found.name)} yet: the first message brings the key`;
}

function devices(
  { remove }: Extract<AccountAction, { kind: "devices" }>,
  { session, show, tell }: AccountCommandParts,
): void {
  const connection = ownConnection(session);
  if (remove === null) {
    show(...deviceLines(connection.devices));
    return;
  }
  const device = findDevice(connection.devices, remove);
  connection.say({ kind: "removeDevices", devices: [device] });
  tell(`${device} is removed from your devices`);
}

async function changePassword({ session, screen, tell }: AccountCommandParts): Promise<void> {
  const connection = ownConnection(session);
  const user = parseUserName(session.self);
  await screen.asking(async (prompter) => {
    const answer = await prompter.askHidden("Your password now: ");
    if (answer === null) throw new CodedError("password.invalid", "the password was not changed");
    const old = normalizePassword(answer);
    try {
      const next = await askOwnPassword(prompter, user);
      connection.say({ kind: "changePassword", old, next });
      wipe(next);
    } finally {
      wipe(old);
    }
  });
  tell("changing the password ...");
}

/** @throws usage.invalid for a session through another client */
function ownConnection(session: Session): Connection {
  if (session instanceof Connection) return session;
  throw new CodedError("usage.invalid", "another client holds this device: say it there");
}
