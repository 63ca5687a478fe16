/**
 * Runs what was built away from its sources: a new realm in an empty folder, two users, one message. `make smoke` runs
 * it on dist/, `IMS_DIST=dist/linux-x64 make smoke` on a release.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { temporaryFolder } from "../support/folder.ts";
import { type Outcome, Program, type ProgramName, runProgram } from "../support/programs.ts";

const TEXT = "Does it smoke?";

async function smoke(): Promise<void> {
  using folder = temporaryFolder();
  const run = async (name: ProgramName, ...args: readonly string[]): Promise<string> =>
    expectDone(`${name} ${args.join(" ")}`, await runProgram(name, args, { cwd: folder.path }));

  for (const name of ["server", "client"] as const) process.stdout.write(await run(name, "--version"));
  await run("server", "init");
  for (const user of ["Ann", "Ben"]) {
    writeFileSync(folder.at(user), `the password of ${user}\n`, { mode: 0o600 });
    await run("server", "user", "add", user, "--password-file", user);
  }
  setPort(folder.at("sconf.json"), 0);
  await run("server", "check");

  await using server = new Program("server", [], { cwd: folder.path });
  const port = await server.until(({ err }) => /"port":(\d+)/.exec(err)?.[1] ?? null, "the port");
  setPort(folder.at("config.json"), Number(port));
  const listen = ["listen", "--json", "--count", "1", "--user", "Ben", "--password-file", "Ben"];
  await using ben = new Program("client", listen, { cwd: folder.path });
  await server.until(({ err }) => err.includes('"user":"ben"'), "the login of Ben");
  await run("client", "send", "Ben", TEXT, "--user", "Ann", "--password-file", "Ann");
  const heard = expectDone("client listen", await ben.ended());
  if ((JSON.parse(heard) as { text?: unknown }).text !== TEXT) throw new Error(`Ben heard something else: ${heard}`);
  server.kill("SIGTERM");
  expectDone("server", await server.ended());
  process.stdout.write("smoke: ok\n");
}

function expectDone(what: string, { code, out, err }: Outcome): string {
  if (code !== 0) throw new Error(`${what} ended with exit code ${code}: ${err}`);
  return out;
}

function setPort(file: string, port: number): void {
  const config = JSON.parse(readFileSync(file, "utf8")) as Record<string, unknown>;
  writeFileSync(file, JSON.stringify({ ...config, port }));
}

try {
  await smoke();
} catch (error) {
  process.stderr.write(`smoke: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
