/** `server user …`: every change is one replacement of `users.json`, which a running server notices. */
import type { Env } from "../../../core/env.ts";
import { CodedError } from "../../../core/errors.ts";
import { finishRecord, startRegistration } from "../../../core/kdc/register.ts";
import { parseUserName, type UserName } from "../../../core/name.ts";
import type { RegistrationRecord } from "../../../core/opaque/record.ts";
import type { Secret } from "../../../core/secret.ts";
import { usage } from "../../host/args.ts";
import { EXIT, type ExitCode } from "../../host/exit.ts";
import type { Io } from "../../host/io.ts";
import { tryLockFolder } from "../../host/lock.ts";
import { askNewPassword, type PasswordCheck, readPassword } from "../../host/password.ts";
import { expectStrong } from "../../host/passwordPolicy.ts";
import { Prompter } from "../../host/prompt.ts";
import { Attempts } from "../attempts.ts";
import type { LockCommand, PasswordCommand, RemoveCommand, UserCommand } from "../commandLine.ts";
import { serverKeys } from "../keyring.ts";
import { openRealm, type Realm } from "../realm.ts";
import { hasStore, SqliteStore } from "../store/sqlite.ts";
import { loadUsers, type UserEntries, type UserEntry } from "../users.ts";
import { listUsers } from "./listUsers.ts";
import { type Administering, changeUsersAudited, noteInTrail } from "./trail.ts";

/**
 * @throws user.unknown, user.exists, name.invalid, password.invalid, password.weak, host.interrupted, and what the files
 * throw; then nothing was changed
 */
export async function userCommand(command: UserCommand, io: Io, env: Env): Promise<ExitCode> {
  using realm = openRealm(command, io, env.crypto);
  switch (command.action) {
    case "list":
      return listUsers(command, realm, io, env);
    case "add":
    case "passwd":
      return await setPassword(command, realm, io, env);
    case "remove":
      return await removeUser(command, { realm, io, env });
    case "lock":
    case "unlock":
      return await setActive(command, { realm, io, env });
  }
}

async function setPassword(command: PasswordCommand, realm: Realm, io: Io, env: Env): Promise<ExitCode> {
  const name = parseUserName(command.name);
  const shown = command.action === "add" ? expectFree(realm, name, command.name) : expectUser(loadOf(realm), name).name;
  const record = await newRecord(command, { realm, name, shown, io, env });
  const changedAt = new Date(env.nowMs()).toISOString();
  await changeUsersAudited({ realm, io, env }, (users) => {
    if (command.action === "add" && users.has(name)) throw exists(shown);
    const { initial } = command;
    const fresh: UserEntry = { name: shown, active: true, record, changedAt, epoch: 1, initial };
    const old = command.action === "add" ? null : expectUser(users, name);
    return withUser(users, name, old === null ? fresh : { ...old, record, changedAt, epoch: old.epoch + 1, initial });
  });
  const until = command.initial ? ", until the first login, which sets another" : "";
  io.stdout.write(`${shown} ${command.action === "add" ? "is registered" : "has a new password"}${until}.\n`);
  return EXIT.done;
}

interface Registering {
  readonly realm: Realm;
  readonly name: UserName;
  /** As registered. */
  readonly shown: string;
  readonly io: Io;
  readonly env: Env;
}

async function newRecord(command: PasswordCommand, registering: Registering): Promise<RegistrationRecord> {
  const { realm, name, env } = registering;
  using password = await newPassword(command, registering);
  using keys = serverKeys(realm.keys, env.crypto);
  const { job, state } = startRegistration(env, { realm: keys.realm, keys: keys.opaque }, name, password);
  using unfinished = state;
  const result = await env.crypto.run(job, env.randomBytes);
  if (result.op !== "stretch") throw new Error("user: another result than the one asked for");
  using stretched = result.output;
  return finishRecord(env, unfinished, stretched);
}

/** @throws password.weak, unless the command insists */
async function newPassword(command: PasswordCommand, { name, shown, io }: Registering): Promise<Secret> {
  const check: PasswordCheck = async (password) => {
    if (!command.weak) await expectStrong(password, name);
  };
  const given = readPassword(command.password, io.cwd);
  if (given === null) return await prompting(io, (prompter) => askNewPassword(prompter, shown, check));
  try {
    await check(given);
    return given;
  } catch (error) {
    given[Symbol.dispose]();
    throw error;
  }
}

async function removeUser(command: RemoveCommand, { realm, io, env }: Administering): Promise<ExitCode> {
  const name = parseUserName(command.name);
  const { name: shown } = expectUser(loadOf(realm), name);
  if (!command.yes && !(await confirmed(shown, io))) {
    io.stderr.write("Nothing was changed.\n");
    return EXIT.failed;
  }
  using attempts = Attempts.openExisting(realm.config.data); // first: when it is damaged, nothing is changed
  await using stack = new AsyncDisposableStack();
  const store = openIdleStore(realm.config.data, stack);
  await changeUsersAudited({ realm, io, env }, (users) => {
    expectUser(users, name);
    return new Map(Array.from(users).filter(([other]) => other !== name));
  });
  attempts?.forget(name);
  await store?.run({ op: "forget", user: name });
  io.stdout.write(`${shown} is removed.\n`);
  return EXIT.done;
}

/** null when a server runs, which forgets for itself whoever has gone, or when nobody has had an account yet. */
function openIdleStore(data: string, stack: AsyncDisposableStack): SqliteStore | null {
  if (!hasStore(data)) return null;
  const lock = tryLockFolder(data);
  if (lock === null) return null;
  stack.use(lock);
  return stack.use(SqliteStore.open(data));
}

async function confirmed(name: string, io: Io): Promise<boolean> {
  if (!io.isTTY) throw usage("user remove asks on a terminal; without one it needs --yes");
  const answer = await prompting(io, (prompter) => prompter.ask(`Remove ${name} for good? (yes/no) `));
  return /^y(es)?$/i.test(answer?.trim() ?? "");
}

async function setActive(command: LockCommand, { realm, io, env }: Administering): Promise<ExitCode> {
  const name = parseUserName(command.name);
  const active = command.action === "unlock";
  let shown = "";
  using attempts = active ? Attempts.openExisting(realm.config.data) : null;
  await changeUsersAudited({ realm, io, env }, (users) => {
    const user = expectUser(users, name);
    shown = user.name;
    return withUser(users, name, { ...user, active });
  });
  const failed = attempts?.guessesOf(name, env.nowMs()).failed ?? 0;
  if (active) {
    attempts?.clear(name);
    await noteInTrail({ realm, io, env }, "user.cleared", name);
  }
  const forgotten = failed === 0 ? "" : `; ${failed} failed logins no longer count`;
  io.stdout.write(`${shown} is ${active ? "active" : "locked"}${forgotten}.\n`);
  return EXIT.done;
}

function loadOf(realm: Realm): UserEntries {
  return loadUsers(realm.usersFile);
}

function withUser(users: UserEntries, name: UserName, user: UserEntry): UserEntries {
  return new Map([...users, [name, user]]);
}

function expectUser(users: UserEntries, name: UserName): UserEntry {
  const user = users.get(name);
  if (user === undefined) throw new CodedError("user.unknown", `no user ${name} is registered; see: server user list`);
  return user;
}

/** The name as it will be shown. */
function expectFree(realm: Realm, name: UserName, shown: string): string {
  const user = loadOf(realm).get(name);
  if (user !== undefined) throw exists(user.name);
  return shown;
}

function exists(name: string): CodedError {
  return new CodedError("user.exists", `${name} is registered already; for a new password: server user passwd ${name}`);
}

/** Lends a prompter and gives the terminal back, whatever happens. */
async function prompting<T>(io: Io, fn: (prompter: Prompter) => Promise<T>): Promise<T> {
  const interrupted = (): void => {
    prompter.close();
    process.kill(process.pid, "SIGINT");
  };
  const prompter = new Prompter({ input: io.stdin, output: io.stderr, terminal: io.isTTY, interrupted });
  try {
    return await fn(prompter);
  } finally {
    prompter.close();
  }
}
