/** A realm in a folder, and `server …` in it as a function. */
import { readFileSync, writeFileSync } from "node:fs";
import { runAdmin } from "../../cmd/server/admin.ts";
import { parseServerCommand } from "../../cmd/server/commandLine.ts";
import { countedEnv } from "./demoRealm.ts";
import { temporaryFolder } from "./folder.ts";
import { recordedIo } from "./io.ts";

export const ADMIN_MS = Date.UTC(2026, 4, 6, 7, 8, 9, 10);

/** Runs `server ...words` in `cwd`, with `typed` on stdin. */
export async function server(cwd: string, words: string, typed = "") {
  const io = recordedIo(cwd, { typed });
  const command = parseServerCommand(words.split(" "));
  if (command.kind === "run" || command.kind === "help" || command.kind === "version") throw new Error("not admin");
  const exit = await runAdmin(command, io, countedEnv(`${cwd} ${words}`, ADMIN_MS));
  await Bun.sleep(0);
  return { exit, out: io.out(), err: io.err() };
}

/** A fresh realm without users on a port that the system chooses. */
export async function newRealm() {
  const folder = temporaryFolder();
  await server(folder.path, "init --port 1");
  changeConfig(folder, { port: 0 });
  return folder;
}

export function changeConfig(folder: { at(name: string): string }, change: Readonly<Record<string, unknown>>): void {
  const config = JSON.parse(readFileSync(folder.at("sconf.json"), "utf8"));
  writeFileSync(folder.at("sconf.json"), JSON.stringify({ ...config, ...change }));
}
