/**
 * Writes to the store of the folder in its first argument without end, and says what has been answered, until it is killed:
 * pins and envelopes of one number each, for a user of its own.
 */
import { SqliteStore } from "../../cmd/server/store/sqlite.ts";
import { parseUserName } from "../../core/name.ts";
import { accountKeys, pin, requests } from "./storeRequests.ts";

const [folder = "", writer = ""] = process.argv.slice(2);
const user = parseUserName(`user${writer}`);
const store = SqliteStore.open(folder);
await store.run(requests.create({ user, keys: accountKeys(1) }));
await store.run(requests.putDevices(1, [1], { user }));
for (let number = 0; ; number += 8) {
  const written = Array.from({ length: 8 }, async (_, at) => {
    const pinned = store.run(requests.putPin(pin(number + at, 1), user));
    await Promise.all([pinned, store.run(requests.deposit(number + at, { user }))]);
    process.stdout.write(`${number + at}\n`);
  });
  await Promise.all(written);
}
