/** What this process takes of its machine. */
import { readdirSync, readFileSync } from "node:fs";

/** Open file descriptors, and how many there may be. */
export type Descriptors = { readonly open: number; readonly max: number };

/** null where the system does not tell (other than Linux). */
export function descriptors(): Descriptors | null {
  try {
    const max = /^Max open files +(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8"))?.[1];
    return { open: readdirSync("/proc/self/fd").length - 1, max: Number(max) }; // one is of the looking itself
  } catch {
    return null;
  }
}

/** Memory that is in use, as the system counts it. */
export function residentBytes(): number {
  return process.memoryUsage.rss();
}
