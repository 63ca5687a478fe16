import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { STORE_MIGRATIONS } from "../../../../cmd/server/store/schema.ts";
import { inspectStore, SqliteStore } from "../../../../cmd/server/store/sqlite.ts";
import { DEVICES_MAX, ONE_TIME_PREKEYS } from "../../../../core/limits.ts";
import { failure, rejection } from "../../../support/codes.ts";
import { snapshot, temporaryFolder } from "../../../support/folder.ts";
import { filled, loaded, prekeys, requests, signedPrekey } from "../../../support/storeRequests.ts";
import { storeSuite } from "../../../support/storeSuite.ts";

storeSuite("of SQLite", () => {
  const folder = temporaryFolder();
  return { open: async () => SqliteStore.open(folder.path), [Symbol.dispose]: () => folder[Symbol.dispose]() };
});

describe("the file", () => {
  test("is its owner's alone, with what lies beside it", async () => {
    using folder = temporaryFolder();
    await using store = SqliteStore.open(folder.path);
    await store.run(requests.create());
    for (const name of ["store.db", "store.db-wal", "store.db-shm"]) {
      expect([name, statSync(folder.at(name)).mode & 0o777]).toEqual([name, 0o600]);
    }
  });

  test("takes 1.4 KB for a one-time prekey", async () => {
    using folder = temporaryFolder();
    {
      await using store = SqliteStore.open(folder.path);
      await store.run(requests.create());
      const devices = Array.from({ length: DEVICES_MAX }, (_, at) => at);
      await store.run(requests.putDevices(1, devices));
      const stock = { signed: signedPrekey(1), oneTime: prekeys(2, ONE_TIME_PREKEYS) };
      await Promise.all(devices.map((device) => store.run(requests.putPrekeys(device, stock))));
    }
    expect(statSync(folder.at("store.db")).size / DEVICES_MAX / ONE_TIME_PREKEYS).toBeLessThan(1450);
  });

  test("keeps nothing of a wrap that was replaced, an envelope that was read, or a user who has gone", async () => {
    using folder = temporaryFolder();
    const [old, gone, read] = [filled(60, 0x5a), filled(60, 0x5b), filled(60, 0x5c)];
    {
      await using store = SqliteStore.open(folder.path);
      await store.run(requests.create());
      await store.run(requests.putWraps({ epoch: 1, accountWrap: old }));
      await store.run(requests.putWraps({ epoch: 1, accountWrap: gone }));
      await store.run(requests.putDevices(1, [1]));
      await store.run(requests.deposit(1, { envelope: read }));
      await store.run(requests.discard([1]));
      await store.run(requests.forget());
    }
    const bytes = readFileSync(folder.at("store.db"));
    for (const mark of [old, gone, read]) expect(bytes.includes(mark)).toBe(false);
  });

  test("that is damaged: one line that names it and says what to do, and it stays as it is", () => {
    using folder = temporaryFolder();
    writeFileSync(folder.at("store.db"), "not a database, but long enough to be taken for one ".repeat(50));
    const { code, detail } = failure(() => SqliteStore.open(folder.path));
    const line = `${folder.at("store.db")}: cannot be used (it is damaged); put a backup of the data folder in its place`;
    expect([code, detail]).toEqual(["config.invalid", line]);
    expect(statSync(folder.at("store.db")).size).toBe(2600);
  });

  test("of a newer version is refused, and left alone", () => {
    using folder = temporaryFolder();
    {
      using database = new Database(folder.at("store.db"));
      database.run("PRAGMA journal_mode = WAL");
      database.run(`PRAGMA user_version = ${STORE_MIGRATIONS.length + 1}`);
    }
    const before = readFileSync(folder.at("store.db"));
    const line = `${folder.at("store.db")}: made by a newer version of the server; use that one`;
    expect(failure(() => SqliteStore.open(folder.path))).toMatchObject({ code: "config.invalid", detail: line });
    expect(readFileSync(folder.at("store.db"))).toEqual(before);
  });

  test("in no folder, or where there is a folder: one line", () => {
    using folder = temporaryFolder();
    const reason = "cannot be used (no such file or folder)";
    expect(failure(() => SqliteStore.open(folder.at("none"))).detail).toBe(`${folder.at("none/store.db")}: ${reason}`);
  });
});

describe("a look at it", () => {
  test("finds nothing wrong, and changes nothing: beside a server, after one, and after a crash", async () => {
    using folder = temporaryFolder();
    {
      await using store = SqliteStore.open(folder.path);
      await store.run(requests.create());
      inspectStore(folder.path, "store.db");
      expect((await loaded(store)).account).not.toBeNull();
      const beside = snapshot(folder.path);
      inspectStore(folder.path, "store.db");
      expect([...snapshot(folder.path).keys()]).toEqual([...beside.keys()]);
      using crashed = temporaryFolder();
      for (const name of beside.keys()) writeFileSync(crashed.at(name), readFileSync(folder.at(name)));
      const before = [...snapshot(crashed.path).keys()];
      inspectStore(crashed.path, "store.db");
      expect([...snapshot(crashed.path).keys()]).toEqual(before);
    }
    const after = snapshot(folder.path);
    inspectStore(folder.path, "store.db");
    expect(snapshot(folder.path)).toEqual(after);
  });

  test("finds damage in the middle, and a newer version", async () => {
    using folder = temporaryFolder();
    {
      await using store = SqliteStore.open(folder.path);
      await store.run(requests.create());
      await store.run(requests.putDevices(1, [1]));
      await store.run(requests.putPrekeys(1, { signed: signedPrekey(1), oneTime: prekeys(2, ONE_TIME_PREKEYS) }));
    }
    const sound = readFileSync(folder.at("store.db"));
    writeFileSync(folder.at("store.db"), Buffer.from(sound).fill(0xee, 4200, sound.length - 100));
    const line = "data/store.db: cannot be used (it is damaged); put a backup of the data folder in its place";
    expect(failure(() => inspectStore(folder.path, "data/store.db"))).toMatchObject({
      code: "config.invalid",
      detail: line,
    });
    writeFileSync(folder.at("store.db"), sound);
    {
      using database = new Database(folder.at("store.db"));
      database.run(`PRAGMA user_version = ${STORE_MIGRATIONS.length + 1}`);
    }
    const newer = "data/store.db: made by a newer version of the server; use that one";
    expect(failure(() => inspectStore(folder.path, "data/store.db")).detail).toBe(newer);
  });
});

test("a disk that fails: nothing of the group is kept, all are told, and the store goes on", async () => {
  using folder = temporaryFolder();
  await using store = SqliteStore.open(folder.path);
  await store.run(requests.create());
  using other = new Database(folder.at("store.db"));
  other.run("BEGIN IMMEDIATE"); // another program that does not let go
  const waiting = [requests.putWraps({ epoch: 1, recoveryWrap: filled(60, 7) }), requests.putDevices(1, [1])];
  const failures = await Promise.all(waiting.map((request) => rejection(store.run(request))));
  const detail = `${folder.at("store.db")}: cannot be written (another program is writing it)`;
  for (const found of failures) expect(found).toMatchObject({ code: "file.failed", detail });
  other.run("ROLLBACK");
  const { account } = await loaded(store);
  expect([account?.keys.recoveryWrap.length, account?.devices]).toEqual([0, null]);
}, 20_000);
