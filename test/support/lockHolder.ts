/** Takes the lock of the folder in its first argument, says so, and holds it until it is killed. */
import { lockFolder } from "../../cmd/host/lock.ts";

const lock = lockFolder(process.argv[2] ?? "");
process.stdout.write("locked\n");
// Something has to refer to the lock: one that is collected is given back.
setInterval(() => lock, 1000);
