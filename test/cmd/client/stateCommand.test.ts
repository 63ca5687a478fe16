import { describe, expect, test } from "bun:test";
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { type ClientCommand, parseClientCommand, type StateCommand } from "../../../cmd/client/commandLine.ts";
import { state } from "../../../cmd/client/stateCommand.ts";
import { endingOf } from "../../../cmd/host/exit.ts";
import { formatPublicKey } from "../../../cmd/host/publicKey.ts";
import { failure, rejection } from "../../support/codes.ts";
import { fixedEnv, quickCrypto } from "../../support/fixedEnv.ts";
import { temporaryFolder } from "../../support/folder.ts";
import { recordedIo } from "../../support/io.ts";
import { worldOf } from "../../support/localRealm.ts";
import { personIo } from "../../support/personIo.ts";
import { ALICE, HEADER, makeState, open } from "../../support/stateFolders.ts";

const env = fixedEnv("state", quickCrypto);

function parse(...words: readonly string[]): StateCommand {
  const command: ClientCommand = parseClientCommand(["state", ...words]);
  if (command.kind !== "state") throw new Error("another command");
  return command;
}

/** Runs it where nobody sits, in `cwd`. */
async function run(cwd: string, words: string, given: Readonly<Record<string, string>> = {}) {
  const io = recordedIo(cwd, { env: given });
  const code = await state(parse(...words.split(" ")), worldOf(io, env));
  return { code, out: io.out(), err: io.err() };
}

describe("the words", () => {
  test.each([
    ["show", { action: "show", yes: false, state: undefined, user: undefined }],
    ["show --state d", { action: "show", state: "d" }],
    ["reset", { action: "reset", yes: false }],
    ["reset --yes --user Alice --config c", { action: "reset", yes: true, user: "Alice", config: "c" }],
  ])("state %s", (words, expected) => {
    expect(parse(...words.split(" "))).toMatchObject(expected);
  });

  test.each(["", "delete", "show --yes", "show more", "reset more", "reset --json", "reset --password-file p"])(
    "not state %s",
    (words) => {
      expect(failure(() => parseClientCommand(["state", ...words.split(" ").filter(Boolean)])).code).toBe(
        "usage.invalid",
      );
    },
  );
});

describe("show", () => {
  test("says whose it is, how large, and whether it is in use, and changes nothing", async () => {
    using folder = temporaryFolder();
    makeState(folder.at("s"));
    const lines = [
      `folder  ${folder.at("s")}`,
      "user    alice",
      "realm   0707070707070707",
      "device  0123456789abcdef",
      expect.stringMatching(/^size {4}\d+ KiB$/),
    ];
    const shown = await run(folder.path, "show --state s");
    expect([shown.code, shown.out.split("\n"), shown.err]).toEqual([0, [...lines, "in use  no", ""], ""]);
    using _held = open(folder.at("s"));
    expect((await run(folder.path, "show", { IMS_STATE: "s" })).out.split("\n")).toEqual([...lines, "in use  yes", ""]);
  });

  test("of one that cannot be read says so", async () => {
    using folder = temporaryFolder();
    makeState(folder.at("s"));
    writeFileSync(folder.at("s/state.db"), "something");
    const { code, out } = await run(folder.path, "show --state s");
    expect([code, out]).toEqual([0, expect.stringContaining("user    unknown: the state cannot be read\n")]);
  });

  test.each(["show --state nowhere", "reset --state nowhere", "reset --yes --state ."])(
    "nothing there: state %s",
    async (words) => {
      using folder = temporaryFolder();
      writeFileSync(folder.at("mine"), "mine");
      const { code, out, err } = await run(folder.path, words);
      expect([code, out, err]).toEqual([0, "", expect.stringContaining(": there is no state of a device\n")]);
      expect(readdirSync(folder.path)).toEqual(["mine"]);
    },
  );
});

describe("reset", () => {
  test("deletes what a client has made, and nothing else", async () => {
    using folder = temporaryFolder();
    makeState(folder.at("s"));
    for (const name of ["client.sock", "state.db-wal", "state.db-shm", "mine", "state.db.bak"])
      writeFileSync(folder.at(`s/${name}`), "");
    const { code, err } = await run(folder.path, "reset --yes --state s");
    expect([code, err]).toEqual([0, `${folder.at("s")}: deleted; the next login makes a new device\n`]);
    expect(readdirSync(folder.at("s")).sort()).toEqual(["mine", "state.db.bak"]);
    open(folder.at("s"))[Symbol.dispose]();
  });

  test("the folder goes too when nothing else is in it", async () => {
    using folder = temporaryFolder();
    makeState(folder.at("s"));
    await run(folder.path, "reset --yes --state s");
    expect(readdirSync(folder.path)).toEqual([]);
  });

  test.each<readonly [string, (path: string) => void]>([
    ["a damaged one", (path) => writeFileSync(`${path}/state.db`, "something")],
    ["one of which the log alone is left", logAlone],
  ])("%s", async (_what, spoil) => {
    using folder = temporaryFolder();
    makeState(folder.at("s"));
    spoil(folder.at("s"));
    expect(failure(() => open(folder.at("s"))).code).toBe("state.damaged");
    await run(folder.path, "reset --yes --state s");
    expect(readdirSync(folder.path)).toEqual([]);
  });

  test("without a terminal it needs --yes, and is refused while the device is in use", async () => {
    using folder = temporaryFolder();
    makeState(folder.at("s"));
    expect(endingOf(await rejection(run(folder.path, "reset --state s")))).toMatchObject({ code: 2 });
    using held = open(folder.at("s"));
    for (const words of ["reset --state s", "reset --yes --state s"]) {
      const { code, detail } = await rejection(run(folder.path, words));
      expect([code, detail]).toEqual([
        "file.locked",
        `${folder.at("s")}: another client uses this device; end it first`,
      ]);
    }
    expect(held.stored?.entries.size).toBe(1);
  });

  test.each([
    ["y\r", true],
    ["YES\r", true],
    [" y \r", true],
    ["n\r", false],
    ["\r", false],
    ["yesterday\r", false],
    ["\u0004", false],
  ])("at a terminal it asks: %j", async (typed, deleted) => {
    using folder = temporaryFolder();
    makeState(folder.at("s"));
    const io = personIo(folder.path);
    const running = state(parse("reset", "--state", "s"), worldOf(io, env));
    await io.asked("Delete it? (y/N) ");
    io.type(typed);
    expect(await running).toBe(deleted ? 0 : 1);
    expect(io.err()).toContain("This deletes the device 0123456789abcdef of alice at the realm 0707070707070707");
    expect(io.err()).toContain(deleted ? "deleted; the next login" : "Nothing was changed.");
    expect(readdirSync(folder.path)).toEqual(deleted ? [] : ["s"]);
    expect(io.raw.at(-1)).toBe(false);
  });

  test("interrupted at the question: nothing is deleted", async () => {
    using folder = temporaryFolder();
    makeState(folder.at("s"));
    const io = personIo(folder.path);
    const world = worldOf(io, env);
    const running = state(parse("reset", "--state", "s"), world);
    await io.asked("Delete it?");
    world.interrupt.fire();
    expect((await rejection(running)).code).toBe("host.interrupted");
    expect(open(folder.at("s")).header).toEqual(HEADER);
  });
});

describe("which folder", () => {
  test("the user's own, at the server of the configuration", async () => {
    using folder = temporaryFolder();
    const own = "x/ims/0707070707070707/alice";
    mkdirSync(folder.at("x"), { mode: 0o700 });
    makeState(folder.at(own));
    writeFileSync(
      folder.at("server.pub"),
      formatPublicKey({ realmId: ALICE.realm, staticPublicKey: new Uint8Array(32).fill(9) }),
    );
    writeFileSync(
      folder.at("config.json"),
      JSON.stringify({ version: 1, host: "h", port: 1, publicKey: "server.pub" }),
    );
    const given = { XDG_STATE_HOME: folder.at("x") };
    for (const each of [
      run(folder.path, "show --user Alice", given),
      run(folder.path, "show", { ...given, IMS_USER: "ALICE" }),
    ])
      expect((await each).out).toContain(`folder  ${folder.at(own)}\n`);
  });

  test.each([
    ["show", {}, "state needs --user NAME, or --state DIR"],
    ["show --state none", {}, "--state none keeps nothing"],
    ["reset --yes", { IMS_STATE: "none" }, "--state none keeps nothing"],
  ])("none: state %s, %j", async (words, given, line) => {
    using folder = temporaryFolder();
    const error = await rejection(run(folder.path, words, given));
    expect([error.code, error.detail]).toEqual(["usage.invalid", line]);
  });
});

function logAlone(path: string): void {
  rmSync(`${path}/state.db`);
  writeFileSync(`${path}/state.db-wal`, "something");
}
