import { beforeEach, describe, expect, test } from "bun:test";
import type { DeviceId, MessageId } from "../../../core/ids.ts";
import { acceptTicket } from "../../../core/kdc/ticket.ts";
import { parseUserName } from "../../../core/name.ts";
import { only } from "../../support/channelPair.ts";
import { quickCrypto, START_MS } from "../../support/fixedEnv.ts";
import { registerAll, testRealm } from "../../support/realm.ts";
import { type RawPeer, ScriptedServer } from "../../support/scriptedPeers.ts";
import { SecretWatch } from "../../support/secretWatch.ts";

const realm = testRealm();
const users = await registerAll(realm, ["Alice", "Bob", "Chris"]);
const message = "0123456789abcdef0123456789abcdef" as MessageId;
const envelope = new TextEncoder().encode("sealed by others");
const nobody = "ffffffffffffffff" as DeviceId;

let bench: ScriptedServer;
beforeEach(() => {
  bench = new ScriptedServer(realm.keys, users);
});

/** Alice and Bob, who have heard all there was to hear. */
function pair(): readonly [RawPeer, RawPeer] {
  const [alice, bob] = [bench.attached("alice"), bench.attached("bob")];
  alice.take();
  bob.take();
  return [alice, bob];
}

describe("roster", () => {
  test("who attaches is told every registered user, then that it is complete", () => {
    const first = bench.attached("alice");
    const presence = (name: string, devices: readonly string[]) => ({ kind: "presence", name, devices });
    expect(first.take() as unknown[]).toEqual([
      presence("Alice", [first.device]),
      presence("Bob", []),
      presence("Chris", []),
      { kind: "attached", name: "Alice" },
    ]);
    const second = bench.attached("bob");
    expect(first.take() as unknown[]).toEqual([presence("Bob", [second.device])]);
    expect(second.take().slice(0, 2) as unknown[]).toEqual([
      presence("Alice", [first.device]),
      presence("Bob", [second.device]),
    ]);
    expect(bench.server.online).toEqual({ users: 2, devices: 2, connections: 2 });
  });

  test.each(["logout", "cut"])("others are told of a %s", (how) => {
    const [alice, bob] = pair();
    if (how === "logout") bob.send({ kind: "logout" });
    else bench.handle({ kind: "disconnected", connection: bob.connection });
    expect(alice.take() as unknown[]).toEqual([{ kind: "presence", name: "Bob", devices: [] }]);
    expect(bench.endOf(bob)).toBeNull();
    expect(bob.closeCode).toBe(1000);
    expect(bench.server.online).toEqual({ users: 1, devices: 1, connections: 1 });
  });

  test("nobody is told of a login that stops before it is attached", () => {
    const [alice] = pair();
    const bob = bench.connect();
    bob.shake();
    bob.login("bob");
    bench.handle({ kind: "disconnected", connection: bob.connection });
    expect(alice.take()).toEqual([]);
  });
});

describe("devices", () => {
  test("eight devices of one user stand, the ninth is told why not, and others are not concerned", () => {
    const eight = Array.from({ length: 8 }, () => bench.attached("alice"));
    const ninth = bench.attached("alice");
    expect(bench.endOf(ninth)).toBe("auth.tooManyDevices");
    expect(ninth.goodbye()).toBe("auth.tooManyDevices");
    expect(ninth.closeCode).toBe(1000);
    expect(bench.endOf(bench.attached("bob"))).toBeUndefined();
    for (const peer of eight) expect(bench.endOf(peer)).toBeUndefined();
    // A device that has gone for now is on the list all the same.
    eight[3]?.send({ kind: "logout" });
    expect(bench.endOf(bench.attached("alice"))).toBe("auth.tooManyDevices");
    expect(bench.endOf(bench.attached("alice", eight[3]?.device))).toBeUndefined();
  });

  test("a device that comes back ends its last session, and the others see it there as before", () => {
    const [alice, bob] = pair();
    const again = bench.attached("alice", alice.device);
    expect(alice.goodbye()).toBe("auth.device");
    expect(bench.endOf(again)).toBeUndefined();
    expect(bench.server.online.devices).toBe(2);
    expect(bob.take() as unknown[]).toEqual([{ kind: "presence", name: "Alice", devices: [alice.device] }]);
    bob.send({ kind: "send", message, ...again.address, envelope });
    expect(again.taken("delivery")).toHaveLength(1);
  });

  test("a device id is taken by one user, and is free to another", () => {
    const alice = bench.attached("alice");
    expect(bench.endOf(bench.attached("bob", alice.device))).toBeUndefined();
    expect(bench.server.online.devices).toBe(2);
  });
});

describe("a conversation key", () => {
  test("is granted to the asker, and sealed for the other device", () => {
    const [alice, bob] = pair();
    alice.send({ kind: "ticketRequest", ...bob.address });
    const grant = only(alice.taken("grant"));
    const use = { sender: alice.address, self: bob.address, receivedAt: START_MS };
    const keys = { device: bob.ticketKey, server: realm.keys.staticKey.publicKey };
    const body = acceptTicket(quickCrypto, keys, grant.ticket, use);
    expect(body.conversation).toBe(grant.conversation);
    expect(body.key.use((bytes) => bytes.toHex())).toBe(grant.key.use((bytes) => bytes.toHex()));
    expect([body.askerIdentity, body.peerIdentity]).toEqual([
      alice.enrolment.account.identityKey,
      bob.enrolment.account.identityKey,
    ]);
    expect(bob.take().map(({ kind }) => kind)).toEqual(["prekeysLow"]);
  });

  test("is another at every request, and none is left at the server", () => {
    const [alice, bob] = pair();
    using watch = new SecretWatch();
    const request = { kind: "ticketRequest", ...bob.address } as const;
    watch.as("server", () => alice.send(request, request));
    expect(watch.count).toBeGreaterThan(10);
    expect(watch.alive()).toEqual([]);
    const [one, two] = alice.taken("grant");
    expect(one?.conversation).not.toBe(two?.conversation);
    expect(one?.key.use((bytes) => bytes.toHex())).not.toBe(two?.key.use((bytes) => bytes.toHex()));
  });

  test("is not granted with a device that is away, of nobody, or the asker's own", () => {
    const [alice, bob] = pair();
    const strangers = [
      { user: parseUserName("bob"), device: nobody },
      { user: parseUserName("zoe"), device: bob.device },
      { user: parseUserName("chris"), device: bob.device },
      alice.address,
    ];
    alice.send(...strangers.map((address) => ({ kind: "ticketRequest" as const, ...address })));
    expect(alice.take() as unknown[]).toEqual(strangers.map((address) => ({ kind: "absent", ...address })));
  });
});

describe("an envelope", () => {
  test("arrives with the sender's name and the server's time, and its receipt goes back", () => {
    const [alice, bob] = pair();
    bench.env.now += 1234;
    alice.send({ kind: "send", message, ...bob.address, envelope });
    const receivedAt = START_MS + 1234;
    expect(bob.take() as unknown[]).toEqual([{ kind: "delivery", message, ...alice.address, receivedAt, envelope }]);
    expect(alice.take()).toEqual([]);
    bob.send({ kind: "acknowledge", message, ...alice.address });
    expect(alice.take() as unknown[]).toEqual([{ kind: "confirmed", message, ...bob.address }]);
  });

  test("comes back when that device is away, or the sender's own", () => {
    const [alice, bob] = pair();
    bob.send({ kind: "logout" });
    alice.take();
    for (const to of [bob.address, { ...bob.address, device: nobody }, alice.address]) {
      alice.send({ kind: "send", message, ...to, envelope });
      expect(alice.take() as unknown[]).toEqual([{ kind: "bounced", message, ...to }]);
    }
  });

  test("a receipt for somebody who is away goes nowhere", () => {
    const [alice, bob] = pair();
    bob.send({ kind: "acknowledge", message, user: alice.user, device: nobody });
    expect(alice.take()).toEqual([]);
    expect(bob.take()).toEqual([]);
    expect(bench.endOf(bob)).toBeUndefined();
  });

  test("many in one record go on in their order, sealed together", () => {
    const [alice, bob] = pair();
    const ids = Array.from({ length: 20 }, (_, i) => i.toString(16).padStart(32, "0") as MessageId);
    alice.send(...ids.map((id) => ({ kind: "send" as const, message: id, ...bob.address, envelope })));
    expect(bob.records).toHaveLength(1);
    expect(bob.taken("delivery").map((delivery) => delivery.message)).toEqual(ids);
  });
});

describe("stop", () => {
  test("says goodbye to every session, and tells nobody of the others", () => {
    const peers = [...pair(), bench.attached("chris")];
    for (const peer of peers) peer.take();
    bench.handle({ kind: "stop" });
    for (const peer of peers) {
      expect(peer.records).toHaveLength(1);
      expect(peer.records[0]).toHaveLength(1024);
      expect(peer.goodbye()).toBe("server.stopping");
      expect(peer.closeCode).toBe(1012);
    }
    expect(bench.server.online).toEqual({ users: 0, devices: 0, connections: 0 });
  });

  test("ends a login at any stage", () => {
    const fresh = bench.connect();
    const shaken = bench.connect();
    shaken.shake();
    const proved = bench.connect();
    proved.shake();
    proved.login("alice");
    bench.handle({ kind: "stop" });
    expect([fresh, shaken, proved].map((peer) => peer.closeCode)).toEqual([1012, 1012, 1012]);
    expect(fresh.records).toEqual([]);
    expect(shaken.goodbye()).toBe("server.stopping");
    expect(proved.goodbye()).toBe("server.stopping");
  });
});

test("the server names whom it holds a session key for and since when, until they have gone", () => {
  const [alice, bob] = pair();
  const rowOf = ({ connection, address }: RawPeer) => ({ connection, ...address, since: START_MS });
  expect(bench.server.sessions()).toEqual([rowOf(alice), rowOf(bob)]); // and nothing more: no key
  bob.send({ kind: "logout" });
  expect(bench.server.sessions()).toEqual([rowOf(alice)]);
  bench.handle({ kind: "stop" });
  expect(bench.server.sessions()).toEqual([]);
});
