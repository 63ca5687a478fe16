/** What a test has measured, for whoever reads its output. */
import { readFileSync } from "node:fs";

/** Writes one line to stderr, such as `attack 21 idle connections: connections 2000, longest wait 12 ms`. */
export function reportFigures(title: string, figures: Readonly<Record<string, string | number>>): void {
  const parts = Object.entries(figures).map(([name, value]) => `${name} ${value}`);
  process.stderr.write(`${title}: ${parts.join(", ")}\n`);
}

/** What a process has cost so far, and how much it holds; zeros where the system does not tell. */
export interface ProcessCost {
  readonly memoryMiB: number;
  /** Of all its threads, in user and kernel mode. */
  readonly cpuSeconds: number;
}

const TICKS_PER_SECOND = 100;

export function processCost(pid: number): ProcessCost {
  if (process.platform !== "linux") return { memoryMiB: 0, cpuSeconds: 0 };
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const [user, system] = stat
    .slice(stat.lastIndexOf(")") + 2)
    .split(" ")
    .slice(11, 13)
    .map(Number);
  return {
    memoryMiB: Math.round(Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024),
    cpuSeconds: ((user ?? 0) + (system ?? 0)) / TICKS_PER_SECOND,
  };
}
