/** Somebody on the wire who repeats, reflects, swaps, alters or cuts what passes (and a server that is not ours). */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { cpSync } from "node:fs";
import type { Program } from "../support/programs.ts";
import { RealmFolder, RunningRealm } from "../support/runningRealm.ts";
import { RawSocket, ScriptedClient } from "../support/stranger.ts";
import { type Direction, flipped, type Passing, Wiretap, type WiretapOptions } from "../support/wiretap.ts";

setDefaultTimeout(20_000);

let realm: RunningRealm;
/** Logged in throughout; whatever happens to others must not disturb him. */
let bob: Program;
beforeAll(async () => {
  realm = await RunningRealm.start({ logLevel: "debug", limits: { devicesPerUser: 64 } });
  bob = await realm.listener("Bob");
  await realm.as("Eric", ["users"]); // whoever logs in first makes the account
});
afterAll(async () => {
  await realm?.[Symbol.asyncDispose]();
});

const CLOSE = { version: 4103, handshake: 4201 } as const;

function chris(): Promise<ScriptedClient> {
  const publicKey = realm.folder.at("keys/server.pub");
  return ScriptedClient.login(realm.port, { user: "chris", password: "pizza", publicKey });
}

function devicesOf(client: ScriptedClient, user: string): number {
  return [...client.roster.values()].find(({ name }) => name === user)?.devices.length ?? -1;
}

test("a recorded login, repeated to the same server: refused at the first record, one session", async () => {
  using client = await chris();
  await realm.logged("user.login", { user: "chris" });
  const logins = realm.logins("chris");
  for (const then of client.sent.slice(1)) {
    using socket = await RawSocket.open(realm.port);
    socket.send(client.sent[0] ?? new Uint8Array(0));
    expect(await socket.next()).not.toEqual(client.received[0]);
    socket.send(then);
    expect(await socket.ended()).not.toBeNull();
  }
  // Without the hello, a login record is no handshake.
  for (const frame of client.sent.slice(1)) {
    using socket = await RawSocket.open(realm.port);
    socket.send(frame);
    expect([CLOSE.version, CLOSE.handshake] as unknown[]).toContain(await socket.ended());
  }
  expect(realm.logins("chris")).toBe(logins);
  expect(devicesOf(client, "Chris")).toBe(1);
});

test("a recorded login, repeated to another server with the same keys, and to a stranger: refused", async () => {
  using client = await chris();
  const copy = new RealmFolder();
  cpSync(realm.folder.at("keys"), copy.at("keys"), { recursive: true });
  await using twin = await RunningRealm.start({}, copy);
  using again = await RawSocket.open(twin.port);
  again.send(client.sent[0] ?? new Uint8Array(0));
  await again.next();
  for (const frame of client.sent.slice(1)) again.send(frame);
  await again.ended();
  expect(twin.logins("chris")).toBe(0);

  await using foreign = await RunningRealm.start({}, await RealmFolder.made());
  using there = await RawSocket.open(foreign.port);
  there.send(client.sent[0] ?? new Uint8Array(0));
  expect(await there.ended()).toBe(CLOSE.handshake);
});

test.each([
  ["repeated", (own: ScriptedClient) => own.sent.at(-1)],
  ["reflected", (own: ScriptedClient) => own.received.at(-1)],
] as const)("a record of a session that stands, %s to the server: that session ends, no other", async (_how, pick) => {
  using client = await chris();
  client.socket.send(pick(client) ?? new Uint8Array(0));
  expect(await client.ended()).toBe("channel.record");
  await realm.logged("user.logout", { user: "chris", code: "channel.record" });
  expect(bob.running).toBe(true);
});

test("a record of another session, spliced in: the session it enters ends, the one it comes from stands", async () => {
  using client = await chris();
  const publicKey = realm.folder.at("keys/server.pub");
  using eric = await ScriptedClient.login(realm.port, { user: "eric", password: "password", publicKey });
  const before = eric.sent.length;
  eric.handle({ kind: "send", id: "ab".repeat(16) as never, to: "bob", text: "from Eric" });
  client.socket.send(eric.sent[before] ?? new Uint8Array(0));
  expect(await client.ended()).toBe("channel.record");
  await eric.until(() => eric.notices.some(({ kind }) => kind === "delivered"), "the message to be delivered");
  await bob.untilText("from Eric");
  expect(bob.out.match(/from Eric/g)).toHaveLength(1);
});

test("a server that sends everything back: not the server we know", async () => {
  await using echo = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: (request, server) => (server.upgrade(request) ? undefined : new Response("no")),
    websocket: { message: (ws, message) => void ws.sendBinary(message as Uint8Array<ArrayBuffer>) },
  });
  const config = realm.folder.clientConfigFor(echo.port ?? 0);
  const { code, out, err } = await realm.as("Chris", ["--config", config, "users"]);
  expect([code, out]).toEqual([6, ""]);
  expect(err).toContain("this is not the server you know");
});

test.concurrent.each([0, 2, 3, 255])(
  "protocol version %i: closed with its own code, nothing else is tried",
  async (version) => {
    using client = await RawSocket.open(realm.port);
    client.send(Uint8Array.of(version, ...crypto.getRandomValues(new Uint8Array(1300))));
    expect(await client.ended()).toBe(CLOSE.version);
  },
);

test.concurrent.each([1, 2, 33, 1000])("a hello of another suite, %i bytes: closed, no fallback", async (length) => {
  using client = await RawSocket.open(realm.port);
  client.send(Uint8Array.of(1, ...new Uint8Array(length)));
  expect(await client.ended()).toBe(CLOSE.handshake);
});

/** What `client send Bob TEXT` of Eric does behind a tap. */
let networks = 0;

/** Each from a network of its own, or the logins that fail would keep out those that come later. */
async function sendThrough(options: WiretapOptions, text: string) {
  networks += 1;
  await using tap = await Wiretap.open(realm.port, { from: `127.1.${networks}.1`, ...options });
  const config = realm.folder.clientConfigFor(tap.port);
  return await realm.as("Eric", ["--config", config, "--state", "none", "send", "Bob", "--timeout", "2", text]);
}

const at = (direction: Direction, index: number, change: (payload: Uint8Array) => readonly Uint8Array[] | "cut") => ({
  tamper: (passing: Passing) =>
    passing.direction === direction && passing.index === index ? change(passing.payload) : [passing.payload],
});

const ENVELOPE = 9;
/** The messages of a login of a new device, and of a first text to somebody with one device. */
const STEPS = [
  ["hello", "up", 0],
  ["answer", "down", 0],
  ["login request", "up", 1],
  ["login response", "down", 1],
  ["proof", "up", 2],
  ["account", "down", 2],
  ["list of devices", "up", 3],
  ["list that stands", "down", 3],
  ["prekeys", "up", 4],
  ["device", "up", 7],
  ["roster", "down", 4],
  ["ticket request", "up", 8],
  ["grant", "down", 5],
  ["envelope", "up", ENVELOPE],
] as const;

test.each(STEPS)("%s with one bit flipped: nothing is delivered, one line, no fault", async (...step) => {
  const [name, direction, index] = step;
  const text = `flipped ${name}`;
  const flip = at(direction, index, (payload) => [flipped(payload, payload.length >> 1)]);
  const { code, out, err } = await sendThrough(flip, text);
  expect([1, 3, 6]).toContain(code);
  expect(out).toBe("");
  expect(err).toMatch(/^ims: [^\n]+\n$/);
  expect(err).not.toContain("fault in the program");
  expect(bob.out).not.toContain(text);
});

test.each(STEPS)("the line cut instead of the %s: exit 4, nothing is delivered", async (...step) => {
  const [name, direction, index] = step;
  const text = `cut ${name}`;
  const { code, out, err } = await sendThrough(
    at(direction, index, () => "cut"),
    text,
  );
  expect(code).toBe(4);
  expect(out).toBe("");
  expect(err).toBe("ims: the connection to the server is lost\n");
  expect(bob.out).not.toContain(text);
});

test.each([
  ["doubled", (payload: Uint8Array) => [payload, payload]],
  ["cut short", (payload: Uint8Array) => [payload.slice(0, -1)]],
  ["longer by a byte", (payload: Uint8Array) => [Uint8Array.of(...payload, 0)]],
  ["empty", () => [new Uint8Array(0)]],
] as const)("an envelope %s: the text arrives once or not at all, and the session ends", async (name, change) => {
  const text = `envelope ${name}`;
  const { code } = await sendThrough(at("up", ENVELOPE, change), text);
  await realm.logged("user.logout", { user: "eric", code: "channel.record" });
  expect([0, 1]).toContain(code);
  expect(bob.out.split(text).length - 1).toBeLessThanOrEqual(1);
  if (name !== "doubled") expect(bob.out).not.toContain(text);
});

test("an envelope that is dropped: exit 5 in time", async () => {
  const { code, err } = await sendThrough(
    at("up", ENVELOPE, () => []),
    "dropped",
  );
  expect([code, err]).toEqual([5, "ims: Bob has not confirmed the message in time; it is dropped\n"]);
});

test("in pieces of 97 bytes, each of them late: the same result", async () => {
  const { code } = await sendThrough({ segmentBytes: 97, delayMs: 1 }, "in small pieces");
  expect(code).toBe(0);
  expect(bob.out).toContain("in small pieces");
});
