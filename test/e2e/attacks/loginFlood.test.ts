/** Logins of strangers, faster than they can be served. */
import { expect, setDefaultTimeout, test } from "bun:test";
import { PUZZLE_MAX_BITS, PUZZLE_MIN_BITS } from "../../../core/limits.ts";
import { Apart } from "../../support/apart.ts";
import { beside } from "../../support/beside.ts";
import { processCost, reportFigures } from "../../support/figures.ts";
import type { FloodReport } from "../../support/loginFlood.ts";
import { accountIn, addQuickUsers, quickEnv } from "../../support/quickUsers.ts";
import { median } from "../../support/ranks.ts";
import { begin } from "../../support/remotePeer.ts";
import { RealmFolder, RunningRealm } from "../../support/runningRealm.ts";
import { dial } from "../../support/stranger.ts";
import { Talk } from "../../support/talk.ts";

setDefaultTimeout(120_000);

const TOGETHER = 300;
const FLOOD_MS = 10_000;
/** More than any text takes, or a login from where somebody has logged in before; less than being left out. */
const WAIT_MS = 3000;
/** What a process takes that has served thousands of strangers; nothing of it is theirs. */
const GROWTH_MIB = 100;

interface Login {
  readonly tookMs: number;
  readonly puzzleBits: number;
}

/** A whole login, from the connection on, and out again. */
async function logInFrom(realm: RunningRealm, user: string, from: string): Promise<Login> {
  const began = performance.now();
  using transport = await dial(realm.port, from);
  const begun = await begin(quickEnv, transport, accountIn(realm.folder, user));
  const peer = await begun.prove();
  peer.attach();
  while (!(await peer.receive()).some(({ kind }) => kind === "attached"));
  const tookMs = performance.now() - began;
  await peer.logOut();
  return { tookMs, puzzleBits: begun.puzzleBits };
}

test(`${TOGETHER} strangers who log in again and again for ${FLOOD_MS / 1000} s: puzzles for them, and others are served`, async () => {
  const folder = new RealmFolder();
  await addQuickUsers(folder, ["Regular", "Traveller"]);
  await using realm = await RunningRealm.start({}, folder);
  const { pid } = realm.server;
  await using talk = await Talk.begin(realm);
  await talk.more(50);
  const calm = talk.lap();
  const memory = processCost(pid).memoryMiB;

  await using flood = new Apart("loginFlood", folder, { port: realm.port, together: TOGETHER });
  await flood.ask("begin");
  const began = performance.now();
  const known: Login[] = [];
  const strangers: Login[] = [];
  const goesOn = (): boolean => performance.now() - began < FLOOD_MS;
  // Whoever comes from a place where somebody has logged in, and whoever does not and works for it.
  const regular = async (): Promise<void> => {
    while (goesOn()) known.push(await logInFrom(realm, "Regular", "127.0.0.1"));
  };
  const traveller = async (): Promise<void> => {
    while (goesOn()) strangers.push(await logInFrom(realm, "Traveller", `127.7.${strangers.length}.1`));
  };
  const others = await beside(realm, talk, () => Promise.all([regular(), traveller()]));
  const seconds = (performance.now() - began) / 1000;
  const { connections, met, puzzles } = await flood.ask<FloodReport>("end");
  await talk.more(50);
  await talk.end();
  const afterMiB = processCost(pid).memoryMiB;

  const bits = Object.keys(puzzles).map(Number);
  const worked = strangers.filter(({ puzzleBits }) => puzzleBits > 0);
  reportFigures("attack 20 a flood of logins", {
    connections,
    "a second": Math.round(connections / seconds),
    "strangers met": JSON.stringify(met),
    "puzzles by bits": JSON.stringify(puzzles),
    "texts meanwhile": `${others.wait}; before, longest ${calm.longestMs} ms`,
    "logins from known networks": `${known.length}, median ${Math.round(median(known.map(({ tookMs }) => tookMs)))} ms, longest ${Math.round(Math.max(...known.map(({ tookMs }) => tookMs)))} ms`,
    "strangers who worked": `${worked.length}, ${worked.map(({ puzzleBits, tookMs }) => `${puzzleBits} bits ${Math.round(tookMs)} ms`).join("; ")}`,
    memory: `${memory} MiB, ${others.memory}, ${afterMiB} MiB after`,
  });
  expect(met.puzzle ?? 0).toBeGreaterThan(0);
  expect(Math.min(...bits)).toBeGreaterThanOrEqual(PUZZLE_MIN_BITS);
  expect(Math.max(...bits)).toBeGreaterThan(PUZZLE_MIN_BITS);
  expect(Math.max(...bits)).toBeLessThanOrEqual(PUZZLE_MAX_BITS);
  expect(known.every(({ puzzleBits }) => puzzleBits === 0)).toBe(true);
  expect(Math.max(...known.map(({ tookMs }) => tookMs))).toBeLessThan(WAIT_MS);
  expect(worked.length).toBeGreaterThan(0);
  expect(others.longestMs).toBeLessThan(WAIT_MS);
  expect(afterMiB - memory).toBeLessThan(GROWTH_MIB);
});
