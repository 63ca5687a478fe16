import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { freePort } from "../support/freePort.ts";
import { RealmFolder, RunningRealm } from "../support/runningRealm.ts";

setDefaultTimeout(20_000);

let folder: RealmFolder;
beforeAll(() => {
  folder = new RealmFolder();
});
afterAll(() => {
  folder?.[Symbol.dispose]();
});

test.each(["server", "client"] as const)("%s --help and --version: on stdout, exit 0", async (name) => {
  const help = await folder.run(name, ["--help"]);
  expect([help.code, help.err]).toEqual([0, ""]);
  expect(help.out).toStartWith(`${name}: private messaging`);
  expect(help.out).toContain("--config FILE");
  expect(await folder.run(name, ["-h"])).toEqual(help);
  const version = await folder.run(name, ["--version"]);
  expect([version.code, version.err]).toEqual([0, ""]);
  expect(version.out).toMatch(new RegExp(`^ims ${name} \\d+\\.\\d+\\.\\d+.*\\n$`));
});

test.concurrent.each([
  ["client", ["--nonsense"], "unknown option --nonsense"],
  ["client", ["--usr", "Bob"], "did you mean --user?"],
  ["client", ["sned", "Bob"], 'unknown command "sned"; did you mean send?'],
  ["client", ["--user"], "--user needs a value"],
  ["client", ["--user", "a", "--user", "b"], "--user is given twice"],
  ["client", ["--json"], "--json does not go with"],
  ["client", ["users", "Bob"], '"users" does not take the word "Bob"'],
  ["client", ["send"], "send needs the name of a user"],
  ["client", ["send", "Bob", "--wait", "sent", "x"], "--wait: expected delivered"],
  ["client", ["send", "Bob", ""], "there is no text to send"],
  ["client", ["send", "no/name", "x"], "a user name is 1 to 32 of"],
  ["client", ["listen", "--count", "0"], "--count: expected an integer from 1"],
  ["client", ["listen", "--timeout", "1e3"], "--timeout: expected an integer from 1"],
  ["client", ["--config", "none.json"], "none.json: cannot be read: no such file or folder"],
  ["client", ["--user", "Bob", "--password-file", "none"], "none: cannot be read: no such file or folder"],
  ["client", ["--user", "Bob", "--password-fd", "199"], "--password-fd 199: cannot be read: it is not open"],
  ["client", ["--user", "Bob", "--password-fd", "9", "--password-file", "x"], "exclude each other"],
  ["server", ["--nonsense"], "unknown option --nonsense"],
  ["server", ["strat"], "unknown command"],
  ["server", ["user", "ad", "x"], "did you mean add?"],
  ["server", ["user", "add"], "user add needs the name of a user"],
  ["server", ["user", "add", "../x"], "a user name is 1 to 32 of"],
  ["server", ["key"], "unknown key command"],
  ["server", ["init", "--port", "0", "x"], "--port: expected an integer from 1 to 65535"],
  ["server", ["init", "--host", "a b", "x"], "--host: expected a host name"],
  ["server", ["--config", "none.json"], "none.json: cannot be read: no such file or folder"],
] as const)("%s %j: exit 2 and one line", async (name, args, what) => {
  const { code, out, err } = await folder.run(name, args);
  expect(err).toContain(what);
  expect(err).toMatch(/^ims: [^\n]+\n$/);
  expect([code, out]).toEqual([2, ""]);
});

test("no configuration anywhere: one line that names both folders and the option", async () => {
  for (const [name, file] of [
    ["client", "config.json"],
    ["server", "sconf.json"],
  ] as const) {
    const { code, err } = await folder.run(name, [], { cwd: folder.at("keys") });
    expect(code).toBe(2);
    expect(err).toMatch(new RegExp(`^ims: ${file}: not found in .*/keys or .*; name it with --config FILE\\n$`));
  }
});

test.concurrent.each([
  ["/dev/null", undefined, "no name was given"],
  ["a pipe that ends early", "Alice\n", "no password was given"],
  ["a name that is none", "Al ice\npizza\n", "a user name is 1 to 32 of"],
  ["half a line", "Ali", "no password was given"],
])("the chat without a terminal, from %s: nothing hangs", async (_what, stdin, says) => {
  const { code, out, err } = await folder.run("client", [], stdin === undefined ? {} : { stdin });
  expect([code, out]).toEqual([2, ""]);
  expect(err).toContain(`ims: ${says}`);
});

test.concurrent.each(["", "send Bob", "listen", "users"])(
  "client %s with stdin closed: nothing hangs",
  async (words) => {
    const wrap = (command: readonly string[]) => ["/bin/sh", "-c", 'exec "$@" 0<&-', "sh", ...command];
    const { code, err } = await folder.run("client", words === "" ? [] : words.split(" "), { wrap });
    expect(code).toBe(2);
    expect(err).toMatch(/ims: [^\n]+\n$/);
  },
);

test("a chat through a pipe: name, password, commands; what was sent is confirmed before the end", async () => {
  await using realm = await RunningRealm.start();
  const bob = await realm.listener("Bob", ["--count", "1"]);
  const stdin = "Alice\nP4nc@ke$\n/list\n/msg Bob from a pipe\n";
  const { code, out, err } = await realm.client([], { stdin });
  expect([code, err]).toEqual([0, "Name: \nPassword: \n"]);
  expect(out).toContain("Welcome, Alice; online: Bob.");
  expect(out).toContain("you → Bob: from a pipe ✓");
  expect(out).not.toContain("\u001b");
  expect(JSON.parse((await bob.ended()).out).text).toBe("from a pipe");
});

test("send needs stdin for its text, so it asks nothing there", async () => {
  const { code, err } = await folder.run("client", ["send", "Bob"], { stdin: "Alice\npizza\n" });
  expect([code, err]).toEqual([2, "ims: stdin holds the text, so give --user and --password-file or --password-fd\n"]);
});

test.each([
  ["bytes that are not UTF-8", "\\377\\376", "the text on stdin is not UTF-8"],
  ["nothing", "", "there is no text to send"],
  ["a flood", "flood", "the text is longer than 8192 bytes of UTF-8"],
])("send of %s: exit 2", async (_what, content, says) => {
  const source = content === "flood" ? "yes" : `printf '${content}'`;
  const wrap = (command: readonly string[]) => ["/bin/sh", "-c", `${source} | "$@"`, "sh", ...command];
  const { code, err } = await folder.run("client", ["send", "Bob", "--user", "Alice"], { wrap });
  expect([code, err]).toEqual([2, `ims: ${says}\n`]);
});

const sh =
  (script: string) =>
  (command: readonly string[]): readonly string[] => ["/bin/sh", "-c", script, "sh", ...command];

const FULL = "/dev/full";

test.if(existsSync(FULL))("output to a full disk: exit 1 and one line", async () => {
  for (const [name, args] of [
    ["client", ["--help"]],
    ["server", ["user", "list"]],
  ] as const) {
    const { code, err } = await folder.run(name, args, { wrap: sh(`exec "$@" >${FULL}`) });
    expect([code, err]).toEqual([1, "ims: the output cannot be written: the disk is full\n"]);
  }
});

test("a reader that goes away ends us quietly, a slow one gets everything", async () => {
  using many = new RealmFolder();
  const users = JSON.parse(readFileSync(many.at("users.json"), "utf8"));
  const [first] = users.users;
  users.users = Array.from({ length: 1200 }, (_, at) => ({ ...first, name: `user-number-${at}` }));
  writeFileSync(many.at("users.json"), JSON.stringify(users));
  const list = ["user", "list", "--json"];
  const slow = await many.run("server", list, { wrap: sh('"$@" | { sleep 0.3; cat; }') });
  expect(slow.out.length).toBeGreaterThan(100_000); // more than a pipe holds
  expect(slow.out.split("\n")).toHaveLength(1201);
  const gone = await many.run("server", list, { wrap: sh('{ "$@"; echo "ended with $?" >&2; } | head -c 1') });
  expect(gone).toEqual({ code: 0, out: "{", err: "ended with 0\n" });
});

test.if(existsSync(FULL))("a server whose log cannot be written serves all the same", async () => {
  const port = await freePort();
  using quiet = new RealmFolder({ port });
  await using server = quiet.program("server", [], { wrap: sh(`exec "$@" 2>${FULL}`) });
  quiet.writeClientConfig(port);
  const signIn = ["--user", "Bob", "--password-file", quiet.passwordFile("Bob")];
  let tries = 0;
  let ended = await quiet.run("client", [...signIn, "users"]);
  for (; ended.code === 4 && tries < 50; tries += 1) ended = await quiet.run("client", [...signIn, "users"]);
  expect(ended).toMatchObject({ code: 0, err: "" });
  server.kill("SIGTERM");
  expect((await server.ended()).code).toBe(0);
});
