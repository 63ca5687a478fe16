/** What is different between two versions of `users.json`, in words for the audit trail. */
import { equalBytes } from "../../core/crypto/compare.ts";
import type { UserName } from "../../core/name.ts";
import type { UserEntries, UserEntry } from "./users.ts";

export interface UserChange {
  readonly event: "user.added" | "user.removed" | "user.locked" | "user.unlocked" | "user.password";
  readonly user: UserName;
}

/** In the order of `now`, then those who are gone. Somebody removed and registered again has a new password. */
export function userChanges(before: UserEntries, now: UserEntries): readonly UserChange[] {
  const changes: UserChange[] = [];
  for (const [user, entry] of now) {
    const old = before.get(user);
    if (old === undefined) changes.push({ event: "user.added", user });
    else changes.push(...changesOf(user, old, entry));
  }
  for (const user of before.keys()) if (!now.has(user)) changes.push({ event: "user.removed", user });
  return changes;
}

function changesOf(user: UserName, old: UserEntry, now: UserEntry): readonly UserChange[] {
  const changes: UserChange[] = [];
  if (!equalBytes(old.record, now.record)) changes.push({ event: "user.password", user });
  if (old.active !== now.active) changes.push({ event: now.active ? "user.unlocked" : "user.locked", user });
  return changes;
}
