/** How long a server takes to start, and what it needs when nobody is there. */
import { RealmFolder, RunningRealm } from "../test/support/runningRealm.ts";
import { type BareProgram, BareRelay } from "./bare.ts";
import type { Counts } from "./counts.ts";
import { cpuMs, memoryOf } from "./process.ts";
import { median } from "./report.ts";

export interface Start {
  /** From starting the process until it says that it listens. */
  readonly listeningMs: number;
  /** CPU until then. */
  readonly cpuMs: number;
  readonly restMiB: number;
  /** The part of it that is not files. */
  readonly restAnonymousMiB: number;
}

/** Medians of starts in turn: the server with the demo realm, as it is checked in, and the bare relay. */
export async function measureStarts(
  program: BareProgram,
  { starts, restMs }: Counts,
): Promise<{ readonly ims: Start; readonly bare: Start }> {
  const found: { ims: Start[]; bare: Start[] } = { ims: [], bare: [] };
  for (let run = 0; run < starts; run += 1) {
    const folder = new RealmFolder();
    found.ims.push(
      await measureStart(restMs, async () => {
        const realm = await RunningRealm.start({}, folder);
        return { pid: realm.server.pid, end: () => realm[Symbol.asyncDispose]() };
      }),
    );
    found.bare.push(
      await measureStart(restMs, async () => {
        const relay = await BareRelay.start(program);
        return { pid: relay.pid, end: () => relay[Symbol.asyncDispose]() };
      }),
    );
  }
  return { ims: medianOf(found.ims), bare: medianOf(found.bare) };
}

interface Started {
  readonly pid: number;
  readonly end: () => Promise<void>;
}

async function measureStart(restMs: number, start: () => Promise<Started>): Promise<Start> {
  const began = performance.now();
  const { pid, end } = await start();
  const listeningMs = performance.now() - began;
  const cpu = cpuMs(pid);
  await Bun.sleep(restMs);
  const { residentKiB, anonymousKiB } = memoryOf(pid);
  await end();
  return { listeningMs, cpuMs: cpu, restMiB: residentKiB / 1024, restAnonymousMiB: anonymousKiB / 1024 };
}

function medianOf(starts: readonly Start[]): Start {
  const of = (key: keyof Start): number => median(starts.map((start) => start[key]));
  return {
    listeningMs: of("listeningMs"),
    cpuMs: of("cpuMs"),
    restMiB: of("restMiB"),
    restAnonymousMiB: of("restAnonymousMiB"),
  };
}
