/**
 * Takes and gives back the state folder in its first argument, in which nothing is ever saved, until the time in its third
 * (milliseconds since 1970). While it has the folder it has the file in its second argument too: prints how often it has had
 * the folder, and how often somebody else had the file meanwhile.
 */
import { closeSync, openSync, rmSync } from "node:fs";
import { StateFolder } from "../../cmd/client/state/folder.ts";
import { ALICE } from "./stateFolders.ts";

const [path = "", mark = "", until = "0"] = process.argv.slice(2);
let [had, clashes] = [0, 0];
while (Date.now() < Number(until)) {
  using folder = StateFolder.tryOpen(path, ALICE);
  if (folder === null) continue;
  had += 1;
  try {
    closeSync(openSync(mark, "wx"));
  } catch {
    clashes += 1;
  }
  if (had % 3 === 0) await Bun.sleep(1);
  rmSync(mark, { force: true });
}
process.stdout.write(`${had} ${clashes}\n`);
