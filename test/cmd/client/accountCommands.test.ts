/** /verify, /accept, /devices, /passwd and /recovery of the chat, over real sessions; the terminal is a stand-in. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { AccountAction } from "../../../cmd/client/commands.ts";
import type { Session } from "../../../cmd/client/session.ts";
import { numberLines } from "../../../cmd/client/verification.ts";
import { parseUserName, type UserName } from "../../../core/name.ts";
import { runInChat } from "../../support/chatCommands.ts";
import { beGuest, holdDevice } from "../../support/household.ts";
import { type LocalClient, LocalRealm } from "../../support/localRealm.ts";
import { passwordOf } from "../../support/realm.ts";

const STRONG = "three tame walruses";
const [ALICE, BOB] = [parseUserName("alice"), parseUserName("bob")];

let realm: LocalRealm;
let alice: Awaited<ReturnType<typeof holdDevice>>;
let bob: LocalClient;
let shownKeys: Map<UserName, string>;
beforeEach(async () => {
  shownKeys = new Map();
  realm = await LocalRealm.start("Alice", "Bob");
  alice = await holdDevice(realm, "Alice", realm.folder.at("state"));
  bob = await realm.connect("Bob");
  await alice.heard.until(() => alice.heard.of("presence").length > 0, "Bob");
});
afterEach(async () => {
  await Promise.all([alice.connection.logout(), bob.connection.logout()]);
  await realm[Symbol.asyncDispose]();
});

const run = (action: AccountAction, { session = alice.connection as Session, typed = "" } = {}) =>
  runInChat(action, { session, shownKeys, typed });

/** Alice and Bob see each other's keys. */
async function talk(): Promise<void> {
  alice.connection.send("Bob", "hi");
  await alice.heard.until(() => alice.heard.of("delivered").length > 0, "a confirmation");
}

/** Somebody else, or Bob with another identity, is where Bob was, and writes to Alice. */
async function anotherBob(): Promise<void> {
  const before = alice.heard.of("identityChanged").length;
  await bob.connection.logout();
  realm.forget("Bob");
  bob = await realm.connect("Bob");
  bob.connection.send("Alice", "it is me");
  await alice.heard.until(() => alice.heard.of("identityChanged").length > before, "the warning");
}

const verify = (user: string, yes: boolean | null = null): AccountAction => ({ kind: "verify", user, yes });
const accept = (user: string, yes = false): AccountAction => ({ kind: "accept", user, yes });
const trust = () => alice.connection.roster.get(BOB)?.trust;

describe("/verify", () => {
  test("of whom there is no key yet", async () => {
    expect((await run(verify("nobody"))).warned).toEqual(["there is no user nobody"]);
    expect((await run(verify("BOB"))).warned).toEqual([
      "you have not talked with Bob yet: the first message brings the key",
    ]);
    expect((await run(verify("no/name"))).warned[0]).toStartWith("a user name is ");
  });

  test("shows the number that the other side sees too, and marks nobody", async () => {
    await talk();
    const { printed, told, warned } = await run(verify("bob"));
    const theirs = await bob.connection.comparisonOf(ALICE);
    expect(theirs?.safetyNumber).toMatch(/^[0-9]{60}$/);
    const lines = [...numberLines(theirs?.safetyNumber ?? "")];
    expect(printed.filter((line) => lines.includes(line))).toEqual(lines);
    expect(printed.at(-1)).toEndWith("/verify Bob yes");
    expect([told, warned, trust()]).toEqual([[], [], "pinned"]);
  });

  test("of oneself: one's own key, as the others see it", async () => {
    await talk();
    const seen = (await bob.connection.comparisonOf(ALICE))?.fingerprint;
    const { printed, told, warned } = await run(verify("alice", true));
    expect(printed).toEqual([`Your own identity key, as others see it for Alice: ${seen}`]);
    expect([told, warned]).toEqual([[], []]);
  });

  test("yes marks, and no takes it back", async () => {
    await talk();
    await run(verify("bob"));
    expect((await run(verify("bob", true))).told).toEqual(["Bob is verified"]);
    expect(trust()).toBe("verified");
    expect((await run(verify("bob"))).printed.at(-1)).toContain("Bob is verified. ");
    expect((await run(verify("bob", false))).told).toEqual(["Bob is no longer marked as verified"]);
    expect(trust()).toBe("pinned");
  });

  test("yes of a key that was not shown shows it, and marks nobody", async () => {
    await talk();
    const { printed, told } = await run(verify("bob", true));
    expect(printed.at(-1)).toEndWith("/verify Bob yes");
    expect([told, trust()]).toEqual([[], "pinned"]);
    alice.connection.verify(BOB, "SHA256:of another key", true);
    expect(trust()).toBe("pinned");
  });

  test("yes after another key was accepted shows the new number first", async () => {
    await talk();
    await anotherBob();
    await run(verify("bob")); // shows both keys, as /accept does
    expect((await run(accept("bob", true))).told[0]).toContain("is accepted");
    expect((await run(verify("bob", true))).printed.at(-1)).toEndWith("/verify Bob yes");
    expect(trust()).toBe("pinned");
    expect((await run(verify("bob", true))).told).toEqual(["Bob is verified"]);
  });

  test("yes of a key that was shown as the new one, and accepted elsewhere, shows its number first", async () => {
    await talk();
    await anotherBob();
    await run(accept("bob"));
    alice.connection.accept(BOB, (await alice.connection.comparisonOf(BOB))?.changed ?? "");
    const { printed, told } = await run(verify("bob", true));
    expect(printed.at(-1)).toEndWith("/verify Bob yes");
    expect([told, trust()]).toEqual([[], "pinned"]);
  });

  test("yes marks nothing, and says so, when another key has come meanwhile", async () => {
    await talk();
    await run(verify("bob"));
    const shown = await alice.connection.comparisonOf(BOB);
    const session = Object.create(alice.connection, {
      self: { value: alice.connection.self },
      verify: { value: () => {} }, // the process that holds the device has refused
      comparisonOf: { value: async () => shown },
    }) as Session;
    const { told, warned } = await run(verify("bob", true), { session });
    expect(told).toEqual([]);
    expect(warned).toEqual(["the identity key of Bob has just changed; nothing was marked"]);
  });

  test("yes of a key that has changed marks nobody, and shows both keys", async () => {
    await talk();
    await run(verify("bob"));
    await run(verify("bob", true));
    expect(trust()).toBe("verified");
    await anotherBob();
    const { printed, told } = await run(verify("bob", true));
    expect(printed[0]).toBe("The identity key of Bob has changed.");
    expect([told, trust()]).toEqual([[], "changed"]);
  });
});

describe("/accept", () => {
  test("of a key that has not changed", async () => {
    expect((await run(accept("bob", true))).warned[0]).toStartWith("you have not talked with Bob yet");
    await talk();
    expect((await run(accept("bob", true))).told).toEqual(["the identity key of Bob has not changed"]);
  });

  test("yes takes the key that was shown, and shows a later one first", async () => {
    await talk();
    await anotherBob();
    const { printed: first, told } = await run(accept("bob", true));
    expect([first.length > 0, told, trust()]).toEqual([true, [], "changed"]);
    await anotherBob();
    const later = (await alice.connection.comparisonOf(BOB))?.changed;
    expect(first.join()).not.toContain(later ?? "a key");
    const { printed: second } = await run(accept("bob", true));
    expect([second.join().includes(later ?? "a key"), trust()]).toEqual([true, "changed"]);
    expect((await run(accept("bob", true))).told[0]).toEndWith("is accepted; /verify Bob compares it");
    expect((await alice.connection.comparisonOf(BOB))?.fingerprint).toBe(later ?? "");
  });

  test("of a key that somebody else's has replaced meanwhile does nothing", async () => {
    await talk();
    await anotherBob();
    const shown = (await alice.connection.comparisonOf(BOB))?.changed ?? "";
    await anotherBob();
    alice.connection.accept(BOB, shown);
    expect(trust()).toBe("changed");
    alice.connection.accept(BOB, (await alice.connection.comparisonOf(BOB))?.changed ?? "");
    expect(trust()).toBe("pinned");
  });

  test("shows both keys, and takes the new one after yes alone", async () => {
    await talk();
    for (const yes of [null, true]) await run(verify("bob", yes));
    const before = (await alice.connection.comparisonOf(BOB))?.fingerprint;
    await anotherBob();
    const now = (await alice.connection.comparisonOf(BOB))?.changed;
    expect(now).toStartWith("SHA256:");
    const { printed } = await run(accept("bob"));
    expect(printed).toContain(`  before: ${before}`);
    expect(printed).toContain(`  now:    ${now}`);
    expect(trust()).toBe("changed");
    alice.connection.send("Bob", "not to you");
    await alice.heard.until(() => alice.heard.of("undelivered").length > 0, "a refusal");
    expect(alice.heard.of("undelivered")[0]?.reason).toBe("changed");
    expect((await run(accept("bob", true))).told).toEqual([
      "the new identity key of Bob is accepted; /verify Bob compares it",
    ]);
    expect(trust()).toBe("pinned"); // what was verified was the other key
    expect((await alice.connection.comparisonOf(BOB))?.fingerprint).toBe(now ?? "");
    const count = alice.heard.of("delivered").length;
    alice.connection.send("Bob", "to you");
    await alice.heard.until(() => alice.heard.of("delivered").length > count, "a confirmation");
    expect(bob.heard.texts).toEqual(["to you"]);
  });
});

describe("/devices", () => {
  test("lists them, this one marked", async () => {
    const other = await realm.connect("Alice");
    await alice.heard.until(() => alice.connection.devices.online.has(other.connection.device), "the other device");
    const { printed } = await run({ kind: "devices", remove: null });
    expect(printed.map((line) => line.replace(/ since .{10}/, ""))).toEqual([
      `${alice.connection.device} , online (this one)`,
      `${other.connection.device} , online, temporary`,
    ]);
    await other.connection.logout();
    await alice.heard.until(() => alice.connection.devices.online.size === 1, "its end");
  });

  test("removes another, whose session ends", async () => {
    const other = await realm.connect("Alice");
    await alice.heard.until(() => alice.heard.of("newDevice").length > 0, "the other device");
    const { device } = other.connection;
    expect((await run({ kind: "devices", remove: device.slice(0, 8) })).told).toEqual([
      `${device} is removed from your devices`,
    ]);
    expect(await other.heard.end()).toMatchObject({ code: "auth.removed" });
    await alice.heard.until(() => alice.connection.devices.list.length === 1, "the shorter list");
  });

  test.each(["", "zz"])("removes nothing for %p", async (remove) => {
    expect((await run({ kind: "devices", remove })).warned).toEqual(["no device of yours has that name"]);
  });

  test("does not remove this one", async () => {
    const { warned } = await run({ kind: "devices", remove: alice.connection.device });
    expect(warned).toEqual(["that is the device you are at; take it away from another one"]);
  });
});

describe("/passwd", () => {
  test("changes it, and the session goes on", async () => {
    const typed = `${passwordOf("Alice")}\r${STRONG}\r${STRONG}\r`;
    const { told, warned, asked } = await run({ kind: "passwd" }, { typed });
    expect([told, warned]).toEqual([["changing the password ..."], []]);
    expect(asked).not.toContain("walrus");
    await alice.heard.until(() => alice.heard.of("passwordChanged").length > 0, "the change");
    expect(alice.heard.of("passwordChanged")[0]?.code).toBeNull();
    await talk();
    const again = await realm.open({ config: realm.configOf("Alice", STRONG), attach: false });
    await again.logout();
  });

  test("with a wrong one changes nothing", async () => {
    await run({ kind: "passwd" }, { typed: `wrong\r${STRONG}\r${STRONG}\r` });
    await alice.heard.until(() => alice.heard.of("passwordChanged").length > 0, "the refusal");
    expect(alice.heard.of("passwordChanged")[0]?.code).toBe("auth.rejected");
    await talk();
  });

  test.each([
    ["\u0004", "the password was not changed"],
    ["\r", "the password is empty"],
    ["\u0003", "nothing was changed"],
    ["x\r\u0004", "no password given"],
    [`x\r${`${STRONG}\rsomething else\r`.repeat(3)}`, "the two passwords differ; nothing was changed"],
  ])("that is given up with %j changes nothing", async (typed, why) => {
    const { told, warned } = await run({ kind: "passwd" }, { typed });
    expect([told, warned.length]).toEqual([[], 1]);
    expect(warned[0]).toContain(why);
    await talk();
    expect(alice.heard.of("passwordChanged")).toEqual([]);
  });
});

test("/recovery makes another code", async () => {
  const codes = (): readonly string[] => alice.heard.of("recoveryCode").map(({ code }) => code);
  expect(await run({ kind: "recovery" })).toMatchObject({ printed: [], warned: [] });
  await alice.heard.until(() => codes().length === 1, "a code");
  await run({ kind: "recovery" });
  await alice.heard.until(() => codes().length === 2, "another");
  expect(codes()[0]).not.toBe(codes()[1] ?? "");
});

test("a guest may compare, and leaves the account to the owner", async () => {
  const { session } = await beGuest(realm, "Alice", realm.folder.at("state"));
  await talk();
  await run(verify("bob"), { session });
  expect((await run(verify("bob", true), { session })).told).toEqual(["Bob is verified"]);
  await session.comparisonOf(BOB); // the owner has heard all that was said before
  expect(trust()).toBe("verified");
  for (const kind of ["passwd", "recovery"] as const) {
    expect((await run({ kind }, { session })).warned).toEqual(["another client holds this device: say it there"]);
  }
  for (const remove of [null, "00"]) {
    const { warned } = await run({ kind: "devices", remove }, { session });
    expect(warned).toEqual(["another client holds this device: say it there"]);
  }
  await session.logout();
});
