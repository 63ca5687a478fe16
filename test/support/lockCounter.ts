/** Adds one, many times, to the number in a file that other processes add to as well. */
import { readFileSync } from "node:fs";
import { replaceFile } from "../../cmd/host/files.ts";
import { withLock } from "../../cmd/host/lock.ts";

const [path = "", times = "0"] = process.argv.slice(2);
for (let i = 0; i < Number(times); i += 1) {
  await withLock(path, () => replaceFile(path, String(Number(readFileSync(path, "utf8")) + 1)));
}
