/** `server user list`: who is registered, who is locked, and at whose password somebody has been guessing. */
import type { Env } from "../../../core/env.ts";
import { GUESSES_PER_HOUR } from "../../../core/limits.ts";
import { EXIT, type ExitCode } from "../../host/exit.ts";
import type { Io } from "../../host/io.ts";
import { asciiJson } from "../../host/json.ts";
import { Attempts, type UserGuesses } from "../attempts.ts";
import type { ListCommand } from "../commandLine.ts";
import type { Realm } from "../realm.ts";
import { loadUsers, type UserEntry } from "../users.ts";

const NONE: UserGuesses = { failed: 0, inHour: 0, last: null };

/** One line, or one object, for each user. */
export function listUsers(command: ListCommand, realm: Realm, io: Io, env: Env): ExitCode {
  using attempts = Attempts.openExisting(realm.config.data);
  for (const [user, entry] of loadUsers(realm.usersFile)) {
    const guesses = attempts?.guessesOf(user, env.nowMs()) ?? NONE;
    io.stdout.write(`${command.json ? json(entry, guesses) : line(entry, guesses)}\n`);
  }
  return EXIT.done;
}

function json({ name, active, changedAt, epoch, initial }: UserEntry, guesses: UserGuesses): string {
  const { failed, inHour, last } = guesses;
  const lastFailed = last === null ? {} : { lastFailedAt: iso(last.atMs), lastFailedFrom: last.prefix };
  const counts = { failedInDay: failed, failedInHour: inHour, underFire: underFire(guesses), ...lastFailed };
  return asciiJson({ type: "user", name, status: status(active), changedAt, epoch, initial, ...counts });
}

function line({ name, active, changedAt, initial }: UserEntry, guesses: UserGuesses): string {
  const { failed, last } = guesses;
  const shown = `${name.padEnd(32)}  ${status(active)}  ${changedAt}${initial ? "  initial password" : ""}`;
  if (failed === 0 || last === null) return shown;
  const served = underFire(guesses) ? "; served only where they have logged in before" : "";
  return `${shown}  ${failed} failed in a day, last ${iso(last.atMs)} from ${last.prefix}${served}`;
}

function underFire({ inHour }: UserGuesses): boolean {
  return inHour >= GUESSES_PER_HOUR;
}

function status(active: boolean): "active" | "locked" {
  return active ? "active" : "locked";
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
