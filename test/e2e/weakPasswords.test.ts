/** What `server user add|passwd` makes of passwords that are guessed first. */
import { expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync } from "node:fs";
import { DEMO_USERS } from "../support/demoRealm.ts";
import { RealmFolder, RunningRealm } from "../support/runningRealm.ts";
import { TerminalProgram } from "../support/terminal.ts";

setDefaultTimeout(30_000);

const COMMON = "this password is one of the 10,000 most common ones; take another, or insist with --weak";
const SHORT =
  "this password is shorter than 12 characters, not counting repetitions and runs such as abcd; take a longer one, such as a few words, or insist with --weak";

const REFUSALS: Readonly<Record<string, string>> = { Alice: SHORT, Bob: SHORT, Chris: COMMON, Eric: COMMON };

test("four of the five demo passwords are refused, and every one is taken and works with --weak", async () => {
  const folder = await RealmFolder.made();
  await using realm = await RunningRealm.start({}, folder);
  for (const [name, password] of DEMO_USERS) {
    const says = REFUSALS[name];
    const add = ["user", "add", name, "--password-file", folder.setPassword(name, password)];
    if (says !== undefined) {
      const before = readFileSync(folder.at("users.json"), "utf8");
      expect(await folder.run("server", add)).toEqual({ code: 2, out: "", err: `ims: ${says}\n` });
      expect(readFileSync(folder.at("users.json"), "utf8")).toBe(before);
    }
    expect(await folder.admin(...add, ...(says === undefined ? [] : ["--weak"]))).toBe(`${name} is registered.\n`);
  }
  await realm.logged("users.loaded", { users: DEMO_USERS.length });
  for (const [name] of DEMO_USERS) expect(await realm.as(name, ["users"])).toMatchObject({ code: 0, err: "" });
  const passwd = ["user", "passwd", "Dana", "--password-file", folder.passwordFile("Eric")];
  expect(await folder.run("server", passwd)).toEqual({ code: 2, out: "", err: `ims: ${COMMON}\n` });
  expect(await folder.admin(...passwd, "--weak")).toBe("Dana has a new password.\n");
});

test("the user's name in capitals and with a year, from a pipe", async () => {
  using folder = await RealmFolder.made();
  const { code, out, err } = await folder.run("server", ["user", "add", "Maximilian"], { stdin: "MAXIMILIAN2026\n" });
  const says = "this password is hardly more than the user's name; take another, or insist with --weak";
  expect([code, out, err]).toEqual([2, "", `New password for Maximilian: \nims: ${says}\n`]);
});

test("--weak takes all that is a password at all, and no more", async () => {
  using folder = await RealmFolder.made();
  for (const [user, stdin, code] of [
    ["one", "x\n", 0],
    ["two", "\n", 2],
    ["three", `${"x".repeat(1025)}\n`, 2],
    ["four", "four\n", 0],
  ] as const) {
    expect([user, (await folder.run("server", ["user", "add", user, "--weak"], { stdin })).code]).toEqual([user, code]);
  }
});

function adding(folder: RealmFolder, ...more: readonly string[]): TerminalProgram {
  return new TerminalProgram("server", ["user", "add", "Zoe", ...more], { cwd: folder.path, columns: 160 });
}

/** How often the terminal shows `text`. */
const times = (terminal: TerminalProgram, text: string): number => terminal.text.split(text).length - 1;

async function answer(terminal: TerminalProgram, nth: number, password: string): Promise<void> {
  await terminal.until(() => times(terminal, "New password for Zoe:") === nth, `question ${nth}`);
  terminal.enter(password);
}

test("at a terminal a weak one is refused before it is typed twice, and asked for again", async () => {
  using folder = await RealmFolder.made();
  await using terminal = adding(folder);
  await answer(terminal, 1, "pizza");
  await terminal.shows(COMMON);
  await answer(terminal, 2, "zoe zoe zoe zoe");
  await terminal.shows("hardly more than the user's name");
  await answer(terminal, 3, "a barge on the canal");
  await terminal.shows("The same again:");
  terminal.enter("a barge on the canal");
  expect(await terminal.ended()).toBe(0);
  await terminal.shows("Zoe is registered.");
  expect([terminal.text.includes("pizza"), terminal.text.includes("barge"), terminal.restored]).toEqual([
    false,
    false,
    true,
  ]);
});

test("after the third it ends with one line and exit 2", async () => {
  using folder = await RealmFolder.made();
  const before = readFileSync(folder.at("users.json"), "utf8");
  await using terminal = adding(folder);
  for (const nth of [1, 2, 3]) await answer(terminal, nth, "short one");
  expect(await terminal.ended()).toBe(2);
  await terminal.shows(`ims: ${SHORT.slice(0, 60)}`);
  expect([times(terminal, "New password"), times(terminal, "The same again"), terminal.restored]).toEqual([3, 0, true]);
  expect(readFileSync(folder.at("users.json"), "utf8")).toBe(before);
});

test("with --weak a terminal asks for it twice, and no more", async () => {
  using folder = await RealmFolder.made();
  await using terminal = adding(folder, "--weak");
  await answer(terminal, 1, "pizza");
  await terminal.shows("The same again:");
  terminal.enter("pizza");
  expect(await terminal.ended()).toBe(0);
  await terminal.shows("Zoe is registered.");
});
