/** What the driver does with the answers of its throttle, and with peers that ask for too much. */
import { beforeAll, describe, expect, test } from "bun:test";
import type { GuessId } from "../../../cmd/server/attempts.ts";
import type { Load, Throttling } from "../../../cmd/server/throttle.ts";
import { utf8 } from "../../../core/bytes.ts";
import { CodedError, closeCodeOf, ERRORS } from "../../../core/errors.ts";
import { newDeviceId, newMessageId } from "../../../core/ids.ts";
import { startLogin } from "../../../core/kdc/login.ts";
import type { Users } from "../../../core/kdc/realm.ts";
import { DELIVERY_MS, WAITING_MAX_BYTES } from "../../../core/limits.ts";
import { parseUserName } from "../../../core/name.ts";
import { Secret, wipe } from "../../../core/secret.ts";
import { clientFrames, type ServerMessage } from "../../../core/wire/messages.ts";
import { liveTimers } from "../../support/liveTimers.ts";
import { Plug, type PluggedPeer, Rig } from "../../support/plugged.ts";
import { registerAll, type TestRealm, testRealm } from "../../support/realm.ts";
import { openChannel, prove } from "../../support/remotePeer.ts";

let realm: TestRealm;
let users: Users;
beforeAll(async () => {
  realm = testRealm();
  users = await registerAll(realm, ["alice", "bob"]);
});

const rig = (throttle: Partial<Throttling> = {}, limits = {}): Rig => new Rig(realm, users, limits, throttle);

describe("a login", () => {
  test("that cannot be counted is not served: a fault of ours, and the next one is", async () => {
    const own = rig();
    const judge = own.throttle.judge;
    own.throttle.judge = () => {
      throw new CodedError("file.failed", "the disk is full");
    };
    const plug = new Plug(own.driver);
    expect(prove(own.peerEnv, plug, own.accountOf("alice"))).rejects.toThrow();
    expect(await plug.closed).toBe(1000);
    expect(own.log.map(({ event, code }) => [event, code])).toContainEqual(["login.failed", "server.fault"]);
    own.throttle.judge = judge;
    const peer = await own.logIn("alice");
    expect(own.driver.online.devices).toBe(1);
    await peer.logOut();
  });

  test("whose address cannot be looked up is a stranger's, with a deadline", async () => {
    const one = rig(
      {
        knows: () => {
          throw new CodedError("file.failed");
        },
      },
      { handshakeSeconds: 0.05 },
    );
    const plug = new Plug(one.driver);
    expect(one.log).toMatchObject([{ event: "server.fault" }]);
    expect(await plug.closed).toBe(closeCodeOf("channel.deadline"));
  });

  test("tells the throttle the address, whether the name is one, and how many strangers wait", async () => {
    const asked: (readonly [string, boolean, string, Load])[] = [];
    const own = rig();
    const { judge } = own.throttle;
    own.throttle.judge = (attempt, address, load) => {
      asked.push([attempt.user, attempt.registered, address, load]);
      return judge(attempt, address, load);
    };
    await own.logIn("alice");
    expect(asked).toEqual([["alice", true, "192.0.2.1", { waiting: 0, inWork: 8 }]]);
  });

  test("is proved once, and what was reported is told when the user has seen it", async () => {
    const calls: unknown[] = [];
    const own = rig({
      prove: ({ user }) => {
        calls.push(["prove", user]);
        return { guesses: { prefixes: [{ from: "x", count: 1, firstMs: 1, lastMs: 2 }], others: 0 }, atMs: 77 };
      },
      told: ({ user }, atMs) => void calls.push(["told", user, atMs]),
    });
    const peer = await own.logIn("alice");
    peer.send([{ kind: "guessesSeen" }, { kind: "guessesSeen" }]);
    await new Promise((resolve) => setImmediate(resolve)); // it has had its turn
    expect(calls).toEqual([
      ["prove", "alice"],
      ["told", "alice", 77],
    ]);
    await peer.logOut();
  });

  test.each([
    ["the server stops", (own: Rig) => own.driver.stop()],
    ["its own peer goes", (_own: Rig, plug: Plug) => void plug.close()],
    ["its time is up", (own: Rig, plug: Plug) => own.driver.end(plug.connection, "channel.deadline")],
  ])("that was let on, and then %s: given up, once", async (_what, end) => {
    const over: GuessId[] = [];
    const own = rig({ over: ({ id }) => void over.push(id) });
    const plug = new Plug(own.driver);
    const channel = await openChannel(own.peerEnv, plug, realm.keys.staticKey.publicKey);
    using password = Secret.take(utf8("any"));
    const user = parseUserName("alice");
    const context = { user, realm: realm.keys.realm, handshakeHash: channel.handshakeHash, purpose: "login" } as const;
    const { ke1, state } = startLogin(own.peerEnv, context, password);
    const login = channel.sealPadded(clientFrames.encode({ kind: "loginStart", user, ke1 }));
    wipe(state, channel);
    plug.send(login);
    await plug.receive();
    end(own, plug);
    expect(over).toHaveLength(1);
  });
});

describe("too much", () => {
  test("pings: twenty at once are borne, from a stranger as from a session", async () => {
    const own = rig();
    const [plug, peer] = [new Plug(own.driver), await own.logIn("alice")];
    for (const { connection } of [plug, peer.plug]) {
      for (let at = 0; at < 20; at += 1) own.driver.pinged(connection);
    }
    expect(own.driver.online).toMatchObject({ devices: 1, connections: 2 });
    for (const { connection } of [plug, peer.plug]) own.driver.pinged(connection);
    expect([await plug.closed, own.driver.online.devices]).toEqual([4205, 0]);
    expect(own.ends).toEqual([
      [undefined, "channel.busy"],
      ["alice", "channel.busy"],
    ]);
  });

  test("bytes of a stranger, that have not had their turn", async () => {
    const own = rig();
    const [large, larger] = [new Plug(own.driver), new Plug(own.driver)];
    for (const [peer, length] of [
      [large, WAITING_MAX_BYTES / 2 - 256],
      [larger, WAITING_MAX_BYTES / 2 - 255],
    ] as const) {
      for (let times = 0; times < 2; times += 1) peer.send(new Uint8Array(length));
    }
    expect([await larger.closed, await large.closed]).toEqual([4205, 4103]);
  });

  test("frames: the session waits, others do not, and all of them are answered", async () => {
    const own = rig({}, { sessionFramesPerSecond: 100 });
    const [alice, bob] = [await own.logIn("alice"), await own.logIn("bob")];
    const question = () =>
      ({ kind: "ticketRequest", user: parseUserName("bob"), device: newDeviceId(own.peerEnv) }) as const;
    // 600 frames' worth at once, 200 of which are free: the last record has to wait for three seconds and more.
    for (let record = 0; record < 6; record += 1) alice.send(Array.from({ length: 10 }, question));
    const began = performance.now();
    bob.send([question()]);
    await until(bob, "absent");
    const bobWaited = performance.now() - began;
    let absent = 0;
    while (absent < 60) absent += (await alice.receive()).filter(({ kind }) => kind === "absent").length;
    expect(performance.now() - began).toBeGreaterThan(2500);
    expect(bobWaited).toBeLessThan(1500);
  }, 15_000);

  test("records of nothing but padding", async () => {
    const own = rig({}, { sessionFramesPerSecond: 100 });
    const alice = await own.logIn("alice");
    for (let record = 0; record < 400; record += 1) alice.sendPlain(new Uint8Array(3));
    const began = performance.now();
    alice.send([{ kind: "ticketRequest", user: parseUserName("bob"), device: newDeviceId(own.peerEnv) }]);
    await until(alice, "absent");
    expect(performance.now() - began).toBeGreaterThan(1500);
  }, 15_000);

  test("bytes: what is more than the rate waits", async () => {
    const own = rig({}, { sessionBytesPerSecond: 65_536 });
    const alice = await own.logIn("alice");
    const to = { user: parseUserName("bob"), device: newDeviceId(own.peerEnv) };
    const letter = {
      kind: "send",
      message: newMessageId(own.peerEnv),
      ...to,
      envelope: new Uint8Array(16_000),
    } as const;
    for (let record = 0; record < 20; record += 1) alice.send([letter]);
    const began = performance.now();
    let bounced = 0;
    while (bounced < 20) bounced += (await alice.receive()).filter(({ kind }) => kind === "bounced").length;
    expect(performance.now() - began).toBeGreaterThan(2000);
  }, 15_000);

  test("a session whose connection has gone is over soon, whatever it had sent", async () => {
    const own = rig({}, { sessionFramesPerSecond: 10 });
    using timers = liveTimers();
    const alice = await own.logIn("alice");
    for (let record = 0; record < 100; record += 1) alice.sendPlain(new Uint8Array(3));
    const before = timers.count(DELIVERY_MS);
    await alice.plug.close();
    expect([own.driver.online.devices, timers.count(DELIVERY_MS) - before]).toEqual([1, 1]);
  });

  test("that has piled up: the session ends, and the reason is told", async () => {
    const own = rig({}, { sessionBytesPerSecond: 65_536 });
    const alice = await own.logIn("alice");
    const to = { user: parseUserName("bob"), device: newDeviceId(own.peerEnv) };
    const letter = {
      kind: "send",
      message: newMessageId(own.peerEnv),
      ...to,
      envelope: new Uint8Array(16_000),
    } as const;
    for (let record = 0; record < 300; record += 1) alice.send([letter]);
    const told = await until(alice, "goodbye");
    expect(told.find(({ kind }) => kind === "goodbye")).toMatchObject({ reason: ERRORS["channel.busy"].wire });
  });
});

async function until(peer: PluggedPeer, kind: ServerMessage["kind"]): Promise<ServerMessage[]> {
  const told: ServerMessage[] = [];
  while (!told.some((message) => message.kind === kind)) told.push(...(await peer.receive()));
  return told;
}
