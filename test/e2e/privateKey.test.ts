/** A private key that somebody else could have read, or that is none: refused with what mends it, and then it serves. */
import { expect, setDefaultTimeout, test } from "bun:test";
import {
  chmodSync,
  chownSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import type { ProgramOptions } from "../support/programs.ts";
import { refusalIn } from "../support/refusal.ts";
import { RealmFolder } from "../support/runningRealm.ts";

setDefaultTimeout(20_000);

const FILE = "keys/server.key";
const ROOT = process.geteuid?.() === 0;
const SOMEBODY = 65_534;

async function expectServing(folder: RealmFolder, options: Partial<ProgramOptions> = {}): Promise<void> {
  await using server = folder.program("server", [], options);
  await server.untilText("server.listening");
  server.kill("SIGTERM");
  expect((await server.ended()).code).toBe(0);
}

const shell = (command: string): number => Bun.spawnSync(["/bin/sh", "-c", command]).exitCode;

test.each([
  ["a folder", (path: string) => mkdirSync(path), `${FILE}: not a file; put the key itself there`],
  ["a pipe", (path: string) => Bun.spawnSync(["mkfifo", path]), `${FILE}: not a file; put the key itself there`],
  [
    "a device",
    (path: string) => Bun.spawnSync(["mknod", path, "c", "1", "3"]),
    `${FILE}: not a file; put the key itself`,
  ],
  [
    "a link to nothing",
    (path: string) => symlinkSync("nothing.key", path),
    `${FILE}: is a symbolic link; put the key itself there`,
  ],
  [
    "a link to itself",
    (path: string) => symlinkSync("server.key", path),
    `${FILE}: is a symbolic link; put the key itself there`,
  ],
  [
    "missing",
    () => {},
    `sconf.json: privateKey: ${FILE}: cannot be read: no such file or folder; put the key of this realm there, ` +
      "for instance from a backup, or make another realm: server init DIR",
  ],
])("%s: refused until the key itself is there", async (what, spoil, says) => {
  if (what === "a device" && !ROOT) return;
  using folder = await RealmFolder.made();
  const key = readFileSync(folder.at(FILE));
  rmSync(folder.at(FILE));
  spoil(folder.at(FILE));
  expect(await lineIn(folder)).toStartWith(says);
  rmSync(folder.at(FILE), { recursive: true, force: true });
  writeFileSync(folder.at(FILE), key, { mode: 0o600 });
  await expectServing(folder);
});

/** As `refusalIn`, for what has no content to compare. */
async function lineIn(folder: RealmFolder): Promise<string> {
  const files = (): readonly string[] => [folder.path, folder.at("keys")].flatMap((path) => readdirSync(path));
  const before = files();
  const { code, out, err } = await folder.run("server", []);
  expect([code, out]).toEqual([2, ""]);
  expect(err).toMatch(/^ims: [^\n]+\n$/);
  expect(files()).toEqual(before);
  return err.slice("ims: ".length);
}

test.if(ROOT)("of somebody else, for root: refused with the command that mends it", async () => {
  using folder = await RealmFolder.made();
  const path = folder.at(FILE);
  chownSync(path, SOMEBODY, SOMEBODY);
  const line = await refusalIn(folder, "server");
  expect(line).toBe(
    `${FILE}: belongs to user ${SOMEBODY}, not to user 0 who runs this; run as that user, or: chown 0 ${path}`,
  );
  expect(shell(line.split("or: ")[1] ?? "false")).toBe(0);
  await expectServing(folder);
});

/** Runs a program as somebody who is not root. */
const wrap = (command: readonly string[]): readonly string[] => [
  "setpriv",
  ...[`--reuid=${SOMEBODY}`, `--regid=${SOMEBODY}`, "--clear-groups", ...command],
];

test.if(ROOT && Bun.which("setpriv") !== null)(
  "of root or with no mode at all, for somebody else: refused with the command that mends it",
  async () => {
    using folder = await RealmFolder.made();
    const path = folder.at(FILE);
    expect(shell(`chown -R ${SOMEBODY} ${folder.path} && chown 0 ${path}`)).toBe(0);
    const foreign = await folder.run("server", [], { wrap });
    const says = `${FILE}: belongs to user 0, not to user ${SOMEBODY} who runs this; run as that user, or: `;
    expect(foreign).toEqual({ code: 2, out: "", err: `ims: ${says}chown ${SOMEBODY} ${path}\n` });
    expect(shell(foreign.err.split("or: ")[1] ?? "false")).toBe(0);
    await expectServing(folder, { wrap });

    chmodSync(path, 0);
    const closed = await folder.run("server", [], { wrap });
    const why = `${FILE}: cannot be read: permission denied; run: `;
    expect(closed).toEqual({ code: 2, out: "", err: `ims: ${why}chmod 600 ${path}\n` });
    expect(shell(closed.err.split("run: ")[1] ?? "false")).toBe(0);
    await expectServing(folder, { wrap });
  },
);
