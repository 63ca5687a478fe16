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
    expect(of(lines, "provider").map(({ name }) => name)).toContain("Argon2id, 64 MiB");
    expect(new Set(of(lines, "primitive").map(({ work }) => work))).toEqual(new Set(["login", "ticket", "relay"]));
    // A login does what a channel does and more, and both do more than open a connection.
    const [connection = 0, channel = 0, login = 0] = of(lines, "cost").map(({ cpuUs }) => Number(cpuUs));
    expect(connection < channel && channel < login).toBe(true);
  },
  120_000,
);
