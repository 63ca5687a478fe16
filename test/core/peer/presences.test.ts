import { beforeEach, describe, expect, test } from "bun:test";
import type { DeviceId, MessageId } from "../../../core/ids.ts";
import { PRESENCE_MS } from "../../../core/limits.ts";
import { parseUserName } from "../../../core/name.ts";
import type { ServerMessage } from "../../../core/wire/messages.ts";
import { registerAll, testRealm } from "../../support/realm.ts";
import { type RawPeer, ScriptedServer } from "../../support/scriptedPeers.ts";

const realm = testRealm();
const users = await registerAll(realm, ["Alice", "Bob", "Chris", "Dana"]);
const message = "0123456789abcdef0123456789abcdef" as MessageId;
const envelope = new TextEncoder().encode("sealed by others");

let bench: ScriptedServer;
let alice: RawPeer;
let bob: RawPeer;
/** Alice and Bob are there and know of each other, it is quiet, and timers run until they are let go. */
beforeEach(() => {
  bench = new ScriptedServer(realm.keys, users, 64);
  alice = bench.attached("alice");
  bob = bench.attached("bob");
  for (const peer of [alice, bob]) peer.take();
  bench.effects.length = 0;
  bench.holdTimers = true;
});

const presence = (name: string, ...devices: readonly RawPeer[]) => ({
  kind: "presence",
  name,
  devices: devices.map(({ device }) => device),
});
const heardBy = (peer: RawPeer): unknown[] => peer.take();
const kinds = (messages: readonly ServerMessage[]) => messages.map(({ kind }) => kind);
const timers = () => bench.effects.filter(({ kind }) => kind === "wake");
const letter = (to: RawPeer) => ({ kind: "send", message, ...to.address, envelope }) as const;

/** Chris starts the timer, so that what comes next is collected. */
function busy(): RawPeer {
  const chris = bench.attached("chris");
  for (const peer of [alice, bob, chris]) peer.take();
  return chris;
}

describe("the first change after a quiet time", () => {
  test("is told at once, and starts the one timer", () => {
    const chris = bench.attached("chris");
    expect(heardBy(alice)).toEqual([presence("Chris", chris)]);
    expect(timers() as unknown[]).toEqual([{ kind: "wake", afterMs: PRESENCE_MS }]);
  });

  test("is any, after a timer that has collected none", () => {
    busy();
    bench.handle({ kind: "awake" });
    expect(timers()).toHaveLength(1);
    const dana = bench.attached("dana");
    expect(heardBy(alice)).toEqual([presence("Dana", dana)]);
    expect(timers()).toHaveLength(2);
  });

  test("starts no timer when nobody is left to hear of it", () => {
    for (const peer of [alice, bob]) peer.send({ kind: "logout" });
    bench.handle({ kind: "awake" });
    bench.handle({
      kind: "users",
      users: new Map(users).set(parseUserName("zoe"), { ...entry("alice"), name: "Zoe" }),
    });
    expect(timers()).toHaveLength(1);
  });
});

describe("further changes", () => {
  test("are told together when the timer is over, which then starts again", () => {
    const chris = busy();
    const danas = [bench.attached("dana"), bench.attached("dana")];
    bob.send({ kind: "logout" });
    for (const peer of [alice, chris]) expect(heardBy(peer)).toEqual([]);
    bench.handle({ kind: "awake" });
    for (const peer of [alice, chris]) {
      expect(peer.records).toHaveLength(1);
      expect(heardBy(peer)).toEqual([presence("Dana", ...danas), presence("Bob")]);
    }
    expect(timers()).toHaveLength(2);
  });

  test("end in the last state, for a device that comes back and for one that only looks in", () => {
    busy();
    bob.send({ kind: "logout" });
    const again = bench.attached("bob");
    bench.attached("dana").send({ kind: "logout" });
    bench.handle({ kind: "awake" });
    expect(heardBy(alice)).toEqual([presence("Bob", again), presence("Dana")]);
  });

  test("are not told to a session that has begun since: its roster is the true one", () => {
    busy();
    const dana = bench.attached("dana");
    const late = bench.attached("bob");
    expect(heardBy(late)).toContainEqual(presence("Dana", dana));
    expect(heardBy(dana)).not.toContainEqual(presence("Bob", bob, late));
    bench.handle({ kind: "awake" });
    expect(heardBy(late)).toEqual([]);
    expect(heardBy(dana)).toEqual([presence("Bob", bob, late)]);
    expect(heardBy(alice)).toEqual([presence("Dana", dana), presence("Bob", bob, late)]);
  });

  test("of a user who is removed are not told, and the removal is at once", () => {
    busy();
    bench.attached("dana");
    const left = new Map(users);
    left.delete(parseUserName("dana"));
    bench.handle({ kind: "users", users: left });
    expect(heardBy(alice)).toEqual([{ kind: "unregistered", user: "dana" }]);
    bench.handle({ kind: "awake" });
    expect(heardBy(alice)).toEqual([]);
  });

  test("are not told by a server that stops", () => {
    busy();
    bench.attached("dana");
    bench.handle({ kind: "stop" });
    expect(kinds(alice.take())).toEqual(["goodbye"]);
    const before = bench.effects.length;
    bench.handle({ kind: "awake" });
    expect(bench.effects).toHaveLength(before);
  });
});

describe("before anything else of a user, a session hears of the change", () => {
  test("the recipient of a message of the sender, once", () => {
    busy();
    const dana = bench.attached("dana");
    dana.take();
    dana.send(letter(alice), letter(alice));
    dana.send(letter(alice));
    expect(alice.records).toHaveLength(2);
    const heard = alice.take();
    expect(kinds(heard)).toEqual(["presence", "delivery", "delivery", "delivery"]);
    expect(heard[0] as unknown).toEqual(presence("Dana", dana));
    bench.handle({ kind: "awake" });
    expect(heardBy(alice)).toEqual([]);
    expect(heardBy(bob)).toEqual([presence("Dana", dana)]);
  });

  test("again after another change", () => {
    busy();
    const dana = bench.attached("dana");
    dana.send(letter(alice));
    const second = bench.attached("dana");
    second.send(letter(alice));
    expect(kinds(alice.take())).toEqual(["presence", "delivery", "presence", "delivery"]);
    bench.handle({ kind: "awake" });
    expect(heardBy(alice)).toEqual([]);
  });

  test("the asker for a ticket of the peer, whether it is there or not", () => {
    busy();
    const dana = bench.attached("dana");
    alice.send({ kind: "ticketRequest", ...dana.address });
    expect(kinds(alice.take())).toEqual(["presence", "grant"]);
    dana.send({ kind: "logout" });
    alice.send({ kind: "ticketRequest", ...dana.address });
    expect(heardBy(alice)).toEqual([presence("Dana"), { kind: "absent", ...dana.address }]);
  });

  test("the sender of the recipient and of its own user, so that no device of theirs is left out", () => {
    busy();
    const others = [bench.attached("bob"), bench.attached("alice")] as const;
    alice.send(letter(bob));
    expect(heardBy(alice)).toEqual([presence("Bob", bob, others[0]), presence("Alice", alice, others[1])]);
    bob.send({ kind: "acknowledge", message, ...alice.address });
    expect(kinds(alice.take())).toEqual(["confirmed"]);
  });

  test("the sender whose recipient has gone", () => {
    busy();
    bob.send({ kind: "logout" });
    alice.send(letter(bob));
    expect(heardBy(alice)).toEqual([presence("Bob"), { kind: "bounced", message, ...bob.address }]);
  });

  test("also when the device is a guess", () => {
    busy();
    const dana = bench.attached("dana");
    const nowhere = { user: dana.user, device: "ffffffffffffffff" as DeviceId };
    alice.send({ kind: "send", message, ...nowhere, envelope });
    expect(heardBy(alice)).toEqual([presence("Dana", dana), { kind: "bounced", message, ...nowhere }]);
  });
});

test("a crowd of logins costs each session a record at once and one when the timer is over", () => {
  const crowd = Array.from({ length: 40 }, (_, index) => bench.attached(index % 2 === 0 ? "chris" : "dana"));
  expect(alice.records).toHaveLength(1);
  bench.handle({ kind: "awake" });
  expect(alice.records).toHaveLength(2);
  const last = new Map(alice.taken("presence").map(({ name, devices }) => [name, devices]));
  for (const { user, device } of crowd) expect(last.get(user === "chris" ? "Chris" : "Dana")).toContain(device);
});

function entry(name: string) {
  const found = users.get(parseUserName(name));
  if (found === undefined) throw new Error(`no ${name}`);
  return found;
}
