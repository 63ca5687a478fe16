/** Sessions that do not read what is sent to them. */
import { expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync } from "node:fs";
import { hostEnv } from "../../../cmd/host/env.ts";
import { askStatus } from "../../../cmd/server/adminSocket.ts";
import type { Status } from "../../../cmd/server/status.ts";
import { newMessageId } from "../../../core/ids.ts";
import { BACKLOG_MAX_BYTES, BACKLOGS_MAX_BYTES, ENVELOPE_MAX_BYTES } from "../../../core/limits.ts";
import { processCost, reportFigures } from "../../support/figures.ts";
import { Intruder } from "../../support/intruder.ts";
import { RunningRealm } from "../../support/runningRealm.ts";
import { Talk } from "../../support/talk.ts";

setDefaultTimeout(150_000);

const LIMITS = {
  devicesPerUser: 64,
  sessionFramesPerSecond: 1_000_000,
  sessionBytesPerSecond: 1_000_000_000,
} as const;
const MIB = 2 ** 20;
/** More than any text takes, and less than a server needs that does not get its turn. */
const WAIT_MS = 2000;
/** What the process takes for the traffic itself: garbage between two collections. */
const TRAFFIC_MIB = 80;
const ENVELOPE = hostEnv.randomBytes(ENVELOPE_MAX_BYTES);

/** What is the most of two figures that are looked at all the while. */
class Peaks implements Disposable {
  sendBytes = 0;
  memoryMiB = 0;
  readonly #realm: RunningRealm;
  readonly #timer: ReturnType<typeof setInterval>;

  constructor(realm: RunningRealm) {
    this.#realm = realm;
    this.#timer = setInterval(() => void this.look().catch(() => {}), 50);
  }

  async look(): Promise<Status> {
    const { folder, server } = this.#realm;
    const status = JSON.parse(await askStatus(folder.at("data"), folder.path)) as Status;
    this.sendBytes = Math.max(this.sendBytes, status.queues.sendBytes);
    this.memoryMiB = Math.max(this.memoryMiB, processCost(server.pid).memoryMiB);
    return status;
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}

/** Sends the longest envelopes to one after the other, as fast as they are dealt with, until `enough`. */
async function feed(from: Intruder, readers: readonly Intruder[], enough: () => boolean): Promise<number> {
  let sent = 0;
  const until = performance.now() + 90_000;
  while (!enough() && !from.socket.closed && performance.now() < until) {
    for (const { peer } of readers) {
      from.peer.send([{ kind: "send", message: newMessageId(hostEnv), ...peer.self, envelope: ENVELOPE }]);
      sent += 1;
      if (sent % 50 === 0) await from.served();
    }
  }
  return sent;
}

const cuts = (realm: RunningRealm): number =>
  realm.log.filter(({ event, code }) => event === "user.logout" && code === "server.slowReader").length;

test("a session that does not read is cut alone, with its code in the log and the audit trail", async () => {
  await using realm = await RunningRealm.start({ limits: LIMITS });
  await using talk = await Talk.begin(realm);
  using sender = await Intruder.login(realm, "Dana");
  using reader = await Intruder.login(realm, "Chris");
  await talk.more(20);
  const calm = talk.lap();
  const before = processCost(realm.server.pid).memoryMiB;
  using peaks = new Peaks(realm);
  reader.socket.pause();
  const sent = await feed(sender, [reader], () => cuts(realm) > 0);
  expect(await realm.logged("user.logout", { user: "chris" })).toMatchObject({ code: "server.slowReader" });
  await talk.more(20);
  const lap = talk.lap();
  await talk.end();
  const after = await peaks.look();
  reportFigures("attack 25 a reader that never reads", {
    "envelopes until it was cut": sent,
    "most unread": `${(peaks.sendBytes / MIB).toFixed(1)} MiB`,
    "longest wait of others": `${lap.longestMs} ms (${calm.longestMs} before)`,
    memory: `${before} -> ${peaks.memoryMiB} MiB, ${Math.round(after.memory.residentBytes / MIB)} after`,
  });
  expect(after.sessions.map(({ user }) => user).toSorted()).toEqual(["alice", "bob", "dana"]);
  expect([after.queues.sendBytes, after.faults]).toEqual([0, 0]);
  expect(after.refusals).toEqual({ "server.slowReader": 1 });
  await realm.stop();
  expect(readFileSync(realm.folder.at("data/audit.jsonl"), "utf8")).toMatch(
    /"event":"user.logout","code":"server.slowReader",[^\n]*"user":"chris"/,
  );
  expect(peaks.sendBytes).toBeLessThanOrEqual(BACKLOG_MAX_BYTES + ENVELOPE_MAX_BYTES);
  expect(lap.longestMs).toBeLessThan(WAIT_MS);
});

/** Each could hold 4 MiB, which would be more than all may together. */
const READERS = Bun.env.SLOW === "1" ? 50 : 24;

test(`${READERS} such readers at once hold no more than all may together, and those who hold most are cut`, async () => {
  await using realm = await RunningRealm.start({ limits: LIMITS });
  await using talk = await Talk.begin(realm);
  using sender = await Intruder.login(realm, "Dana");
  using stack = new DisposableStack();
  const readers: Intruder[] = [];
  for (let count = 0; count < READERS; count += 1) readers.push(stack.use(await Intruder.login(realm, "Chris")));
  await talk.more(20);
  const calm = talk.lap();
  const before = processCost(realm.server.pid).memoryMiB;
  using peaks = new Peaks(realm);
  for (const { socket } of readers) socket.pause();
  const sent = await feed(sender, readers, () => cuts(realm) >= 5);
  await talk.more(20);
  const lap = talk.lap();
  const full = await peaks.look();
  const cut = cuts(realm);
  stack.dispose();
  while ((await peaks.look()).devices > 3) await Bun.sleep(20);
  await talk.more(20);
  await talk.end();
  const after = await peaks.look();
  reportFigures("attack 25 many readers that never read", {
    connections: READERS,
    "envelopes sent": sent,
    cut,
    "most unread": `${(peaks.sendBytes / MIB).toFixed(1)} MiB (bound ${BACKLOGS_MAX_BYTES / MIB}; ${(READERS * BACKLOG_MAX_BYTES) / MIB} without one for all)`,
    "longest wait of others": `${lap.longestMs} ms (${calm.longestMs} before)`,
    memory: `${before} -> ${peaks.memoryMiB} MiB, ${Math.round(full.memory.residentBytes / MIB)} while they stay, ${Math.round(after.memory.residentBytes / MIB)} after`,
  });
  expect(cut).toBeGreaterThanOrEqual(5);
  expect([sender.socket.closed, after.faults, after.queues.sendBytes]).toEqual([false, 0, 0]);
  expect(peaks.sendBytes).toBeGreaterThan(BACKLOGS_MAX_BYTES / 2);
  expect(peaks.sendBytes).toBeLessThanOrEqual(BACKLOGS_MAX_BYTES + BACKLOG_MAX_BYTES);
  expect(peaks.memoryMiB - before).toBeLessThan((2 * BACKLOGS_MAX_BYTES) / MIB + TRAFFIC_MIB);
  expect(lap.longestMs).toBeLessThan(WAIT_MS);
});
