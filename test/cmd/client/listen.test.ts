import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { ListenCommand } from "../../../cmd/client/commandLine.ts";
import { listen, plainMessage } from "../../../cmd/client/listen.ts";
import { EXIT, endingOf } from "../../../cmd/host/exit.ts";
import { parseUserName } from "../../../core/name.ts";
import { rejection } from "../../support/codes.ts";
import { START_MS } from "../../support/fixedEnv.ts";
import { type LocalClient, LocalRealm, type LocalWorld } from "../../support/localRealm.ts";
import { messageId } from "../../support/parties.ts";
import { Watched } from "../../support/programs.ts";
import { ScriptedListener } from "../../support/scriptedListener.ts";

const COMMAND: ListenCommand = {
  ...{ kind: "listen", config: undefined, user: undefined, state: undefined, password: {} },
  ...{ json: false, own: false, count: null, timeoutSeconds: null },
};
const AT = new Date(START_MS).toISOString();

let realm: LocalRealm;
let alice: LocalClient;
beforeAll(async () => {
  realm = await LocalRealm.start("Alice", "Bob", "Chris");
  alice = await realm.connect("Alice");
});
afterAll(async () => {
  await alice.connection.logout();
  await realm[Symbol.asyncDispose]();
});

function until(look: () => boolean): Promise<unknown> {
  return new Watched().until(
    () => look() || null,
    () => "what was to come",
    4000,
  );
}

/** Bob listens, until his login is seen. */
async function listening(change: Partial<ListenCommand>, world: LocalWorld = realm.world("Bob")) {
  alice.heard.notices.splice(0);
  const bobs = () => alice.connection.roster.get(parseUserName("bob"))?.devices ?? [];
  const before = bobs();
  const ended = listen({ ...COMMAND, ...change }, world);
  await alice.heard.until(() => bobs().some((device) => !before.includes(device)), "Bob's login");
  return { ended, world };
}

test("messages as they come, until there are enough", async () => {
  const { ended, world } = await listening({ count: 2 });
  for (const text of ["one", "two\nlines", "three"]) alice.connection.send("Bob", text);
  expect(await ended).toBe(EXIT.done);
  expect(world.io.out()).toBe(`${AT} Alice: one\n${AT} Alice: two\n      lines\n`);
  expect(world.io.err()).toBe("");
});

test("in JSON, one object a line", async () => {
  const { ended, world } = await listening({ count: 2, json: true });
  for (const text of ["one", "z\u0142\u00f3\u0307\n\u202e"]) alice.connection.send("Bob", text);
  expect(await ended).toBe(EXIT.done);
  const lines = world.io.out().trimEnd().split("\n");
  expect(world.io.out()).toMatch(/^[\x20-\x7e\n]*$/);
  const [device] = alice.connection.roster.get(realm.configOf("Alice").user)?.devices ?? [];
  expect(lines.map((line) => JSON.parse(line))).toEqual(
    ["one", "z\u0142\u00f3\u0307\n\u202e"].map((text) => ({
      ...{ type: "message", id: expect.stringMatching(/^[0-9a-f]{32}$/), from: "Alice", device },
      ...{ to: "Bob", sentAt: AT, receivedAt: AT, text, identity: "pinned" },
    })),
  );
  expect(Object.keys(JSON.parse(lines[0] ?? ""))).toEqual([
    ...["type", "id", "from", "device", "to", "sentAt", "receivedAt", "text", "identity"],
  ]);
});

describe("what the user sends from other devices", () => {
  test.each([
    [false, `${AT} Alice: yes\n`],
    [true, `${AT} you -> Alice: mine\n${AT} Alice: yes\n`],
  ])("is shown with --own alone: %p", async (own, out) => {
    const other = await realm.connect("Bob");
    const { ended, world } = await listening({ own, count: own ? 2 : 1 });
    await other.heard.until(
      () => (other.connection.roster.get(realm.configOf("Bob").user)?.devices.length ?? 0) === 2,
      "",
    );
    other.connection.send("Alice", "mine");
    await other.heard.until(() => other.heard.of("delivered").length === 1, "a confirmation");
    alice.connection.send("Bob", "yes");
    expect(await ended).toBe(EXIT.done);
    expect(world.io.out()).toBe(out);
    await other.connection.logout();
  });
});

describe("the time", () => {
  test.each([
    [null, EXIT.done],
    [2, EXIT.undelivered],
  ])("that passes with --count %p ends with %i", async (count, code) => {
    const { ended, world } = await listening({ count, timeoutSeconds: 0.3 });
    alice.connection.send("Bob", "one");
    expect(await ended).toBe(code);
    expect(world.io.out()).toBe(`${AT} Alice: one\n`);
  });

  test("does not run on when enough have come", async () => {
    const { ended } = await listening({ count: 1, timeoutSeconds: 1000 });
    alice.connection.send("Bob", "one");
    expect(await ended).toBe(EXIT.done);
  });
});

test("a terminal's width is kept, with every row of a text indented", async () => {
  const world = realm.world("Bob");
  const { ended } = await listening({ count: 1 }, { ...world, io: { ...world.io, stdout: columns(world, 60) } });
  alice.connection.send("Bob", "the quick brown fox jumps over the lazy dog");
  expect(await ended).toBe(EXIT.done);
  expect(world.io.out()).toBe(`${AT} Alice: the quick brown fox \n      jumps over the lazy dog\n`);
});

function columns({ io }: LocalWorld, count: number): LocalWorld["io"]["stdout"] {
  return { columns: count, write: (text: string) => io.stdout.write(text) } as LocalWorld["io"]["stdout"];
}

test("what cannot be read is told on stderr, and is not counted", async () => {
  const rogue = await realm.rig.logIn("Chris");
  const { ended, world } = await listening({ count: 1 });
  const bob = alice.connection.roster.get(realm.configOf("Bob").user);
  const envelope = new Uint8Array(100);
  for (const device of bob?.devices ?? []) {
    rogue.send([{ kind: "send", message: messageId(1), user: realm.configOf("Bob").user, device, envelope }]);
  }
  await until(() => world.io.err() !== "");
  alice.connection.send("Bob", "one");
  expect(await ended).toBe(EXIT.done);
  expect(world.io.out()).toBe(`${AT} Alice: one\n`);
  expect(world.io.err()).toMatch(/^ims: a message from Chris could not be read; it was not confirmed \([\w.]+\)\n$/);
  await rogue.logOut();
});

test("a new device of the user's own is told on stderr: it may be somebody else's", async () => {
  const { ended, world } = await listening({ count: 1 });
  const other = await realm.connect("Bob");
  await until(() => world.io.err() !== "");
  expect(world.io.err()).toMatch(/^ims: you have a new device, [0-9a-f]{16}; .+\n$/);
  alice.connection.send("Bob", "one");
  expect(await ended).toBe(EXIT.done);
  await other.connection.logout();
});

test.each([
  ["pinned", "Alice"],
  ["changed", "Alice (identity key changed)"],
] as const)("what comes under a key that is %s is from %s", (trust, who) => {
  const { user: bob } = realm.configOf("Bob");
  const [device] = alice.connection.roster.get(realm.configOf("Alice").user)?.devices ?? [];
  if (device === undefined) throw new Error("Alice is not there");
  const message = { kind: "message", id: messageId(1), from: "Alice", device, to: bob, own: false } as const;
  const line = plainMessage({ ...message, trust, sentAt: START_MS, receivedAt: START_MS, text: "one" });
  expect(line).toBe(`${AT} ${who}: one\n`);
});

describe("the end", () => {
  test("of the connection is an error", async () => {
    await using listener = new ScriptedListener({}, realm.rig.driver);
    realm.writeConfig({ port: listener.port });
    const { ended } = await listening({});
    for (const line of listener.lines) line.terminate();
    const error = await rejection(ended);
    expect([error.code, endingOf(error).code]).toEqual(["connection.lost", EXIT.unreachable]);
    realm.writeConfig({});
  });

  test("an interruption ends it, and logs out", async () => {
    const { ended, world } = await listening({});
    world.interrupt.fire();
    expect((await rejection(ended)).code).toBe("host.interrupted");
    await alice.heard.until(() => alice.heard.of("presence").some(({ devices }) => devices === 0), "Bob's leaving");
  });
});
