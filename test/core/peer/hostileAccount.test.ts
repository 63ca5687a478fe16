/**
 * A server that lies about accounts, pins and a user's own devices: what notices it. Where nothing does, the test says so
 * (THREAT_MODEL).
 */
import { describe, expect, test } from "bun:test";
import { signDeviceList } from "../../../core/e2ee/deviceList.ts";
import { parseUserName } from "../../../core/name.ts";
import type { StoreAnswer, StoredAccount } from "../../../core/peer/store.ts";
import { HostileServer, type Machine } from "../../support/hostileServer.ts";
import { noticesOf, saidBy, selfOf } from "../../support/hostileWords.ts";
import { invent } from "../../support/invented.ts";
import { Place } from "../../support/places.ts";
import { registerAll, testRealm } from "../../support/realm.ts";

const realm = testRealm();
const users = await registerAll(realm, ["Alice", "Bob", "Mallory"]);
const [alicesName, bobsName, mallorysName] = [parseUserName("alice"), parseUserName("bob"), parseUserName("mallory")];

type Loaded = Extract<StoreAnswer, { op: "load" | "create" }>;

/** What the store has of a user. */
function stored(world: HostileServer, user: string): Loaded & { account: StoredAccount } {
  const answer = world.store.answer({ op: "load", user: parseUserName(user), epoch: 1 });
  if (answer.op !== "load" || answer.account === null) throw new Error("no account");
  return { ...answer, account: answer.account };
}

/** At Alice's next logins the store has what `change` makes of it. */
function forgeLoad(world: HostileServer, change: (answer: Loaded & { account: StoredAccount }) => Loaded): void {
  world.forge = (request, answer) =>
    answer.op === "load" && request.op === "load" && request.user === alicesName && answer.account !== null
      ? change({ ...answer, account: answer.account })
      : answer;
}

/** Alice has been there, with a device that has gone. */
function visited(world: HostileServer): Place {
  const place = new Place("alice");
  world.logout(world.join("Alice", { place }));
  return place;
}

const flipped = (bytes: Uint8Array): Uint8Array => bytes.map((byte, i) => (i === bytes.length - 1 ? byte ^ 1 : byte));

describe("an account", () => {
  test("of another user does not stand for the one that this device has (state.foreign)", () => {
    using world = new HostileServer(realm, users);
    const place = visited(world);
    world.join("Mallory");
    forgeLoad(world, () => stored(world, "mallory"));
    const alice = world.join("Alice", { place });
    expect(alice.ended).toBe("state.foreign");
    expect(alice.said).toEqual([]);
  });

  test.each([
    ["its list of devices is not this user's", "e2ee.devices", false],
    ["without a list it looks like a password that was set", "account.recovery", true],
  ] as const)("of another user does not open on a fresh device: %s (%s)", (_, code, isStripped) => {
    using world = new HostileServer(realm, users);
    world.join("Mallory");
    visited(world);
    forgeLoad(world, () => {
      const { account, ...rest } = stored(world, "mallory");
      return { ...rest, account: isStripped ? { ...account, devices: null } : account };
    });
    const alice = world.join("Alice");
    expect(alice.ended).toBe(code);
    expect(alice.said).toEqual([]);
  });

  const wraps: readonly (readonly [string, string, (keys: StoredAccount["keys"]) => Partial<StoredAccount["keys"]>])[] =
    [
      ["identity's wrap", "account.invalid", (keys) => ({ identityWrap: flipped(keys.identityWrap) })],
      ["identity key", "e2ee.devices", (keys) => ({ identityKey: flipped(keys.identityKey) })],
      ["account key's wrap", "account.recovery", (keys) => ({ accountWrap: flipped(keys.accountWrap) })],
    ];
  test.each(wraps)("with another %s does not open (%s): nothing is said", (_, code, change) => {
    using world = new HostileServer(realm, users);
    visited(world);
    forgeLoad(world, (answer) => {
      const { account } = answer;
      return { ...answer, account: { ...account, keys: { ...account.keys, ...change(account.keys) } } };
    });
    const alice = world.join("Alice");
    expect(alice.ended).toBe(code as NonNullable<Machine["ended"]>);
    expect(alice.said).toEqual([]);
  });

  test("whose identity the server has made, with a list that fits, is not the account key's (account.invalid)", () => {
    using world = new HostileServer(realm, users);
    const place = visited(world);
    const fake = invent(world, { user: "alice", device: "0123456789abcdef" as never });
    forgeLoad(world, (answer) => {
      const keys = { ...answer.account.keys, identityKey: fake.account.identityKey };
      return { ...answer, account: { ...answer.account, keys, devices: fake.signed } };
    });
    expect(world.join("Alice").ended).toBe("account.invalid");
    expect(world.join("Alice", { place }).ended).toBe("state.foreign");
  });

  test("that is withheld is missed by the device that has seen it (state.foreign): no other is made", () => {
    using world = new HostileServer(realm, users);
    const place = visited(world);
    forgeLoad(world, () => ({ op: "load", account: null, pins: [] }));
    const alice = world.join("Alice", { place });
    expect(alice.ended).toBe("state.foreign");
    expect(alice.said).toEqual([]);
  });

  test("that is withheld from a fresh device: NOTHING notices there, another is made; peers notice by their pins", () => {
    using world = new HostileServer(realm, users);
    const bob = world.join("Bob");
    const first = world.join("Alice");
    world.send(first, "bob", "one");
    world.logout(first);
    world.store.answer({ op: "forget", user: alicesName });
    const alice = world.join("Alice");
    expect(alice.client.attached).toBe(true);
    world.send(alice, "bob", "two");
    expect(noticesOf(bob, "identityChanged")).toHaveLength(1);
    expect(noticesOf(bob, "message").map(({ trust }) => trust)).toEqual(["pinned", "changed"]);
  });
});

describe("the list of the user's own devices", () => {
  test.each<readonly [string, (world: HostileServer) => ReturnType<HostileServer["listOf"]>]>([
    [
      "that another key has signed",
      (world) => invent(world, { user: "alice", device: "0123456789abcdef" as never }).signed,
    ],
    ["of another user", (world) => world.listOf("bob")],
    ["that is altered", (world) => ({ ...world.listOf("alice"), list: flipped(world.listOf("alice").list) })],
  ])("%s ends the session that is told of it (e2ee.devices), and a login", (_, listOf) => {
    using world = new HostileServer(realm, users);
    const place = new Place("alice");
    const alice = world.join("Alice", { place });
    world.join("Bob");
    const before = alice.client.devices.list;
    expect(before).toHaveLength(1);
    const devices = listOf(world);
    world.say(alice, { kind: "devices", devices });
    expect(alice.ended).toBe("e2ee.devices");
    forgeLoad(world, (answer) => ({ ...answer, account: { ...answer.account, devices } }));
    expect(world.join("Alice", { place }).ended).toBe("e2ee.devices");
    expect(world.join("Alice").ended).toBe("e2ee.devices");
  });

  test("that is older counts for nothing in a session: its number is lower", () => {
    using world = new HostileServer(realm, users);
    const alice = world.join("Alice");
    const older = world.listOf("alice");
    world.join("Alice");
    expect(alice.client.devices.list).toHaveLength(2);
    world.say(alice, { kind: "devices", devices: older });
    expect(alice.ended).toBeUndefined();
    expect(alice.client.devices.list).toHaveLength(2);
  });

  test("that is older, or withheld, ends a login of a device that has seen the newer (e2ee.devices)", () => {
    using world = new HostileServer(realm, users);
    const place = new Place("alice");
    const alice = world.join("Alice", { place });
    const older = world.listOf("alice");
    world.join("Alice");
    world.logout(alice);
    for (const devices of [older, null]) {
      forgeLoad(world, (answer) => ({ ...answer, account: { ...answer.account, devices } }));
      expect(world.join("Alice", { place }).ended).toBe("e2ee.devices");
    }
  });

  test("that is older: NOTHING notices it on a fresh device, which signs the next one after it", () => {
    using world = new HostileServer(realm, users);
    const alice = world.join("Alice");
    const older = world.listOf("alice");
    const second = world.join("Alice");
    world.forge = (request, answer) => {
      if (request.op === "putDevices") return { op: "putDevices", devices: request.devices };
      if (answer.op !== "load" || answer.account === null) return answer;
      return { ...answer, account: { ...answer.account, devices: older } };
    };
    const fresh = world.join("Alice");
    expect(fresh.client.attached).toBe(true);
    const listed = fresh.client.devices.list.map(({ device }) => device);
    expect(listed).toEqual([selfOf(alice).device, selfOf(fresh).device]);
    expect(listed).not.toContain(selfOf(second).device);
  });
});

describe("pins", () => {
  const verifying = ({ client }: Machine, verified: boolean) =>
    ({ kind: "verify", user: bobsName, key: client.comparisonOf(bobsName)?.fingerprint ?? "", verified }) as const;

  /** Alice has pinned Bob, verified, and gone. */
  function pinned(world: HostileServer): Place {
    const place = new Place("alice");
    const [alice, bob] = [world.join("Alice", { place }), world.join("Bob")];
    world.send(alice, "bob", "one");
    world.ask(alice, verifying(alice, true));
    world.logout(alice);
    expect(bob.ended).toBeUndefined();
    return place;
  }

  const lies: readonly (readonly [string, (world: HostileServer, pins: Loaded["pins"]) => Loaded["pins"]])[] = [
    ["that is altered", (_, pins) => pins.map((pin) => ({ ...pin, sealed: flipped(pin.sealed) }))],
    ["under another name", (_, pins) => pins.map((pin) => ({ ...pin, name: "ab".repeat(16) as typeof pin.name }))],
    ["under another version", (_, pins) => pins.map((pin) => ({ ...pin, version: pin.version + 1 }))],
    ["of another user", (world) => stored(world, "bob").pins],
  ];
  test.each(lies)(
    "a pin %s does not open under the account key (account.invalid): nothing is attached",
    (_, change) => {
      using world = new HostileServer(realm, users);
      pinned(world);
      forgeLoad(world, (answer) => ({ ...answer, pins: change(world, answer.pins) }));
      const alice = world.join("Alice");
      expect(alice.ended).toBe("account.invalid");
      expect(saidBy(alice, "attach")).toEqual([]);
    },
  );

  test("a pin that is rolled back is put back by a device that has the newer: its version is lower", () => {
    using world = new HostileServer(realm, users);
    const place = new Place("alice");
    const [alice, bob] = [world.join("Alice", { place }), world.join("Bob")];
    world.send(alice, "bob", "one");
    const old = stored(world, "alice").pins;
    world.ask(alice, verifying(alice, true));
    world.logout(alice);
    forgeLoad(world, (answer) => ({ ...answer, pins: old }));
    const again = world.join("Alice", { place });
    expect(bob.ended).toBeUndefined();
    expect(again.client.comparisonOf(bobsName)?.trust).toBe("verified");
    expect(saidBy(again, "putPin")).toHaveLength(1);
  });

  test("pins that the server has lost are put there again, once the device is in, up to the version they had", () => {
    using world = new HostileServer(realm, users);
    const place = new Place("alice");
    const [alice] = [world.join("Alice", { place }), world.join("Bob")];
    world.send(alice, "bob", "one");
    for (const verified of [true, false, true]) world.ask(alice, verifying(alice, verified));
    const before = stored(world, "alice").pins;
    world.logout(alice);
    const older = world.store.snapshot();
    for (const account of older.accounts.values()) account.pins.clear();
    world.store.restore(older);
    const again = world.join("Alice", { place });
    expect(again.said.findIndex(({ kind }) => kind === "putPin")).toBeGreaterThan(
      again.said.findIndex(({ kind }) => kind === "attach"),
    );
    expect(saidBy(again, "putPin").map(({ pin }) => pin.version)).toEqual([1, 2, 3, 4]);
    expect(stored(world, "alice").pins.map(({ version }) => version)).toEqual(before.map(({ version }) => version));
    expect(world.join("Alice").client.comparisonOf(bobsName)?.trust).toBe("verified");
  });

  test("a pin that is rolled back or withheld: NOTHING notices it on a fresh device, which trusts at first sight again", () => {
    using world = new HostileServer(realm, users);
    pinned(world);
    const honest = world.join("Alice");
    expect(honest.client.comparisonOf(bobsName)?.trust).toBe("verified");
    world.logout(honest);
    forgeLoad(world, (answer) => ({ ...answer, pins: [] }));
    const alice = world.join("Alice");
    expect(alice.client.attached).toBe(true);
    expect(alice.client.comparisonOf(bobsName)).toBeNull();
  });

  test("a pin in a session that is none of the account's ends it (account.invalid)", () => {
    using world = new HostileServer(realm, users);
    pinned(world);
    const alice = world.join("Alice");
    const [pin] = stored(world, "bob").pins;
    if (pin === undefined) throw new Error("Bob has no pin");
    world.say(alice, { kind: "pinStands", pin });
    expect(alice.ended).toBe("account.invalid");
  });
});

test("a list that its owner has signed for another realm or user is no list (e2ee.devices)", () => {
  using world = new HostileServer(realm, users);
  const alice = world.join("Alice");
  const { account, local } = invent(world, { user: "mallory", device: selfOf(alice).device });
  const owner = { ...local.owner, user: mallorysName };
  const list = { version: 1, number: 9, devices: [local.device.entry] } as const;
  world.say(alice, { kind: "devices", devices: signDeviceList(world.env.crypto, account.identity, owner, list) });
  expect(alice.ended).toBe("e2ee.devices");
});
