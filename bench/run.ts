/** What a login, a ticket and a start cost the server: `make bench`. README.md beside this file says how to read it. */
import { hostEnv } from "../cmd/host/env.ts";
import { loadPublicKey } from "../cmd/host/publicKey.ts";
import { runProgram } from "../test/support/programs.ts";
import { type Account, logIn, openChannel } from "../test/support/remotePeer.ts";
import { RealmFolder, RunningRealm } from "../test/support/runningRealm.ts";
import type { Primitive } from "./primitives.ts";
import { canMeasure, cpuMs, memoryMiB } from "./process.ts";
import { median, type Origin, printJson, printTable, short } from "./report.ts";
import { connect } from "./transport.ts";
import { accountOf, loginAndOut, serverCpu, takeTickets, timePrimitives } from "./workload.ts";

const STARTS = 9;
/** After a start, until nothing happens any more. */
const REST_MS = 1000;
/** Before anything counts: the compiler has to see the code run. */
const WARM_UP_LOGINS = 300;
const LOGINS = 500;
const LOGINS_TOGETHER = 8;
const WARM_UP_TICKETS = 1000;
const TICKETS = 5000;
const TICKETS_IN_FLIGHT = 32;

/** What one piece of work costs the server. */
interface Cost {
  readonly work: string;
  readonly count: number;
  /** How many at a time. */
  readonly together: number;
  readonly cpuMs: number;
  /** Null for work that is only there for comparison. */
  readonly primitivesMs: number | null;
}

type Known = Pick<Account, "realm" | "serverPublicKey">;

async function measureStarts(origin: Origin): Promise<void> {
  const listening: number[] = [];
  const cpu: number[] = [];
  let rest = { resident: 0, anonymous: 0 };
  for (let run = 1; run <= STARTS; run += 1) {
    const folder = new RealmFolder();
    const began = performance.now();
    await using realm = await RunningRealm.start({}, folder);
    listening.push(performance.now() - began);
    if (run === STARTS) await Bun.sleep(REST_MS);
    cpu.push(cpuMs(realm.server.pid));
    rest = memoryMiB(realm.server.pid);
  }
  const start = { listeningMs: median(listening), cpuMs: median(cpu) };
  const memory = { restMiB: rest.resident, restAnonymousMiB: rest.anonymous };
  printJson("start", { count: STARTS, ...start, ...memory }, origin);
  printTable("Start to listening, and memory at rest", [
    ["wall ms", "CPU ms", "resident MiB", "of it no file"],
    [short(start.listeningMs), short(start.cpuMs), short(memory.restMiB), short(memory.restAnonymousMiB)],
  ]);
}

async function measureLogins(realm: RunningRealm, known: Known, primitivesMs: number): Promise<readonly Cost[]> {
  const connection = async () => (await connect(realm.port)).close();
  const channel = async () => {
    const transport = await connect(realm.port);
    (await openChannel(hostEnv, transport, known.serverPublicKey))[Symbol.dispose]();
    await transport.close();
  };
  const login = async (index: number) => loginAndOut(await connect(realm.port), accountOf(known, index));
  const cost = async (work: string, together: number, run: (index: number) => Promise<void>): Promise<Cost> => ({
    ...{ work, together, count: LOGINS },
    cpuMs: await serverCpu(realm.server.pid, { count: LOGINS, together }, run),
    primitivesMs: work === "login" ? primitivesMs : null,
  });
  await serverCpu(realm.server.pid, { count: WARM_UP_LOGINS, together: 1 }, login);
  return [
    await cost("connection", 1, connection),
    await cost("channel", 1, channel),
    await cost("login", 1, login),
    await cost("login", LOGINS_TOGETHER, login),
  ];
}

async function measureTickets(realm: RunningRealm, known: Known, primitivesMs: number): Promise<readonly Cost[]> {
  const alice = await logIn(hostEnv, await connect(realm.port), accountOf(known, 0));
  const bob = await logIn(hostEnv, await connect(realm.port), accountOf(known, 1));
  await takeTickets(alice, bob, { count: WARM_UP_TICKETS, together: 1 });
  const costs: Cost[] = [];
  for (const together of [1, TICKETS_IN_FLIGHT]) {
    const load = { count: TICKETS, together };
    const before = cpuMs(realm.server.pid);
    await takeTickets(alice, bob, load);
    costs.push({ work: "ticket", ...load, cpuMs: (cpuMs(realm.server.pid) - before) / TICKETS, primitivesMs });
  }
  await bob.logOut();
  await alice.logOut();
  return costs;
}

function printPrimitives(work: string, primitives: readonly Primitive[], origin: Origin): void {
  for (const { name, calls, cpuUs } of primitives) printJson("primitive", { work, name, calls, cpuUs }, origin);
  printTable(`Primitives of one ${work}: ${short(sumMs(primitives))} ms`, [
    ["", "calls", "CPU us"],
    ...primitives.map(({ name, calls, cpuUs }) => [name, String(calls), short(cpuUs)]),
  ]);
}

function printCosts(costs: readonly Cost[], origin: Origin): void {
  const rows = costs.map(({ work, count, together, cpuMs: ms, primitivesMs }) => {
    const beside = primitivesMs === null ? {} : { primitivesMs, ratio: ms / primitivesMs };
    printJson(work, { count, together, cpuMs: ms, ...beside }, origin);
    const cells = primitivesMs === null ? ["", ""] : [short(primitivesMs), short(ms / primitivesMs)];
    return [work, String(count), String(together), short(ms), ...cells];
  });
  const head = ["", "count", "at a time", "CPU ms", "its primitives", "ratio"];
  printTable(`The server's CPU for one of each, server ${origin.version} (${origin.commit})`, [head, ...rows]);
}

function sumMs(primitives: readonly Primitive[]): number {
  return primitives.reduce((sum, { cpuUs }) => sum + cpuUs, 0) / 1000;
}

async function originOf(): Promise<Origin> {
  const { out } = await runProgram("server", ["--version"], { cwd: process.cwd() });
  const [, version = "", commit = ""] = /^ims server (\S+) \((.*)\)$/m.exec(out) ?? [];
  return { version, commit, at: new Date().toISOString() };
}

async function main(): Promise<void> {
  if (!canMeasure()) throw new Error("CPU time is read from /proc, which this system does not have");
  const origin = await originOf();
  await measureStarts(origin);
  await using realm = await RunningRealm.start();
  const { realmId, staticPublicKey } = loadPublicKey(realm.folder.at("keys/server.pub"));
  const known = { realm: realmId, serverPublicKey: staticPublicKey };
  const primitives = await timePrimitives(realm.folder.at("sconf.json"));
  printPrimitives("login", primitives.login, origin);
  printPrimitives("ticket", primitives.ticket, origin);
  const logins = await measureLogins(realm, known, sumMs(primitives.login));
  const tickets = await measureTickets(realm, known, sumMs(primitives.ticket));
  printCosts([...logins, ...tickets], origin);
}

try {
  await main();
} catch (error) {
  process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
