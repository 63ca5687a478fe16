import { expect, test } from "bun:test";
import fc from "fast-check";
import { createLog, type LogFields, type LogLevel } from "../../../cmd/host/log.ts";
import { Secret } from "../../../core/secret.ts";

function lines(level: LogLevel, fields?: LogFields): string[] {
  const out: string[] = [];
  const log = createLog({ level, write: (line) => out.push(line), nowMs: () => Date.UTC(2026, 0, 2, 3, 4, 5, 6) });
  for (const own of ["debug", "info", "warn", "error"] as const) log[own]("x.y", fields);
  return out;
}

test("one JSON line for each event", () => {
  expect(lines("error", { user: "alice", port: 4040 })).toEqual([
    '{"time":"2026-01-02T03:04:05.006Z","level":"error","event":"x.y","user":"alice","port":4040}\n',
  ]);
});

test.each([
  ["debug", 4],
  ["info", 3],
  ["warn", 2],
  ["error", 1],
] as const)("level %s lets %d of four through", (level, count) => {
  expect(lines(level).length).toBe(count);
});

test("another level counts from the next event on", () => {
  const out: string[] = [];
  const options = { level: "error" as LogLevel, write: (line: string) => out.push(line), nowMs: () => 0 };
  const log = createLog(options);
  log.info("before");
  options.level = "info";
  log.info("after");
  expect(out.map((line) => JSON.parse(line).event)).toEqual(["after"]);
});

test("whatever a field holds, a line is one line of printable characters and reads back", () => {
  const text = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.constantFrom("\n", "\r\u001b[2J", "\u202e", "\u2028", "\u009b"),
  );
  fc.assert(
    fc.property(text, (reason) => {
      const [line = ""] = lines("error", { reason });
      expect(line).toMatch(/^[ -~]+\n$/);
      expect(JSON.parse(line).reason).toBe(reason);
    }),
  );
});

test("types cast away do not let a secret, an object or an unknown field through", () => {
  const bytes = Uint8Array.of(1, 2, 3);
  const fields = {
    user: Secret.take(bytes),
    password: "hunter2",
    code: { a: 1 },
    port: Number.NaN,
    users: 1,
    to: "bob",
  };
  const [line = ""] = lines("error", fields as unknown as LogFields);
  expect(Object.keys(JSON.parse(line))).toEqual(["time", "level", "event", "users"]);
});

test("a long text is cut", () => {
  expect((lines("error", { reason: "x".repeat(100_000) })[0] ?? "").length).toBeLessThan(700);
});
