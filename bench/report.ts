/** Results: JSON lines for a record of many runs on stdout, a table for people on stderr. */
import { cpus, loadavg, release } from "node:os";

export type Figures = Readonly<Record<string, number | string>>;

/** What a result would be worth nothing without. */
export interface Origin {
  readonly version: string;
  readonly commit: string;
  readonly at: string;
  /** What else the machine did in the minute before: processes that ran or wanted to. */
  readonly loadAverage: number;
}

export function originOf(version: string, commit: string): Origin {
  return { version, commit, at: new Date().toISOString(), loadAverage: loadavg()[0] ?? 0 };
}

/** A word to people when others have the machine: CPU time costs more then, and the figures are worth less. */
export function warnIfBusy({ loadAverage }: Origin): void {
  const cores = cpus().length;
  if (loadAverage < cores / 2) return;
  process.stderr.write(
    `\nThe machine is busy: load ${short(loadAverage)} on ${cores} cores. Do not trust these figures.\n`,
  );
}

export function printJson(bench: string, figures: Figures, origin: Origin): void {
  const [cpu] = cpus();
  const machine = { cpu: cpu?.model ?? "unknown", cores: cpus().length, system: `${process.platform} ${release()}` };
  const rounded = (_key: string, value: unknown) => (typeof value === "number" ? Number(value.toPrecision(6)) : value);
  const line = JSON.stringify({ bench, ...figures, ...origin, bun: Bun.version, machine }, rounded);
  process.stdout.write(`${line}\n`);
}

/** Columns as wide as their widest cell; all but the first to the right. */
export function printTable(title: string, rows: readonly (readonly string[])[]): void {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const lines = rows.map((row) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join("  "),
  );
  process.stderr.write(`\n${title}\n${lines.map((line) => `  ${line}\n`).join("")}`);
}

/** Three figures that mean something. */
export function short(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
