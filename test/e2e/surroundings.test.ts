/** Files that lie around in the current folder must not reach into an executable. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, rmSync, writeFileSync } from "node:fs";
import { RealmFolder } from "../support/runningRealm.ts";

setDefaultTimeout(20_000);

let folder: RealmFolder;
beforeAll(() => {
  folder = new RealmFolder();
  const marker = JSON.stringify(folder.at("marker"));
  writeFileSync(folder.at("trap.ts"), `require("node:fs").writeFileSync(${marker}, "sprung");\n`);
  writeFileSync(folder.at("show.ts"), "console.log(process.env.IMS_USER ?? null);\n");
  writeFileSync(folder.at("bunfig.toml"), 'preload = ["./trap.ts"]\n');
  const settings = "IMS_USER=Mallory\nIMS_CONFIG=/nowhere/config.json\nIMS_SCONF=/nowhere/sconf.json\n";
  for (const name of [".env", ".env.local", ".env.production"]) writeFileSync(folder.at(name), settings);
});
afterAll(() => {
  folder?.[Symbol.dispose]();
});

test("the trap works: it springs on a plain bun", async () => {
  const child = Bun.spawn([process.execPath, "show.ts"], { cwd: folder.path, env: {}, stdout: "pipe" });
  expect(await child.stdout.text()).toBe("Mallory\n");
  expect(existsSync(folder.at("marker"))).toBe(true);
  rmSync(folder.at("marker"));
});

test.each([
  ["client", ["users"], 2, "no name was given"],
  ["client", ["--help"], 0, ""],
  ["server", ["check"], 0, ""],
  ["server", ["user", "list"], 0, ""],
] as const)("%s %j reads neither .env nor bunfig.toml", async (name, args, code, says) => {
  const ended = await folder.run(name, args);
  expect([ended.code, existsSync(folder.at("marker"))]).toEqual([code, false]);
  expect(ended.err).toContain(says);
  expect(ended.out + ended.err).not.toMatch(/Mallory|nowhere/);
});

test("a server that runs there reads neither", async () => {
  await using server = folder.program("server", []);
  await server.untilText("server.listening");
  server.kill("SIGTERM");
  expect((await server.ended()).code).toBe(0);
  expect(existsSync(folder.at("marker"))).toBe(false);
});
