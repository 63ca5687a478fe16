/** A server that is killed at any moment: whatever its store has answered is there afterwards. */
import { expect, test } from "bun:test";
import { SqliteStore } from "../../../../cmd/server/store/sqlite.ts";
import { parseUserName } from "../../../../core/name.ts";
import { temporaryFolder } from "../../../support/folder.ts";
import { loaded, numberOf, pinNamed, waiting } from "../../../support/storeRequests.ts";

const ROUNDS = process.env.SLOW === "1" ? 10 : 4;
/** Different moments within a group. */
const LIVES_MS = [7, 18, 31, 3, 12, 25, 1, 40, 9, 22];

test("what was answered is there", async () => {
  using folder = temporaryFolder();
  const script = `${import.meta.dir}/../../../support/storeWriter.ts`;
  const answered: (readonly number[])[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const writer = Bun.spawn([process.execPath, script, folder.path, `${round}`], {
      stdout: "pipe",
      stderr: "inherit",
    });
    answered.push(await answersUntilKilled(writer, LIVES_MS[round] ?? 0));
  }
  await using store = SqliteStore.open(folder.path);
  for (const [round, numbers] of answered.entries()) {
    const user = parseUserName(`user${round}`);
    const { pins } = await loaded(store, { user });
    const kept = new Set(pins.map(({ name }) => name));
    expect(numbers.length).toBeGreaterThan(0);
    expect(numbers.filter((number) => !kept.has(pinNamed(number)))).toEqual([]);
    const envelopes = (await waiting(store, { user, maxEnvelopes: 100_000, maxBytes: 100_000_000 })).map(numberOf);
    expect(numbers.filter((number) => !envelopes.includes(number))).toEqual([]);
    expect(envelopes).toEqual(Array.from(envelopes, (_, at) => at)); // in order, with no gap
  }
}, 60_000);

/** Kills the writer some time after its first answer. */
async function answersUntilKilled(writer: Bun.Subprocess<"ignore", "pipe", "inherit">, lifeMs: number) {
  let text = "";
  const decoder = new TextDecoder();
  for await (const bytes of writer.stdout) {
    if (text === "") setTimeout(() => writer.kill("SIGKILL"), lifeMs);
    text += decoder.decode(bytes);
  }
  await writer.exited;
  const whole = text.slice(0, text.lastIndexOf("\n") + 1); // the last line may be a part of a number
  return whole.split("\n").filter(Boolean).map(Number);
}
