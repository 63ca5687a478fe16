/** End to end as people see it: two and more compiled clients, on terminals and in scripts. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { reportFigures } from "../support/figures.ts";
import { snapshot, temporaryFolder } from "../support/folder.ts";
import { RunningRealm } from "../support/runningRealm.ts";
import type { TerminalProgram } from "../support/terminal.ts";

setDefaultTimeout(90_000);

/** Changes of a password that are killed. */
const [LEAST_ROUNDS, MOST_ROUNDS] = [3, 12];
const GROUPS = /^ +(\d{5} \d{5} \d{5} \d{5})$/gm;

let realm: RunningRealm;
beforeAll(async () => {
  realm = await RunningRealm.start();
});
afterAll(async () => {
  await realm?.[Symbol.asyncDispose]();
});

/** The safety number, and the drawing of it, that `/verify` shows. */
async function compared(chat: TerminalProgram, peer: string): Promise<{ digits: string; drawing: readonly string[] }> {
  const title = `Safety number of you and ${peer}`;
  const shownBefore = chat.text.split(title).length;
  chat.enter(`/verify ${peer}`);
  await chat.until(({ text }) => text.split(title).length > shownBefore, title);
  await chat.until(({ text }) => text.slice(text.lastIndexOf(title)).includes(`If ${peer} sees the same`), "all of it");
  const from = chat.lines.findLastIndex((line) => line.includes(title));
  const shown = chat.lines.slice(from);
  const digits = [...shown.join("\n").matchAll(GROUPS)].map(([, groups]) => groups).join(" ");
  return { digits, drawing: shown.filter((line) => /^ +[▄▀█ ]{10,}$/.test(line)) };
}

/** One text each way, so that each knows the other's key. */
async function acquaint(first: TerminalProgram, to: string, second: TerminalProgram, back: string): Promise<void> {
  const there = ({ text }: TerminalProgram): boolean => new RegExp(`online: .*${to}|${to} is online`).test(text);
  await first.until(there, `${to} there`);
  first.enter(`/msg ${to} good morning`);
  await second.shows("good morning");
  second.enter(`/msg ${back} to you too`);
  await first.shows("to you too");
}

const usersOf = async (user: string, env = {}): Promise<readonly Record<string, unknown>[]> => {
  const { code, out, err } = await realm.as(user, ["users", "--json"], { env });
  expect([code, err]).toEqual([0, ""]);
  return out
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
};

test("/verify shows one number on both sides, marks the peer, and the mark comes along to a fresh machine", async () => {
  {
    await using both = await realm.chats("Alice", "Bob");
    const [alice, bob] = both;
    alice.enter("/verify Bob");
    await alice.shows("you have not talked with Bob yet");
    await acquaint(alice, "Bob", bob, "Alice");
    const [hers, his] = await Promise.all([compared(alice, "Bob"), compared(bob, "Alice")]);
    expect(hers.digits).toMatch(/^\d{5}( \d{5}){11}$/);
    expect(his.digits).toBe(hers.digits);
    expect(hers.drawing.length).toBeGreaterThan(10);
    expect(his.drawing).toEqual(hers.drawing);
    alice.enter("/verify Bob yes");
    await alice.shows("Bob is verified");
    alice.enter("/list");
    await alice.until(({ text }) => /Bob +online, verified/.test(text), "the mark");
    expect(bob.text).not.toContain("verified\n");
  }
  // A folder that no device had: the password alone brings the identity and what it knows.
  const fresh = { IMS_STATE: realm.folder.at("devices/a-fresh-machine") };
  const bob = await realm.listener("Bob");
  expect(await usersOf("Alice", fresh)).toContainEqual(expect.objectContaining({ name: "Bob", identity: "verified" }));
  expect(await realm.as("Alice", ["send", "Bob", "from a fresh machine"], { env: fresh })).toMatchObject({ code: 0 });
  await bob.untilText("from a fresh machine");
  const [line = ""] = bob.out.split("\n");
  expect(JSON.parse(line)).toMatchObject({ from: "Alice", identity: "pinned" });
  expect(bob.err).not.toContain("identity key");
  await realm.leave(bob);
});

test("a second device gets both sides of a conversation, each text once", async () => {
  await using both = await realm.chats("Alice", "Bob");
  const [alice, bob] = both;
  const second = await realm.listener("Alice", ["--own"]);
  await alice.shows("you have a new device");
  for (const chat of both) {
    const seen = async (): Promise<boolean> => {
      chat.enter("/list");
      await chat.until(({ text }) => text.split("Dana ").length > lists, "a list");
      return /Alice +online, 2 devices/.test(chat.text);
    };
    let lists = 1;
    while (!(await seen())) lists += 1;
  }
  alice.enter("/msg Bob what I wrote here");
  await bob.shows("Alice: what I wrote here");
  bob.enter("/msg Alice what came back");
  await alice.shows("Bob: what came back");
  for (const text of ["what I wrote here", "what came back"]) await second.untilText(text);
  const heard = second.out
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(heard.map(({ from, to, text }) => [from, to, text]).toSorted()).toEqual([
    ["Alice", "Bob", "what I wrote here"],
    ["Bob", "Alice", "what came back"],
  ]);
  expect(bob.text.split("what I wrote here")).toHaveLength(2);
  await realm.leave(second);
});

test("--state none leaves nothing behind: no file, and no device", async () => {
  using home = temporaryFolder();
  const before = snapshot(home.path);
  const env = { HOME: home.path, TMPDIR: home.path, XDG_STATE_HOME: home.path, XDG_RUNTIME_DIR: home.path };
  const borrowed = { env: { ...env, IMS_STATE: "none" }, cwd: home.path };
  const config = ["--config", realm.folder.at("config.json")];
  const devices = async (): Promise<string> => (await realm.as("Chris", ["devices", "--json"])).out;
  await realm.as("Chris", ["users"]);
  const own = await devices();
  const guest = realm.background("Chris", [...config, "listen", "--count", "1"], borrowed);
  await realm.logged("user.login", { user: "chris" });
  await realm.server.until(() => realm.logins("Chris") > 1, "the second device");
  expect((await devices()).split("\n").length).toBe(own.split("\n").length + 1);
  expect(await realm.as("Alice", ["send", "Chris", "to a borrowed machine"])).toMatchObject({ code: 0 });
  expect((await guest.ended()).out).toContain("to a borrowed machine");
  await realm.server.until(
    () => realm.log.some(({ event, user }) => event === "user.logout" && user === "chris"),
    "it",
  );
  expect(snapshot(home.path)).toEqual(before);
  const withoutTimes = (text: string): string => text.replaceAll(/"seenAt":[^,]*/g, "");
  expect(withoutTimes(await devices())).toBe(withoutTimes(own));
});

test("another identity key stops sending until it is accepted, after both keys have been shown", async () => {
  await using eric = await realm.chat("Eric");
  await using dana = await realm.chat("Dana");
  await acquaint(eric, "Dana", dana, "Eric");
  const { digits } = await compared(eric, "Dana");
  await realm.leave(dana);

  // The operator sets a password, and whoever has it takes a new identity.
  const password = realm.folder.setPassword("Dana", "another password altogether");
  await realm.folder.admin("user", "passwd", "Dana", "--password-file", password);
  await realm.logged("users.loaded");
  const env = { IMS_STATE: realm.folder.at("devices/dana-new") };
  const one = await realm.client([...realm.signIn("Dana"), "users"], { env });
  expect([one.code, one.err]).toEqual([3, expect.stringContaining("give your recovery code")]);
  await using other = realm.terminal([...realm.signIn("Dana")], { env });
  await other.shows("Your recovery code, or NEW for a new identity: ");
  other.enter("NEW");
  await other.shows("will be warned that your key has changed. Go on? (yes/no) ");
  other.enter("yes");
  await other.shows("Welcome, Dana");
  await other.prompts();

  eric.enter("/msg Dana for the Dana I knew");
  await eric.shows("Dana has another identity key than before; the message was not sent");
  await eric.shows("the identity key of Dana has changed");
  other.enter("/msg Eric it is only me");
  await eric.shows("Dana (identity key changed): it is only me");
  expect(other.text).not.toContain("for the Dana I knew");
  const script = await realm.as("Eric", ["send", "Dana", "from a script"]);
  expect([script.code, script.err]).toEqual([5, expect.stringContaining("Dana has another identity key than before")]);

  eric.enter("/accept Dana");
  await eric.shows("If it is the new one: /accept Dana yes");
  const [before, now] = ["before", "now"].map((when) => eric.text.match(new RegExp(`${when}: +(SHA256:\\S+)`))?.[1]);
  expect(eric.text).toContain(`Identity key of Dana: ${before}`);
  expect(now).not.toBe(before);
  eric.enter("/list");
  await eric.until(({ text }) => /Dana +online, IDENTITY KEY CHANGED/.test(text), "the mark");
  eric.enter("/accept Dana yes");
  await eric.shows("the new identity key of Dana is accepted");
  eric.enter("/msg Dana welcome back");
  await other.shows("welcome back");
  const [hers, his] = await Promise.all([compared(other, "Eric"), compared(eric, "Dana")]);
  expect(hers.digits).toBe(his.digits);
  expect(his.digits).not.toBe(digits);
  expect(eric.text).toContain(`Identity key of Dana: ${now}`);
});

test("an initial password is replaced at the first login, and the recovery code outlives what the operator sets", async () => {
  await using own = await RunningRealm.start();
  const { folder } = own;
  const set = async (verb: "add" | "passwd", password: string, ...more: readonly string[]): Promise<void> => {
    const file = folder.setPassword("Frank", password);
    const loaded = own.log.filter(({ event }) => event === "users.loaded").length;
    await folder.admin("user", verb, "Frank", "--password-file", file, ...more);
    await own.server.until(() => own.log.filter(({ event }) => event === "users.loaded").length > loaded, "the change");
  };
  await set("add", "chosen by the operator", "--initial");
  const script = await own.as("Frank", ["users"]);
  expect([script.code, script.err]).toEqual([3, expect.stringContaining("set your own")]);
  const first = own.terminal([...own.signIn("Frank")]);
  await first.shows("Set one of your own.", "New password for frank: ");
  first.enter("frank's own and only words");
  await first.shows("The same again: ");
  first.enter("frank's own and only words");
  const code = await first.until(
    ({ text }) => text.match(/^ +((?:[0-9A-Z]{4,}-)+[0-9A-Z]{4,})$/m)?.[1] ?? null,
    "a code",
  );
  await first.shows("Welcome, Frank");
  await first.prompts();
  await using alice = await own.chat("Alice");
  await acquaint(alice, "Frank", first, "Alice");
  const { digits } = await compared(alice, "Frank");
  await own.leave(first);

  await set("passwd", "set by the operator again");
  const env = { IMS_STATE: folder.at("devices/frank-new") }; // another machine: nothing but the code is left
  await using again = own.terminal([...own.signIn("Frank")], { env });
  await again.shows("Your recovery code, or NEW for a new identity: ");
  again.enter(code.toLowerCase());
  await again.shows("Welcome, Frank");
  await again.prompts();
  again.enter("/msg Alice still myself");
  await alice.shows("Frank: still myself");
  expect(alice.text).not.toContain("identity key of Frank has changed");
  expect((await compared(again, "Alice")).digits).toBe(digits);
});

test("a change of the password that is killed: one of the two passwords works, and it is the same identity", async () => {
  await using own = await RunningRealm.start();
  const bob = await own.listener("Bob");
  const { folder } = own;
  const words = ["quarrelsome violet tram", "unhurried copper finch"];
  expect(await own.as("Alice", ["send", "Bob", "before all"])).toMatchObject({ code: 0, err: "" });
  let [which, changes, rounds] = [0, 0, 0];
  /** Of the time of a login, when it is killed: it moves towards the moment that decides. */
  let share = 1.5;
  // Until both have been seen: a change that came too late, and one that had taken effect.
  while (rounds < LEAST_ROUNDS || changes === 0 || changes === rounds) {
    const round = ++rounds;
    expect(round).toBeLessThanOrEqual(MOST_ROUNDS);
    const next = words[which] ?? "";
    const file = folder.setPassword("next", next);
    const began = performance.now();
    await own.as("Alice", ["users"]);
    const loginMs = performance.now() - began;
    const change = own.background("Alice", ["passwd", "--new-password-file", file]);
    await Bun.sleep(loginMs * share);
    change.kill("SIGKILL");
    await change.ended();
    await folder.admin("user", "unlock", "Alice");
    const withOld = await own.as("Alice", ["send", "Bob", `round ${round}`]);
    share *= withOld.code === 3 ? 0.85 : 1.25;
    if (withOld.code === 3) {
      changes += 1;
      folder.setPassword("Alice", next);
      which = 1 - which;
      expect(await own.as("Alice", ["send", "Bob", `round ${round}`])).toMatchObject({ code: 0, err: "" });
    } else expect(withOld).toMatchObject({ code: 0, err: "" });
    await bob.untilText(`round ${round}`);
  }
  for (const line of bob.out.trimEnd().split("\n")) expect(JSON.parse(line).identity).toBe("pinned");
  reportFigures("changes of a password that were killed", { all: rounds, "had taken effect": changes });
});
