/** Takes the lock of the folder in its first argument, says so, and holds it until it is killed. */
import { lockFolder } from "../../cmd/host/lock.ts";

lockFolder(process.argv[2] ?? "");
process.stdout.write("locked\n");
setInterval(() => {}, 1000);
