/** One piece of work at the server and what stands beside it at the bare relay, measured in turn. */
import { PRESENCE_MS } from "../core/limits.ts";
import type { Generator } from "./generator.ts";
import { cpuMs } from "./process.ts";
import { median } from "./report.ts";
import type { Task } from "./tasks.ts";

/** After a task, until the server has told everybody of the last who has gone. */
const SETTLE_MS = PRESENCE_MS + 10;

export interface Piece {
  readonly work: string;
  /** In one round. */
  readonly count: number;
  readonly together: number;
  readonly ims: Task;
  readonly bare: Task;
  /** CPU of the primitives that one of it calls; null for work that is there for comparison alone. */
  readonly primitivesUs: number | null;
}

/** CPU for one piece, in microseconds: of the server and of the load generator. */
export interface Cost {
  readonly cpuUs: number;
  readonly loadCpuUs: number;
}

export interface SideBySide {
  readonly ims: Cost;
  readonly bare: Cost;
}

export interface Subjects {
  readonly generator: Generator;
  /** Process ids. */
  readonly pids: { readonly ims: number; readonly bare: number };
}

/** The median of `rounds`, in each of which both sides have their turn. */
export async function measure({ generator, pids }: Subjects, piece: Piece, rounds: number): Promise<SideBySide> {
  const costs: { ims: Cost[]; bare: Cost[] } = { ims: [], bare: [] };
  for (let round = 0; round < rounds; round += 1) {
    for (const side of ["ims", "bare"] as const) {
      const before = cpuMs(pids[side]);
      const spent = await generator.run(piece[side]);
      await Bun.sleep(SETTLE_MS);
      const each = (ms: number): number => (ms * 1000) / piece.count;
      costs[side].push({ cpuUs: each(cpuMs(pids[side]) - before), loadCpuUs: each(spent.cpuMs) });
    }
  }
  return { ims: medianOf(costs.ims), bare: medianOf(costs.bare) };
}

function medianOf(costs: readonly Cost[]): Cost {
  return {
    cpuUs: median(costs.map(({ cpuUs }) => cpuUs)),
    loadCpuUs: median(costs.map(({ loadCpuUs }) => loadCpuUs)),
  };
}
