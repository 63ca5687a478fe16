/** Strangers who hold every file descriptor of the server. */
import { expect, setDefaultTimeout, test } from "bun:test";
import { utf8 } from "../../../core/bytes.ts";
import { Crowd, loopback } from "../../support/crowd.ts";
import { processCost, reportFigures } from "../../support/figures.ts";
import { RealmFolder, RunningRealm } from "../../support/runningRealm.ts";
import { Talk } from "../../support/talk.ts";

setDefaultTimeout(60_000);

/** What the server may have open. */
const DESCRIPTORS = 256;
const STRANGERS = 400;
/** More than any text takes, and less than a server needs that does not get its turn. */
const WAIT_MS = 2000;

/** A realm whose server may have few descriptors open. */
async function smallRealm(): Promise<RunningRealm> {
  const wrap = (command: readonly string[]): readonly string[] => {
    return ["/bin/sh", "-c", `ulimit -n ${DESCRIPTORS}; exec "$0" "$@"`, ...command];
  };
  return await RunningRealm.start({}, new RealmFolder(), { wrap });
}

const crowdAt = (port: number, comesBack = false): Crowd =>
  new Crowd({ port, from: loopback, say: utf8("G"), comesBack });

/** Of one processor, over `seconds`. */
async function cpuShare(pid: number, seconds: number): Promise<number> {
  const [before, began] = [processCost(pid).cpuSeconds, performance.now()];
  await Bun.sleep(seconds * 1000);
  return (processCost(pid).cpuSeconds - before) / ((performance.now() - began) / 1000);
}

const percent = (share: number): string => `${Math.round(share * 100)} %`;

async function healthy(port: number): Promise<boolean> {
  const response = await fetch(`http://127.0.0.1:${port}/healthz`).catch(() => null);
  return response?.status === 200;
}

test("no descriptor is left: sessions and administration go on without a spin, and newcomers come in again", async () => {
  await using realm = await smallRealm();
  const { pid } = realm.server;
  expect(await realm.logged("descriptors.few")).toMatchObject({ level: "warn", allowed: DESCRIPTORS, needed: 10_064 });
  await using talk = await Talk.begin(realm);
  await talk.more(20);
  const memory = processCost(pid).memoryMiB;
  using crowd = crowdAt(realm.port);
  await crowd.come(STRANGERS);
  const began = performance.now();
  expect(await realm.logged("descriptors.low")).toMatchObject({ level: "warn", connections: 2 });
  const share = await cpuShare(pid, 2);
  expect(share).toBeLessThan(0.6);

  // What an operator does needs descriptors, too.
  const loaded = realm.logged("users.loaded");
  await realm.folder.admin("user", "lock", "eric");
  await loaded;
  realm.folder.changeServerConfig({ limits: { loginsInWork: 9 } });
  realm.server.kill("SIGHUP");
  expect(await realm.logged("config.loaded")).toMatchObject({ changed: "limits.loginsInWork" });
  expect(JSON.parse(await realm.folder.admin("status", "--json"))).toMatchObject({ devices: 2, connections: 2 });
  await talk.more(20);
  const held = crowd.open;

  // Who stays is cut in the end, and there is room for others.
  while (!(await healthy(realm.port))) await Bun.sleep(50);
  const closedMs = performance.now() - began;
  expect(await realm.as("Chris", ["users"])).toMatchObject({ code: 0, err: "" });
  expect(await realm.logged("descriptors.recovered")).toMatchObject({ level: "info", connections: 2 });
  await talk.end();
  expect(talk.longestMs).toBeLessThan(WAIT_MS);
  reportFigures("attack 27 descriptors held by silent connections", {
    descriptors: DESCRIPTORS,
    "connections held": held,
    "server CPU": percent(share),
    "texts exchanged": talk.texts,
    "longest wait": `${talk.longestMs} ms`,
    "newcomers again after": `${(closedMs / 1000).toFixed(1)} s`,
    memory: `${memory} -> ${processCost(pid).memoryMiB} MiB`,
  });
});

test("strangers who come back as soon as they are cut cost little, and when they leave all is well at once", async () => {
  await using realm = await smallRealm();
  const { pid } = realm.server;
  await using talk = await Talk.begin(realm);
  const memory = processCost(pid).memoryMiB;
  const crowd = crowdAt(realm.port, true);
  void crowd.come(STRANGERS).catch(() => {}); // many find the port closed, and try again
  await realm.logged("descriptors.low");
  const share = await cpuShare(pid, 3);
  expect(share).toBeLessThan(0.6);
  const held = crowd.open;
  crowd.leave();
  const left = performance.now();
  while (!(await healthy(realm.port))) await Bun.sleep(20);
  const openMs = performance.now() - left;
  expect(await realm.as("Chris", ["users"])).toMatchObject({ code: 0, err: "" });
  expect(openMs).toBeLessThan(WAIT_MS);
  await talk.more(20);
  await talk.end();
  expect(talk.longestMs).toBeLessThan(WAIT_MS);
  expect(realm.log.filter(({ event }) => event === "descriptors.low").length).toBe(1);
  reportFigures("attack 27 a flood that comes back", {
    "connections held": held,
    "server CPU": percent(share),
    "texts exchanged": talk.texts,
    "longest wait": `${talk.longestMs} ms`,
    "newcomers again after": `${Math.round(openMs)} ms`,
    memory: `${memory} -> ${processCost(pid).memoryMiB} MiB`,
  });
});
