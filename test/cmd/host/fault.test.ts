import { expect, test } from "bun:test";
import { faultPlace } from "../../../cmd/host/fault.ts";
import { concat, lv } from "../../../core/bytes.ts";

function thrownBy(fn: () => unknown): Error {
  try {
    fn();
  } catch (error) {
    if (error instanceof Error) return error;
  }
  throw new Error("nothing was thrown");
}

function withStack(message: string, stack: string): Error {
  return Object.assign(new TypeError(message), { stack });
}

test("a fault in a module of ours: its kind, and where", () => {
  const error = thrownBy(() => lv(new Uint8Array(70_000)));
  expect(faultPlace(error)).toMatch(/^Error at lv \(core\/bytes\.ts:\d+:\d+\)$/);
  const inside = thrownBy(() => concat(null as unknown as Uint8Array));
  expect(faultPlace(inside)).toMatch(/^TypeError at .*core\/bytes\.ts:\d+:\d+/);
});

test.each([
  ["a line", "hunter2"],
  ["several lines", "hunter2\n  hunter2"],
  ["what looks like a frame of ours", "x\n    at hunter2 (core/bytes.ts:1:2)"],
  ["what looks like a frame, as the last line", "x\n    at cmd/hunter2.ts:1:2"],
])("no part of the message is there: %s", (_what, message) => {
  const error = withStack(message, `TypeError: ${message}\n    at open (core/channel/record.ts:7:8)`);
  expect(faultPlace(error)).toBe("TypeError at open (core/channel/record.ts:7:8)");
});

test.each([
  ["in a compiled program", "    at #e (cmd/server/driver.ts:2:71)", "#e (cmd/server/driver.ts:2:71)"],
  ["from sources", "    at async run (/home/x y/ims/core/a/b.ts:1:2)", "run (core/a/b.ts:1:2)"],
  ["without a function", "    at cmd/x.ts:5:11", "cmd/x.ts:5:11"],
  ["a constructor", "    at new Server (core/peer/server.ts:5:11)", "Server (core/peer/server.ts:5:11)"],
  ["of a dependency", "    at seal (node_modules/@noble/ciphers/core/aes.ts:1:2)", null],
  ["of the platform", "    at map (native:1:11)", null],
])("a frame %s", (_what, line, expected) => {
  expect(faultPlace(withStack("m", `TypeError: m\n${line}`))).toBe(
    expected === null ? "TypeError" : `TypeError at ${expected}`,
  );
});

test("a name that somebody has written a text into, and what is no error at all", () => {
  expect(faultPlace(Object.assign(new Error("m"), { name: "hunter2 said", stack: "" }))).toBe("Error");
  expect(faultPlace("hunter2")).toBe("not an error");
});

test("at most eight frames", () => {
  const frames = Array.from({ length: 20 }, (_, at) => `    at f (core/x.ts:${at}:1)`).join("\n");
  expect(faultPlace(withStack("m", `TypeError: m\n${frames}`)).split(" at ")).toHaveLength(9);
});
