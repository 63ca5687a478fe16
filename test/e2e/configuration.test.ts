/** Every value of both configuration files can be changed, and takes effect. */
import { expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, mkdirSync, renameSync } from "node:fs";
import { freePort } from "../support/freePort.ts";
import { RealmFolder, RunningRealm } from "../support/runningRealm.ts";
import { hello, RawSocket } from "../support/stranger.ts";

setDefaultTimeout(20_000);

/** Whether a server comes to answer at `port`; for one that logs nothing. */
async function answers(port: number): Promise<boolean> {
  for (let tries = 0; tries < 200; tries += 1) {
    const health = await fetch(`http://127.0.0.1:${port}/healthz`).catch(() => null);
    if (health?.status === 200) return true;
    await Bun.sleep(20);
  }
  return false;
}

test.concurrent("host and port of both files", async () => {
  const port = await freePort();
  await using realm = await RunningRealm.start({ port, host: "localhost" });
  expect(realm.port).toBe(port);
  for (const host of ["localhost", "127.0.0.1"]) {
    realm.folder.writeClientConfig(port, { host });
    const { code, err } = await realm.as("Bob", ["users"]);
    expect([host, code, err]).toEqual([host, 0, ""]);
  }
});

test.concurrent("IPv6, in both files without brackets", async () => {
  await using realm = await RunningRealm.start({ host: "::1" });
  realm.folder.writeClientConfig(realm.port, { host: "::1" });
  expect(await realm.as("Bob", ["users"])).toMatchObject({ code: 0, err: "" });
});

test.concurrent("privateKey, users, data and publicKey: other places, seen from the file that names them", async () => {
  const folder = new RealmFolder({ privateKey: "secret/a.key", users: "people/u.json", data: "var/state" });
  for (const name of ["secret", "people"]) mkdirSync(folder.at(name));
  renameSync(folder.at("keys/server.key"), folder.at("secret/a.key"));
  renameSync(folder.at("users.json"), folder.at("people/u.json"));
  renameSync(folder.at("keys/server.pub"), folder.at("secret/b.pub"));
  await using realm = await RunningRealm.start({}, folder);
  folder.writeClientConfig(realm.port, { publicKey: "secret/b.pub" });
  const config = ["--config", folder.at("config.json")];
  expect(await realm.as("Bob", [...config, "users"], { cwd: "/" })).toMatchObject({ code: 0, err: "" });
  expect([existsSync(folder.at("var/state")), existsSync(folder.at("data"))]).toEqual([true, false]);
  const loaded = realm.logged("users.loaded", { file: "people/u.json" });
  await folder.admin("user", "lock", "Bob");
  await loaded;
  expect(await realm.as("Bob", ["users"])).toMatchObject({ code: 3 });
});

test.concurrent("the server's file by --config and by IMS_SCONF, from anywhere", async () => {
  using folder = new RealmFolder();
  for (const [args, env] of [
    [["--config", folder.at("sconf.json")], {}],
    [[], { IMS_SCONF: folder.at("sconf.json") }],
  ] as const) {
    await using server = folder.program("server", args, { cwd: "/", env });
    await server.untilText("server.listening");
    server.kill("SIGTERM");
    expect(await server.ended()).toMatchObject({ code: 0 });
  }
});

test.concurrent("logLevel", async () => {
  await using loud = await RunningRealm.start({ logLevel: "debug" });
  (await RawSocket.open(loud.port))[Symbol.dispose]();
  expect(await loud.logged("connection.ended")).toMatchObject({ level: "debug", address: "127.0.0.1" });

  await using usual = await RunningRealm.start({ logLevel: "info" });
  (await RawSocket.open(usual.port))[Symbol.dispose]();
  await usual.stop();
  expect(usual.logText).not.toContain("connection.ended");

  const port = await freePort();
  using folder = new RealmFolder({ logLevel: "error", port });
  await using quiet = folder.program("server", []);
  expect(await answers(port)).toBe(true);
  quiet.kill("SIGTERM");
  expect(await quiet.ended()).toMatchObject({ err: "" });
});

test.concurrent("limits.devicesPerUser", async () => {
  await using realm = await RunningRealm.start({ limits: { devicesPerUser: 2 } });
  await Promise.all([realm.listener("Bob"), realm.listener("Bob")]);
  expect(await realm.as("Bob", ["users"])).toMatchObject({
    code: 3,
    err: expect.stringContaining("as many devices as"),
  });
  expect(await realm.as("Alice", ["users"])).toMatchObject({ code: 0 });
});

test.concurrent("limits.connectionsPerAddress, and trustedProxies whose X-Forwarded-For counts", async () => {
  const limits = { connectionsPerAddress: 2 };
  await using plain = await RunningRealm.start({ limits });
  const from = (address: string) => ({ headers: { "X-Forwarded-For": address } });
  const open: RawSocket[] = [];
  const status = async (port: number, options = {}): Promise<number> => {
    const socket = await RawSocket.open(port, options);
    open.push(socket);
    return socket.status;
  };
  expect([await status(plain.port), await status(plain.port), await status(plain.port)]).toEqual([101, 101, 429]);
  expect(await status(plain.port, from("192.0.2.1"))).toBe(429); // nobody's word but a proxy's is believed
  expect((await plain.as("Bob", ["users"])).code).toBe(4);
  open[0]?.[Symbol.dispose]();
  const again = async (): Promise<number> => {
    for (let tries = 0; tries < 50; tries += 1) if ((await status(plain.port)) === 101) return 101;
    return 429;
  };
  expect(await again()).toBe(101);

  await using behind = await RunningRealm.start({ limits, trustedProxies: ["127.0.0.0/8", "10.0.0.0/8"] });
  for (const client of ["192.0.2.1", "192.0.2.2", "203.0.113.9, 192.0.2.3, 10.1.2.3"]) {
    expect([await status(behind.port, from(client)), await status(behind.port, from(client))]).toEqual([101, 101]);
    expect(await status(behind.port, from(client))).toBe(429);
  }
  expect(await status(behind.port, from("192.0.2.3"))).toBe(429); // the same one as behind two proxies
  expect(await status(behind.port, from("203.0.113.9"))).toBe(101);
  for (const socket of open) socket[Symbol.dispose]();
});

test.concurrent.each([
  [{ handshakeSeconds: 1, loginSeconds: 600 }, 4204, "open"],
  [{ handshakeSeconds: 600, loginSeconds: 1 }, "open", 1000],
])("%j: deadlines of their own", async (limits, silentEnds, stoppedEnds) => {
  await using realm = await RunningRealm.start({ limits });
  using silent = await RawSocket.open(realm.port);
  using stopped = await RawSocket.open(realm.port);
  stopped.send(await hello(realm.folder.at("keys/server.pub")));
  await stopped.next();
  const ends = (socket: RawSocket) => socket.ended(2000).catch(() => "open");
  expect(await Promise.all([ends(silent), ends(stopped)])).toEqual([silentEnds, stoppedEnds]);
});

test.concurrent("limits.frameBytes", async () => {
  await using small = await RunningRealm.start({ limits: { frameBytes: 20_480 } });
  await using large = await RunningRealm.start({ limits: { frameBytes: 65_536 } });
  const closeOf = async (port: number, bytes: number): Promise<number | null> => {
    using socket = await RawSocket.open(port);
    socket.send(new Uint8Array(bytes).fill(1));
    return await socket.ended();
  };
  // Within the limit it is read, and is no hello; above it nothing of it is.
  expect([await closeOf(small.port, 20_480), await closeOf(large.port, 20_481)]).toEqual([4201, 4201]);
  expect(await closeOf(small.port, 20_481)).not.toBe(4201);
  expect(await closeOf(large.port, 65_537)).not.toBe(4201);
  // Eight kilobytes of text pass the smallest.
  const listener = await small.listener("Bob", ["--count", "1"]);
  expect(await small.as("Alice", ["send", "Bob", "x".repeat(8192)])).toMatchObject({ code: 0 });
  expect((await listener.ended()).out).toContain("x".repeat(8192));
});

test.concurrent("limits.loginsInWork: one at a time still lets everybody in", async () => {
  await using realm = await RunningRealm.start({ limits: { loginsInWork: 1 } });
  const users = ["Alice", "Bob", "Chris", "Dana"];
  const codes = await Promise.all(users.map(async (user) => (await realm.as(user, ["users"])).code));
  expect(codes).toEqual([0, 0, 0, 0]);
});
