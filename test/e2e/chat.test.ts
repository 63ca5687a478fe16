import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { RunningRealm } from "../support/runningRealm.ts";

setDefaultTimeout(20_000);

let realm: RunningRealm;
beforeAll(async () => {
  realm = await RunningRealm.start();
});
afterAll(async () => {
  await realm?.[Symbol.asyncDispose]();
});

test("Alice and Bob: a message each way, with every command there is", async () => {
  await using alice = await realm.chat("Alice");
  await using bob = await realm.chat("Bob");
  await alice.shows("-- Bob is online");
  await bob.shows("Welcome, Bob; online: Alice.");

  alice.enter("send BOB hello there");
  await bob.shows("Alice: hello there");
  await alice.shows("you → Bob: hello there ✓");
  bob.enter("/msg alice and good morning");
  await alice.shows("Bob: and good morning");
  await bob.shows("you → Alice: and good morning ✓");

  alice.enter("/chat bob");
  await alice.prompts("Bob>");
  alice.enter("said in the conversation, 漢字 é 😀");
  alice.enter("//begins with a slash");
  alice.enter("send me the file");
  await bob.shows(
    "Alice: said in the conversation, 漢字 é 😀",
    "Alice: /begins with a slash",
    "Alice: send me the file",
  );
  await alice.shows("you → Bob: send me the file ✓");
  alice.enter("/chat");
  await alice.prompts();

  alice.enter("/list");
  await alice.until(({ text }) => /Alice +online \(you\)\n +Bob +online\n +Chris +offline\n/.test(text), "the list");
  alice.enter("list");
  await alice.until(({ text }) => text.split("online (you)").length === 3, "the list again");
  alice.enter("/help");
  await alice.shows("/list ", "/msg USER TEXT", "/chat USER", "/help", "/quit", "//TEXT");

  bob.enter("/quit");
  expect(await bob.ended()).toBe(0);
  await alice.shows("-- Bob is offline");
});

test("what cannot be done is said, and nothing is sent", async () => {
  await using chats = await realm.chats("Alice", "Bob");
  const [alice, bob] = chats;
  for (const [line, answer] of [
    ["to nobody", "!! not sent, nobody is chosen"],
    ["/nonsense", "!! there is no such command"],
    ["/msg Bob", "!! /msg needs a user and a text"],
    ["/msg Zoe hi", "!! there is no user Zoe"],
    ["/chat Zoe", "!! there is no user Zoe"],
    ["/msg Chris are you there", "!! Chris is not logged in; the message was not delivered and is dropped"],
    [`/msg Bob ${"x".repeat(8193)}`, "!! not sent: the text has 8193 bytes of UTF-8; at most 8192 fit in a message"],
  ] as const) {
    alice.enter(line);
    await alice.shows(answer);
    await alice.prompts();
  }
  alice.enter("/msg Bob the last one");
  await bob.shows("Alice: the last one");
  expect(bob.text).not.toMatch(/to nobody|nonsense|Zoe|xxxx/);
});

test("what is being typed stays as it is while messages come in", async () => {
  await using alice = await realm.chat("Alice", { columns: 40, rows: 12 });
  await using bob = await realm.chat("Bob");
  const draft = "/msg Bob a draft that goes on for more than one row of this narrow terminal";
  alice.type(draft);
  await alice.until(({ text }) => text.replaceAll("\n", "").includes(`> ${draft}`), "the draft");
  for (const text of ["first", "second"]) {
    bob.enter(`/msg Alice ${text}`);
    await alice.shows(`Bob: ${text}`);
    await alice.until((screen) => screen.text.replaceAll("\n", "").endsWith(`> ${draft}`), "the draft below it");
  }
  expect(alice.text.replaceAll("\n", "").split("a draft")).toHaveLength(2);
  alice.enter(", whole");
  await bob.shows("Alice: a draft that goes on for more than one row of this narrow terminal, whole");
});

test("a message shows on every login of its recipient, and on the others of its sender", async () => {
  await using chats = await realm.chats("Alice", "Bob");
  const [alice, bob2] = chats;
  const opening = [realm.listener("Bob"), realm.listener("Chris")] as const;
  const [bob1, chris] = await Promise.all(opening);
  const own = await realm.listener("Alice", ["--own", "--count", "1"]);
  const notOwn = await realm.listener("Alice", ["--count", "1"]);
  alice.enter("/msg Bob to both of you");
  await bob1.untilText('"text":"to both of you"');
  await bob2.shows("Alice: to both of you");
  expect(await own.ended()).toMatchObject({ code: 0 });
  expect(JSON.parse(own.out)).toMatchObject({ from: "Alice", to: "Bob", text: "to both of you" });
  bob2.enter("/msg Alice back");
  await alice.shows("Bob: back");
  expect(await notOwn.ended()).toMatchObject({ code: 0 });
  expect(JSON.parse(notOwn.out)).toMatchObject({ from: "Bob", text: "back" });
  const sent = await realm.as("Bob", ["send", "Alice", "from a third login"]);
  expect(sent).toEqual({ code: 0, out: "", err: "" });
  await bob2.shows("you → Alice: from a third login");
  expect(chris.out).toBe("");
  await realm.leave(bob1, chris);
});

test.concurrent.each(["/quit", "/logout", "logout", "\u0004", "\u0003"])(
  "%j ends the chat and the login",
  async (line) => {
    const dana = await realm.chat("Dana");
    if (line < " ") dana.type(line);
    else dana.enter(line);
    expect(await dana.ended()).toBe(line === "\u0003" ? 130 : 0);
    expect(dana.restored).toBe(true);
    expect(dana.text).not.toContain("ims:");
  },
);

test("Ctrl-C on a line that is not empty clears it, and no more", async () => {
  await using dana = await realm.chat("Dana");
  dana.type("never mind");
  await dana.prompts("> never mind");
  dana.type("\u0003");
  await dana.prompts();
  dana.enter("/list");
  await dana.shows("online (you)");
});

test("Ctrl-Z gives the terminal to the shell, and fg brings the chat back", async () => {
  await using dana = await realm.chat("Dana");
  dana.type("a draft");
  await dana.prompts("> a draft");
  dana.type("\u001a");
  await dana.until(() => dana.restored, "the terminal given back");
  dana.kill("SIGCONT");
  await dana.until(() => !dana.restored, "the chat again");
  dana.type("\u0003/list\r");
  await dana.shows("online (you)");
});

test("kill -9 of a client: the others see it leave soon, and its device is free", async () => {
  await using chats = await realm.chats("Alice", "Bob");
  const [alice, bob] = chats;
  await alice.shows("Bob"); // in the welcome, or as a line of its own
  bob.kill("SIGKILL");
  await alice.shows("-- Bob is offline");
  const { out } = await realm.as("Chris", ["users", "--json"]);
  expect(out).toContain('"name":"Bob","online":false,"devices":0');
});

test.each(["SIGTERM", "SIGHUP"] as const)(
  "a client that gets %s gives the terminal back and logs out",
  async (signal) => {
    await using dana = await realm.chat("Dana");
    const before = realm.log.length;
    dana.kill(signal);
    expect(await dana.ended()).toBe(143);
    expect(dana.restored).toBe(true);
    await realm.server.until(
      () => realm.log.slice(before).some(({ event }) => event === "user.logout") || null,
      "logout",
    );
  },
);

test("the server stops and starts again: clear words, exit 4, and everybody can come back", async () => {
  const [alice, bob] = await Promise.all([realm.chat("Alice"), realm.listener("Bob")]);
  expect(await realm.stop()).toMatchObject({ code: 0, out: "" });
  expect(await alice.ended()).toBe(4);
  await alice.shows("ims: the server is stopping");
  expect(alice.restored).toBe(true);
  expect(await bob.ended()).toEqual({ code: 4, out: "", err: "ims: the server is stopping\n" });
  await realm.startAgain();
  const [again, listener] = await Promise.all([realm.chat("Alice"), realm.listener("Bob", ["--count", "1"])]);
  await again.shows("Bob"); // in the welcome, or as a line of its own
  again.enter("/msg Bob we are back");
  expect((await listener.ended()).out).toContain("we are back");
  await realm.leave(again);
});

test("the server dies without a word: the connection is lost, exit 4", async () => {
  const [alice, bob] = await Promise.all([realm.chat("Alice"), realm.listener("Bob")]);
  realm.server.kill("SIGKILL");
  expect(await alice.ended()).toBe(4);
  await alice.shows("ims: the connection to the server is lost");
  expect(alice.restored).toBe(true);
  expect(await bob.ended()).toMatchObject({ code: 4, err: "ims: the connection to the server is lost\n" });
  await realm.server.ended();
  await realm.startAgain(); // the lock of the dead one is gone
});
