import { describe, expect, test } from "bun:test";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { Attempts } from "../../../cmd/server/attempts.ts";
import { parseUserName } from "../../../core/name.ts";
import { ADMIN_MS, newRealm, server } from "../../support/adminRealm.ts";
import { rejection } from "../../support/codes.ts";

const list = async (cwd: string) => (await server(cwd, "user list --json")).out;

describe("failed logins", () => {
  const alice = { name: "alice", prefix: "192.0.2.0/24" };

  async function attacked(failures: number) {
    const folder = await newRealm();
    for (const name of ["Alice", "bob"]) await server(folder.path, `user add ${name}`, "a long enough pass phrase\n");
    mkdirSync(folder.at("data"));
    using attempts = Attempts.open(folder.at("data"));
    attempts.prove(parseUserName("alice"), alice.prefix, attempts.count(alice, true, ADMIN_MS - 2), ADMIN_MS - 2);
    for (let at = 0; at < failures; at += 1) attempts.count(alice, true, ADMIN_MS - 1);
    return folder;
  }

  const last = '"lastFailedAt":"2026-05-06T07:08:09.009Z","lastFailedFrom":"192.0.2.0/24"';

  test.each([
    [3, false, ""],
    [100, true, "; served only where they have logged in before"],
  ])("list shows %d of them", async (failures, underFire, more) => {
    using folder = await attacked(failures);
    const [first = "", second = ""] = (await list(folder.path)).split("\n");
    const counts = `"failedInDay":${failures},"failedInHour":${failures},"underFire":${underFire},${last}}`;
    expect(first).toEndWith(counts);
    expect(second).toEndWith(`"epoch":1,"initial":false,"failedInDay":0,"failedInHour":0,"underFire":false}`);
    expect((await server(folder.path, "user list")).out.split("\n")[0]).toEndWith(
      `  ${failures} failed in a day, last 2026-05-06T07:08:09.009Z from 192.0.2.0/24${more}`,
    );
  });

  test("unlock forgets them, and keeps where the user logs in from; remove forgets that too", async () => {
    using folder = await attacked(9);
    const history = () => {
      using attempts = Attempts.open(folder.at("data"));
      return attempts.historyOf(alice, ADMIN_MS);
    };
    expect((await server(folder.path, "user unlock alice")).out).toBe(
      "Alice is active; 9 failed logins no longer count.\n",
    );
    expect(history()).toEqual({ here: 0, lastHereMs: 0, inHour: 0, fromPrefix: 0, known: true });
    await server(folder.path, "user remove alice --yes");
    expect(history()).toEqual({ here: 0, lastHereMs: 0, inHour: 0, fromPrefix: 0, known: false });
  });

  test.each(["user remove alice --yes", "user unlock alice"])(
    "that cannot be read: %s changes nothing",
    async (words) => {
      using folder = await attacked(1);
      for (const name of ["attempts.db-wal", "attempts.db-shm"]) rmSync(folder.at(`data/${name}`), { force: true });
      writeFileSync(folder.at("data/attempts.db"), "damaged ".repeat(200));
      const before = readFileSync(folder.at("users.json"), "utf8");
      const { code } = await rejection(server(folder.path, words));
      expect([code, readFileSync(folder.at("users.json"), "utf8") === before]).toEqual(["config.invalid", true]);
    },
  );
});

test("an initial password is one until it is set again", async () => {
  using folder = await newRealm();
  const says = "until the first login, which sets another";
  const run = (words: string) => server(folder.path, words, "a long enough pass phrase\n");
  const listed = async () => [
    (await run("user list")).out.includes("initial password"),
    (await list(folder.path)).includes('"initial":true'),
  ];
  expect((await run("user add Alice --initial")).out).toBe(`Alice is registered, ${says}.\n`);
  expect(await listed()).toEqual([true, true]);
  expect((await run("user list")).out).toEndWith(`${new Date(ADMIN_MS).toISOString()}  initial password\n`);
  expect((await run("user passwd alice")).out).toBe("Alice has a new password.\n");
  expect(await listed()).toEqual([false, false]);
  expect((await run("user passwd alice --initial")).out).toBe(`Alice has a new password, ${says}.\n`);
  expect(await listed()).toEqual([true, true]);
  expect((await rejection(server(folder.path, "user add bob --initial", "short\n"))).code).toBe("password.weak");
});
