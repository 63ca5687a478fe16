import { expect, test } from "bun:test";
import { Turns, type Worker } from "../../../cmd/server/turns.ts";

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Somebody with so many pieces of work. */
function worker(
  name: string,
  pieces: number,
  done: string[],
  waitMs: () => number = () => 0,
): Worker & { left: boolean } {
  return {
    waiting: pieces,
    left: false,
    waitMs,
    work() {
      (this as { waiting: number }).waiting -= 1;
      done.push(name);
    },
    idle() {
      this.left = true;
    },
  };
}

test("the first piece at once, the others one in a turn, in the order of those who wait", async () => {
  const [turns, done]: [Turns, string[]] = [new Turns(), []];
  const [a, b] = [worker("a", 3, done), worker("b", 2, done)];
  for (const one of [a, a, a, b, b]) turns.take(one);
  expect(done.splice(0)).toEqual(["a", "b"]);
  await turn();
  expect(done.splice(0)).toEqual(["a", "b"]);
  await turn();
  expect(done.splice(0)).toEqual(["a"]);
  await turn();
  await turn();
  expect([done, a.left, b.left]).toEqual([[], true, true]);
});

test("who has asked for too much waits, and nobody else does", async () => {
  const [turns, done]: [Turns, string[]] = [new Turns(), []];
  const began = performance.now();
  const slow = worker("slow", 2, done, () => Math.max(0, Math.ceil(began + 60 - performance.now())));
  const quick = worker("quick", 3, done);
  turns.take(slow);
  for (let at = 0; at < 3; at += 1) turns.take(quick);
  for (let at = 0; at < 5; at += 1) await turn();
  expect(done.splice(0)).toEqual(["quick", "quick", "quick"]);
  while (done.length < 2) await Bun.sleep(5);
  expect(performance.now() - began).toBeGreaterThanOrEqual(59);
  expect(done).toEqual(["slow", "slow"]);
});

test("nothing is done for those who are forgotten", async () => {
  const [turns, done]: [Turns, string[]] = [new Turns(), []];
  const gone = worker("gone", 5, done);
  turns.take(gone);
  turns.forget(gone);
  await turn();
  await turn();
  expect([done, gone.left]).toEqual([["gone"], false]);
});
