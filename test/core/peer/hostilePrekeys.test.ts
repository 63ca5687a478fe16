/** A server that lies about prekeys: their signatures notice it, or their owner does (PROTOCOL §7.3). */
import { describe, expect, test } from "bun:test";
import type { MessageId } from "../../../core/ids.ts";
import { PREKEY_LIFETIME_MS, SIGNED_PREKEY_MS } from "../../../core/limits.ts";
import type { Bundle, SignedPrekey } from "../../../core/wire/account.ts";
import { HostileServer, type Machine } from "../../support/hostileServer.ts";
import { noticesOf, selfOf, textsOf, toldTo } from "../../support/hostileWords.ts";
import { invent } from "../../support/invented.ts";
import { Place } from "../../support/places.ts";
import { registerAll, testRealm } from "../../support/realm.ts";

const realm = testRealm();
const users = await registerAll(realm, ["Alice", "Bob", "Mallory"]);

/** Grants for `to` carry another bundle. */
function swapBundles(world: HostileServer, to: Machine, swap: (bundle: Bundle) => Bundle): void {
  world.lie = (machine, message) =>
    machine === to && message.kind === "grant" ? [{ ...message, bundle: swap(message.bundle) }] : [message];
}

const undelivered = (id: MessageId, reason: string) => ({ kind: "undelivered", id, to: "Bob", reason });
const unreadable = (code: string, mending = false) => ({ kind: "unreadable", from: "Bob", code, mending });

describe("prekeys", () => {
  const take = (world: HostileServer, machine: Machine): { signed: SignedPrekey; oneTime: SignedPrekey | null } => {
    const taken = world.store.answer({ op: "takePrekeys", ...selfOf(machine) });
    if (taken.op !== "takePrekeys" || taken.prekeys === null) throw new Error("no prekeys");
    return taken.prekeys;
  };
  const orThrow = (prekey: SignedPrekey | null): SignedPrekey => {
    if (prekey === null) throw new Error("no one-time prekey");
    return prekey;
  };
  type Lie = (
    world: HostileServer,
    who: { bob: Machine; desk: Machine; mallory: Machine },
  ) => (bundle: Bundle) => Bundle;
  const lies: readonly (readonly [string, Lie])[] = [
    [
      "the server's own signed one",
      (world, { bob }) => {
        const fake = invent(world, selfOf(bob));
        return (bundle) => ({ ...bundle, signed: fake.prekeys.signed });
      },
    ],
    [
      "the server's own one-time one",
      (world, { bob }) => {
        const fake = invent(world, selfOf(bob));
        return (bundle) => ({ ...bundle, oneTime: orThrow(fake.prekeys.oneTime[0] ?? null) });
      },
    ],
    ["a one-time one as the signed one", () => (bundle) => ({ ...bundle, signed: orThrow(bundle.oneTime) })],
    ["the signed one as a one-time one", () => (bundle) => ({ ...bundle, oneTime: bundle.signed })],
    [
      "of another device of the user",
      (world, { desk }) =>
        (bundle) => ({ ...bundle, signed: take(world, desk).signed }),
    ],
    [
      "of another user",
      (world, { mallory }) =>
        (bundle) => ({ ...bundle, ...take(world, mallory) }),
    ],
    ["one under another id", () => (bundle) => ({ ...bundle, signed: { ...bundle.signed, id: bundle.signed.id + 1 } })],
    [
      "one that has expired",
      (world) => {
        world.env.now += PREKEY_LIFETIME_MS;
        return (bundle) => bundle;
      },
    ],
  ];
  test.each(lies)("the signature of a prekey notices %s (e2ee.prekey): nothing is sealed", (_, lieOf) => {
    using world = new HostileServer(realm, users);
    const [alice, bob, mallory] = [world.join("Alice"), world.join("Bob"), world.join("Mallory")];
    const desk = world.join("Bob");
    world.logout(desk);
    const swap = lieOf(world, { bob, desk, mallory });
    swapBundles(world, alice, swap);
    const id = world.send(alice, "bob", "one");
    expect(noticesOf(alice, "unreadable") as unknown[]).toEqual([unreadable("e2ee.prekey")]);
    expect(noticesOf(alice, "undelivered") as unknown[]).toEqual([undelivered(id, "keys")]);
    expect(world.sealedTexts).toBe(0);
    expect(textsOf(bob)).toEqual([]);
  });

  test("a one-time prekey that is given twice: its owner has deleted it (e2ee.prekey), and asks for another conversation", () => {
    using world = new HostileServer(realm, users);
    const [alice, bob, mallory] = [world.join("Alice"), world.join("Bob"), world.join("Mallory")];
    world.send(mallory, "bob", "first");
    const [first] = toldTo(mallory, "grant");
    if (first === undefined) throw new Error("no grant");
    swapBundles(world, alice, (bundle) => ({ ...bundle, oneTime: first.bundle.oneTime }));
    world.send(alice, "bob", "second");
    expect(noticesOf(bob, "unreadable") as unknown[]).toEqual([
      { kind: "unreadable", from: "Alice", code: "e2ee.prekey", mending: true },
    ]);
    expect(textsOf(bob)).toEqual(["first", "second"]);
  });

  test("one-time prekeys that are withheld cannot be told from ones that are used up: the signed one serves, and both are shown", () => {
    using world = new HostileServer(realm, users);
    const [alice, bob] = [world.join("Alice"), world.join("Bob")];
    swapBundles(world, alice, (bundle) => ({ ...bundle, oneTime: null }));
    world.send(alice, "bob", "one");
    expect(textsOf(bob)).toEqual(["one"]);
    expect(noticesOf(alice, "unreadable")).toEqual([]);
    expect(noticesOf(alice, "noOneTimePrekey") as unknown[]).toEqual([{ kind: "noOneTimePrekey", name: "Bob" }]);
    world.send(alice, "bob", "two");
    expect(noticesOf(alice, "noOneTimePrekey")).toHaveLength(1);
  });

  test("prekeys that are past their time are deleted by a device that never logs out", () => {
    using world = new HostileServer(realm, users);
    const place = new Place("alice");
    const alice = world.join("Alice", { place });
    const sizes: number[] = [];
    for (let week = 0; week < 9; week += 1) {
      const bob = world.join("Bob"); // the device hears of something
      sizes.push(place.stored?.entries.size ?? 0);
      world.logout(bob);
      world.env.now += SIGNED_PREKEY_MS;
    }
    expect(alice.ended).toBeUndefined();
    expect(new Set(sizes.slice(-3)).size).toBe(1);
    expect(sizes.at(-1)).toBeGreaterThan(sizes[0] ?? 0);
  });
});
