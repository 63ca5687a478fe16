import { expect, test } from "bun:test";
import { Gate } from "../../../cmd/server/gate.ts";

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test("tasks run in the order they came, never at once, and no more than the limit in one turn", async () => {
  const gate = new Gate(() => 2);
  const done: number[] = [];
  for (let task = 0; task < 5; task += 1) gate.push(() => void done.push(task), "stranger");
  expect(done).toEqual([]);
  for (const expected of [
    [0, 1],
    [0, 1, 2, 3],
    [0, 1, 2, 3, 4],
    [0, 1, 2, 3, 4],
  ]) {
    await turn();
    expect(done).toEqual(expected);
  }
});

test("a task that is under way keeps its place until it is done", async () => {
  const gate = new Gate(() => 2);
  const begun: number[] = [];
  const jobs = [0, 1, 2, 3].map(() => Promise.withResolvers<void>());
  for (const [task, { promise }] of jobs.entries()) {
    gate.push(() => {
      begun.push(task);
      return promise;
    }, "stranger");
  }
  for (let at = 0; at < 3; at += 1) await turn();
  expect(begun).toEqual([0, 1]);
  jobs[1]?.resolve();
  for (let at = 0; at < 3; at += 1) await turn();
  expect(begun).toEqual([0, 1, 2]);
  jobs[0]?.resolve();
  jobs[2]?.resolve();
  for (let at = 0; at < 3; at += 1) await turn();
  expect(begun).toEqual([0, 1, 2, 3]);
});

test("what is pushed by a task waits for a turn of its own", async () => {
  const gate = new Gate(() => 1);
  const done: string[] = [];
  gate.push(() => {
    done.push("outer");
    gate.push(() => void done.push("inner"), "stranger");
  }, "stranger");
  gate.push(() => void done.push("next"), "stranger");
  for (let at = 0; at < 4; at += 1) await turn();
  expect(done).toEqual(["outer", "next", "inner"]);
});

test("those who are known go first, and leave one place in four to strangers", async () => {
  const gate = new Gate(() => 4);
  const done: string[] = [];
  for (const lane of ["stranger", "known"] as const) {
    for (let task = 0; task < 6; task += 1) gate.push(() => void done.push(`${lane} ${task}`), lane);
  }
  expect([gate.strangers, gate.waiting]).toEqual([6, 12]);
  await turn();
  expect(done.splice(0)).toEqual(["known 0", "known 1", "known 2", "stranger 0"]);
  await turn();
  expect(done.splice(0)).toEqual(["known 3", "known 4", "known 5", "stranger 1"]);
  await turn();
  expect(done.splice(0)).toEqual(["stranger 2", "stranger 3", "stranger 4", "stranger 5"]);
  expect([gate.strangers, gate.waiting]).toEqual([0, 0]);
});

test("with one place, every fourth is a stranger's", async () => {
  const gate = new Gate(() => 1);
  const done: string[] = [];
  for (const lane of ["stranger", "known"] as const) {
    for (let task = 0; task < 6; task += 1) gate.push(() => void done.push(lane), lane);
  }
  for (let at = 0; at < 12; at += 1) await turn();
  expect(done.map((lane) => lane[0]).join("")).toBe("kkkskkksssss");
});
