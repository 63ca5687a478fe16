import { expect, test } from "bun:test";
import { type Prepare, prepareAll, simpleChange } from "../../../cmd/server/change.ts";

function partsThat(log: string[], ...outcomes: readonly ("follows" | "refuses")[]): readonly Prepare<number>[] {
  return outcomes.map((outcome, part) => (next) => {
    log.push(`prepare ${part} ${next}`);
    if (outcome === "refuses") throw new Error(`no ${part}`);
    return { commit: () => log.push(`commit ${part}`), rollback: () => log.push(`rollback ${part}`) };
  });
}

test("parts commit in their order, once all are ready", () => {
  const log: string[] = [];
  const change = prepareAll(partsThat(log, "follows", "follows"), 7);
  expect(log).toEqual(["prepare 0 7", "prepare 1 7"]);
  change.commit();
  expect(log.slice(2)).toEqual(["commit 0", "commit 1"]);
});

test("one that cannot follow takes all back, the last first, and those behind it are not asked", () => {
  const log: string[] = [];
  expect(() => prepareAll(partsThat(log, "follows", "follows", "refuses", "follows"), 7)).toThrow("no 2");
  expect(log.slice(3)).toEqual(["rollback 1", "rollback 0"]);
  const whole = prepareAll(partsThat(log, "follows", "follows"), 8);
  log.length = 0;
  whole.rollback();
  expect(log).toEqual(["rollback 1", "rollback 0"]);
});

test("a simple change does nothing before, and nothing when it is taken back", () => {
  let done = 0;
  const change = simpleChange(() => {
    done += 1;
  });
  change.rollback();
  expect(done).toBe(0);
  change.commit();
  expect(done).toBe(1);
});
