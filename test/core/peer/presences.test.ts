import { beforeEach, describe, expect, test } from "bun:test";
import type { DeviceId, MessageId } from "../../../core/ids.ts";
import { PRESENCE_MS } from "../../../core/limits.ts";
import { parseUserName } from "../../../core/name.ts";
import { type ConnectionId, Online } from "../../../core/peer/online.ts";
import { Outgoing } from "../../../core/peer/outgoing.ts";
import { Presences } from "../../../core/peer/presences.ts";
import { type ServerMessage, serverFrames } from "../../../core/wire/messages.ts";
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
    const heard = alice.take();
    expect(heard.filter(({ kind }) => kind !== "devices") as unknown[]).toEqual([
      presence("Bob", bob, others[0]),
      presence("Alice", alice, others[1]),
    ]);
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

describe("with many sessions", () => {
  const crowd = (devices: number) => {
    const [online, outgoing] = [new Online(), new Outgoing()];
    for (let at = 0; at < devices; at += 1) {
      online.add(
        { user: parseUserName("alice"), device: at.toString(16).padStart(16, "0") as DeviceId },
        at as ConnectionId,
      );
    }
    return { online, outgoing, presences: new Presences({ online, outgoing, nameOf: (user) => user }) };
  };

  test.each([
    [1, PRESENCE_MS],
    [500, PRESENCE_MS],
    [501, 51],
    [2000, 200],
  ])("%d of them are told every %d ms", (devices, afterMs) => {
    const { presences } = crowd(devices);
    expect(presences.startTimer()).toBeNull();
    presences.changed(parseUserName("bob"));
    expect([presences.startTimer(), presences.startTimer()]).toEqual([afterMs, null]);
  });

  test("one frame serves them all, until something in it changes", () => {
    const { online, outgoing, presences } = crowd(3);
    const told = (): Uint8Array[] => {
      const frames: Uint8Array[] = [];
      outgoing.flush((_, some) => frames.push(...some));
      return frames;
    };
    presences.tellAll(0 as ConnectionId, [parseUserName("alice")]);
    presences.tellAll(1 as ConnectionId, [parseUserName("alice")]);
    const [first, second] = told();
    expect(second).toBe(first as Uint8Array);
    online.remove({ user: parseUserName("alice"), device: "0000000000000001" as DeviceId });
    presences.tellAll(0 as ConnectionId, [parseUserName("alice")]);
    const [changed = new Uint8Array(0)] = told();
    const devices = ["0000000000000000", "0000000000000002"] as DeviceId[];
    expect(serverFrames.decode(changed)).toEqual([{ kind: "presence", name: "alice", devices }]);
  });
});
