/** A port that is closed, opened and moved while people are inside. */
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { connect, type Socket } from "node:net";
import { type Listener, listen } from "../../../cmd/server/listener.ts";
import { ERRORS } from "../../../core/errors.ts";
import { newDeviceId } from "../../../core/ids.ts";
import type { Users } from "../../../core/kdc/realm.ts";
import { parseUserName } from "../../../core/name.ts";
import { failure } from "../../support/codes.ts";
import { freePort } from "../../support/freePort.ts";
import { PATIENT, Rig } from "../../support/plugged.ts";
import { Watched } from "../../support/programs.ts";
import { registerAll, type TestRealm, testRealm } from "../../support/realm.ts";
import { logIn, type Peer } from "../../support/remotePeer.ts";
import { RawSocket, transportOver } from "../../support/stranger.ts";

let realm: TestRealm;
let users: Users;
beforeAll(async () => {
  realm = testRealm();
  users = await registerAll(realm, ["alice", "bob"]);
});

const never = new Promise<never>(() => {});
let rig: Rig;
let listener: Listener;
beforeEach(() => {
  rig = new Rig(realm, users);
  const config = { host: "127.0.0.1", port: 0, limits: PATIENT, trustedProxies: [] };
  listener = listen(config, rig.driver, rig.journal);
});
afterEach(() => listener.stop(Promise.resolve()));

async function session(user: string): Promise<Peer & { readonly socket: RawSocket }> {
  const socket = await RawSocket.open(listener.port);
  return { ...(await logIn(rig.peerEnv, transportOver(socket), rig.accountOf(user))), socket };
}

const get = async (path: string, headers: Record<string, string> = {}): Promise<readonly [number, string]> => {
  const response = await fetch(`http://127.0.0.1:${listener.port}${path}`, { headers });
  return [response.status, await response.text()];
};

/** A request for the upgrade of which the last bytes are missing. */
function halfRequest(port: number): Promise<Socket> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => {
      socket.resume();
      socket.write("GET /ims HTTP/1.1\r\n", () => resolve(socket));
    });
  });
}

/** Whether `alice` is still served: her question has its answer. */
async function answered(alice: Peer): Promise<void> {
  const device = newDeviceId(rig.peerEnv);
  alice.send([{ kind: "ticketRequest", user: parseUserName("bob"), device }]);
  expect(await alice.receive()).toMatchObject([{ kind: "absent", device }]);
}

const change = (config: Partial<Parameters<Listener["prepare"]>[0]>) =>
  listener.prepare({ host: "127.0.0.1", port: 0, limits: PATIENT, trustedProxies: [], name: "s.json", ...config });

describe("a port that is closed for a while", () => {
  test("takes nobody, keeps those inside and what they are counted for, and opens where it was", async () => {
    change({ limits: { ...PATIENT, connectionsPerAddress: 2 } }).commit();
    const { port } = listener;
    const alice = await session("alice");
    listener.close();
    expect([listener.isOpen, listener.connections, listener.port]).toEqual([false, 1, port]);
    expect((await RawSocket.open(port)).status).toBe(0);
    await answered(alice);
    listener.reopen();
    expect(listener.isOpen).toBe(true);
    using second = await RawSocket.open(port);
    using third = await RawSocket.open(port);
    expect([second.status, third.status, listener.connections]).toEqual([101, 429, 2]);
    await answered(alice);
    const stopped = listener.stop(never);
    expect(await alice.receive()).toMatchObject([{ kind: "goodbye" }]);
    expect([await alice.socket.ended(), await second.ended()]).toEqual([1012, 1012]);
    await stopped;
    listener.reopen(); // nothing any more
    expect(listener.isOpen).toBe(false);
  });

  test("a request that began before still becomes a connection, and ends with the server", async () => {
    const socket = await halfRequest(listener.port);
    const closed = new Promise((resolve) => socket.on("close", resolve));
    await get("/healthz"); // so the server has seen the other, too
    listener.close();
    socket.write(`Upgrade: websocket\r\nConnection: Upgrade\r\nHost: a\r\nSec-WebSocket-Version: 13\r\n`);
    socket.write(`Sec-WebSocket-Key: ${btoa("sixteen bytes ok")}\r\n\r\n`);
    await new Watched().until(
      () => listener.connections === 1 || null,
      () => "the connection",
    );
    await listener.stop(Promise.resolve());
    await closed;
  });

  test("cannot be opened while another has it", async () => {
    const { port } = listener;
    listener.close();
    const other = Bun.serve({ port, hostname: "127.0.0.1", reusePort: false, fetch: () => new Response("other") });
    expect(() => listener.reopen()).toThrow(expect.objectContaining({ code: "EADDRINUSE" }));
    await other.stop(true);
    listener.reopen();
    expect((await get("/healthz"))[0]).toBe(200);
  });
});

describe("another configuration", () => {
  test("another port: newcomers find that one, and those who came in at the old one stay", async () => {
    const [alice, before, port] = [await session("alice"), listener.port, await freePort()];
    const { commit } = change({ port });
    expect((await RawSocket.open(before)).status).toBe(101); // nothing is decided yet
    commit();
    expect([listener.port, listener.isOpen]).toEqual([port, true]);
    expect((await RawSocket.open(before)).status).toBe(0);
    expect(await get("/healthz")).toEqual([200, "ok\n"]);
    await answered(alice);
  });

  test("that is taken back leaves all as it was", async () => {
    const [before, port] = [listener.port, await freePort()];
    for (const config of [{ port }, { limits: { ...PATIENT, frameBytes: 20_480, connections: 1 } }]) {
      change(config).rollback();
      expect(listener.port).toBe(before);
      expect(await get("/healthz")).toEqual([200, "ok\n"]);
      expect((await RawSocket.open(port)).status).toBe(0);
    }
    using _one = await RawSocket.open(before);
    using two = await RawSocket.open(before);
    expect(two.status).toBe(101);
  });

  test("a port that another has, or a host that is none of ours: refused, and all is as it was", async () => {
    using other = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response("other") });
    expect(failure(() => change({ port: other.port ?? 0 }))).toMatchObject({ code: "port.busy" });
    expect(failure(() => change({ host: "192.0.2.1" }))).toMatchObject({
      code: "config.invalid",
      detail: "s.json: host: 192.0.2.1 is not an address of this machine",
    });
    expect(await get("/healthz")).toEqual([200, "ok\n"]);
  });

  test("another frameBytes counts for newcomers, at the same port, while those inside stay", async () => {
    const [alice, { port }] = [await session("alice"), listener];
    change({ limits: { ...PATIENT, frameBytes: 20_480 } }).commit();
    expect(listener.port).toBe(port);
    using long = await RawSocket.open(port);
    long.send(new Uint8Array(20_481));
    expect(await long.ended()).not.toBe(4000 + ERRORS["wire.version"].wire);
    using short = await RawSocket.open(port);
    short.send(new Uint8Array(20_480));
    expect(await short.ended()).toBe(4000 + ERRORS["wire.version"].wire);
    await answered(alice);
  });

  test("while the port is closed: it stays closed, and opens at the new place", async () => {
    const port = await freePort();
    listener.close();
    change({ port }).commit();
    expect([listener.isOpen, (await RawSocket.open(port)).status]).toEqual([false, 0]);
    listener.reopen();
    expect((await RawSocket.open(port)).status).toBe(101);
  });

  test("other limits and proxies count at once", async () => {
    using _inside = await RawSocket.open(listener.port);
    change({ limits: { ...PATIENT, connectionsPerAddress: 1 } }).commit();
    expect((await get("/ims"))[0]).toBe(429);
    change({ trustedProxies: ["127.0.0.1"], limits: { ...PATIENT, connectionsPerAddress: 1 } }).commit();
    expect((await get("/ims", { "X-Forwarded-For": "192.0.2.1" }))[0]).toBe(426);
    change({ limits: { ...PATIENT, connections: 1 } }).commit();
    expect((await get("/ims"))[0]).toBe(503);
  });
});
