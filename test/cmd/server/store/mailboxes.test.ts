/** What the stores' suite (test/support/storeSuite.ts) cannot see of mailboxes in SQLite. */
import { Database } from "bun:sqlite";
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import fc from "fast-check";
import { migrate, versionOf } from "../../../../cmd/server/store/migrate.ts";
import { answerRequest } from "../../../../cmd/server/store/requests.ts";
import { STORE_MIGRATIONS } from "../../../../cmd/server/store/schema.ts";
import { SqliteStore } from "../../../../cmd/server/store/sqlite.ts";
import type { StoreRequest } from "../../../../core/peer/store.ts";
import { temporaryFolder } from "../../../support/folder.ts";
import { mailboxRequest } from "../../../support/storeModel.ts";
import { ALICE, BOB, loaded, numberOf, requests, signedPrekey, waiting } from "../../../support/storeRequests.ts";

/** Of each device in the list: what is counted, and what is there. */
const COUNTED = `
  SELECT device.id AS device, ifnull(mailbox.envelopes, 0) AS envelopes, ifnull(mailbox.bytes, 0) AS bytes
  FROM device LEFT JOIN mailbox ON mailbox.device = device.id ORDER BY device.id`;
const THERE = `
  SELECT device.id AS device, count(position) AS envelopes, ifnull(sum(length(envelope)), 0) AS bytes
  FROM device LEFT JOIN envelope ON envelope.device = device.id GROUP BY device.id ORDER BY device.id`;

const LISTS: readonly (readonly number[])[] = [[0, 1], [1], [0, 1, 2], []];
/** Lists of devices as well, each numbered as the one that follows. */
const step = fc.oneof({ weight: 20, arbitrary: mailboxRequest }, fc.constantFrom(...LISTS));

test("what is counted of a mailbox is what is there, whatever has been asked", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.array(step, { maxLength: 80 }), { maxLength: 4 }), async (groups) => {
      using folder = temporaryFolder();
      await using store = SqliteStore.open(folder.path);
      using look = new Database(folder.at("store.db"));
      let number = 1;
      const asked = (one: StoreRequest | readonly number[]): StoreRequest => {
        if ("op" in one) return one;
        number += 1;
        return requests.putDevices(number, one);
      };
      for (const user of [ALICE, BOB]) {
        await store.run(requests.create({ user }));
        await store.run(requests.putDevices(1, [0, 1], { user }));
      }
      for (const group of groups) {
        await Promise.all(group.map((one) => store.run(asked(one))));
        expect(look.query(COUNTED).all()).toEqual(look.query(THERE).all());
      }
    }),
    { numRuns: 30 },
  );
}, 60_000);

test("a store of version 1 gets mailboxes, and keeps what it had", async () => {
  using folder = temporaryFolder();
  {
    using first = new Database(folder.at("store.db"));
    migrate(first, folder.at("store.db"), STORE_MIGRATIONS.slice(0, 1));
    first.run(
      "INSERT INTO account (user, identity_key, identity_wrap, recovery_wrap) VALUES ('alice', x'01', x'02', x'')",
    );
    first.run("INSERT INTO device (account, name) VALUES (1, '0000000000000001')");
  }
  {
    await using store = SqliteStore.open(folder.path);
    await store.run(requests.putPrekeys(1, { signed: signedPrekey(1) }));
    expect(await store.run(requests.deposit(7))).toEqual({ op: "deposit", outcome: "kept" });
    expect((await waiting(store)).map(numberOf)).toEqual([7]);
    expect((await loaded(store)).account?.standings).toHaveLength(1);
  }
  using backup = new Database(folder.at("store.db.backup-1"));
  expect(versionOf(backup)).toBe(1);
});

/** How SQLite goes about what is asked of the table of envelopes. */
function stepsOf(database: Database, statements: readonly string[]): readonly string[] {
  const plans = statements.flatMap((sql) => database.query<{ detail: string }, []>(`EXPLAIN QUERY PLAN ${sql}`).all());
  return plans.map(({ detail }) => detail).filter((detail) => detail.includes(" envelope"));
}

/** Mailboxes hold thousands: none of what comes with every message may read all of one, or all of the table. */
describe("found in an index, without reading all", () => {
  const FOUND = /^SEARCH envelope USING ((COVERING )?INDEX envelope_(of|at) |INTEGER PRIMARY KEY \(rowid=\?\)$)/;
  let database: Database;
  beforeEach(() => {
    database = new Database(":memory:");
    for (const statements of STORE_MIGRATIONS) database.run(statements);
  });
  afterEach(() => database.close());

  test.each([
    ["what is acknowledged", requests.discard([1])],
    ["what is too old", requests.expire(1, 5)],
    ["what waits", requests.collect()],
  ] as const)("%s", (_, request) => {
    for (const before of [requests.create(), requests.putDevices(1, [1])]) answerRequest(database, before);
    const asked: string[] = [];
    const query = database.query.bind(database);
    database.query = ((sql: string) => {
      asked.push(sql);
      return query(sql);
    }) as typeof database.query;
    answerRequest(database, request);
    database.query = query;
    const steps = stepsOf(database, asked);
    expect(steps.length).toBeGreaterThan(0);
    for (const detail of steps) expect(detail).toMatch(FOUND);
  });

  test("what goes with its device, as SQLite deletes it", () => {
    const steps = stepsOf(database, ["DELETE FROM envelope WHERE device = 1"]);
    expect(steps).toHaveLength(1);
    expect(steps[0]).toMatch(FOUND);
  });
});
