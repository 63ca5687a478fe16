/** A small file system in memory, to see what happens when a disk is full. */
import { temporaryFolder } from "./folder.ts";

/** A file system of `kibibytes`, in a folder of mode 0700. Throws where none can be mounted. */
export function smallDisk(kibibytes: number): ReturnType<typeof temporaryFolder> {
  const folder = temporaryFolder();
  const options = `size=${kibibytes}k,mode=700`;
  const mounted = Bun.spawnSync(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder.path]);
  if (mounted.exitCode !== 0) {
    folder[Symbol.dispose]();
    throw new Error("cannot mount");
  }
  return {
    ...folder,
    [Symbol.dispose]: () => {
      Bun.spawnSync(["umount", folder.path]);
      folder[Symbol.dispose]();
    },
  };
}

/** Whether there can be one: it needs root, and Linux. */
export function canMount(): boolean {
  if (process.platform !== "linux" || process.getuid?.() !== 0) return false;
  try {
    smallDisk(64)[Symbol.dispose]();
    return true;
  } catch {
    return false;
  }
}
