import { afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import type { ServerConfig } from "../../../cmd/host/config.ts";
import { type Listener, listen } from "../../../cmd/server/listener.ts";
import { ERRORS } from "../../../core/errors.ts";
import { newMessageId } from "../../../core/ids.ts";
import type { Users } from "../../../core/kdc/realm.ts";
import { liveTimers } from "../../support/liveTimers.ts";
import { PATIENT, Rig } from "../../support/plugged.ts";
import { Watched } from "../../support/programs.ts";
import { registerAll, type TestRealm, testRealm } from "../../support/realm.ts";
import { begin, logIn, type Peer } from "../../support/remotePeer.ts";
import { type OpenOptions, RawSocket, transportOver } from "../../support/stranger.ts";

let realm: TestRealm;
let users: Users;
beforeAll(async () => {
  realm = testRealm();
  users = await registerAll(realm, ["alice", "bob"]);
});

const never = new Promise<never>(() => {});
let rig: Rig;
let listener: Listener;

function open(change: Partial<ServerConfig["limits"]> = {}, trustedProxies: readonly string[] = []): void {
  const limits = { ...PATIENT, ...change };
  rig = new Rig(realm, users, limits);
  listener = listen({ host: "127.0.0.1", port: 0, limits, trustedProxies }, rig.driver, rig.journal);
}
beforeEach(() => open());
afterEach(() => listener.stop(Promise.resolve()));

async function session(user: string): Promise<Peer & { readonly socket: RawSocket }> {
  const socket = await RawSocket.open(listener.port);
  return { ...(await logIn(rig.peerEnv, transportOver(socket), rig.accountOf(user))), socket };
}

const get = async (path: string, { headers = {} }: OpenOptions = {}): Promise<readonly [number, string]> => {
  const response = await fetch(`http://127.0.0.1:${listener.port}${path}`, { headers });
  return [response.status, await response.text()];
};

test("what is answered, and how", async () => {
  expect(listener.port).toBeGreaterThan(0);
  expect(await get("/healthz")).toEqual([200, "ok\n"]);
  expect(await get("/")).toEqual([404, "not found\n"]);
  expect(await get("/ims/")).toEqual([404, "not found\n"]);
  expect(await get("/ims")).toEqual([426, "a WebSocket is expected here\n"]);
  using socket = await RawSocket.open(listener.port);
  expect(socket.status).toBe(101);
});

test("a port that is taken is an error of the system, also where sharing it would be possible", () => {
  const config = { host: "127.0.0.1", port: listener.port, limits: PATIENT, trustedProxies: [] };
  expect(() => listen(config, rig.driver, rig.journal)).toThrow(expect.objectContaining({ code: "EADDRINUSE" }));
});

describe("connections of one address", () => {
  const statusOf = async (options: OpenOptions = {}): Promise<number> => {
    using socket = await RawSocket.open(listener.port, options);
    return socket.status;
  };
  /** Until the server has seen that a peer has gone. */
  const left = (connections: number): Promise<true> =>
    new Watched().until(
      () => rig.driver.online.connections === connections || null,
      () => `${connections} connections`,
    ) as Promise<true>;

  beforeEach(async () => {
    await listener.stop(Promise.resolve());
    open({ connectionsPerAddress: 2 });
  });

  test("are counted, and what has ended in whatever way is not", async () => {
    for (const end of [
      (socket: RawSocket) => socket[Symbol.dispose](), // TCP ends without a word
      (socket: RawSocket) => socket.write(Uint8Array.of(0xf2, 0x80, 0, 0, 0, 0)), // not WebSocket
    ]) {
      using first = await RawSocket.open(listener.port);
      using second = await RawSocket.open(listener.port);
      expect([first.status, second.status, await statusOf()]).toEqual([101, 101, 429]);
      end(first);
      await left(1);
      expect(await statusOf()).toBe(101);
      await left(1);
      second[Symbol.dispose]();
      await left(0);
    }
  });

  test("are counted on when a stranger has closed them, as it may keep the socket; a user's are not", async () => {
    using timers = liveTimers();
    using stranger = await RawSocket.open(listener.port);
    stranger.write(Uint8Array.of(0x88, 0x80, 0, 0, 0, 0)); // a close frame
    await left(0);
    expect(timers.count(15_000)).toBe(1);
    using second = await RawSocket.open(listener.port);
    expect([second.status, await statusOf()]).toEqual([101, 429]);
    second[Symbol.dispose]();
    await left(0);
    const { socket } = await session("alice");
    socket.write(Uint8Array.of(0x88, 0x80, 0, 0, 0, 0));
    await left(0);
    expect(timers.count(15_000)).toBe(1);
  });

  test("are counted until their socket has gone, also when we have closed them", async () => {
    for (let times = 0; times < 2; times += 1) {
      const socket = await RawSocket.open(listener.port);
      socket.send(new Uint8Array(10)); // not IMS
      await socket.ended();
    }
    for (let status = 429; status !== 101; status = await statusOf()) await Bun.sleep(50);
  });

  test("are free again as soon as a user has logged out", async () => {
    for (let times = 0; times < 5; times += 1) {
      const { logOut, socket } = await session("alice");
      void logOut();
      await left(0);
      socket[Symbol.dispose]();
    }
  });

  test("are not requests that never became one", async () => {
    for (let times = 0; times < 5; times += 1) expect((await get("/ims"))[0]).toBe(426);
    expect(await statusOf()).toBe(101);
  });

  test("do not become another's by a header", async () => {
    const claiming = (address: string): OpenOptions => ({ headers: { "X-Forwarded-For": address } });
    using _first = await RawSocket.open(listener.port, claiming("198.51.100.1"));
    using _second = await RawSocket.open(listener.port, claiming("198.51.100.2"));
    expect(await statusOf(claiming("198.51.100.3"))).toBe(429);
    expect((await get("/healthz"))[0]).toBe(200);
  });

  test("behind a proxy of ours, are those of the address it names", async () => {
    await listener.stop(Promise.resolve());
    open({ connectionsPerAddress: 1 }, ["127.0.0.1"]);
    const from = (address: string): OpenOptions => ({ headers: { "X-Forwarded-For": `192.0.2.66, ${address}` } });
    using _first = await RawSocket.open(listener.port, from("198.51.100.1"));
    expect(await statusOf(from("198.51.100.1"))).toBe(429);
    using second = await RawSocket.open(listener.port, from("198.51.100.2"));
    expect(second.status).toBe(101);
    second.send(new Uint8Array(10));
    await second.ended();
    const ended = rig.log.filter(({ code }) => code !== "door.address");
    expect(ended.map(({ address }) => address)).toEqual(["198.51.100.2"]);
  });

  test("are those of a whole /64 in IPv6", async () => {
    await listener.stop(Promise.resolve());
    open({ connectionsPerAddress: 1 }, ["127.0.0.1"]);
    const from = (address: string): OpenOptions => ({ headers: { "X-Forwarded-For": address } });
    using first = await RawSocket.open(listener.port, from("2001:db8:0:1::1"));
    expect([first.status, await statusOf(from("2001:db8:0:1:ffff::2"))]).toEqual([101, 429]);
    expect(await statusOf(from("2001:db8:0:2::1"))).toBe(101);
  });

  test("are refused beside those in all, and each refusal is written down with its cause and address", async () => {
    await listener.stop(Promise.resolve());
    open({ connections: 2, connectionsPerAddress: 1 }, ["127.0.0.1"]);
    const from = (address: string): OpenOptions => ({ headers: { "X-Forwarded-For": address } });
    using first = await RawSocket.open(listener.port, from("192.0.2.1"));
    using second = await RawSocket.open(listener.port, from("192.0.2.2"));
    expect([first.status, second.status]).toEqual([101, 101]);
    expect(await get("/ims", from("192.0.2.3"))).toEqual([503, "too many connections\n"]);
    expect(await get("/ims", from("192.0.2.2"))).toEqual([429, "too many connections from your address\n"]);
    expect((await get("/healthz"))[0]).toBe(200);
    expect(rig.log.map(({ event, code, address }) => [event, code, address])).toEqual([
      ["connection.refused", "door.full", "192.0.2.3"],
      ["connection.refused", "door.address", "192.0.2.2"],
    ]);
    first[Symbol.dispose]();
    await left(1);
    expect(await statusOf(from("192.0.2.3"))).toBe(101);
  });
});

test("a text message, and one above frameBytes, end their connection alone", async () => {
  await listener.stop(Promise.resolve());
  open({ frameBytes: 20_480 });
  const alice = await session("alice");
  using text = await RawSocket.open(listener.port);
  text.send(new Uint8Array(3).fill(0x61), 1);
  expect(await text.ended()).toBe(4000 + ERRORS["wire.malformed"].wire);
  using long = await RawSocket.open(listener.port);
  long.send(new Uint8Array(20_481));
  await long.ended();
  expect(alice.socket.closed).toBe(false);
});

describe("the end", () => {
  const goodbye = { kind: "goodbye", reason: ERRORS["server.stopping"].wire, waitSeconds: 0 };

  test("newcomers and logins end at once; what sessions still say is routed; then they hear goodbye", async () => {
    const [alice, bob] = [await session("alice"), await session("bob")];
    await alice.receive(); // that Bob has come
    using early = await RawSocket.open(listener.port);
    using proving = await RawSocket.open(listener.port);
    await begin(rig.peerEnv, transportOver(proving), rig.accountOf("alice"));
    const stopped = listener.stop(never);
    expect([await early.ended(), await proving.ended()]).toEqual([1012, 1012]);
    expect(await get("/healthz")).toEqual([503, "stopping\n"]);
    using late = await RawSocket.open(listener.port);
    expect(late.status).toBe(503);
    expect(rig.log).toContainEqual(expect.objectContaining({ code: "door.stopping", address: "127.0.0.1" }));
    const message = newMessageId(rig.peerEnv);
    bob.send([{ kind: "send", message, ...alice.self, envelope: new Uint8Array(10) }]);
    expect(await alice.receive()).toMatchObject([{ kind: "delivery", message }]);
    alice.send([{ kind: "acknowledge", message, ...bob.self }]);
    expect(await bob.receive()).toMatchObject([{ kind: "confirmed", message }]);
    for (const peer of [alice, bob]) {
      expect(await peer.receive()).toEqual([goodbye as never]);
      expect(await peer.socket.ended()).toBe(1012);
    }
    await stopped;
    expect(fetch(`http://127.0.0.1:${listener.port}/healthz`)).rejects.toThrow();
  });

  test("without a session there is nothing to wait for, and a second word to stop ends the wait", async () => {
    using stranger = await RawSocket.open(listener.port);
    await listener.stop(never);
    expect(await stranger.ended()).toBe(1012);
    open();
    const alice = await session("alice");
    const hurry = Promise.withResolvers<void>();
    const stopped = listener.stop(hurry.promise);
    expect(await get("/healthz")).toEqual([503, "stopping\n"]);
    expect(rig.driver.online.devices).toBe(1);
    hurry.resolve();
    expect(await alice.receive()).toEqual([goodbye as never]);
    await stopped;
  });
});
