import { expect, test } from "bun:test";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { replaceFile } from "../../../cmd/host/files.ts";
import { watchFile } from "../../../cmd/server/watch.ts";
import { CodedError } from "../../../core/errors.ts";
import { temporaryFolder } from "../../support/folder.ts";

/** Watches a file whose good content begins with "good"; `next` waits for the following event. */
function watched(path: string, times: { settleMs: number; pollMs: number }) {
  const events: string[] = [];
  const waiting: ((event: string) => void)[] = [];
  const push = (event: string): void => {
    const resolve = waiting.shift();
    if (resolve === undefined) events.push(event);
    else resolve(event);
  };
  const load = (): string => {
    try {
      const text = readFileSync(path, "utf8");
      if (text.startsWith("good")) return text;
    } catch {}
    throw new CodedError("config.invalid", "not good");
  };
  const watch = watchFile({ path, load, changed: push, broken: (error) => push(error.detail), ...times });
  const next = (): Promise<string> => {
    const event = events.shift();
    return event === undefined ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve(event);
  };
  return { events, next, [Symbol.dispose]: () => watch[Symbol.dispose]() };
}

test.each([
  ["events", { settleMs: 5, pollMs: 60_000 }],
  ["the poll alone", { settleMs: 60_000, pollMs: 5 }],
])("every replacement is seen through %s, a broken file is told once", async (_by, times) => {
  using folder = temporaryFolder();
  const path = folder.at("users.json");
  writeFileSync(path, "good 0");
  using file = watched(path, times);
  for (const content of ["good 1", "good 2"]) {
    replaceFile(path, content);
    expect(await file.next()).toBe(content);
  }
  writeFileSync(path, "bad");
  expect(await file.next()).toBe("not good");
  replaceFile(path, "bad as well");
  await Bun.sleep(40);
  rmSync(path);
  await Bun.sleep(40);
  expect(file.events).toEqual([]);
  replaceFile(path, "good 3");
  expect(await file.next()).toBe("good 3");
  replaceFile(path, "bad again");
  expect(await file.next()).toBe("not good");
});

test("a file that is only looked at, and others beside it, cause nothing; disposed, it is silent", async () => {
  using folder = temporaryFolder();
  const path = folder.at("users.json");
  writeFileSync(path, "good 0");
  const file = watched(path, { settleMs: 1, pollMs: 1 });
  readFileSync(path);
  writeFileSync(folder.at("other"), "x");
  await Bun.sleep(30);
  file[Symbol.dispose]();
  replaceFile(path, "good 1");
  await Bun.sleep(30);
  expect(file.events).toEqual([]);
});

test("a file that cannot be read because too many are open is read as soon as it can be, and told of once", async () => {
  using folder = temporaryFolder();
  const path = folder.at("users.json");
  writeFileSync(path, "0");
  const events: string[] = [];
  const done = Promise.withResolvers<void>();
  let tries = 0;
  using _watch = watchFile({
    path,
    load: () => {
      tries += 1;
      const cause = Object.assign(new Error("none left"), { code: "EMFILE" });
      if (tries < 4) throw new CodedError("config.invalid", "too many files are open", { cause });
      return "loaded";
    },
    changed: (value) => {
      events.push(value);
      done.resolve();
    },
    broken: ({ detail }) => events.push(detail),
    settleMs: 1,
    pollMs: 5,
  });
  replaceFile(path, "1");
  await done.promise;
  expect(events).toEqual(["too many files are open", "loaded"]);
});
