import { beforeAll, describe, expect, test } from "bun:test";
import { CodedError, ERRORS } from "../../../core/errors.ts";
import { newDeviceId, newMessageId } from "../../../core/ids.ts";
import type { Users } from "../../../core/kdc/realm.ts";
import { PRESENCE_MS } from "../../../core/limits.ts";
import { parseUserName } from "../../../core/name.ts";
import type { ClientMessage, ServerMessage } from "../../../core/wire/messages.ts";
import { quickCrypto } from "../../support/fixedEnv.ts";
import { liveTimers } from "../../support/liveTimers.ts";
import { PATIENT, Plug, type PluggedPeer, Rig } from "../../support/plugged.ts";
import { registerAll, type TestRealm, testRealm } from "../../support/realm.ts";
import { begin, logIn, openChannel, prove } from "../../support/remotePeer.ts";

let realm: TestRealm;
let users: Users;
beforeAll(async () => {
  realm = testRealm();
  users = await registerAll(realm, ["alice", "bob", "chris"]);
});

const rig = (limits: ConstructorParameters<typeof Rig>[2] = {}): Rig => new Rig(realm, users, limits);

/** A question whose answer says which one it was. */
function question({ peerEnv }: Rig): Extract<ClientMessage, { kind: "ticketRequest" }> {
  return { kind: "ticketRequest", user: parseUserName("bob"), device: newDeviceId(peerEnv) };
}

function letter({ peerEnv }: Rig, to: PluggedPeer): Extract<ClientMessage, { kind: "send" }> {
  return { kind: "send", message: newMessageId(peerEnv), ...to.self, envelope: new Uint8Array(100) };
}

/** What a peer is told until a message of this kind has come; fails when a record does not open. */
async function until(peer: PluggedPeer, kind: ServerMessage["kind"]): Promise<ServerMessage[]> {
  const told: ServerMessage[] = [];
  while (!told.some((message) => message.kind === kind)) told.push(...(await peer.receive()));
  return told;
}

const reasonIn = (told: readonly ServerMessage[]): number | undefined =>
  told.find((message) => message.kind === "goodbye")?.reason;

describe("frames of one connection keep their order", () => {
  test("when they are sent along with the login and after it, and one login is worked on at a time", async () => {
    const own = rig({ loginsInWork: 1 });
    const plug = new Plug(own.driver);
    const peer = await prove(own.peerEnv, plug, own.accountOf("alice"));
    const questions = [question(own), question(own), question(own)] as const;
    peer.attach();
    peer.send([questions[0]]); // waits behind the login
    own.journal.onEntry = ({ event }) => {
      if (event === "user.login") for (const later of [questions[1], questions[2]]) peer.send([later]);
    };
    const answers = await until({ ...peer, plug }, "absent");
    while (answers.filter(({ kind }) => kind === "absent").length < 3) answers.push(...(await peer.receive()));
    const devices = answers.flatMap((answer) => (answer.kind === "absent" ? [answer.device] : []));
    expect(devices).toEqual(questions.map(({ device }) => device));
    expect(own.ends).toEqual([]);
  });

  test("a session that sends much at once has one record dealt with in a turn, and loses none", async () => {
    const own = rig();
    const [alice, bob] = [await own.logIn("alice"), await own.logIn("bob")];
    const order: string[] = [];
    const heard = async (peer: PluggedPeer, name: string, count: number): Promise<void> => {
      while (order.filter((other) => other === name).length < count) {
        for (const { kind } of await peer.receive()) if (kind === "absent") order.push(name);
      }
    };
    await new Promise((resolve) => setImmediate(resolve)); // both have a turn to come
    for (let i = 0; i < 20; i += 1) alice.send([question(own)]);
    bob.send([question(own)]);
    await Promise.all([heard(alice, "alice", 20), heard(bob, "bob", 1)]);
    expect(order.filter((name) => name === "alice")).toHaveLength(20);
    expect(order.indexOf("bob")).toBeLessThan(3);
  });

  test("what was sent before a connection went is still dealt with", async () => {
    const own = rig();
    const [alice, bob] = [await own.logIn("alice"), await own.logIn("bob")];
    for (let i = 0; i < 5; i += 1) alice.send([letter(own, bob)]);
    own.driver.disconnect(alice.plug.connection);
    const told: ServerMessage[] = [];
    while (told.filter(({ kind }) => kind === "delivery").length < 5) told.push(...(await bob.receive()));
    await until(bob, "presence");
    expect(own.ends).toEqual([["alice", undefined]]);
  });

  test("a session waits for nobody, also while a stranger's job is under way", async () => {
    const own = rig({ loginsInWork: 1 });
    const alice = await own.logIn("alice");
    const job = Promise.withResolvers<void>();
    Object.assign(own.env, {
      crypto: {
        ...quickCrypto,
        run: async (...args: Parameters<typeof quickCrypto.run>) => {
          await job.promise;
          return quickCrypto.run(...args);
        },
      },
    });
    const stranger = openChannel(own.peerEnv, new Plug(own.driver), realm.keys.staticKey.publicKey);
    alice.send([question(own)]);
    await until(alice, "absent");
    job.resolve();
    (await stranger)[Symbol.dispose]();
  });
});

describe("a stranger", () => {
  test("who says nothing is cut when the time for the handshake is over", async () => {
    const own = rig({ handshakeSeconds: 0.02 });
    expect(await new Plug(own.driver).closed).toBe(4000 + ERRORS["channel.deadline"].wire);
    expect(own.ends).toEqual([[undefined, "channel.deadline"]]);
    expect(own.log.map(({ address }) => address)).toEqual(["192.0.2.1"]);
  });

  test("who has a channel and does not log in is cut when that time is over; a session has no deadline", async () => {
    const own = rig({ handshakeSeconds: 30, loginSeconds: 0.1 });
    const alice = await own.logIn("alice");
    for (let times = 0; times < 2; times += 1) {
      const plug = new Plug(own.driver);
      const channel = await openChannel(own.peerEnv, plug, realm.keys.staticKey.publicKey);
      expect(await plug.closed).toBe(1000);
      channel[Symbol.dispose]();
    }
    alice.send([question(own)]);
    await until(alice, "absent");
    expect(own.ends).toEqual([
      [undefined, "channel.deadline"],
      [undefined, "channel.deadline"],
    ]);
  });

  test("who sends more than a login takes is cut", async () => {
    const own = rig({ loginsInWork: 1 });
    const plug = new Plug(own.driver);
    for (let times = 0; times < 5; times += 1) plug.send(new Uint8Array(10));
    expect(await plug.closed).toBe(4000 + ERRORS["channel.busy"].wire);
  });

  test("who has gone has no deadline left, and what waited for a turn is nobody's", async () => {
    const own = rig({ handshakeSeconds: 0.01 });
    const plug = new Plug(own.driver);
    plug.send(new Uint8Array(10));
    await plug.close();
    await new Plug(own.driver).closed;
    expect(own.ends).toEqual([
      [undefined, undefined],
      [undefined, "channel.deadline"],
    ]);
    expect(own.driver.online).toEqual({ users: 0, devices: 0, connections: 0 });
  });
});

describe("presence", () => {
  test("that was collected is told when its time is over; then no timer runs", async () => {
    using timers = liveTimers();
    const own = rig();
    const alice = await own.logIn("alice");
    const others = [await own.logIn("bob"), await own.logIn("chris")];
    const heard: ServerMessage[] = [];
    while (heard.length < 2) heard.push(...(await alice.receive()));
    const told = others.map(({ self }) => ({ kind: "presence", name: self.user, devices: [self.device] }));
    expect(heard as unknown[]).toEqual(told);
    while (timers.count(PRESENCE_MS) > 0) await Bun.sleep(1);
  });

  test("leaves no timer when the server stops", async () => {
    using timers = liveTimers();
    const own = rig();
    await own.logIn("alice");
    await own.logIn("bob");
    expect(timers.count(PRESENCE_MS)).toBe(1);
    own.driver.stop();
    expect(timers.count(PRESENCE_MS)).toBe(0);
  });
});

describe("a peer that does not read", () => {
  test("ends alone, and the records of the others stay in order", async () => {
    using timers = liveTimers();
    const own = rig();
    const [alice, bob, chris] = [await own.logIn("alice"), await own.logIn("bob"), await own.logIn("chris")];
    while (timers.count(PRESENCE_MS) > 0) await Bun.sleep(1);
    await until(alice, "presence");
    await until(bob, "presence");
    alice.plug.stuck = true;
    const [first, second] = [letter(own, alice), letter(own, chris)];
    bob.send([first, second, question(own)]);
    const toBob = await until(bob, "absent");
    const toChris = await until(chris, "delivery");
    bob.send([letter(own, chris), question(own)]);
    toBob.push(...(await until(bob, "absent")));
    toChris.push(...(await until(chris, "delivery")));
    const gone = { kind: "presence", name: "alice", devices: [] };
    expect(toBob.filter(({ kind }) => kind === "presence")).toEqual([gone as never]);
    expect(toChris.filter(({ kind }) => kind === "presence")).toEqual([gone as never]);
    expect(await alice.plug.closed).toBe(1000);
    expect(own.ends).toEqual([["alice", "server.slowReader"]]);
    expect(own.driver.online.devices).toBe(2);
  });
});

describe("a fault of ours", () => {
  const secret = "hunter2 is what a dependency might have quoted";

  test("in the machine ends the connection it happened on, and is logged without its message", async () => {
    const own = rig();
    const [bob, chris] = [await own.logIn("bob"), await own.logIn("chris")];
    const { nowMs } = own.env;
    own.env.nowMs = () => {
      own.env.nowMs = nowMs;
      throw new RangeError(secret);
    };
    bob.send([letter(own, chris)]);
    expect(reasonIn(await until(bob, "goodbye"))).toBe(ERRORS["server.fault"].wire);
    expect(own.ends).toEqual([["bob", "server.fault"]]);
    const faults = own.log.filter(({ event }) => event === "server.fault");
    expect(faults).toEqual([{ event: "server.fault", reason: expect.any(String) }]);
    expect(faults[0]?.reason).toMatch(/^RangeError at .*core\/peer\/server\.ts:\d+:\d+/);
    expect(JSON.stringify(own.log)).not.toContain("hunter2");
    const again = await own.logIn("bob");
    again.send([letter(own, chris)]);
    await until(chris, "delivery");
  });

  test("in a job is logged once, and ends its connection", async () => {
    const own = rig();
    const run = (): never => {
      throw new TypeError(secret);
    };
    Object.assign(own.env, { crypto: { ...quickCrypto, run } });
    const plug = new Plug(own.driver);
    const channel = openChannel(own.peerEnv, plug, realm.keys.staticKey.publicKey);
    expect(channel).rejects.toThrow("closed the connection");
    expect(await plug.closed).toBe(4000 + ERRORS["server.fault"].wire);
    expect(own.log.map(({ event, code }) => [event, code])).toEqual([
      ["server.fault", undefined],
      ["connection.refused", "server.fault"],
    ]);
    expect(JSON.stringify(own.log)).not.toContain("hunter2");
  });

  test("is not what a peer is to blame for: a job that refuses is no fault", async () => {
    const own = rig();
    const run = (): never => {
      throw new CodedError("crypto.badKey");
    };
    Object.assign(own.env, { crypto: { ...quickCrypto, run } });
    const plug = new Plug(own.driver);
    expect(openChannel(own.peerEnv, plug, realm.keys.staticKey.publicKey)).rejects.toThrow("closed the connection");
    expect(await plug.closed).toBeGreaterThan(4000);
    expect(own.log.map(({ event }) => event)).toEqual(["connection.refused"]);
  });
});

describe("a server that is told to stop", () => {
  test("ends logins and newcomers at once, and lets sessions go on until it stops", async () => {
    const own = rig();
    const [alice, bob] = [await own.logIn("alice"), await own.logIn("bob")];
    const early = new Plug(own.driver);
    const proving = new Plug(own.driver);
    await begin(own.peerEnv, proving, own.accountOf("chris"));
    own.driver.drain();
    const late = new Plug(own.driver);
    for (const plug of [early, proving, late]) expect(await plug.closed).toBe(1012);
    bob.send([letter(own, alice)]);
    await until(alice, "delivery");
    own.driver.stop();
    for (const peer of [alice, bob]) {
      expect(reasonIn(await until(peer, "goodbye"))).toBe(ERRORS["server.stopping"].wire);
      expect(await peer.plug.closed).toBe(1012);
    }
    expect(own.driver.online).toEqual({ users: 0, devices: 0, connections: 0 });
  });

  test("nobody can log in once it stops", async () => {
    const own = rig();
    own.driver.drain();
    expect(logIn(own.peerEnv, new Plug(own.driver), own.accountOf("alice"))).rejects.toThrow("closed the connection");
  });
});

test("other limits count from now on: work at once, devices of a user, deadlines of newcomers", async () => {
  const own = rig({ loginsInWork: 1, devicesPerUser: 1 });
  await own.logIn("alice");
  own.driver.setLimits({ ...PATIENT, loginsInWork: 8, devicesPerUser: 2, handshakeSeconds: 0.01 });
  const second = new Plug(own.driver);
  expect(await second.closed).toBe(4000 + ERRORS["channel.deadline"].wire);
  own.driver.setLimits({ ...PATIENT, devicesPerUser: 2 });
  await own.logIn("alice");
  own.driver.setLimits({ ...PATIENT, devicesPerUser: 1 });
  expect(own.driver.online.devices).toBe(2);
  await expect(own.logIn("alice")).rejects.toThrow();
});
