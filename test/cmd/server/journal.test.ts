import { describe, expect, test } from "bun:test";
import { createLog } from "../../../cmd/host/log.ts";
import type { AuditFields } from "../../../cmd/server/audit.ts";
import { auditLine } from "../../../cmd/server/audit.ts";
import { REFUSAL_CAUSES, type Refusal, ServerJournal } from "../../../cmd/server/journal.ts";
import { CodedError } from "../../../core/errors.ts";
import type { DeviceId } from "../../../core/ids.ts";
import { parseUserName } from "../../../core/name.ts";

type Line = Readonly<Record<string, unknown>>;

/** A journal whose log and trail are lists. */
function keeping() {
  const logged: Line[] = [];
  const audited: Line[] = [];
  let auditBytes = 0;
  const log = createLog({
    level: "debug",
    nowMs: () => 0,
    write: (text) => {
      const { time: _, ...line } = JSON.parse(text);
      logged.push(line);
    },
  });
  const note = (event: string, fields: AuditFields = {}): void => {
    auditBytes += auditLine(0, event, fields).length;
    audited.push({ event, ...fields });
  };
  return { journal: new ServerJournal(log, { note }), logged, audited, auditBytes: () => auditBytes };
}

const user = parseUserName("alice");
const alice = { user, device: "0011223344556677" as DeviceId };
const stranger = (change: Partial<Refusal> = {}): Refusal => ({
  ...{ cause: "channel.handshake", address: "192.0.2.1", attempted: false },
  ...change,
});
const guess = (change: Partial<Refusal> = {}): Refusal =>
  stranger({ cause: "auth.rejected", attempted: true, user, ...change });

test("who comes and goes is one line each, the trail has the prefix in place of the address", () => {
  const { journal, logged, audited } = keeping();
  journal.login(alice, "192.0.2.77");
  journal.logout(alice, "2001:db8:1:2::3", "server.slowReader");
  journal.logout(alice, "192.0.2.77", null);
  expect(logged).toEqual([
    { level: "info", event: "user.login", ...alice, address: "192.0.2.77" },
    { level: "info", event: "user.logout", ...alice, code: "server.slowReader", address: "2001:db8:1:2::3" },
    { level: "info", event: "user.logout", ...alice, address: "192.0.2.77" },
  ]);
  expect(audited).toEqual([
    { event: "user.login", ...alice, prefix: "192.0.2.0/24" },
    { event: "user.logout", ...alice, code: "server.slowReader", prefix: "2001:db8:1::/48" },
    { event: "user.logout", ...alice, prefix: "192.0.2.0/24" },
  ]);
  expect(journal.counts).toMatchObject({ logins: 1, logouts: 2 });
  expect([...journal.counts.refusals]).toEqual([["server.slowReader", 1]]); // who logs out is not refused
  journal[Symbol.dispose]();
});

describe("refusals", () => {
  test("the first of a cause is logged at once, the others as one line with a counter and where they came from", () => {
    const { journal, logged } = keeping();
    for (const address of ["192.0.2.1", "192.0.2.2", "198.51.100.1", "192.0.2.1"])
      journal.refused(stranger({ address }));
    for (let times = 0; times < 3; times += 1) journal.refused(guess());
    journal.refused(stranger({ cause: "door.address" }));
    const first = [
      { level: "info", event: "connection.refused", code: "channel.handshake", address: "192.0.2.1" },
      { level: "info", event: "login.failed", code: "auth.rejected", user, address: "192.0.2.1" },
      { level: "info", event: "connection.refused", code: "door.address", address: "192.0.2.1" },
    ];
    expect(logged).toEqual(first);
    journal.sumUp();
    expect(logged.slice(3)).toEqual([
      { level: "info", event: "connection.refused", code: "channel.handshake", count: 3, prefixes: 2 },
      { level: "info", event: "login.failed", code: "auth.rejected", count: 2, prefix: "192.0.2.0/24" },
    ]);
    journal[Symbol.dispose]();
  });

  test("a cause that was said once is said at once again when all has been summed up", () => {
    const { journal, logged } = keeping();
    journal.refused(stranger());
    journal.sumUp();
    journal.refused(stranger({ address: "192.0.2.9" }));
    expect(logged.map(({ address }) => address)).toEqual(["192.0.2.1", "192.0.2.9"]);
    journal[Symbol.dispose]();
  });

  test("whoever goes by themselves is none, unless in the middle of a login", () => {
    const { journal, logged, audited } = keeping();
    journal.refused(stranger({ cause: null }));
    journal.refused(guess({ cause: null }));
    expect(logged).toEqual([
      { level: "debug", event: "connection.ended", address: "192.0.2.1" },
      { level: "info", event: "login.failed", code: "login.unproved", user, address: "192.0.2.1" },
    ]);
    expect(audited).toEqual([{ event: "login.failed", code: "login.unproved", user, prefix: "192.0.2.0/24" }]);
    expect([...journal.counts.refusals]).toEqual([["login.unproved", 1]]);
    journal[Symbol.dispose]();
  });

  test("the trail tells them apart by cause, user and prefix", () => {
    const { journal, audited } = keeping();
    for (const address of ["192.0.2.1", "192.0.2.2", "198.51.100.1"]) {
      journal.refused(guess({ address }));
      journal.refused(guess({ address, user: parseUserName("bob") }));
    }
    journal[Symbol.dispose]();
    expect(audited.map(({ user: who, prefix, count }) => [who, prefix, count])).toEqual([
      ["alice", "192.0.2.0/24", undefined],
      ["bob", "192.0.2.0/24", undefined],
      ["alice", "198.51.100.0/24", undefined],
      ["bob", "198.51.100.0/24", undefined],
      ["alice", "192.0.2.0/24", 1],
      ["bob", "192.0.2.0/24", 1],
    ]);
  });

  test("every cause is counted", () => {
    const { journal } = keeping();
    for (const [index, cause] of REFUSAL_CAUSES.entries()) {
      for (let times = 0; times <= index; times += 1) journal.refused(stranger({ cause }));
    }
    expect(Array.from(journal.counts.refusals)).toEqual(REFUSAL_CAUSES.map((cause, index) => [cause, index + 1]));
    expect(REFUSAL_CAUSES).toContain("auth.tooManyAttempts");
    expect(REFUSAL_CAUSES).toContain("door.full");
    expect(REFUSAL_CAUSES).not.toContain("config.invalid" as never);
    journal[Symbol.dispose]();
  });
});

test("a flood from however many addresses, for however many users, leaves a few lines, and the trail still names a user", () => {
  const { journal, logged, audited, auditBytes } = keeping();
  for (let index = 0; index < 50_000; index += 1) {
    const address = `10.${index >> 8}.${index & 255}.1`;
    journal.refused(stranger({ cause: REFUSAL_CAUSES[index % REFUSAL_CAUSES.length] ?? null, address }));
    journal.refused(guess({ address, user: parseUserName(`user${index % 1000}`) }));
  }
  journal[Symbol.dispose]();
  expect(logged.length).toBeLessThan(100);
  expect(audited.length).toBeLessThan(350);
  expect(auditBytes()).toBeLessThan(40_000);
  expect(audited.filter((line) => line.user !== undefined)).toHaveLength(64);
  const total = audited.reduce((sum, line) => sum + Number(line.count ?? 1), 0);
  expect(total).toBe(100_000);
});

test("a user who logs in and out without end leaves a few lines in the trail", () => {
  const { journal, audited } = keeping();
  for (let times = 0; times < 1000; times += 1) {
    journal.login(alice, "192.0.2.1");
    journal.logout(alice, "198.51.100.1", null);
  }
  journal[Symbol.dispose]();
  expect(audited).toHaveLength(22);
  expect(audited.slice(-2)).toEqual([
    { event: "user.login", user, count: 990, prefix: "192.0.2.0/24" },
    { event: "user.logout", user, count: 990, prefix: "198.51.100.0/24" },
  ]);
});

test("a fault is logged without its message; the same again is summed; the trail is not about faults", () => {
  const { journal, logged, audited } = keeping();
  const fault = new RangeError("hunter2");
  for (let times = 0; times < 3; times += 1) journal.fault(fault);
  journal.fault("something else");
  journal.fault(new CodedError("file.failed", "data/x.db: cannot be written (the disk is full)"));
  journal[Symbol.dispose]();
  expect(logged.map(({ level, event, reason, count }) => [level, event, reason, count])).toEqual([
    ["error", "server.fault", expect.stringMatching(/^RangeError/), undefined],
    ["error", "server.fault", "not an error", undefined],
    ["error", "server.fault", "data/x.db: cannot be written (the disk is full)", undefined],
    ["error", "server.fault", expect.stringMatching(/^RangeError/), 2],
  ]);
  expect([JSON.stringify(logged).includes("hunter2"), audited, journal.counts.faults]).toEqual([false, [], 5]);
});

test("administration is in both; a change of users names them in the trail alone", () => {
  const { journal, logged, audited } = keeping();
  journal.administration("server.stopping", { signal: "SIGTERM" });
  journal.usersChanged(new Map([[user, {} as never]]), new Map(), "users.json");
  expect(logged).toEqual([
    { level: "info", event: "server.stopping", signal: "SIGTERM" },
    { level: "info", event: "users.loaded", file: "users.json", users: 0 },
  ]);
  expect(audited).toEqual([
    { event: "server.stopping", signal: "SIGTERM" },
    { event: "user.removed", user },
  ]);
  journal[Symbol.dispose]();
});
