import { expect, test } from "bun:test";
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { folderIsLocked, lockFolder, withLock } from "../../../cmd/host/lock.ts";
import { failure, rejection } from "../../support/codes.ts";
import { snapshot, temporaryFolder } from "../../support/folder.ts";

const support = join(import.meta.dir, "..", "..", "support");

test("several processes that change one file lose no change", async () => {
  using folder = temporaryFolder();
  writeFileSync(folder.at("n"), "0");
  const counter = join(support, "lockCounter.ts");
  const writers = Array.from({ length: 3 }, () => Bun.spawn([process.execPath, counter, folder.at("n"), "20"]));
  expect(await Promise.all(writers.map((writer) => writer.exited))).toEqual([0, 0, 0]);
  expect(readFileSync(folder.at("n"), "utf8")).toBe("60");
  expect(readdirSync(folder.path).sort()).toEqual(["n", "n.lock"]);
}, 20_000);

test("within one process they take turns, and a failure releases the lock", async () => {
  using folder = temporaryFolder();
  const events: string[] = [];
  const turn = (name: string) =>
    withLock(folder.at("f"), async () => {
      events.push(`${name} begins`);
      await Bun.sleep(5);
      events.push(`${name} ends`);
    });
  await Promise.all([turn("a"), turn("b")]);
  expect(events).toEqual(["a begins", "a ends", "b begins", "b ends"]);
  const failing = withLock(folder.at("f"), () => {
    throw new Error("inside");
  });
  expect(failing).rejects.toThrow("inside");
  await failing.catch(() => {});
  expect(await withLock(folder.at("f"), () => "free", 0)).toBe("free");
});

test("whoever waits too long is told in one line", async () => {
  using folder = temporaryFolder();
  await withLock(folder.at("f"), async () => {
    const error = await rejection(withLock(folder.at("f"), () => {}, 50));
    expect(error.code).toBe("file.locked");
    expect(error.detail).toBe(`${folder.at("f")}: another program is changing it; try again`);
  });
});

test("two servers never share a data folder; kill -9 leaves no lock behind", async () => {
  using folder = temporaryFolder();
  const data = folder.at("data");
  const holder = Bun.spawn([process.execPath, join(support, "lockHolder.ts"), data], { stdout: "pipe" });
  const { value } = await holder.stdout.getReader().read();
  expect(new TextDecoder().decode(value)).toBe("locked\n");
  expect(statSync(data).mode & 0o777).toBe(0o700);
  expect(failure(() => lockFolder(data)).detail).toBe(`${data}: another server uses this folder; stop it first`);
  expect(folderIsLocked(data)).toBe(true);
  holder.kill("SIGKILL");
  await holder.exited;
  expect(folderIsLocked(data)).toBe(false);
  using lock = lockFolder(data);
  expect(failure(() => lockFolder(data)).code).toBe("file.locked");
  lock[Symbol.dispose]();
  lockFolder(data)[Symbol.dispose]();
});

test("what looks like a stale lock is none, and asking changes nothing", () => {
  using folder = temporaryFolder();
  expect(folderIsLocked(folder.at("data"))).toBe(false);
  mkdirSync(folder.at("data"));
  expect(folderIsLocked(folder.at("data"))).toBe(false);
  expect(Array.from(snapshot(folder.path).keys())).toEqual(["data"]);
  writeFileSync(folder.at("data/server.lock"), "");
  expect(folderIsLocked(folder.at("data"))).toBe(false);
  lockFolder(folder.at("data"))[Symbol.dispose]();
});

test("a folder that cannot be made is one line", () => {
  using folder = temporaryFolder();
  writeFileSync(folder.at("file"), "");
  expect(failure(() => lockFolder(folder.at("file/data"))).detail).toBe(
    `${folder.at("file/data")}: cannot be made: part of the path is not a folder`,
  );
});

test.each([0o770, 0o707, 0o777])(
  "a folder in which others can write (mode %o) is refused with what mends it",
  (mode) => {
    using folder = temporaryFolder();
    mkdirSync(folder.at("data"));
    chmodSync(folder.at("data"), mode);
    expect(failure(() => lockFolder(folder.at("data")))).toMatchObject({
      code: "config.invalid",
      detail: `${folder.at("data")}: others can write in it; run: chmod 700 ${folder.at("data")}`,
    });
    chmodSync(folder.at("data"), 0o755);
    using lock = lockFolder(folder.at("data"));
    expect(lock).toBeDefined();
  },
);
