/**
 * Seeded lives of a whole realm: users with several devices, a server with its store, and cuts, crashes, restarts,
 * deliveries that are repeated or out of order, states that are lost or put back, changed passwords and accounts. Most run on
 * a model of the public-key primitives, some on real ones.
 */
import { expect, test } from "bun:test";
import { fakeCrypto } from "../../support/fakeCrypto.ts";
import { quickCrypto } from "../../support/fixedEnv.ts";
import { Script, scriptRealm } from "../../support/script.ts";

/** `IMS_SEED=n` runs one seed again, in all lengths; `SLOW=1` runs many. */
const only = Bun.env.IMS_SEED;
const SLOW = Bun.env.SLOW === "1";
/** Real public-key cryptography; long lives; short ones on the model. */
const KINDS = [
  { name: "real", crypto: quickCrypto, runs: SLOW ? 300 : 4, steps: 3000 },
  { name: "model, long", crypto: fakeCrypto, runs: SLOW ? 400 : 8, steps: 3000 },
  { name: "model, short", crypto: fakeCrypto, runs: SLOW ? 4000 : 40, steps: 500 },
] as const;
/** Seeds of one kind that run in one test. */
const TOGETHER = 20;

/** What a run must have seen to have tried anything. */
const seen = {
  delivered: 0,
  undelivered: 0,
  unreadable: 0,
  ends: new Set<string>(),
  sealed: 0,
  messageKeys: 0,
  secrets: 0,
  setBacks: 0,
  repeated: 0,
  overtaken: 0,
};

function live(script: Script, steps: number): void {
  script.run(steps);
  script.settle();
  script.talk();
  script.end();
  const { world, mischief } = script;
  seen.repeated += mischief.repeated;
  seen.overtaken += mischief.overtaken;
  for (const { fate } of world.history.told.values()) seen[fate === "delivered" ? "delivered" : "undelivered"] += 1;
  for (const code of world.ends) seen.ends.add(String(code));
  for (const place of [...world.places.values()].flat()) seen.setBacks += place.setBacks;
  seen.unreadable += world.history.unreadable.length;
  seen.sealed += world.tap.sealed;
  seen.messageKeys += world.tap.messageKeys;
  seen.secrets += world.watch.count;
}

for (const { name, crypto, runs, steps } of KINDS) {
  const realm = await scriptRealm(crypto);
  const first = only === undefined ? 1 : Number(only);
  const last = only === undefined ? runs : first;
  for (let from = first; from <= last; from += TOGETHER) {
    const to = Math.min(from + TOGETHER - 1, last);
    test(`${name}, IMS_SEED=${from} to ${to}: what was written is shown once, to the right devices, and nothing leaks`, () => {
      for (let seed = from; seed <= to; seed += 1) {
        using script = new Script(seed, realm);
        try {
          live(script, steps);
        } catch (error) {
          throw new Error(`${name}, IMS_SEED=${seed}: ${error}`, { cause: error });
        }
        expect(script.world.live).toHaveLength(0);
      }
    }, 600_000);
  }
}

test.skipIf(only !== undefined)("the runs have met every honest end, set-backs and many messages", () => {
  const ends = ["auth.ended", "auth.rejected", "auth.removed", "auth.tooManyDevices", "connection.lost", "null"];
  expect([...seen.ends].sort()).toEqual(expect.arrayContaining([...ends, "server.stopping", "state.foreign"]));
  expect(seen.delivered).toBeGreaterThan(1000);
  expect(seen.undelivered).toBeGreaterThan(100);
  expect(seen.setBacks).toBeGreaterThan(5);
  expect(seen.repeated).toBeGreaterThan(400);
  expect(seen.overtaken).toBeGreaterThan(100);
  expect(seen.unreadable).toBeGreaterThan(5);
  expect(seen.unreadable).toBeLessThan(seen.delivered / 20);
  expect(seen.sealed).toBeGreaterThan(10_000);
  expect(seen.messageKeys).toBeGreaterThan(1000);
  expect(seen.secrets).toBeGreaterThan(10_000);
});
