/** What is said of each measurement: a line of JSON for each figure, and a table. */
import type { ClientCost } from "./endToEnd.ts";
import type { Idle } from "./idle.ts";
import type { WorkPrimitives } from "./inMemory.ts";
import type { MailboxCost } from "./mailboxes.ts";
import { type RecordBytes, TEXT_BYTES } from "./messages.ts";
import { sumUs } from "./pieces.ts";
import type { Primitive } from "./primitives.ts";
import type { Compared } from "./providers.ts";
import { type Origin, printJson, printTable, short } from "./report.ts";
import type { Piece, SideBySide } from "./sideBySide.ts";
import type { Start } from "./starts.ts";

export function printStarts({ ims, bare }: { readonly ims: Start; readonly bare: Start }, origin: Origin): void {
  const names: readonly (readonly [keyof Start, string])[] = [
    ["listeningMs", "start to listening, ms"],
    ["cpuMs", "CPU until then, ms"],
    ["restMiB", "memory at rest, MiB"],
    ["restAnonymousMiB", "of it no file, MiB"],
  ];
  printJson("start", { ...ims, ...prefixed("bare", { ...bare }) }, origin);
  printTable("Start and rest", [
    ["", "server", "bare", "ratio"],
    ...names.map(([key, name]) => [name, ...beside(ims[key], bare[key])]),
  ]);
}

export function printProviders(compared: readonly Compared[], origin: Origin): void {
  for (const figures of compared) printJson("provider", { ...figures }, origin);
  printTable("The primitives of both providers, CPU us", [
    ["", "native", "noble", "noble / native"],
    ...compared.map(({ name, nativeUs, nobleUs }) => [
      name,
      short(nativeUs),
      short(nobleUs),
      short(nobleUs / nativeUs),
    ]),
  ]);
}

export function printMailboxes(costs: readonly MailboxCost[], origin: Origin): void {
  for (const cost of costs) printJson("mailbox", { ...cost }, origin);
  printTable("Envelopes that the store keeps, on the disk", [
    ["", "together", "a second", "CPU us"],
    ...costs.map(({ work, together, perSecond, cpuUs }) => [work, String(together), short(perSecond), short(cpuUs)]),
  ]);
}

export function printPrimitives(primitives: WorkPrimitives, origin: Origin): void {
  for (const [work, calls] of Object.entries(primitives)) printCalls(work, calls, origin);
}

function printCalls(work: string, primitives: readonly Primitive[], origin: Origin): void {
  for (const { name, calls, cpuUs } of primitives) printJson("primitive", { work, name, calls, cpuUs }, origin);
  printTable(`Primitives of one ${work}: ${short(sumUs(primitives))} us`, [
    ["", "calls", "CPU us"],
    ...primitives.map(({ name, calls, cpuUs }) => [name, String(calls), short(cpuUs)]),
  ]);
}

export function printClient(costs: readonly ClientCost[], origin: Origin): void {
  for (const { work, primitives } of costs) printCalls(work, primitives, origin);
  const rows = costs.map(({ primitives, ...figures }) => {
    const { work, runs, count, cpuUs, leastCpuUs, mostCpuUs, firstCpuUs, goalUs } = figures;
    const primitivesUs = sumUs(primitives);
    const primitivesRatio = cpuUs / primitivesUs;
    printJson("client", { ...figures, textBytes: TEXT_BYTES, primitivesUs, primitivesRatio }, origin);
    const found = [cpuUs, leastCpuUs, mostCpuUs, firstCpuUs, goalUs, primitivesUs, primitivesRatio].map(short);
    return [work, `${runs} x ${count}`, ...found];
  });
  printTable("End to end, a client's CPU us for one of each", [
    ["", "runs", "median", "least", "most", "first", "goal", "primitives", "ratio"],
    ...rows,
  ]);
}

export type Measured = readonly (readonly [piece: Piece, found: SideBySide])[];

export function printPieces(measured: Measured, records: RecordBytes, rounds: number, origin: Origin): void {
  const rows = measured.map(([{ work, count, together, primitivesUs }, { ims, bare }]) => {
    const ratio = ims.cpuUs / bare.cpuUs;
    const own = primitivesUs === null ? {} : { primitivesUs, primitivesRatio: ims.cpuUs / primitivesUs };
    const sizes = /^relay/.test(work) ? { textBytes: TEXT_BYTES, recordBytes: records.send } : {};
    const figures = {
      work,
      count,
      rounds,
      together,
      ...ims,
      ...prefixed("bare", { ...bare }),
      ratio,
      ...own,
      ...sizes,
    };
    printJson("cost", figures, origin);
    const primitives = primitivesUs === null ? ["", ""] : [short(primitivesUs), short(ims.cpuUs / primitivesUs)];
    return [work, String(together), ...beside(ims.cpuUs, bare.cpuUs), ...primitives, ...loads({ ims, bare })];
  });
  const head = ["", "at a time", "server", "bare", "ratio", "primitives", "ratio", "load", "load, bare"];
  printTable(`CPU us for one of each, medians of ${rounds}; server ${origin.version} (${origin.commit})`, [
    head,
    ...rows,
  ]);
  const lengths = Object.entries(records).map(([name, bytes]) => `${name} ${bytes}`);
  process.stderr.write(`  records in bytes: ${lengths.join(", ")}\n`);
}

const loads = ({ ims, bare }: SideBySide): readonly string[] => [short(ims.loadCpuUs), short(bare.loadCpuUs)];

export function printIdle({ ims, bare }: { readonly ims: Idle; readonly bare: Idle }, origin: Origin): void {
  const names: readonly (readonly [keyof Idle, string])[] = [
    ["bytes", "memory for each, bytes"],
    ["anonymousBytes", "of it no file, bytes"],
    ["cpuUs", "CPU for each to come, us"],
    ["loadCpuUs", "the load's CPU for each, us"],
  ];
  printJson("idle", { ...ims, ...prefixed("bare", { ...bare }), ratio: ims.bytes / bare.bytes }, origin);
  printTable(`Idle: ${ims.count} sessions, ${bare.count} bare connections`, [
    ["", "server", "bare", "ratio"],
    ...names.map(([key, name]) => [name, ...beside(ims[key], bare[key])]),
  ]);
}

function beside(ims: number, bare: number): readonly string[] {
  return [short(ims), short(bare), short(ims / bare)];
}

/** `cpuUs` as `bareCpuUs`. */
function prefixed(prefix: string, figures: Readonly<Record<string, number>>): Readonly<Record<string, number>> {
  const renamed = (key: string): string => `${prefix}${key.slice(0, 1).toUpperCase()}${key.slice(1)}`;
  return Object.fromEntries(Object.entries(figures).map(([key, value]) => [renamed(key), value]));
}
