/** A server that comes back, and everybody with it. */
import { expect, setDefaultTimeout, test } from "bun:test";
import type { Figures } from "../../../cmd/server/status.ts";
import { Apart } from "../../support/apart.ts";
import { beside } from "../../support/beside.ts";
import { reportFigures } from "../../support/figures.ts";
import { addQuickUsers } from "../../support/quickUsers.ts";
import type { ReconnectPlan, ReconnectReport } from "../../support/reconnecting.ts";
import { RealmFolder, RunningRealm } from "../../support/runningRealm.ts";
import { Talk } from "../../support/talk.ts";

const SLOW = process.env.SLOW === "1";
setDefaultTimeout(SLOW ? 400_000 : 180_000);

const SHAPE = { users: 25, networks: 2 };
const ALL = SLOW ? 1000 : 400;
/** One device in each network: from then on nobody is a stranger. */
const FIRST = SHAPE.users * SHAPE.networks;
/** So few at a time that no stranger has to work, and that of one user in one network not too many seem to guess. */
const [FEW, SOME] = [6, 2 * FIRST];
const LOGINS_IN_WORK = 8;
/** More than a text takes meanwhile. */
const WAIT_MS = 3000;

async function statusOf(folder: RealmFolder): Promise<Figures> {
  return JSON.parse(await folder.admin("status", "--json")) as Figures;
}

test(`${ALL} sessions lose their server and log in again at once: all are back`, async () => {
  const limits = { devicesPerUser: 64, handshakeSeconds: 60, loginsInWork: LOGINS_IN_WORK };
  const folder = new RealmFolder({ limits });
  await addQuickUsers(
    folder,
    Array.from({ length: SHAPE.users }, (_, at) => `crew${at}`),
  );
  await using realm = await RunningRealm.start({}, folder);
  const plan: ReconnectPlan = { port: realm.port, ...SHAPE };
  await using crews = new Apart("reconnecting", folder, plan);
  expect(await crews.ask(`${FEW} 0 ${FIRST}`)).toMatchObject({ standing: FIRST, refused: {} });
  expect(await crews.ask(`${SOME} ${FIRST} ${ALL}`)).toMatchObject({ standing: ALL });
  await realm.stop("SIGKILL");
  await realm.startAgain();

  await using talk = await Talk.begin(realm);
  await talk.more(50);
  const calm = talk.lap();
  const storm = crews.ask<ReconnectReport>(`${ALL} 0 ${ALL}`);
  let [gate, over] = [0, false];
  const watch = async (): Promise<void> => {
    while (!over) gate = Math.max(gate, (await statusOf(folder)).queues.gate);
  };
  const ended = storm.finally(() => {
    over = true;
  });
  const others = await beside(realm, talk, () => Promise.all([ended, watch()]));
  const { standing, longestMs, medianMs, refused, mostRefusals } = await storm;
  await talk.more(50);
  await talk.end();
  reportFigures("attack 43 a reconnect storm", {
    sessions: ALL,
    "all back after": `${(longestMs / 1000).toFixed(1)} s, half after ${(medianMs / 1000).toFixed(1)} s`,
    "told to wait": `${refused["auth.tooManyAttempts"] ?? 0} times, one device ${mostRefusals} times at most`,
    "most in line": gate,
    "texts meanwhile": `${others.wait}; before, longest ${calm.longestMs} ms`,
    memory: others.memory,
  });
  expect(standing).toBe(ALL);
  expect(Object.keys(refused).filter((code) => code !== "auth.tooManyAttempts")).toEqual([]);
  expect(await statusOf(folder)).toMatchObject({ devices: ALL + 2, users: { online: SHAPE.users + 2 }, faults: 0 });
  expect(others.longestMs).toBeLessThan(WAIT_MS);
});
