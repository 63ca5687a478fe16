/**
 * Takes the state folder in its first argument as Alice's, takes guests, and saves entry after entry without end, saying
 * what is saved, until it is killed. With `quiet` as its second argument it takes no guests and saves nothing more.
 */
import { Owner } from "../../cmd/client/state/owner.ts";
import { PlayedSession } from "./guests.ts";
import { entry, HEADER, open } from "./stateFolders.ts";

const [path = "", quiet] = process.argv.slice(2);
const folder = open(path);
const last = folder.stored?.entries.size ?? 0;
if (folder.header === null) folder.save(HEADER, new Map());
if (quiet === undefined) new Owner(folder, new PlayedSession(), () => {}, Date.now).listen();
process.stdout.write("held\n");
for (let number = last; ; number += 2) {
  if (quiet === undefined) {
    const value = new Uint8Array(100).fill(number % 256);
    folder.save(null, new Map([number, number + 1].map((each) => [entry(each), value])));
    process.stdout.write(`${number}\n`);
  }
  await Bun.sleep(quiet === undefined ? 0 : 1000);
}
