import { expect, test } from "bun:test";
import { join } from "node:path";
import { runProgram } from "../support/programs.ts";

const RUN = join(import.meta.dir, "..", "..", "bench", "run.ts");
/** Of every line: what a figure would be worth nothing without. */
const ORIGIN = ["version", "commit", "at", "loadAverage", "bun", "machine"];
/** Memory that a few sessions take may be none that the system sees. */
const MAY_BE_NOTHING = /[bB]ytes$|^ratio$|^loadAverage$/;

type Line = Readonly<Record<string, unknown>>;

const of = (lines: readonly Line[], bench: string): readonly Line[] => lines.filter((line) => line.bench === bench);

/** What a client does end to end, and what one piece of it may cost. */
const CLIENT_GOALS_US = { begin: 20_000, accept: 20_000, seal: 1000, "open in turn": 1000, open: 1000 };
/** Of each, a primitive that it cannot do without. */
const PROOFS: Readonly<Record<string, string>> = {
  begin: "ML-KEM-768 encapsulation, noble",
  accept: "ML-KEM-768 decapsulation, noble",
  seal: "AES-256-GCM seal",
  "open in turn": "X25519 agreement",
  open: "AES-256-GCM open",
};

/** Its median lies in its range, it stands beside the sum of its primitives, and those are what it needs. */
function checkClientCost(line: Line, primitives: readonly Line[]): void {
  const [least = 0, median = 0, most = 0, sum = 0] = ["leastCpuUs", "cpuUs", "mostCpuUs", "primitivesUs"].map((key) =>
    Number(line[key]),
  );
  expect([least, median, most].toSorted((a, b) => a - b)).toEqual([least, median, most]);
  expect(least <= Number(line.firstCpuUs) && Number(line.firstCpuUs) <= most).toBe(true);
  const own = primitives.filter(({ work }) => work === line.work);
  expect(own.reduce((all, { cpuUs }) => all + Number(cpuUs), 0) / Number(sum)).toBeCloseTo(1, 3);
  expect(own.map(({ name }) => name)).toContain(PROOFS[String(line.work)]);
  // A message that follows another of its sender needs no agreement, neither to seal it nor to open it.
  const agrees = own.some(({ name }) => name === "X25519 agreement");
  expect([line.work, agrees]).toEqual([line.work, line.work !== "seal" && line.work !== "open"]);
}

test.skipIf(process.platform !== "linux")(
  "a benchmark of tiny counts has every figure, each with commit and machine",
  async () => {
    const child = Bun.spawn([process.execPath, RUN, "--quick"], { stdout: "pipe", stderr: "pipe" });
    const [out, err] = await Promise.all([child.stdout.text(), child.stderr.text()]);
    expect([await child.exited, err.includes("bench:")]).toEqual([0, false]);
    const lines = out
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as Line);

    const { out: version } = await runProgram("server", ["--version"], { cwd: import.meta.dir });
    for (const line of lines) {
      for (const key of ORIGIN) expect(line).toHaveProperty(key);
      expect(version).toContain(`${line.version} (${line.commit})`);
      expect(line.machine).toEqual({ cpu: expect.any(String), cores: expect.any(Number), system: expect.any(String) });
      for (const [key, value] of Object.entries(line)) {
        if (typeof value !== "number" || MAY_BE_NOTHING.test(key)) continue;
        expect([line.bench, key, value > 0]).toEqual([line.bench, key, true]);
      }
    }

    const costs = of(lines, "cost").map(({ work, together }) => [work, together]);
    expect(costs).toEqual([
      ["connection", 1],
      ["channel", 1],
      ["login", 1],
      ["login", 8],
      ["ticket", 1],
      ["ticket", 32],
      ["relay", 64],
      ["relay and receipt", 64],
      ["relay", 1],
      ["relay and receipt", 1],
    ]);
    for (const line of of(lines, "cost")) {
      for (const key of ["cpuUs", "loadCpuUs", "bareCpuUs", "bareLoadCpuUs"]) expect(line).toHaveProperty(key);
    }
    expect(of(lines, "start")).toHaveLength(1);
    expect(of(lines, "idle").map(({ count, bareCount }) => [count, bareCount])).toEqual([[40, 40]]);
    expect(of(lines, "mailbox").map(({ work, count }) => [work, count])).toEqual([
      ["deposit", 640],
      ["collect and discard", 640],
    ]);
    expect(of(lines, "provider").map(({ name }) => name)).toContain("Argon2id, 64 MiB");
    expect(new Set(of(lines, "primitive").map(({ work }) => work))).toEqual(
      new Set(["login", "ticket", "relay", ...Object.keys(CLIENT_GOALS_US)]),
    );
    expect(Object.fromEntries(of(lines, "client").map(({ work, goalUs }) => [work, goalUs]))).toEqual(CLIENT_GOALS_US);
    for (const line of of(lines, "client")) checkClientCost(line, of(lines, "primitive"));
    // A login does what a channel does and more, and both do more than open a connection.
    const [connection = 0, channel = 0, login = 0] = of(lines, "cost").map(({ cpuUs }) => Number(cpuUs));
    expect(connection < channel && channel < login).toBe(true);
  },
  120_000,
);
