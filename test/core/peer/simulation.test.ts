import { expect, test } from "bun:test";
import { Script } from "../../support/script.ts";

/** `IMS_SEED=n` runs one seed again; `SLOW=1` runs many. */
const only = Bun.env.IMS_SEED;
const first = Number(only ?? 1);
const RUNS = only !== undefined ? 1 : Bun.env.SLOW === "1" ? 400 : 14;
const STEPS = 3000;

/** What a run must have seen to have tried anything. */
const seen = { delivered: 0, undelivered: 0, ends: new Set<string>(), sealed: 0, secrets: 0 };

for (let seed = first; seed < first + RUNS; seed += 1) {
  test(`IMS_SEED=${seed}: what was written is shown once, in order, to the right devices, and nothing else leaks`, () => {
    using script = new Script(seed);
    try {
      script.run(STEPS);
      script.settle();
      script.talk();
      script.end();
    } catch (error) {
      throw new Error(`IMS_SEED=${seed}: ${error}`, { cause: error });
    }
    const { world } = script;
    for (const { fate } of world.history.told.values()) seen[fate === "delivered" ? "delivered" : "undelivered"] += 1;
    for (const code of world.ends) seen.ends.add(String(code));
    seen.sealed += world.tap.sealed;
    seen.secrets += world.watch.count;
    expect(world.live).toHaveLength(0);
  });
}

test.skipIf(only !== undefined)("the runs have met every honest end and many messages", () => {
  const ends = ["auth.ended", "auth.rejected", "auth.tooManyDevices", "connection.lost", "null", "server.stopping"];
  expect([...seen.ends].sort()).toEqual(ends);
  expect(seen.delivered).toBeGreaterThan(1000);
  expect(seen.undelivered).toBeGreaterThan(100);
  expect(seen.sealed).toBeGreaterThan(10_000);
  expect(seen.secrets).toBeGreaterThan(10_000);
});
