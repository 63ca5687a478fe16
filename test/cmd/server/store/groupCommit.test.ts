import { Database } from "bun:sqlite";
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { openDatabase } from "../../../../cmd/host/sqlite.ts";
import { GroupCommit } from "../../../../cmd/server/store/groupCommit.ts";
import { rejection } from "../../../support/codes.ts";
import { temporaryFolder } from "../../../support/folder.ts";

let folder: ReturnType<typeof temporaryFolder>;
let database: Database;
let group: GroupCommit<number | "bug" | "disk", number>;
/** What another program sees when a request is answered. */
let seen: Database;
beforeEach(() => {
  folder = temporaryFolder();
  const prepare = (made: Database): void => {
    made.run("CREATE TABLE row (number INTEGER PRIMARY KEY) STRICT");
  };
  database = openDatabase(folder.at("x.db"), { synchronous: "FULL", mend: "", readThrough: false, prepare });
  seen = new Database(folder.at("x.db"));
  group = new GroupCommit(database, "x.db", (request) => {
    if (request === "disk") throw Object.assign(new Error("secret text"), { code: "SQLITE_FULL" });
    database.query("INSERT INTO row VALUES (?)").run(request === "bug" ? -1 : request);
    if (request === "bug") throw new TypeError("a bug");
    return request * 2;
  });
});
afterEach(() => {
  group[Symbol.dispose]();
  seen.close();
  database.close();
  folder[Symbol.dispose]();
});
const kept = (): readonly number[] =>
  seen
    .query<{ number: number }, []>("SELECT number FROM row")
    .all()
    .map(({ number }) => number);

describe("requests of one moment", () => {
  test("wait for it, and are answered in their order once they are committed", async () => {
    const order: number[] = [];
    const answers = [3, 1, 2].map(async (number) => {
      const answer = await group.run(number);
      order.push(number);
      return [answer, kept()];
    });
    expect(kept()).toEqual([]);
    expect(await Promise.all(answers)).toEqual([6, 2, 4].map((answer) => [answer, [1, 2, 3]]));
    expect(order).toEqual([3, 1, 2]);
  });

  test.each([
    [511, 0],
    [512, 512],
    [513, 512],
  ])("%i: %i do not wait", async (count, atOnce) => {
    const answers = Array.from({ length: count }, (_, number) => group.run(number));
    expect(kept().length).toBe(atOnce);
    await Promise.all(answers);
    expect(kept().length).toBe(count);
  });

  test("64 wait for those of the same turn alone, however late these are, and for no time", async () => {
    const answers = Array.from({ length: 64 }, (_, number) => group.run(number));
    await Promise.resolve();
    answers.push(group.run(64));
    expect(kept()).toEqual([]);
    await new Promise(setImmediate);
    expect(kept().length).toBe(65);
    answers.push(group.run(65));
    expect(kept().length).toBe(65); // which belongs to the next group
    await Promise.all(answers);
    expect(kept().length).toBe(66);
  });

  test("what waits is run at the end, and nothing after it", async () => {
    const answer = group.run(1);
    group[Symbol.dispose]();
    expect(kept()).toEqual([1]);
    expect(await answer).toBe(2);
    await expect(group.run(2)).rejects.toThrow("after it was closed");
  });
});

describe("what goes wrong", () => {
  test("a request that is wrong takes nothing with it, and leaves nothing", async () => {
    const [one, bug, two] = [group.run(1), group.run("bug"), group.run(2)];
    await expect(bug).rejects.toThrow(TypeError);
    expect(await Promise.all([one, two])).toEqual([2, 4]);
    expect(kept()).toEqual([1, 2]);
  });

  test("one that breaks a rule of the tables likewise", async () => {
    const [one, again] = [group.run(1), group.run(1)];
    await expect(again).rejects.toThrow();
    expect([await one, kept()]).toEqual([2, [1]]);
  });

  test("a full disk: all of the group are told, and nothing of it is kept", async () => {
    const failures = await Promise.all([group.run(1), group.run("disk"), group.run(2)].map(rejection));
    for (const { code, detail } of failures) {
      expect([code, detail]).toEqual(["file.failed", "x.db: cannot be written (the disk is full)"]);
    }
    expect(kept()).toEqual([]);
    expect(await group.run(3)).toBe(6);
    expect(kept()).toEqual([3]);
  });

  test("a commit that fails: the answers were never given", async () => {
    database.run("CREATE TABLE other (row INTEGER REFERENCES row DEFERRABLE INITIALLY DEFERRED)");
    database.run(
      "CREATE TRIGGER loose AFTER INSERT ON row WHEN new.number = 9 BEGIN INSERT INTO other VALUES (10); END",
    );
    const failures = await Promise.all([group.run(1), group.run(9)].map(rejection));
    expect(failures.map(({ code }) => code)).toEqual(["file.failed", "file.failed"]);
    expect(kept()).toEqual([]);
    expect(await group.run(2)).toBe(4);
  });
});
