/** What a stranger at the port may send: nothing of it disturbs anybody else. */
import { afterAll, afterEach, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { utf8 } from "../../core/bytes.ts";
import { OPCODE } from "../support/frames.ts";
import type { Program } from "../support/programs.ts";
import { RunningRealm } from "../support/runningRealm.ts";
import { declaring, hello, RawSocket, ScriptedClient } from "../support/stranger.ts";

setDefaultTimeout(20_000);

/** Before the deadline of a handshake, which would close everything in the end. */
const AT_ONCE_MS = 2500;
const SEED = 20261123;
let realm: RunningRealm;
let bob: Program;
let alice: ScriptedClient;
let count = 0;
beforeAll(async () => {
  realm = await RunningRealm.start({ limits: { handshakeSeconds: 3, loginSeconds: 30, frameBytes: 20_480 } });
  bob = await realm.listener("Bob");
  const publicKey = realm.folder.at("keys/server.pub");
  alice = await ScriptedClient.login(realm.port, { user: "alice", password: "P4nc@ke$", publicKey });
});
afterAll(async () => {
  alice?.[Symbol.dispose]();
  await realm?.[Symbol.asyncDispose]();
});

/** Whatever a stranger did: the server runs, without a fault, and those who are logged in talk as before. */
afterEach(async () => {
  count += 1;
  const id = count.toString(16).padStart(32, "0");
  alice.handle({ kind: "send", id: id as never, to: "bob", text: `still there ${count}` });
  await bob.untilText(`"text":"still there ${count}"`);
  expect(realm.server.running).toBe(true);
  expect(realm.logText).not.toContain("server.fault");
});

/** Bytes that are the same in every run. */
function noise(length: number, seed: number): Uint8Array {
  let state = seed >>> 0;
  return Uint8Array.from({ length }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state >>> 24;
  });
}

async function helloed(): Promise<RawSocket> {
  const socket = await RawSocket.open(realm.port);
  socket.send(await hello(realm.folder.at("keys/server.pub")));
  await socket.next();
  return socket;
}

test("random messages in the place of a hello are closed with a code", async () => {
  for (let run = 0; run < 20; run += 1) {
    using socket = await RawSocket.open(realm.port);
    socket.send(noise([0, 1, 31, 32, 1217, 1249, 4000][run % 7] ?? 0, SEED + run));
    expect([4103, 4201] as unknown[]).toContain(await socket.ended());
  }
});

test("random messages on a channel that stands are closed, and log nobody in", async () => {
  for (let run = 0; run < 8; run += 1) {
    using socket = await helloed();
    socket.send(noise([0, 15, 16, 17, 1024, 1023, 1025, 9000][run] ?? 0, SEED + run));
    expect(await socket.ended()).toBe(1000);
  }
  expect(realm.log.filter(({ event }) => event === "user.login")).toHaveLength(2);
});

test("random messages on a session end that session alone", async () => {
  const publicKey = realm.folder.at("keys/server.pub");
  using chris = await ScriptedClient.login(realm.port, { user: "chris", password: "pizza", publicKey });
  chris.socket.send(noise(100, SEED));
  expect(await chris.ended()).toBe("channel.record");
});

test("text messages are refused, before and after the channel stands", async () => {
  using early = await RawSocket.open(realm.port);
  early.send(utf8("hello"), OPCODE.text);
  expect(await early.ended()).toBe(4101);
  using late = await helloed();
  late.send(utf8("hello"), OPCODE.text);
  expect(await late.ended()).toBe(1000);
});

test.each([
  ["4 GiB", 4n << 30n],
  ["2^63 - 1 bytes", (1n << 63n) - 1n],
  ["2^64 - 1 bytes", (1n << 64n) - 1n],
  ["one byte above frameBytes", 20_481n],
])("a declared length of %s: refused before anything is allocated", async (_what, length) => {
  const before = memoryKiB();
  using socket = await RawSocket.open(realm.port);
  socket.write(declaring(length));
  socket.write(noise(1000, SEED));
  await socket.ended(AT_ONCE_MS);
  expect(memoryKiB() - before).toBeLessThan(32 * 1024);
});

test("a stranger with too many messages under way is cut", async () => {
  using socket = await RawSocket.open(realm.port);
  for (let at = 0; at < 50; at += 1) socket.send(noise(1250, at));
  expect(await socket.ended()).not.toBeNull();
});

test("bytes that are no WebSocket", async () => {
  for (const bytes of [
    utf8("GET / HTTP/1.1\r\n"),
    noise(5000, SEED),
    utf8(`GET /${"x".repeat(100_000)} HTTP/1.1\r\n\r\n`),
  ]) {
    await new Promise<void>((resolve) => {
      const socket = connect({ port: realm.port, host: "127.0.0.1" }, () => socket.end(bytes));
      socket.on("error", () => resolve());
      socket.on("close", () => resolve());
      socket.on("data", () => {});
      setTimeout(() => socket.destroy(), 1000).unref();
    });
  }
});

test.each([
  ["reserved bits", Uint8Array.of(0xf2, 0x80, 0, 0, 0, 0)],
  ["an unmasked frame", Uint8Array.of(0x82, 0x01, 0x00)],
  ["an opcode that does not exist", Uint8Array.of(0x83, 0x80, 0, 0, 0, 0)],
  ["a continuation of nothing", Uint8Array.of(0x80, 0x80, 0, 0, 0, 0)],
  ["a ping of 126 bytes", Uint8Array.of(0x89, 0xfe, 0, 126, 0, 0, 0, 0)],
])("a frame that WebSocket does not have: %s", async (_what, bytes) => {
  using socket = await RawSocket.open(realm.port);
  socket.write(bytes);
  await socket.ended(AT_ONCE_MS);
});

test("a message in thirty thousand fragments is bounded like any other", async () => {
  using socket = await RawSocket.open(realm.port);
  socket.write(Uint8Array.of(0x02, 0x81, 0, 0, 0, 0, 1));
  const fragment = Uint8Array.of(0x00, 0x81, 0, 0, 0, 0, 1);
  for (let at = 0; at < 300 && !socket.closed; at += 1) {
    socket.write(
      Uint8Array.from({ length: 100 * fragment.length }, (_, byte) => fragment[byte % fragment.length] ?? 0),
    );
  }
  await socket.ended(AT_ONCE_MS);
});

test("other paths and plain requests are answered, and open nothing", async () => {
  const at = (path: string) => fetch(`http://127.0.0.1:${realm.port}${path}`);
  expect([(await at("/")).status, (await at("/ims")).status, (await at("/ims/../x")).status]).toEqual([404, 426, 404]);
  using wrong = await RawSocket.open(realm.port, { path: "/other" });
  expect(wrong.status).toBe(404);
});

/** What the server's process keeps in memory; 0 where the system does not tell. */
function memoryKiB(): number {
  if (process.platform !== "linux") return 0;
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${realm.server.pid}/status`, "utf8"))?.[1]);
}
