import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import type { Program } from "../support/programs.ts";
import { bareEnv, executable } from "../support/programs.ts";
import { RunningRealm } from "../support/runningRealm.ts";

setDefaultTimeout(20_000);

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
const MESSAGE_ID = /^[0-9a-f]{32}$/;

let realm: RunningRealm;
/** Logged in throughout: whom the tests write to. */
let bob: Program;
beforeAll(async () => {
  realm = await RunningRealm.start();
  bob = await realm.listener("Bob");
});
afterAll(async () => {
  await realm?.[Symbol.asyncDispose]();
});

/** The texts that Bob has got so far. */
function texts(): readonly string[] {
  return bob.out
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line).text);
}

test.concurrent("send --json and listen --json print exactly the objects that are documented", async () => {
  const sent = await realm.as("Alice", ["send", "bob", "--json", "in", "several", "words"]);
  expect([sent.code, sent.err]).toEqual([0, ""]);
  const delivered = JSON.parse(sent.out);
  expect(Object.keys(delivered)).toEqual(["type", "id", "to", "at"]);
  expect(delivered).toEqual({
    type: "delivered",
    id: expect.stringMatching(MESSAGE_ID),
    to: "Bob",
    at: expect.stringMatching(TIME),
  });
  const line = await bob.until(({ out }) => out.split("\n").find((text) => text.includes(delivered.id)) ?? null, "it");
  const message = JSON.parse(line);
  const keys = ["type", "id", "from", "device", "to", "sentAt", "receivedAt", "text", "identity"];
  expect(Object.keys(message)).toEqual(keys);
  expect(message).toEqual({
    type: "message",
    id: delivered.id,
    from: "Alice",
    device: expect.stringMatching(/^[0-9a-f]{16}$/),
    to: "Bob",
    sentAt: expect.stringMatching(TIME),
    receivedAt: expect.stringMatching(TIME),
    text: "in several words",
    identity: "pinned",
  });
});

test.concurrent("users: every registered user, those online first, in words and as documented objects", async () => {
  const json = await realm.as("Eric", ["users", "--json"]);
  const users = json.out.trimEnd().split("\n");
  for (const line of users)
    expect(Object.keys(JSON.parse(line))).toEqual(["type", "name", "online", "devices", "you", "identity"]);
  expect(users).toContain('{"type":"user","name":"Bob","online":true,"devices":1,"you":false,"identity":"unknown"}');
  expect(users.map((line) => JSON.parse(line).name).sort()).toEqual(["Alice", "Bob", "Chris", "Dana", "Eric"]);
  const online: readonly boolean[] = users.map((line) => JSON.parse(line).online);
  expect(online).toEqual([...online].sort((a, b) => Number(b) - Number(a)));
  const plain = await realm.as("Eric", ["users"]);
  expect(plain).toMatchObject({ code: 0, err: "" });
  expect(plain.out).toMatch(/^Bob {4}online$/m);
  expect(plain.out).toMatch(/^Eric {3}online.* \(you\)$/m);
});

test.concurrent("send | listen through pipes of a shell", async () => {
  const listener = await realm.listener("Chris", ["--count", "1"]);
  const script = 'printf "%s\\n" "through a pipe" | "$0" send Chris --user Dana --password-file "$1" && echo sent';
  const shell = Bun.spawn(["/bin/sh", "-c", script, executable("client"), realm.folder.passwordFile("Dana")], {
    cwd: realm.folder.path,
    env: bareEnv(realm.folder.path),
    stdout: "pipe",
  });
  expect(await shell.stdout.text()).toBe("sent\n");
  expect(await shell.exited).toBe(0);
  const { code, out } = await listener.ended();
  expect([code, JSON.parse(out).text]).toEqual([0, "through a pipe"]);
});

test.concurrent.each([
  ["one line end is left out", "line\n", "line"],
  ["and no more than one", "two lines\nand an empty one\n\n", "two lines\nand an empty one\n"],
  ["CR LF is one line end", "dos\r\n", "dos"],
  ["a text without line end is as it is", "bare", "bare"],
])("send reads its text from stdin: %s", async (_what, stdin, text) => {
  expect(await realm.as("Alice", ["send", "Bob"], { stdin })).toEqual({ code: 0, out: "", err: "" });
  await bob.until(() => texts().includes(text) || null, "the text");
});

test.concurrent("8,192 bytes of UTF-8 arrive whole; one more is exit 2 and needs no login", async () => {
  const text = `${"é".repeat(4090)}${"x".repeat(12)}`;
  expect(await realm.as("Alice", ["send", "Bob", text])).toMatchObject({ code: 0 });
  await bob.until(() => texts().includes(text) || null, "the long text");
  const tooLong = { code: 2, out: "", err: "ims: the text has 8193 bytes of UTF-8; at most 8192 fit in a message\n" };
  expect(await realm.client(["send", "Bob", `${text}x`])).toEqual(tooLong);
  expect(await realm.client(["send", "Bob"], { stdin: `${text}x\n` })).toEqual(tooLong);
});

test.concurrent("send to somebody who is not logged in: exit 5 in a clear sentence", async () => {
  await using nobody = await RunningRealm.start();
  expect(await nobody.as("Alice", ["send", "eric", "hi"])).toEqual({
    code: 5,
    out: "",
    err: "ims: Eric is not logged in; the message was not delivered and is dropped\n",
  });
});

test.concurrent("send to a device that does not answer: exit 5 when the time is up", async () => {
  await using still = await RunningRealm.start();
  const chris = await still.listener("Chris");
  chris.kill("SIGSTOP");
  const sent = await still.as("Alice", ["send", "Chris", "--timeout", "1", "hello?"]);
  chris.kill("SIGCONT");
  expect(sent).toEqual({
    code: 5,
    out: "",
    err: "ims: Chris has not confirmed the message in time; it is dropped\n",
  });
});

test.concurrent("send to an unknown user: exit 1", async () => {
  const { code, out, err } = await realm.as("Alice", ["send", "Zoe", "hi"]);
  expect([code, out, err]).toEqual([1, "", "ims: there is no user Zoe\n"]);
});

test.concurrent("listen ends with --count, in the order of sending, and prints plain lines without --json", async () => {
  const listener = realm.background("Eric", ["listen", "--count", "3", "--timeout", "20"]);
  await realm.logged("user.login", { user: "eric" });
  await using sender = await realm.chat("Alice");
  await sender.until(({ text }) => /online: .*Eric|Eric is online/.test(text), "Eric");
  for (const text of ["one", "two", "three", "four"]) sender.enter(`/msg Eric ${text}`);
  const { code, out } = await listener.ended();
  expect(code).toBe(0);
  const lines = out.trimEnd().split("\n");
  expect(lines.map((line) => line.replace(/^\S+ /, ""))).toEqual(["Alice: one", "Alice: two", "Alice: three"]);
  for (const line of lines) expect(line.split(" ")[0]).toMatch(TIME);
});

test.concurrent.each([
  ["--timeout without --count is a success", ["--timeout", "1"], 0],
  ["--timeout before --count is reached is exit 5", ["--timeout", "1", "--count", "1"], 5],
])("listen %s", async (_what, args, expected) => {
  const { code, out, err } = await realm.as("Dana", ["listen", ...args]);
  const others = /^ims: you have a new device, .+\n/gm; // of the tests beside this one
  expect([code, out, err.replaceAll(others, "")]).toEqual([expected, "", ""]);
});

test.concurrent("who reads our output may stop: no error, no hanging", async () => {
  const script = '"$0" users --user Dana --password-file "$1" | head -c 1; echo';
  const shell = Bun.spawn(["/bin/sh", "-c", script, executable("client"), realm.folder.passwordFile("Dana")], {
    cwd: realm.folder.path,
    env: bareEnv(realm.folder.path, { IMS_STATE: "none" }),
    stdout: "pipe",
    stderr: "pipe",
  });
  expect(await shell.stdout.text()).toMatch(/^\w\n$/);
  expect(await shell.stderr.text()).toBe("");
});

test.concurrent("the environment names user, password file and configuration; options win", async () => {
  const env = {
    IMS_USER: "Chris",
    IMS_PASSWORD_FILE: realm.folder.passwordFile("Chris"),
    IMS_CONFIG: realm.folder.at("config.json"),
    XDG_STATE_HOME: realm.folder.at("elsewhere"),
  };
  const byEnv = await realm.client(["users"], { env, cwd: "/" });
  expect(byEnv.out).toMatch(/^Chris .*\(you\)$/m);
  const byOption = await realm.client([...realm.signIn("Dana"), "users"], { env, cwd: "/" });
  expect(byOption.out).toMatch(/^Dana .*\(you\)$/m);
});
