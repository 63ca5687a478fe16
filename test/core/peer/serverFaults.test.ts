import { beforeEach, describe, expect, test } from "bun:test";
import type { ErrorCode } from "../../../core/errors.ts";
import type { DeviceId, MessageId } from "../../../core/ids.ts";
import { Client } from "../../../core/peer/client.ts";
import type { ConnectionId } from "../../../core/peer/online.ts";
import { Secret } from "../../../core/secret.ts";
import type { PinName } from "../../../core/wire/account.ts";
import { type ClientMessage, serverFrames } from "../../../core/wire/messages.ts";
import { registerAll, testRealm } from "../../support/realm.ts";
import { type RawPeer, runNow, ScriptedServer } from "../../support/scriptedPeers.ts";
import { SecretWatch } from "../../support/secretWatch.ts";

const realm = testRealm();
const users = await registerAll(realm, ["Alice", "Bob"]);
const message = "0123456789abcdef0123456789abcdef" as MessageId;
const device = "0123456789abcdef" as DeviceId;

let bench: ScriptedServer;
beforeEach(() => {
  bench = new ScriptedServer(realm.keys, users);
});

/** Every byte that a peer sends, in order. */
function recorded(peer: RawPeer): readonly Uint8Array[] {
  const sent: Uint8Array[] = [];
  const raw = peer.raw.bind(peer);
  peer.raw = (bytes) => {
    sent.push(bytes.slice());
    raw(bytes);
  };
  return sent;
}

describe("before the channel stands the close code says why", () => {
  const hello = (first: number, length: number): Uint8Array => {
    const bytes = new Uint8Array(length);
    bytes[0] = first;
    return bytes;
  };
  test.each([
    ["another version", hello(2, 1249), 4103],
    ["version 0", hello(0, 1249), 4103],
    ["nothing at all", new Uint8Array(0), 4103],
    ["the version alone", hello(1, 1), 4201],
    ["one byte too few", hello(1, 1248), 4201],
    ["one byte too many", hello(1, 1250), 4201],
    ["a key that is none", hello(1, 1249), 4201],
    ["65,536 bytes", hello(1, 65536), 4201],
  ])("%s", (_, bytes, closeCode) => {
    using watch = new SecretWatch();
    const peer = bench.connect();
    watch.forget();
    peer.raw(bytes);
    expect(peer.closeCode).toBe(closeCode);
    expect(peer.records).toEqual([]);
    expect(watch.alive()).toEqual([]);
    expect(bench.server.online.connections).toBe(0);
  });
});

describe("replay", () => {
  test("of a whole login gives the first answer and no more", () => {
    const alice = bench.connect();
    const sent = recorded(alice);
    alice.shake();
    alice.login("alice");
    alice.attach();
    expect(sent).toHaveLength(6);
    const thief = bench.connect();
    thief.raw(sent[0] ?? new Uint8Array(0));
    expect(thief.records).toHaveLength(1);
    thief.raw(sent[1] ?? new Uint8Array(0));
    expect(bench.endOf(thief)).toBe("channel.record");
    thief.raw(sent[2] ?? new Uint8Array(0));
    expect(bench.server.online).toEqual({ users: 1, devices: 1, connections: 1 });
    expect(bench.endOf(alice)).toBeUndefined();
  });

  test("of a first message to another server is refused at once", () => {
    const sent = bench.connect().shake();
    const other = new ScriptedServer(testRealm("another").keys, users);
    const thief = other.connect();
    thief.raw(sent);
    expect(thief.closeCode).toBe(4201);
  });

  test.each([0, 1, 2, 3])("of an own message on the same connection ends it: %d", (index) => {
    const alice = bench.connect();
    const sent = recorded(alice);
    alice.shake();
    alice.login("alice");
    alice.attach();
    alice.raw(sent[index] ?? new Uint8Array(0));
    expect(bench.endOf(alice)).toBe("channel.record");
    expect(bench.server.online.devices).toBe(0);
  });
});

describe("a record that is not the next one of this channel ends it, and the server says so", () => {
  const spoilt: readonly (readonly [string, (alice: RawPeer, bob: RawPeer) => Uint8Array])[] = [
    ["the server's own, reflected", (alice) => alice.records.at(-1) ?? new Uint8Array(0)],
    ["of another session", (_, bob) => bob.channel.seal(Uint8Array.of(7, 0, 0))],
    [
      "after one that was left out",
      (alice) => [1, 2].map(() => alice.channel.seal(Uint8Array.of(7, 0, 0)))[1] as Uint8Array,
    ],
    ["empty", () => new Uint8Array(0)],
    ["shorter than a tag", () => new Uint8Array(15)],
  ];
  test.each(spoilt)("%s", (_, make) => {
    const [alice, bob] = [bench.attached("alice"), bench.attached("bob")];
    alice.raw(make(alice, bob));
    expect(bench.endOf(alice)).toBe("channel.record");
    expect(alice.goodbye()).toBe("channel.record");
    expect(bench.endOf(bob)).toBeUndefined();
  });
});

describe("what is sealed, and yet not to be said", () => {
  const attach = { kind: "attach", device, logins: 1 } as const;
  const requests: readonly ClientMessage[] = [
    attach,
    { kind: "ticketRequest", user: users.keys().next().value as never, device },
    { kind: "send", message, user: users.keys().next().value as never, device, envelope: new Uint8Array(0) },
    { kind: "acknowledge", message, user: users.keys().next().value as never, device },
    { kind: "logout" },
    { kind: "loginFinish", ke3: new Uint8Array(64) },
  ];
  const empty = new Uint8Array(0);
  const ofAccounts: readonly ClientMessage[] = [
    { kind: "putWraps", identityKey: new Uint8Array(32), accountWrap: empty, recoveryWrap: empty },
    { kind: "putDevices", devices: { list: empty, signature: new Uint8Array(64) } },
    { kind: "putPrekeys", device, signed: null, oneTime: [] },
    { kind: "putPin", pin: { name: "1".repeat(32) as PinName, version: 1, sealed: empty } },
    { kind: "passwordStart", ke1: new Uint8Array(96), request: new Uint8Array(32) },
    { kind: "passwordFinish", ke3: new Uint8Array(64), record: new Uint8Array(192), accountWrap: empty },
  ];
  test.each([...requests, ...ofAccounts])("$kind before a login", (request) => {
    const peer = bench.connect();
    peer.shake();
    peer.padded(request);
    expect(peer.goodbye()).toBe("state.unexpected");
  });

  test.each(requests.slice(1).filter(({ kind }) => kind !== "logout"))(
    "$kind after a proof and before the device is attached",
    (request) => {
      const peer = bench.connect();
      peer.shake();
      peer.login("alice");
      peer.send(request, attach);
      expect(peer.goodbye()).toBe("state.unexpected");
      expect(bench.server.online.devices).toBe(0);
    },
  );

  const loginStart = { kind: "loginStart", user: "alice" as never, ke1: new Uint8Array(96) } as const;
  test.each<ClientMessage>([attach, loginStart, { kind: "loginFinish", ke3: new Uint8Array(64) }])(
    "$kind in a session",
    (request) => {
      const alice = bench.attached("alice");
      alice.send(request);
      expect(alice.goodbye()).toBe("state.unexpected");
      expect(bench.server.online.devices).toBe(0);
    },
  );

  test("a second login on the same channel", () => {
    const peer = bench.connect();
    peer.shake();
    peer.login("alice");
    expect(() => peer.login("bob")).toThrow();
    expect(bench.endOf(peer)).toBe("state.unexpected");
  });

  test.each([
    ["a KE1 that is none", "wire.malformed", [loginStart]],
    ["two login messages in one record", "state.unexpected", [loginStart, loginStart]],
  ] as const)("%s", (_, code, messages) => {
    const peer = bench.connect();
    peer.shake();
    peer.send(...messages);
    expect(bench.endOf(peer)).toBe(code);
  });

  const junk: readonly (readonly [string, Uint8Array])[] = [
    ["an unknown type", Uint8Array.of(17, 0, 0)],
    ["the server's type", serverFrames.encode({ kind: "goodbye", reason: 1, waitSeconds: 0 })],
    ["type 255", Uint8Array.of(255, 0, 0)],
    ["half a header", Uint8Array.of(7, 0)],
    ["a body that is longer than the record", Uint8Array.of(5, 255, 255, 0)],
    ["a logout with a body", Uint8Array.of(7, 0, 1, 0)],
    ["nothing", new Uint8Array(0)],
    ["padding before a frame", Uint8Array.of(0, 0, 0, 7, 0, 0)],
    ["padding that is not zero", Uint8Array.of(0, 0, 1, 1)],
  ];
  test.each(junk)("%s", (_, plaintext) => {
    const alice = bench.attached("alice");
    alice.raw(alice.channel.seal(plaintext.slice()));
    expect(bench.endOf(alice)).toBe("wire.malformed");
    expect(alice.goodbye()).toBe("wire.malformed");
  });

  test("padding alone says nothing, and harms nothing", () => {
    const alice = bench.attached("alice");
    alice.raw(alice.channel.seal(Uint8Array.of(0, 0, 2, 0, 0)));
    expect(bench.endOf(alice)).toBeUndefined();
  });
});

describe("the driver's word", () => {
  test.each(["channel.deadline", "channel.busy", "server.slowReader", "server.fault"] as const)(
    "%s ends a session with a sealed reason, and is the close code before there is a channel",
    (code: ErrorCode) => {
      const alice = bench.attached("alice");
      const fresh = bench.connect();
      for (const { connection } of [alice, fresh]) bench.handle({ kind: "end", connection, code });
      expect(alice.goodbye()).toBe(code);
      expect(alice.closeCode).toBe(1000);
      expect(fresh.closeCode).toBeGreaterThan(4200);
    },
  );

  test("events for a connection that is over change nothing, and results for it are wiped", () => {
    const alice = bench.attached("alice");
    const { connection } = alice;
    bench.handle({ kind: "disconnected", connection });
    const before = bench.effects.length;
    using watch = new SecretWatch();
    const result = { op: "kemDecapsulate" as const, sharedSecret: Secret.take(new Uint8Array(32)) };
    bench.handle({ kind: "computed", connection, result });
    bench.handle({ kind: "failed", connection, error: new Error("late") });
    bench.handle({ kind: "frame", connection, bytes: new Uint8Array(100) });
    bench.handle({ kind: "end", connection, code: "channel.deadline" });
    bench.handle({ kind: "disconnected", connection: 77 as ConnectionId });
    expect(bench.effects).toHaveLength(before);
    expect(watch.alive()).toEqual([]);
  });

  test("a fault of ours is thrown, and the others are served on", () => {
    const [alice, bob] = [bench.attached("alice"), bench.attached("bob")];
    const connection = 99 as ConnectionId;
    bench.server.handle({ kind: "connected", connection });
    const { staticKey, realm: id } = realm.keys;
    const secret = Secret.take(new Uint8Array(1));
    const client = new Client(bench.env, {
      ...{ realm: id, serverPublicKey: staticKey.publicKey, user: alice.user, password: secret },
      ...{ stored: null, interactive: false, temporary: false, attach: true },
    });
    client.handle({ kind: "connected" });
    const [hello] = client.handle(runNow(bench.env, { op: "kemGenerate" }) as never);
    if (hello?.kind !== "transmit") throw new Error("no first message");
    expect(bench.server.handle({ kind: "frame", connection, bytes: hello.bytes })).toHaveLength(1);
    const fault = { kind: "failed", connection, error: new Error("out of memory") } as const;
    expect(() => bench.server.handle(fault)).toThrow("out of memory");
    bench.server.handle({ kind: "end", connection, code: "server.fault" });
    bob.take();
    alice.send({ kind: "send", message, ...bob.address, envelope: new Uint8Array(3) });
    expect(bob.taken("delivery")).toHaveLength(1);
  });

  test("a frame while the answer is being computed ends the connection", () => {
    const connection = 98 as ConnectionId;
    const hello = bench.connect().shake();
    bench.server.handle({ kind: "connected", connection });
    using watch = new SecretWatch();
    bench.server.handle({ kind: "frame", connection, bytes: hello });
    expect(watch.alive().length).toBeGreaterThan(0);
    const effects = bench.server.handle({ kind: "frame", connection, bytes: new Uint8Array(1024) });
    expect(effects as unknown[]).toContainEqual({ kind: "close", connection, closeCode: 4401 });
    expect(watch.alive()).toEqual([]);
  });
});
