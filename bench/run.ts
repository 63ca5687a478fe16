/**
 * What the server costs, and a client's end-to-end encryption: `make bench`. README.md beside this file says what is measured,
 * beside what, and how to read it.
 */
import { parseArgs } from "node:util";
import { DEVICES_MAX } from "../core/limits.ts";
import { runProgram } from "../test/support/programs.ts";
import { BareProgram, BareRelay } from "./bare.ts";
import { type Counts, FULL, QUICK } from "./counts.ts";
import { measureClient } from "./endToEnd.ts";
import { Generator } from "./generator.ts";
import { idleCount, measureIdle } from "./idle.ts";
import { timePrimitives } from "./inMemory.ts";
import { measureMailboxes } from "./mailboxes.ts";
import { recordBytes } from "./messages.ts";
import { loginPieces, relayPieces, ticketPieces } from "./pieces.ts";
import { compareProviders } from "./providers.ts";
import { makeRealm } from "./realm.ts";
import { type Origin, originOf, warnIfBusy } from "./report.ts";
import {
  type Measured,
  printClient,
  printIdle,
  printMailboxes,
  printPieces,
  printPrimitives,
  printProviders,
  printStarts,
} from "./results.ts";
import { measure, type Piece } from "./sideBySide.ts";
import { measureStarts } from "./starts.ts";
import type { Load, Sizes, Target } from "./tasks.ts";

/** As many as the demo realm has. */
const USERS = 5;

/** Logins, tickets and messages, each beside the bare relay. */
async function measurePieces(program: BareProgram, counts: Counts, origin: Origin): Promise<void> {
  const realm = await makeRealm(USERS);
  const primitives = await timePrimitives(realm, counts.primitiveMs);
  printPrimitives(primitives, origin);
  const records = recordBytes();
  await using served = await realm.start();
  await using relay = await BareRelay.start(program);
  await using generator = new Generator();
  const targets = { ims: served.target, bare: { kind: "bare", port: relay.port } } as const;
  const subjects = { generator, pids: { ims: served.pid, bare: relay.pid } };
  const measured: Measured[number][] = [];
  const run = async (pieces: readonly Piece[]): Promise<void> => {
    for (const piece of pieces) measured.push([piece, await measure(subjects, piece, counts.rounds)]);
  };
  const pairs = async (target: Target, count: number, sizes: Sizes): Promise<void> => {
    await generator.run({ kind: "pairs", target, pairs: count, sizes });
  };
  await generator.run({ kind: "logins", target: served.target, load: { count: counts.warmUpLogins, together: 1 } });
  await run(loginPieces(targets, counts, primitives));
  await generator.run({ kind: "asker", target: served.target });
  await pairs(targets.bare, 1, { message: records.grant, receipt: records.ticketRequest });
  await run(ticketPieces(counts, primitives));
  for (const target of [targets.ims, targets.bare]) {
    await pairs(target, counts.pairs, { message: records.send, receipt: records.acknowledge });
  }
  await run(relayPieces(counts, primitives));
  printPieces(measured, records, counts.rounds, origin);
}

async function measureIdles(program: BareProgram, counts: Counts, origin: Origin): Promise<void> {
  const realm = await makeRealm(Math.ceil(idleCount(counts) / DEVICES_MAX));
  const load: Load = { count: counts.warmUpLogins, together: 1 };
  await using served = await realm.start();
  const ims = await measureIdle(served, { kind: "logins", target: served.target, load }, counts);
  await using relay = await BareRelay.start(program);
  const target: Target = { kind: "bare", port: relay.port };
  const bare = await measureIdle({ pid: relay.pid, target }, { kind: "connections", target, load }, counts);
  printIdle({ ims, bare }, origin);
}

/** Of the server that is measured. */
async function serverOrigin(): Promise<Origin> {
  const { out } = await runProgram("server", ["--version"], { cwd: process.cwd() });
  const [, version = "", commit = ""] = /^ims server (\S+) \((.*)\)$/m.exec(out) ?? [];
  return originOf(version, commit);
}

async function measureServer(counts: Counts, origin: Origin): Promise<void> {
  using program = await BareProgram.built();
  printStarts(await measureStarts(program, counts), origin);
  printProviders(await compareProviders(counts.primitiveMs), origin);
  printMailboxes(await measureMailboxes(counts), origin);
  await measurePieces(program, counts, origin);
  await measureIdles(program, counts, origin);
}

/** All of it, or one part alone. */
async function main(counts: Counts, only: "client" | "store" | null): Promise<void> {
  const origin = await serverOrigin();
  warnIfBusy(origin);
  if (only !== "store") printClient(await measureClient(counts), origin);
  if (only === null) await measureServer(counts, origin);
  if (only === "store") printMailboxes(await measureMailboxes(counts), origin);
  process.stderr.write(`\ndone in ${Math.round(performance.now() / 1000)} s\n`);
}

const OPTIONS = {
  quick: { type: "boolean" },
  client: { type: "boolean" },
  store: { type: "boolean" },
  idle: { type: "string" },
} as const;

try {
  const { values } = parseArgs({ options: OPTIONS });
  const counts = values.quick === true ? QUICK : FULL;
  const only = values.client === true ? "client" : values.store === true ? "store" : null;
  await main({ ...counts, idle: Number(values.idle ?? counts.idle) }, only);
} catch (error) {
  process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
