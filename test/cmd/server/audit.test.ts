import { afterEach, beforeEach, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { createLog, type LogFields } from "../../../cmd/host/log.ts";
import { AuditTrail } from "../../../cmd/server/audit.ts";
import { type Appended, appendLines } from "../../../cmd/server/auditFile.ts";
import { temporaryFolder } from "../../support/folder.ts";
import { Watched } from "../../support/programs.ts";

let folder: ReturnType<typeof temporaryFolder>;
let logged: Record<string, unknown>[];
beforeEach(() => {
  folder = temporaryFolder();
  logged = [];
});
afterEach(() => folder[Symbol.dispose]());

function trail(append?: typeof appendLines): AuditTrail {
  const write = (line: string): void => void logged.push(JSON.parse(line));
  const log = createLog({ level: "debug", write, nowMs: () => 0 });
  const nowMs = (): number => Date.UTC(2026, 0, 2, 3, 4, 5, 6);
  return new AuditTrail({ folder: folder.path, maxBytes: 1_000_000, log, nowMs, ...(append ? { append } : {}) });
}

const lines = (): Record<string, unknown>[] =>
  readFileSync(folder.at("audit.jsonl"), "utf8")
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line));

test("what is noted is in the file a moment later, with its time, and nothing that is not listed", async () => {
  await using audit = trail();
  audit.note("user.login", { user: "alice", prefix: "192.0.2.0/24", address: "192.0.2.7", to: "bob" } as LogFields);
  await new Watched().until(
    () => audit.figures.lines === 1,
    () => "a line",
  );
  expect(lines()).toEqual([
    { time: "2026-01-02T03:04:05.006Z", event: "user.login", prefix: "192.0.2.0/24", user: "alice" },
  ]);
});

test("the end waits for what has been noted, in its order", async () => {
  const audit = trail();
  for (let count = 0; count < 100; count += 1) audit.note("x", { count });
  const first = audit.flush();
  audit.note("x", { count: 100 });
  await Promise.all([first, audit[Symbol.asyncDispose]()]);
  expect(lines().map(({ count }) => count)).toEqual(Array.from({ length: 101 }, (_, count) => count));
  expect(audit.figures).toEqual({ lines: 101, dropped: 0 });
});

test("a full disk costs lines, is said once, and is over when there is room: then the trail tells how many", async () => {
  const full: Appended = { written: 0, failure: Object.assign(new Error("secret"), { code: "ENOSPC" }) };
  let broken = true;
  await using audit = trail((...all) => (broken ? Promise.resolve(full) : appendLines(...all)));
  for (let count = 0; count < 3; count += 1) {
    audit.note("x", { count });
    await audit.flush();
  }
  expect(audit.figures).toEqual({ lines: 0, dropped: 3 });
  broken = false;
  audit.note("y");
  await audit.flush();
  audit.note("z");
  await audit.flush();
  expect(lines().map(({ event, count }) => [event, count])).toEqual([
    ["audit.lost", 3],
    ["y", undefined],
    ["z", undefined],
  ]);
  expect(audit.figures).toEqual({ lines: 2, dropped: 3 });
  expect(logged.map(({ level, event, reason, count }) => [level, event, reason ?? count])).toEqual([
    ["error", "audit.failed", "the disk is full"],
    ["warn", "audit.works", 3],
  ]);
  expect(JSON.stringify(logged)).not.toContain("secret");
});

test("a disk that does not answer holds nobody up, and what waits for it is bounded", async () => {
  const disk = Promise.withResolvers<Appended>();
  let asked = 0;
  const audit = trail(() => {
    asked += 1;
    return disk.promise;
  });
  audit.note("first");
  void audit.flush();
  const reason = "x".repeat(500);
  for (let count = 0; count < 10_000; count += 1) audit.note("x", { reason });
  expect(audit.figures.dropped).toBeGreaterThan(7000);
  expect(audit.figures.dropped).toBeLessThan(9000);
  await audit[Symbol.asyncDispose](); // after a second
  expect(asked).toBe(1);
  disk.resolve({ written: 1, failure: null });
});
