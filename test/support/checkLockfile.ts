/** Compares package.json and package-lock.json of the current folder: a line for each fault, exit 1 when there is one. */
import { existsSync, readFileSync } from "node:fs";
import { lockfileFaults } from "./lockfile.ts";

const OTHERS = ["npm-shrinkwrap.json", "bun.lock", "bun.lockb", "yarn.lock", "pnpm-lock.yaml"];

function faults(): readonly string[] {
  if (!existsSync("package-lock.json")) return ["package-lock.json is missing"];
  const others = OTHERS.filter((name) => existsSync(name)).map((name) => `${name}: a second lockfile`);
  return [
    ...others,
    ...lockfileFaults(readFileSync("package.json", "utf8"), readFileSync("package-lock.json", "utf8")),
  ];
}

const found = faults();
for (const fault of found) process.stderr.write(`lockfile: ${fault}\n`);
process.exitCode = found.length === 0 ? 0 : 1;
