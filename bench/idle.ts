/** What a connection costs that stands there and says nothing: at the server a session, at the bare relay a socket. */
import type { Counts } from "./counts.ts";
import { Generator } from "./generator.ts";
import { calmMemory, cpuMs, type Memory, openFilesMax } from "./process.ts";
import type { Target, Task } from "./tasks.ts";

/** Of the files that a process may have open, for everything that is no connection. */
const OTHER_FILES = 200;
const TOGETHER = 8;

export interface Idle {
  readonly count: number;
  /** Resident memory after minus before, for each. */
  readonly bytes: number;
  /** The part of it that is not files. */
  readonly anonymousBytes: number;
  /** CPU for each to come, among all the others. */
  readonly cpuUs: number;
  readonly loadCpuUs: number;
}

/** As many as were asked for, if a process may have so many sockets. */
export function idleCount({ idle }: Counts): number {
  return Math.min(idle, openFilesMax() - OTHER_FILES);
}

/** `warmUp` is done first, so that what the program needs once is not counted. */
export async function measureIdle(
  subject: { readonly pid: number; readonly target: Target },
  warmUp: Task,
  counts: Counts,
): Promise<Idle> {
  const { pid, target } = subject;
  await using generator = new Generator();
  await generator.run(warmUp);
  const count = idleCount(counts);
  const before = await calmMemory(pid, counts.calmMs);
  const cpu = cpuMs(pid);
  const spent = await generator.run({ kind: "idle", target, load: { count, together: TOGETHER } });
  const cpuUs = ((cpuMs(pid) - cpu) * 1000) / count;
  const after = await calmMemory(pid, counts.calmMs);
  const grown = (of: keyof Memory): number => ((after[of] - before[of]) * 1024) / count;
  return {
    count,
    cpuUs,
    loadCpuUs: (spent.cpuMs * 1000) / count,
    bytes: grown("residentKiB"),
    anonymousBytes: grown("anonymousKiB"),
  };
}
