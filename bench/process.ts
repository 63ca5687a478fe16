/** What the operating system says of a process. Linux with glibc only. */
import { dlopen, ptr } from "bun:ffi";
import { readFileSync } from "node:fs";

/** The CPU clock of a process: its id, inverted, and the kind of clock in the low bits (`clock_getcpuclockid(3)`). */
const PROCESS_CLOCK = 2;

/** @throws when this system has no such clocks */
function openClocks(): (pid: number) => number {
  const { symbols } = dlopen("libc.so.6", { clock_gettime: { args: ["i32", "ptr"], returns: "i32" } });
  return (pid) => {
    const time = new BigInt64Array(2);
    if (symbols.clock_gettime((~pid << 3) | PROCESS_CLOCK, ptr(time)) !== 0) throw new Error(`no process ${pid}`);
    return Number(time[0]) * 1e3 + Number(time[1]) / 1e6;
  };
}

let clocks: ((pid: number) => number) | null = null;

/** User and system time of all its threads so far, those that have ended too. */
export function cpuMs(pid: number): number {
  clocks ??= openClocks();
  return clocks(pid);
}

export interface Memory {
  readonly residentKiB: number;
  /** The part of it that is not files. */
  readonly anonymousKiB: number;
}

export function memoryOf(pid: number): Memory {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const field = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(status)?.[1]);
  return { residentKiB: field("VmRSS"), anonymousKiB: field("RssAnon") };
}

const CALM_CHECK_MS = 250;
const CALM_SHARE = 0.005;
/** What a crowd of logins has left behind is collected some ten seconds later, and memory stands still until then. */
const CALM_FOR_MS = 12_000;

/** Its memory once that stays as it is for `CALM_FOR_MS`, or at the latest after `patienceMs`. */
export async function calmMemory(pid: number, patienceMs: number): Promise<Memory> {
  const seen = [memoryOf(pid)];
  for (const until = performance.now() + patienceMs; performance.now() < until; ) {
    await Bun.sleep(CALM_CHECK_MS);
    seen.unshift(memoryOf(pid));
    const last = seen.slice(0, CALM_FOR_MS / CALM_CHECK_MS + 1).map(({ residentKiB }) => residentKiB);
    const calm = Math.max(...last) - Math.min(...last) < CALM_SHARE * Math.max(...last);
    if (calm && last.length > CALM_FOR_MS / CALM_CHECK_MS) break;
  }
  return memoryOf(pid);
}

/** How many files, and so sockets, a process of ours may have open. */
export function openFilesMax(): number {
  return Number(/^Max open files\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8"))?.[1]);
}
