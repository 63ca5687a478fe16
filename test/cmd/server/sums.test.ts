import { expect, test } from "bun:test";
import { SOURCES_MAX, Sums, type SumsOptions } from "../../../cmd/server/sums.ts";
import { Watched } from "../../support/programs.ts";

interface Item {
  readonly what: string;
  readonly from: string;
}

/** Sums that write down what they say. */
function summing(change: Partial<SumsOptions<Item>> = {}) {
  const said: string[] = [];
  const watched = new Watched();
  const say = (line: string): void => {
    said.push(line);
    watched.wake();
  };
  const sums = new Sums<Item>({
    keyOf: ({ what }) => what,
    sourceOf: ({ from }) => from,
    broad: ({ from }) => ({ what: "others", from }),
    ...{ keysMax: 3, atOnce: 1, windowMs: 3_600_000 },
    one: ({ what, from }) => say(`${what} from ${from}`),
    more: ({ what }, { count, sources }) => say(`${what} ${count} times from ${sources}`),
    ...change,
  });
  const add = (what: string, ...from: readonly string[]): void => {
    for (const one of from) sums.add({ what, from: one });
  };
  return { sums, said, watched, add };
}

test("the first of a thing is said at once, the others as one sum", () => {
  const { sums, said, add } = summing();
  add("a", "x", "x", "y", "y");
  add("b", "x");
  expect(said).toEqual(["a from x", "b from x"]);
  sums.endWindow();
  expect(said.slice(2)).toEqual(["a 3 times from 2"]);
  sums[Symbol.dispose]();
});

test("what goes on is summed again; what has paused begins anew", () => {
  const { sums, said, add } = summing();
  add("a", "x", "x");
  sums.endWindow();
  add("a", "x");
  sums.endWindow();
  expect(said.splice(0)).toEqual(["a from x", "a 1 times from 1", "a 1 times from 1"]);
  sums.endWindow();
  add("a", "x");
  expect(said).toEqual(["a from x"]);
  sums[Symbol.dispose]();
});

test("several may be said at once", () => {
  const { sums, said, add } = summing({ atOnce: 2 });
  add("a", "1", "2", "3");
  sums[Symbol.dispose]();
  expect(said).toEqual(["a from 1", "a from 2", "a 1 times from 1"]);
});

test("too many different things are one, and too many sources are no more than the limit", () => {
  const { sums, said, add } = summing();
  for (let index = 0; index < 5000; index += 1) add(`thing ${index}`, `host ${index}`);
  expect(said).toEqual(["thing 0 from host 0", "thing 1 from host 1", "thing 2 from host 2", "others from host 3"]);
  sums[Symbol.dispose]();
  expect(said.slice(4)).toEqual([`others 4996 times from ${SOURCES_MAX}`]);
});

test("a window ends by itself, and disposing says the rest and leaves no timer", async () => {
  const { sums, said, watched, add } = summing({ windowMs: 20 });
  add("a", "x", "x");
  await watched.until(
    () => said.length === 2,
    () => "a sum",
  );
  add("a", "x");
  sums[Symbol.dispose]();
  sums[Symbol.dispose]();
  expect(said).toEqual(["a from x", "a 1 times from 1", "a 1 times from 1"]);
});
