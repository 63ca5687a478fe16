import { expect, test } from "bun:test";
import { Deadlines } from "../../../cmd/client/deadlines.ts";
import { liveTimers } from "../../support/liveTimers.ts";
import { messageId } from "../../support/parties.ts";

test("each passes once, in its time, unless it is cleared or set anew", async () => {
  const passed: string[] = [];
  using deadlines = new Deadlines((id) => passed.push(id));
  const [one, two, three, four] = [messageId(1), messageId(2), messageId(3), messageId(4)];
  deadlines.set(one, 20);
  deadlines.set(two, 5);
  deadlines.set(three, 5);
  deadlines.set(four, 1);
  deadlines.set(four, 40);
  deadlines.clear(three);
  deadlines.clear(messageId(5));
  await Bun.sleep(80);
  expect(passed).toEqual([two, one, four]);
});

test("none is left when they are over", () => {
  using timers = liveTimers();
  const deadlines = new Deadlines(() => {});
  for (const index of [1, 2]) deadlines.set(messageId(index), 43_217);
  deadlines.clear(messageId(1));
  expect(timers.count(43_217)).toBe(1);
  deadlines[Symbol.dispose]();
  expect(timers.count(43_217)).toBe(0);
});
