import { expect, test } from "bun:test";
import { Backlogs } from "../../../cmd/server/backlogs.ts";

/** Names and what each holds; 100 are allowed. */
function rig() {
  const held = new Map<string, number>();
  const backlogs = new Backlogs<string>(100, (name) => held.get(name) ?? 0);
  const holds = (name: string, bytes: number): string | null => {
    held.set(name, bytes);
    return backlogs.grew(name);
  };
  return { held, backlogs, holds };
}

test("nobody has to go while all hold what they may together", () => {
  const { holds } = rig();
  expect([holds("a", 60), holds("b", 40), holds("c", 0)]).toEqual([null, null, null]);
});

test("whoever holds most goes, whoever it was that came last", () => {
  const { holds, held, backlogs } = rig();
  holds("a", 60);
  holds("b", 30);
  expect(holds("c", 11)).toBe("a");
  held.delete("a");
  backlogs.forget("a");
  expect(holds("c", 70)).toBeNull();
  expect(holds("c", 71)).toBe("c");
});

test("what has become less in the meantime does not count", () => {
  const { holds, held } = rig();
  holds("a", 60);
  holds("b", 40);
  held.set("a", 10);
  held.set("b", 0);
  expect(holds("c", 90)).toBeNull();
  expect(holds("c", 91)).toBe("c");
});

test("whoever was forgotten counts no more", () => {
  const { holds, backlogs } = rig();
  holds("a", 100);
  backlogs.forget("a");
  backlogs.forget("a");
  expect(holds("b", 100)).toBeNull();
});
