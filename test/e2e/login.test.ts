import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { DEMO_USERS } from "../support/demoRealm.ts";
import { RealmFolder, RunningRealm } from "../support/runningRealm.ts";

setDefaultTimeout(20_000);

const REFUSED = "ims: name or password not accepted\n";
/** No device that another test of the same user could have open just then: its client would be asked for no password. */
const ALONE = ["--state", "none"];
let realm: RunningRealm;
beforeAll(async () => {
  realm = await RunningRealm.start();
});
afterAll(async () => {
  await realm?.[Symbol.asyncDispose]();
});

test("the users of the demo realm are these five", () => {
  expect(DEMO_USERS).toEqual([
    ["Alice", "P4nc@ke$"],
    ["Bob", "i<3j@1eb!"],
    ["Chris", "pizza"],
    ["Dana", "QMpg864^%al%#wj@j"],
    ["Eric", "password"],
  ]);
});

test.concurrent("Alice types her name and password at the prompts", async () => {
  const terminal = realm.terminal();
  await terminal.logIn("Alice", "P4nc@ke$");
  await terminal.shows("Welcome, Alice");
  await terminal.prompts();
  expect(terminal.restored).toBe(false);
  terminal.enter("/quit");
  expect(await terminal.ended()).toBe(0);
  expect(terminal.raw).not.toContain("P4nc@ke$");
  expect(terminal.restored).toBe(true);
});

test.concurrent.each(DEMO_USERS.slice(1))("%s logs in with the password of the demo realm", async (name) => {
  const { code, out, err } = await realm.as(name, ["users", "--json"]);
  expect([code, err]).toEqual([0, ""]);
  const users = out.trimEnd().split("\n");
  expect(users.map((line) => JSON.parse(line)).filter((user) => user.you)).toMatchObject([{ name, online: true }]);
});

test.concurrent.each([
  ["a sixth user", "Frank", "pizza"],
  ["another spelling", "Chris", "Pizza"],
  ["the password of somebody else", "Chris", "P4nc@ke$"],
  ["a password with more to it", "Chris", "pizza "],
])("%s is refused, in the same words as every other", async (_what, name, password) => {
  const typed = realm.folder.program("client", ["users"], { stdin: `${name}\n${password}\n` });
  const { code, out, err } = await typed.ended();
  expect([code, out]).toEqual([3, ""]);
  expect(err).toEndWith(REFUSED);
  expect(err).not.toContain(password.trim());
});

test.concurrent("a name counts in any case and is shown as registered; a password comes from a descriptor too", async () => {
  // The shell hands its stdin on as descriptor 3.
  const wrap = (command: readonly string[]) => ["/bin/sh", "-c", 'exec "$@" 3<&0 </dev/null', "sh", ...command];
  const args = ["users", "--user", "bOB", "--password-fd", "3"];
  const { code, out } = await realm.client(args, { wrap, stdin: "i<3j@1eb!\n" });
  expect(code).toBe(0);
  expect(out).toMatch(/^Bob +online.* \(you\)$/m);
});

test.concurrent("three tries at the prompt, then exit 3", async () => {
  const terminal = realm.terminal(ALONE);
  for (let tries = 1; tries <= 3; tries += 1) {
    await terminal.until(() => questions(terminal.text, "Name: ") === tries, `name, try ${tries}`);
    terminal.enter("Alice");
    await terminal.until(() => questions(terminal.text, "Password: ") === tries, `password, try ${tries}`);
    terminal.enter("guess");
  }
  expect(await terminal.ended()).toBe(3);
  await terminal.shows("ims: name or password not accepted");
  expect(questions(terminal.text, "Please try again")).toBe(2);
  expect(terminal.restored).toBe(true);
});

test.concurrent("--user leaves the password to the prompt; whoever mistypes it gets in at the second try", async () => {
  const terminal = realm.terminal(["--user", "Dana"]);
  await terminal.shows("Password: ");
  terminal.enter("wrong");
  await terminal.shows("Please try again");
  await terminal.until(() => questions(terminal.text, "Password: ") === 2, "the second question");
  terminal.enter("QMpg864^%al%#wj@j");
  await terminal.shows("Welcome, Dana");
  terminal.enter("/quit");
  expect(await terminal.ended()).toBe(0);
});

test.concurrent.each(["Name: ", "Password: ", "Connecting"])(
  "Ctrl-C at %j: exit 130, terminal given back",
  async (at) => {
    const terminal = realm.terminal(ALONE);
    await terminal.shows("Name: ");
    if (at !== "Name: ") terminal.enter("Alice");
    if (at !== "Name: ") await terminal.shows("Password: ");
    if (at === "Connecting") terminal.enter("guess");
    await terminal.shows(at);
    terminal.type("\u0003");
    expect(await terminal.ended()).toBe(130);
    expect(terminal.restored).toBe(true);
  },
);

test.concurrent("name and password in one paste: each to its question, the password on no screen", async () => {
  const terminal = realm.terminal(ALONE);
  await terminal.shows("Name: ");
  terminal.type("Dana\rQMpg864^%al%#wj@j\r");
  await terminal.shows("Welcome, Dana");
  expect(terminal.raw).not.toContain("QMpg");
  terminal.type("\u0004");
  expect(await terminal.ended()).toBe(0);
});

test.concurrent("no server: exit 4, and where it was looked for", async () => {
  using folder = new RealmFolder();
  const { code, err } = await folder.run("client", ["--user", "Bob", "--password-file", folder.passwordFile("Bob")]);
  expect(code).toBe(4);
  expect(err).toBe(
    "ims: no server answers at 127.0.0.1 port 1; is it running, and are host and port in config.json right?\n",
  );
});

test.concurrent("a server that does not hold the key we know: exit 6", async () => {
  using other = await RealmFolder.made();
  const config = realm.folder.clientConfigFor(realm.port, { publicKey: other.at("keys/server.pub") });
  const { code, err } = await realm.client(["--config", config, ...realm.signIn("Alice"), "users"]);
  expect(code).toBe(6);
  expect(err).toBe("ims: this is not the server you know: it does not hold the key in your server.pub\n");
});

test("a user has eight devices, a ninth is refused with exit 3, and may be when one has been removed", async () => {
  await using own = await RunningRealm.start();
  await own.as("Alice", ["users"]); // from here on this is a network of hers, where eight may begin at once
  const eight = await Promise.all(Array.from({ length: 8 }, () => own.listener("Alice")));
  const logouts = () => own.log.filter(({ event, user }) => event === "user.logout" && user === "alice").length;
  await own.server.until(() => own.logins("Alice") - logouts() === 8, "all eight logins");
  const ninth = await own.as("Alice", ["users"]);
  expect(ninth).toEqual({
    code: 3,
    out: "",
    err: "ims: you have as many devices as the server allows; `client devices` lists them and removes one\n",
  });
  const listed = await own.as("Alice", ["devices", "--json"]);
  expect(listed.code).toBe(0);
  const devices: readonly { readonly device: string }[] = listed.out
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(devices).toHaveLength(8);
  const [{ device } = { device: "" }] = devices;
  expect(await own.as("Alice", ["devices", "remove", device])).toMatchObject({ code: 0, out: "" });
  const removed = await own.server.until(() => eight.find(({ running }) => !running) ?? null, "an end");
  const { code, err } = await removed.ended();
  expect(code).toBe(3);
  expect(err).toMatch(
    /ims: this device was removed from your account; `client state reset --state \/\S+` makes a new /,
  );
  const again = await own.as("Alice", ["--state", own.folder.at("devices/another"), "users", "--json"]);
  expect(again.code).toBe(0);
  expect(again.out).toContain('"name":"Alice","online":true,"devices":8,"you":true');
  for (const listener of eight) listener.kill("SIGKILL");
});

function questions(screen: string, prompt: string): number {
  return screen.split(prompt).length - 1;
}
