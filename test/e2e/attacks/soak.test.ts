/**
 * Everything at once for a while: what a server holds at the end is what it held when it was warm. `SLOW=1` takes ten
 * minutes instead of fifteen seconds; `IMS_SEED=n` makes the same choices again.
 */
import { expect, setDefaultTimeout, test } from "bun:test";
import type { Status } from "../../../cmd/server/status.ts";
import { reportFigures } from "../../support/figures.ts";
import { freePort } from "../../support/freePort.ts";
import { MixedLoad } from "../../support/mixedLoad.ts";
import { RunningRealm } from "../../support/runningRealm.ts";
import { Seeded } from "../../support/seeded.ts";

const SLOW = Bun.env.SLOW === "1";
const SECONDS = SLOW ? 600 : 15;
setDefaultTimeout(SECONDS * 1000 + 120_000);

const SEED = Number(Bun.env.IMS_SEED ?? 20_261_125);
/** What goes on at the same time. */
const WORKERS = 4;
/** Between two things that a worker does: the server is busy, not overrun. */
const PAUSE_MS = 10;
const SAMPLE_MS = SLOW ? 2000 : 250;
/**
 * Of the average of a fifth of the time over that of an earlier fifth. The heap breathes by some 20 MiB between two
 * collections, and takes its size only after some thousands of logins. A session takes some 20 KiB while it stands: if
 * anything like it stayed of the thousands that come and go in ten minutes, it would be far more than this. Fifteen
 * seconds are hardly the warm-up, and show a flood only.
 */
const GROWTH_MIB = SLOW ? 24 : 40;
/** Those of connections that end at the moment of a sample. */
const GROWTH_DESCRIPTORS = 8;

interface Sample {
  readonly atMs: number;
  readonly memoryMiB: number;
  readonly descriptors: number;
}

const sampleOf = ({ memory, descriptors, connections }: Status, atMs: number): Sample => ({
  atMs,
  memoryMiB: memory.residentBytes / 2 ** 20,
  descriptors: (descriptors?.open ?? 0) - connections,
});

type Quantity = "memoryMiB" | "descriptors";

/** The average of a part of the samples, in shares of the whole time. */
function average(samples: readonly Sample[], of: Quantity, from: number, to: number): number {
  const values = samples.slice(Math.floor(from * samples.length), Math.ceil(to * samples.length)).map((one) => one[of]);
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Least squares over the second half: so much more in an hour. */
function slopePerHour(samples: readonly Sample[], of: Quantity): number {
  const half = samples.slice(samples.length >> 1);
  const mean = half.reduce((sum, { atMs }) => sum + atMs, 0) / half.length;
  const meanOf = half.reduce((sum, one) => sum + one[of], 0) / half.length;
  const above = half.reduce((sum, one) => sum + (one.atMs - mean) * (one[of] - meanOf), 0);
  const below = half.reduce((sum, { atMs }) => sum + (atMs - mean) ** 2, 0);
  return (above / below) * 3_600_000;
}

test(`${SECONDS} seconds of everything (seed ${SEED}): memory and descriptors are flat, and nothing is left`, async () => {
  const metricsPort = await freePort();
  await using realm = await RunningRealm.start({ metricsPort });
  const load = await MixedLoad.ready(realm, new Seeded(SEED), metricsPort);
  const samples: Sample[] = [];
  const began = performance.now();
  const elapsedMs = (): number => performance.now() - began;
  const over = (): boolean => elapsedMs() > SECONDS * 1000;
  const work = async (): Promise<void> => {
    while (!over()) {
      await load.one();
      await Bun.sleep(PAUSE_MS);
    }
  };
  const watch = async (): Promise<void> => {
    while (!over()) {
      samples.push(sampleOf(await load.status(), elapsedMs()));
      await Bun.sleep(SAMPLE_MS);
    }
  };
  await Promise.all([watch(), ...Array.from({ length: WORKERS }, work)]);

  let end = await load.status();
  for (let tries = 0; end.connections > 0 && tries < 200; tries += 1) {
    await Bun.sleep(100);
    end = await load.status();
  }
  const last = sampleOf(end, elapsedMs());
  const [warm, late] = [0.4, 0.8].map((from) => average(samples, "memoryMiB", from, from + 0.2));
  const growth = (late ?? 0) - (warm ?? 0);
  const held = average(samples, "descriptors", 0.4, 0.6);
  reportFigures("attack 28 everything for a while", {
    seconds: SECONDS,
    seed: SEED,
    ...Object.fromEntries(load.done),
    logins: end.logins,
    memory: `${samples[0]?.memoryMiB.toFixed(0)} -> ${warm?.toFixed(1)} (warm) -> ${late?.toFixed(1)} MiB, ${last.memoryMiB.toFixed(1)} at the end`,
    "slope of the second half": `${slopePerHour(samples, "memoryMiB").toFixed(1)} MiB an hour`,
    descriptors: `${held.toFixed(1)} -> ${average(samples, "descriptors", 0.8, 1).toFixed(1)}, ${last.descriptors} at the end`,
  });
  const { connections, devices, queues, faults, users } = end;
  expect({ connections, devices, queues, faults, online: users.online }).toEqual({
    ...{ connections: 0, devices: 0, faults: 0, online: 0 },
    queues: { gate: 0, sessionFrames: 0, sendBytes: 0 },
  });
  expect([end.logins, end.audit.dropped]).toEqual([end.logouts, 0]);
  expect(load.total).toBeGreaterThan(SECONDS * 2);
  expect(Array.from(load.done.keys()).length).toBeGreaterThanOrEqual(8);
  expect(growth).toBeLessThan(GROWTH_MIB);
  expect(Math.abs(last.descriptors - held)).toBeLessThan(GROWTH_DESCRIPTORS);
  expect(realm.server.running).toBe(true);
});
