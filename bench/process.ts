/** What the operating system says of a process. Linux only: `/proc`. */
import { existsSync, readFileSync } from "node:fs";

/** `USER_HZ`: what `/proc` counts in, on every Linux architecture that Bun runs on. */
const TICKS_PER_SECOND = 100;

export function canMeasure(): boolean {
  return existsSync("/proc/self/stat");
}

/** User and system time of all its threads so far, in steps of 10 ms (proc(5), fields 14 and 15). */
export function cpuMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return ((Number(fields[11]) + Number(fields[12])) * 1000) / TICKS_PER_SECOND;
}

/** Resident memory, and the part of it that is not files, in MiB. */
export function memoryMiB(pid: number): { readonly resident: number; readonly anonymous: number } {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const field = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(status)?.[1]) / 1024;
  return { resident: field("VmRSS"), anonymous: field("RssAnon") };
}
