import { beforeAll, expect, test } from "bun:test";
import { type UserChange, userChanges } from "../../../cmd/server/userChanges.ts";
import type { UserEntries, UserEntry } from "../../../cmd/server/users.ts";
import { parseUserName } from "../../../core/name.ts";
import { registerAll, testRealm } from "../../support/realm.ts";

const [alice, bob] = [parseUserName("alice"), parseUserName("bob")];
let entries: readonly UserEntry[];
/** A password that nobody has. */
let another: UserEntry["record"];
beforeAll(async () => {
  const users = await registerAll(testRealm(), ["Alice", "Bob", "Chris"]);
  entries = Array.from(users.values(), (user) => ({ ...user, changedAt: "2026-01-02T03:04:05.006Z" }));
  another = (entries[2] as UserEntry).record;
});

type Change = { readonly [K in keyof UserEntry]?: K extends "record" ? "another" : UserEntry[K] } | null;

/** Alice as `change` makes her; nobody for null. */
function withAlice(change: Change): UserEntries {
  const [first, second] = entries as [UserEntry, UserEntry];
  return new Map([
    ...(change === null
      ? []
      : [[alice, { ...first, ...change, record: "record" in change ? another : first.record }] as const]),
    [bob, second],
  ]);
}

test.each<readonly [string, Change, Change, readonly UserChange["event"][]]>([
  ["nothing", {}, {}, []],
  ["another spelling", {}, { name: "ALICE" }, []],
  ["a newcomer", null, {}, ["user.added"]],
  ["somebody gone", {}, null, ["user.removed"]],
  ["locked", {}, { active: false }, ["user.locked"]],
  ["unlocked", { active: false }, {}, ["user.unlocked"]],
  ["a new password", {}, { record: "another", epoch: 2 }, ["user.password"]],
  ["both", { active: false }, { record: "another" }, ["user.password", "user.unlocked"]],
])("%s", (_what, before, now, events) => {
  expect(userChanges(withAlice(before), withAlice(now))).toEqual(events.map((event) => ({ event, user: alice })));
});
