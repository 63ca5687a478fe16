/**
 * Changes of users in the audit trail, each once: a running server sees every new version of `users.json`, whoever
 * wrote it, and writes down what is different. While none runs, nobody would, so the command that makes a change does.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Env } from "../../../core/env.ts";
import type { UserName } from "../../../core/name.ts";
import { shortPath } from "../../host/config.ts";
import { systemReason } from "../../host/files.ts";
import type { Io } from "../../host/io.ts";
import { isServed } from "../adminSocket.ts";
import { auditLine } from "../audit.ts";
import { AUDIT_NAME, appendLines } from "../auditFile.ts";
import type { Realm } from "../realm.ts";
import { userChanges } from "../userChanges.ts";
import { changeUsers, type UserEntries } from "../users.ts";

export interface Administering {
  readonly realm: Realm;
  readonly io: Io;
  readonly env: Env;
}

/**
 * As `changeUsers`, and tells the trail when no server does. A realm that was never served has no data folder and no
 * trail yet; a trail that cannot be written is said on stderr and stops nothing.
 */
export async function changeUsersAudited(
  { realm, io, env }: Administering,
  change: (users: UserEntries) => UserEntries,
): Promise<void> {
  const { data } = realm.config;
  const told = !existsSync(data) || (await isServed(data));
  let lines: readonly string[] = [];
  await changeUsers(realm.usersFile, (users) => {
    const now = change(users);
    lines = userChanges(users, now).map(({ event, user }) => auditLine(env.nowMs(), event, { user }));
    return now;
  });
  if (!told) await append({ realm, io }, lines);
}

/** Tells the trail of something that a running server does not see. */
export async function noteInTrail({ realm, io, env }: Administering, event: string, user: UserName): Promise<void> {
  if (existsSync(realm.config.data)) await append({ realm, io }, [auditLine(env.nowMs(), event, { user })]);
}

async function append({ realm, io }: Omit<Administering, "env">, lines: readonly string[]): Promise<void> {
  const { data, limits } = realm.config;
  const path = join(data, AUDIT_NAME);
  const { failure } = await appendLines(path, lines, limits.auditBytes);
  if (failure !== null) io.stderr.write(`ims: ${shortPath(path, io.cwd)}: not written: ${systemReason(failure)}\n`);
}
