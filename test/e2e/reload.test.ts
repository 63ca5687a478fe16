/** SIGHUP has the server read `sconf.json` again, while somebody is logged in who must not notice. */
import { afterAll, afterEach, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import {
  appendFileSync,
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { freePort } from "../support/freePort.ts";
import type { Program } from "../support/programs.ts";
import { type LogLine, RunningRealm } from "../support/runningRealm.ts";
import { declaring, hello, RawSocket, ScriptedClient } from "../support/stranger.ts";

setDefaultTimeout(20_000);

const NOTE = "the configuration before it stays in force";

let realm: RunningRealm;
let bob: Program;
let alice: ScriptedClient;
let original: string;
let count = 0;
beforeAll(async () => {
  realm = await RunningRealm.start();
  original = readFileSync(realm.folder.at("sconf.json"), "utf8");
  bob = await realm.listener("Bob");
  const publicKey = realm.folder.at("keys/server.pub");
  alice = await ScriptedClient.login(realm.port, { user: "alice", password: "P4nc@ke$", publicKey });
});
afterAll(async () => {
  alice?.[Symbol.dispose]();
  await realm?.[Symbol.asyncDispose]();
});

/** Whatever was read: those who are logged in talk as before. The next test begins with the first configuration. */
afterEach(async () => {
  rmSync(conf(), { recursive: true, force: true });
  expect(await reload({})).toMatchObject({ event: "config.loaded" });
  count += 1;
  alice.handle({ kind: "send", id: count.toString(16).padStart(32, "0") as never, to: "bob", text: `still ${count}` });
  await bob.untilText(`"text":"still ${count}"`);
  expect(realm.server.running).toBe(true);
  expect(realm.logText).not.toContain("server.fault");
});

const conf = (): string => realm.folder.at("sconf.json");

/** Sends SIGHUP; the line that says what came of it. */
async function hangUp(): Promise<LogLine> {
  const verdicts = (): LogLine[] => realm.log.filter(({ event }) => /^config\.(loaded|refused)$/.test(event));
  const before = verdicts().length;
  realm.server.kill("SIGHUP");
  return await realm.server.until(() => verdicts()[before] ?? null, "what came of a reload");
}

/** Puts other values in force, beside those that the realm began with. */
async function reload(change: Record<string, unknown>): Promise<LogLine> {
  writeFileSync(conf(), JSON.stringify({ ...JSON.parse(original), ...change }));
  return await hangUp();
}

async function loaded(change: Record<string, unknown>, changed: string): Promise<void> {
  expect(await reload(change)).toMatchObject({ event: "config.loaded", level: "info", file: "sconf.json", changed });
}

const healthAt = async (port: number): Promise<number> => {
  return await fetch(`http://127.0.0.1:${port}/healthz`).then(
    ({ status }) => status,
    () => 0,
  );
};

function folderInItsPlace(): void {
  rmSync(conf());
  mkdirSync(conf());
}

const spoiled = (change: Record<string, unknown>) => () =>
  writeFileSync(conf(), JSON.stringify({ ...JSON.parse(original), ...change }));

test.each([
  ["begins with a byte order mark", () => writeFileSync(conf(), `\uFEFF${original}`), "sconf.json: "],
  ["is empty", () => writeFileSync(conf(), ""), "sconf.json: "],
  ["is cut off", () => writeFileSync(conf(), original.slice(0, 100)), "sconf.json: "],
  ["is not UTF-8", () => writeFileSync(conf(), Uint8Array.of(0x7b, 0xff, 0x7d)), "sconf.json: not UTF-8"],
  ["has gone", () => rmSync(conf()), "sconf.json: cannot be read: no such file"],
  ["is a folder", folderInItsPlace, "sconf.json: not a file"],
  [
    "has a text for a port",
    spoiled({ port: "4040" }),
    'sconf.json: port: expected an integer from 0 to 65535, found "4040"',
  ],
  [
    "has a limit that is too low",
    spoiled({ limits: { loginsInWork: 0 } }),
    "sconf.json: limits.loginsInWork: expected",
  ],
  ["has an unknown key", spoiled({ prot: 1 }), "sconf.json: prot: unknown key; did you mean port?"],
  ["names no users", spoiled({ users: "none.json" }), "sconf.json: users: none.json: cannot be read: no such file"],
  ["names users that are none", spoiled({ users: "config.json" }), "config.json: "],
  [
    "would serve the demo realm to others",
    spoiled({ host: "0.0.0.0" }),
    "sconf.json: host: expected a loopback address",
  ],
  ["names another's host", spoiled({ host: "::2" }), "sconf.json: host: expected a loopback address"],
  ["names another key", spoiled({ privateKey: "keys/copy.key" }), "sconf.json: privateKey: cannot change while"],
  ["names another folder", spoiled({ data: "elsewhere" }), "sconf.json: data: cannot change while the server runs"],
])("a file that %s is refused as a whole", async (_what, spoil, reason) => {
  copyFileSync(realm.folder.at("keys/server.key"), realm.folder.at("keys/copy.key"));
  spoil();
  const line = await hangUp();
  expect(line).toMatchObject({ event: "config.refused", level: "error", file: "sconf.json", note: NOTE });
  expect(line.reason).toStartWith(reason);
  expect(await healthAt(realm.port)).toBe(200);
});

test.if(process.geteuid?.() !== 0)("a file that cannot be read is refused", async () => {
  chmodSync(conf(), 0);
  expect(await hangUp()).toMatchObject({ event: "config.refused", reason: expect.stringContaining("permission") });
});

test("a busy port is refused with everything beside it, and the old port goes on", async () => {
  using other = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response("other") });
  const line = await reload({ port: other.port, logLevel: "debug", limits: { connectionsPerAddress: 1 } });
  expect(line).toMatchObject({ event: "config.refused", note: NOTE });
  expect(line.reason).toBe(`sconf.json: port: ${other.port} is in use; stop what uses it or take another`);
  using one = await RawSocket.open(realm.port);
  using two = await RawSocket.open(realm.port);
  expect([one.status, two.status]).toEqual([101, 101]);
});

test("port and host: newcomers find the new place, and nobody the old one", async () => {
  const port = await freePort();
  await loaded({ port, host: "localhost" }, "host, port");
  expect([await healthAt(port), await healthAt(realm.port)]).toEqual([200, 0]);
  await loaded({ port: realm.port }, "host, port");
  expect([await healthAt(port), await healthAt(realm.port)]).toEqual([0, 200]);
});

test("logLevel, at once", async () => {
  await using own = await RunningRealm.start();
  const hangUpWith = (change: Record<string, unknown>): void => {
    own.folder.changeServerConfig(change);
    own.server.kill("SIGHUP");
  };
  hangUpWith({ logLevel: "debug" });
  await own.logged("config.loaded", { changed: "logLevel" });
  (await RawSocket.open(own.port))[Symbol.dispose]();
  await own.logged("connection.ended", { level: "debug" });
  using _one = await RawSocket.open(own.port);
  hangUpWith({ logLevel: "error", limits: { connections: 1 } });
  const full = async (): Promise<boolean> => (await fetch(`http://127.0.0.1:${own.port}/ims`)).status === 503;
  while (!(await full())) await Bun.sleep(20);
  hangUpWith({ logLevel: "info", limits: {} });
  await own.logged("config.loaded", { changed: "logLevel, limits.connections" });
  expect(own.log.map(({ event, code }) => code ?? event)).not.toContain("door.full"); // at info
});

test("metricsPort: another, and none", async () => {
  const [port, busy] = [await freePort(), realm.port];
  const metrics = async (): Promise<number> =>
    await fetch(`http://127.0.0.1:${port}/metrics`).then(
      ({ status }) => status,
      () => 0,
    );
  await loaded({ metricsPort: port }, "metricsPort");
  expect(await metrics()).toBe(200);
  expect(await reload({ metricsPort: port, port: busy, limits: { connections: 0 } })).toMatchObject({
    event: "config.refused",
  });
  expect(await metrics()).toBe(200);
  await loaded({}, "metricsPort");
  expect(await metrics()).toBe(0);
});

test("limits.auditBytes", async () => {
  const trail = realm.folder.at("data/audit.jsonl");
  await realm.logged("user.login", { user: "bob" });
  while (!existsSync(trail)) await Bun.sleep(20);
  appendFileSync(trail, `${" ".repeat(70_000)}\n`);
  await loaded({ limits: { auditBytes: 65_536 } }, "limits.auditBytes");
  while (!existsSync(realm.folder.at("data/audit.jsonl.1"))) await Bun.sleep(20); // the next line begins another file
});

test("limits.connections, limits.connectionsPerAddress and trustedProxies", async () => {
  const limits = (change: Record<string, number>) => ({ limits: change });
  const status = async (options = {}): Promise<number> => {
    using socket = await RawSocket.open(realm.port, options);
    return socket.status;
  };
  await loaded(limits({ connectionsPerAddress: 2 }), "limits.connectionsPerAddress"); // Alice and Bob are two
  expect([await status(), await status({ localAddress: "127.0.0.2" })]).toEqual([429, 101]);
  await loaded(limits({ connections: 2 }), "limits.connections, limits.connectionsPerAddress");
  expect(await status()).toBe(503);
  const headers = { "X-Forwarded-For": "192.0.2.1" };
  await loaded(
    { ...limits({ connectionsPerAddress: 2 }), trustedProxies: ["127.0.0.1"] },
    "trustedProxies, limits.connections, limits.connectionsPerAddress",
  );
  expect([await status(), await status({ headers })]).toEqual([429, 101]);
  await loaded({}, "trustedProxies, limits.connectionsPerAddress");
  expect(await status()).toBe(101);
});

test("limits.frameBytes counts for newcomers", async () => {
  const closeOf = async (bytes: number): Promise<number | null> => {
    using socket = await RawSocket.open(realm.port);
    socket.write(declaring(BigInt(bytes)));
    socket.write(new Uint8Array(bytes));
    return await socket.ended();
  };
  expect(await closeOf(20_481)).toBe(4103);
  await loaded({ limits: { frameBytes: 20_480 } }, "limits.frameBytes");
  expect([await closeOf(20_480), await closeOf(20_481)]).not.toContain(null);
  expect([await closeOf(20_480), await closeOf(20_481)].map((code) => code === 4103)).toEqual([true, false]);
  await loaded({}, "limits.frameBytes");
  expect(await closeOf(20_481)).toBe(4103);
});

test("limits.handshakeSeconds and limits.loginSeconds count for newcomers", async () => {
  await loaded({ limits: { handshakeSeconds: 1, loginSeconds: 1 } }, "limits.handshakeSeconds, limits.loginSeconds");
  using silent = await RawSocket.open(realm.port);
  using stopped = await RawSocket.open(realm.port);
  stopped.send(await hello(realm.folder.at("keys/server.pub")));
  await stopped.next();
  expect(await Promise.all([silent.ended(3000), stopped.ended(3000)])).toEqual([4204, 1000]);
});

test("limits.devicesPerUser and limits.loginsInWork", async () => {
  await loaded({ limits: { devicesPerUser: 1, loginsInWork: 1 } }, "limits.loginsInWork, limits.devicesPerUser");
  const users = ["Bob", "Chris", "Dana", "Eric"];
  const codes = await Promise.all(users.map(async (user) => (await realm.as(user, ["users"])).code));
  expect(codes).toEqual([3, 0, 0, 0]); // Bob is logged in
  await loaded({}, "limits.loginsInWork, limits.devicesPerUser");
  expect((await realm.as("Bob", ["users"])).code).toBe(0);
});

test("users: another file, which is then the one that is watched", async () => {
  copyFileSync(realm.folder.at("users.json"), realm.folder.at("others.json"));
  await loaded({ users: "others.json" }, "users");
  const lines = (file: string): number =>
    realm.log.filter((line) => line.event === "users.loaded" && line.file === file).length;
  expect([lines("others.json"), lines("users.json")]).toEqual([1, 0]);
  await realm.folder.admin("user", "lock", "eric");
  await realm.server.until(() => lines("others.json") === 2, "the locked user");
  expect((await realm.as("Eric", ["users"])).code).toBe(3);
  renameSync(realm.folder.at("others.json"), realm.folder.at("gone.json"));
  await loaded({}, "users");
  expect((await realm.as("Eric", ["users"])).code).toBe(0);
});

test("many in a row: logins that are under way go on, and the last one counts", async () => {
  const logins = Promise.all(["Chris", "Dana"].map(async (user) => (await realm.as(user, ["users"])).code));
  for (let times = 0; times < 20; times += 1) await reload({ limits: { loginsInWork: 8 + (times % 2) } });
  expect(await logins).toEqual([0, 0]);
  for (let times = 0; times < 10; times += 1) await reload({ limits: { frameBytes: 20_480 + times } }); // a new socket each
  await loaded({ limits: { connectionsPerAddress: 2 } }, "limits.connectionsPerAddress, limits.frameBytes");
  using refused = await RawSocket.open(realm.port);
  expect(refused.status).toBe(429);
});
