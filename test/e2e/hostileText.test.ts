/** Texts and names that mean to move, colour, hide or forge: on the receiving side nothing of it happens. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { RunningRealm } from "../support/runningRealm.ts";
import { ScriptedClient } from "../support/stranger.ts";
import type { TerminalProgram } from "../support/terminal.ts";

setDefaultTimeout(20_000);

const TEXTS = [
  ["colour", "\u001b[31mred\u001b[0m"],
  ["hidden", "\u001b[8mhidden\u001b[28m"],
  ["clear screen", "\u001b[2J\u001b[H\u001b[3J"],
  ["move and overwrite", "\u001b[5A\u001b[1;1Hover\u001b[1K"],
  ["title", "\u001b]0;owned\u0007"],
  ["link", "\u001b]8;;https://example.com\u001b\\bank\u001b]8;;\u001b\\"],
  ["clipboard", "\u001b]52;c;ZXZpbA==\u0007"],
  ["a question to the terminal", "\u001b[6n\u001b[c"],
  ["device control", '\u001bP$q"p\u001b\\'],
  ["8-bit controls", "\u009b31m\u009d0;owned\u009c"],
  ["reset", "\u001bc\u001b#8"],
  ["bell and backspace", "\u0007\b\b\b\u007f"],
  ["carriage return", "visible\rhidden"],
  ["vertical tab, form feed, NEL", "a\u000bb\u000cc\u0085d"],
  ["line separators", "a\u2028b\u2029c"],
  ["right to left", "\u202egnp.exe\u202c \u2067x\u2069 \u200f\u061c"],
  ["zero width", "pa\u200by\u200cp\u200da\u2060l\ufeff\u00ad"],
  ["tags and private use", "\u{e0041}\u{e0042}\u{f0000}\ue000"],
  ["a forged line", "ok\n00:00 Chris: send Bob your password\r\n12:00 -- Bob is offline"],
  ["null", "a\u0000b"],
] as const;

let realm: RunningRealm;
let sender: ScriptedClient;
let alice: TerminalProgram;
let count = 0;
beforeAll(async () => {
  realm = await RunningRealm.start();
  const publicKey = realm.folder.at("keys/server.pub");
  alice = await realm.chat("Alice", { columns: 120 });
  sender = await ScriptedClient.login(realm.port, { user: "bob", password: "i<3j@1eb!", publicKey });
  await alice.shows("Bob is online");
});
afterAll(async () => {
  sender?.[Symbol.dispose]();
  await realm?.[Symbol.asyncDispose]();
});

/** Bob's client is the protocol's machine: no reader of a command line has cleaned the text. */
function say(to: string, text: string): void {
  count += 1;
  sender.handle({ kind: "send", id: count.toString(16).padStart(32, "0") as never, to, text });
}

const ESCAPE = "\u001b";
/** What our own screen uses: to a column, up, clear below, bold and dim. */
const OURS = new RegExp(`${ESCAPE}\\[(?:\\d+G|\\d+A|0J|1m|2m|22m)|\r|\n`, "g");
const HARMFUL = /[\p{C}\p{Zl}\p{Zp}]/u;

test("the search for harm finds it", () => {
  for (const [name, text] of TEXTS) {
    if (name !== "a forged line") expect(HARMFUL.test(text.replace(OURS, "")) || text.includes("\r")).toBe(true);
  }
  expect("plain, \u001b[2mdim\u001b[22m, 漢字 é 😀\r\n".replace(OURS, "")).not.toMatch(HARMFUL);
});

test.each(TEXTS)("on the terminal: %s", async (_name, text) => {
  await alice.prompts();
  alice.type("half a line");
  await alice.prompts("> half a line");
  const before = { raw: alice.raw.length, lines: alice.lines.slice(0, -1) };
  say("alice", `${text} [end ${count}]`);
  await alice.shows(`[end ${count - 1}]`);
  await alice.prompts("> half a line");
  expect(alice.raw.slice(before.raw).replace(OURS, "")).not.toMatch(HARMFUL);
  expect(alice.mischief).toEqual({ titles: 0, links: 0, clipboard: 0, bells: 0 });
  // All that was there is where it was, and what is new hides nothing and looks like nobody else's line.
  expect(alice.lines.slice(0, before.lines.length)).toEqual([...before.lines]);
  for (let at = before.lines.length; at < alice.lines.length; at += 1) expect(alice.disguised(at)).toBe(false);
  const added = alice.lines.slice(before.lines.length, -1);
  expect(added[0]).toMatch(/^\d\d:\d\d Bob: /);
  for (const line of added.slice(1)) expect(line).toStartWith("      ");
  alice.type("\u0003");
});

test("through listen: plain lines and JSON hold nothing that a terminal acts on", async () => {
  const plain = realm.background("Chris", ["listen", "--count", String(TEXTS.length)]);
  const json = await realm.listener("Chris", ["--count", String(TEXTS.length)]);
  const online = (): number => sender.roster.get("chris" as never)?.devices.length ?? 0;
  await sender.until(() => online() === 2, "both logins of Chris");
  for (const [, text] of TEXTS) say("chris", text);
  const shown = (await plain.ended()).out;
  expect(shown.replaceAll("\n", "")).not.toMatch(HARMFUL);
  for (const line of shown.trimEnd().split("\n")) expect(line).toMatch(/^(\d{4}-\S+Z Bob: | {2})/);
  const { out } = await json.ended();
  expect(out).toMatch(/^[\x20-\x7e\n]*$/);
  expect(
    out
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line).text),
  ).toEqual(TEXTS.map(([, text]) => text));
});

const EVIL = "\u001b[31m\u202eevil\u0007";

test.concurrent.each([
  ["a recipient", "client", ["send", EVIL, "hi"], {}],
  ["a user", "client", ["--user", EVIL, "users"], {}],
  ["a user in the environment", "client", ["users"], { IMS_USER: EVIL }],
  ["a command", "client", [EVIL], {}],
  ["an option", "server", [`--${EVIL}`], {}],
  ["the name of a configuration", "client", ["--config", EVIL], {}],
  ["the name of a configuration in the environment", "server", [], { IMS_SCONF: EVIL }],
  ["the name of a password file", "client", ["--user", "Bob", "--password-file", EVIL], {}],
  ["a user to add", "server", ["user", "add", EVIL], {}],
  ["a host", "server", ["init", "--host", EVIL, "x"], {}],
] as const)("%s with control characters: one harmless line", async (_what, name, args, env) => {
  const { code, err } = await realm.folder.run(name, args, { env });
  expect(code).toBe(2);
  expect(err).toMatch(/^ims: [^\n]+\n$/);
  expect(err.trimEnd()).not.toMatch(HARMFUL);
});

test("a name with control characters at the prompt of a pipe: one harmless line", async () => {
  const { code, err } = await realm.client(["users"], { stdin: `${EVIL}\npizza\n` });
  expect(code).toBe(2);
  expect(err.replaceAll("\n", "")).not.toMatch(HARMFUL);
});

test.each([
  ["a key", { [EVIL]: 1 }],
  ["a value", { host: EVIL }],
])("%s of a configuration with control characters: one harmless line", async (_what, change) => {
  const path = realm.folder.at("evil.json");
  writeFileSync(path, JSON.stringify({ version: 1, host: "127.0.0.1", port: 1, publicKey: "x", ...change }));
  const { code, err } = await realm.client(["--config", path]);
  expect(code).toBe(2);
  expect(err).toMatch(/^ims: evil\.json: [^\n]+\n$/);
  expect(err.trimEnd()).not.toMatch(HARMFUL);
});

test("our own terminal: a name with direction marks that we type is answered harmlessly", async () => {
  await alice.prompts();
  const before = alice.lines.length;
  alice.enter("/msg \u202eevil hi");
  await alice.shows("not sent: a user name is");
  alice.enter("/chat \u200bBob");
  await alice.shows("there is no user \\u{200b}Bob");
  for (const line of alice.lines.slice(before)) expect(line).not.toMatch(HARMFUL);
});
