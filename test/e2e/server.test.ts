import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import {
  chmodSync,
  closeSync,
  existsSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  statSync,
  symlinkSync,
} from "node:fs";
import { createServer } from "node:net";
import { snapshot } from "../support/folder.ts";
import { bareEnv, executable, Watched } from "../support/programs.ts";
import { RealmFolder, RunningRealm } from "../support/runningRealm.ts";
import { RawSocket, ScriptedClient } from "../support/stranger.ts";

setDefaultTimeout(20_000);

let realm: RunningRealm;
beforeAll(async () => {
  realm = await RunningRealm.start();
});
afterAll(async () => {
  await realm?.[Symbol.asyncDispose]();
});

test("the log: JSON lines, the first of which says where the server listens and that this is the demo realm", () => {
  expect(realm.server.out).toBe("");
  expect(realm.log[0]).toEqual({
    time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
    level: "info",
    event: "server.listening",
    fingerprint: expect.stringMatching(/^SHA256:[A-Za-z0-9+/]{43}$/),
    host: "127.0.0.1",
    port: realm.port,
    note: "demo realm: everybody knows its key",
    users: 5,
    version: expect.any(String),
  });
});

test("/healthz says ok, and key show shows the fingerprint of the log", async () => {
  const health = await fetch(`http://127.0.0.1:${realm.port}/healthz`);
  expect([health.status, await health.text()]).toEqual([200, "ok\n"]);
  expect(await realm.folder.admin("key", "show")).toBe(`${realm.log[0]?.fingerprint}\n`);
});

test("check finds nothing wrong with a realm that is served, and changes nothing", async () => {
  await realm.server.until(() => existsSync(realm.folder.at("data/audit.jsonl")), "the first line of the audit trail");
  const before = lasting(realm.folder.path);
  const out = await realm.folder.admin("check");
  for (const line of out.trimEnd().split("\n")) expect(line).toStartWith("ok ");
  expect(out).toContain("in use by a running server");
  expect(lasting(realm.folder.path)).toEqual(before);
});

/** Without what SQLite shares between its processes, which a reader changes too. */
function lasting(folder: string): ReadonlyMap<string, string> {
  return new Map([...snapshot(folder)].filter(([name]) => !name.endsWith("-shm")));
}

test("a second server on the same data folder: exit 1, one line, the first goes on", async () => {
  const { code, out, err } = await realm.folder.run("server", []);
  expect([code, out]).toEqual([1, ""]);
  expect(err).toBe(`ims: ${realm.folder.at("data")}: another server uses this folder; stop it first\n`);
  expect((await fetch(`http://127.0.0.1:${realm.port}/healthz`)).status).toBe(200);
});

test("a busy port: exit 1 and one line that says what to change", async () => {
  using second = new RealmFolder({ port: realm.port });
  const { code, out, err } = await second.run("server", []);
  expect([code, out]).toEqual([1, ""]);
  expect(err).toBe(`ims: sconf.json: port: ${realm.port} is in use; stop what uses it or take another\n`);
});

test.each(["SIGTERM", "SIGINT"] as const)("%s: everybody is told, exit 0, the port is free", async (signal) => {
  await using own = await RunningRealm.start();
  const listener = await own.listener("Dana");
  const { code, out } = await own.stop(signal);
  expect([code, out]).toEqual([0, ""]);
  expect(own.log.slice(-3).map(({ event, code: reason }) => [event, reason])).toEqual([
    ["server.stopping", undefined],
    ["user.logout", "server.stopping"],
    ["server.stopped", undefined],
  ]);
  expect(await listener.ended()).toEqual({ code: 4, out: "", err: "ims: the server is stopping\n" });
  await new Promise<void>((resolve, reject) => {
    const probe = createServer().once("error", reject);
    probe.listen({ port: own.port, host: "127.0.0.1" }, () => probe.close(() => resolve()));
  });
});

test("a hang-up on a terminal: read again while it is there, the end when it has gone", async () => {
  using folder = new RealmFolder();
  let shown = "";
  const server = Bun.spawn([executable("server")], {
    cwd: folder.path,
    env: bareEnv(folder.path),
    terminal: {
      data: (_terminal, bytes) => {
        shown += new TextDecoder().decode(bytes);
      },
    },
  });
  const shows = (event: string): Promise<true> =>
    new Watched().until(
      () => shown.includes(event) || null,
      () => `${event} in ${shown}`,
    ) as Promise<true>;
  try {
    await shows("server.listening");
    server.kill("SIGHUP");
    await shows("config.loaded");
    server.terminal?.close();
    expect(await server.exited).toBe(0);
  } finally {
    server.kill("SIGKILL");
  }
});

test("while it stops, nobody comes in any more, and what is on its way still arrives", async () => {
  await using own = await RunningRealm.start();
  const listener = await own.listener("Dana");
  const publicKey = own.folder.at("keys/server.pub");
  using bob = await ScriptedClient.login(own.port, { user: "bob", password: "i<3j@1eb!", publicKey });
  own.server.kill("SIGTERM");
  await own.logged("server.stopping");
  bob.handle({ kind: "send", id: "cd".repeat(16) as never, to: "dana", text: "at the last moment" });
  const [health, stranger] = await Promise.all([
    fetch(`http://127.0.0.1:${own.port}/healthz`),
    RawSocket.open(own.port),
    listener.untilText("at the last moment"),
  ]);
  expect([health.status, stranger.status]).toEqual([503, 503]);
  own.server.kill("SIGTERM"); // whoever asks twice does not want to wait
  expect((await own.server.ended()).code).toBe(0);
  expect(await bob.ended()).toBe("server.stopping");
});

test("a second signal ends the wait for those who are logged in", async () => {
  await using own = await RunningRealm.start();
  const listener = await own.listener("Dana");
  own.server.kill("SIGTERM");
  await own.logged("server.stopping");
  const began = performance.now();
  expect(await own.stop("SIGINT")).toMatchObject({ code: 0, out: "" });
  expect(performance.now() - began).toBeLessThan(450);
  expect(await listener.ended()).toMatchObject({ code: 4 });
});

test("a server outlives whoever keeps its log", async () => {
  using folder = new RealmFolder({ logLevel: "debug" });
  const pipe = folder.at("log.pipe");
  expect(Bun.spawnSync(["mkfifo", pipe]).exitCode).toBe(0);
  await using server = folder.program("server", [], {
    wrap: (command) => ["/bin/sh", "-c", 'exec "$0" 2>log.pipe', ...command],
  });
  const keeper = openSync(pipe, "r"); // once the server has opened it too
  const bytes = new Uint8Array(1000);
  const { port } = JSON.parse(new TextDecoder().decode(bytes.subarray(0, readSync(keeper, bytes)))) as { port: number };
  closeSync(keeper);
  for (let times = 0; times < 5; times += 1) {
    using socket = await RawSocket.open(port);
    socket.send(new Uint8Array(10)); // each is a line of the log, which is written a moment later
    expect(await socket.ended()).toBe(4103);
    await Bun.sleep(30);
  }
  expect((await fetch(`http://127.0.0.1:${port}/healthz`)).status).toBe(200);
  server.kill("SIGTERM");
  expect(await server.ended()).toMatchObject({ code: 0 });
});

test("the demo key serves loopback only", async () => {
  for (const host of ["0.0.0.0", "::", "192.0.2.1", "example.com"]) {
    using folder = new RealmFolder({ host });
    const { code, err } = await folder.run("server", []);
    expect(code).toBe(2);
    expect(err).toBe(
      "ims: sconf.json: host: expected a loopback address, because everybody knows the demo key; make a realm of your own: server init\n",
    );
    expect(existsSync(folder.at("data"))).toBe(false);
  }
});

test("init makes a realm that works from end to end with its own user, on any address", async () => {
  const folder = await RealmFolder.made({ host: "0.0.0.0" });
  expect(readdirSync(folder.path).sort()).toEqual(["config.json", "keys", "sconf.json", "users.json"]);
  for (const secret of ["users.json", "keys/server.key"]) expect(statSync(folder.at(secret)).mode & 0o777).toBe(0o600);
  for (const name of ["Zoe", "yan"]) {
    const password = folder.setPassword(name, `pass phrase of ${name} ⅷ`);
    expect(await folder.admin("user", "add", name, "--password-file", password)).toBe(`${name} is registered.\n`);
  }
  await using own = await RunningRealm.start({}, folder);
  expect(own.log[0]?.note).toBeUndefined();
  const zoe = await own.listener("Zoe", ["--count", "1"]);
  folder.setPassword("yan", "pass phrase of yan viii"); // the same after NFKC
  expect(await own.as("YAN", ["send", "zoe", "in our own realm"])).toEqual({ code: 0, out: "", err: "" });
  expect(JSON.parse((await zoe.ended()).out)).toMatchObject({ from: "yan", to: "Zoe", text: "in our own realm" });
  folder.setPassword("Alice", "P4nc@ke$");
  expect(await own.as("Alice", ["users"])).toMatchObject({ code: 3 });
});

test.each(["config.json", "sconf.json", "users.json", "keys/server.key", "keys/server.pub"])(
  "init refuses a folder that holds %s, and touches nothing",
  async (file) => {
    using folder = await RealmFolder.made();
    for (const other of ["config.json", "sconf.json", "users.json", "keys/server.key", "keys/server.pub"]) {
      if (other !== file) renameSync(folder.at(other), `${folder.at(other)}.away`);
    }
    const before = snapshot(folder.path);
    const { code, out, err } = await folder.run("server", ["init"]);
    expect([code, out, err]).toEqual([2, "", `ims: ${file} is there already; nothing was done\n`]);
    expect(snapshot(folder.path)).toEqual(before);
  },
);

test.each(["keys/server.key", "users.json"])(
  "%s that others can read: refused with the command that mends it",
  async (file) => {
    using folder = await RealmFolder.made();
    const path = folder.at(file);
    for (const mode of [0o640, 0o604, 0o666]) {
      chmodSync(path, mode);
      const { code, out, err } = await folder.run("server", []);
      expect([code, out]).toEqual([2, ""]);
      expect(err).toBe(`ims: ${file}: others can read it (mode 0${mode.toString(8)}); run: chmod 600 ${path}\n`);
      expect(await folder.run("server", ["check"])).toMatchObject({ code: 2 });
    }
    const command = (await folder.run("server", [])).err.split("run: ")[1] ?? "";
    expect(await Bun.spawn(["/bin/sh", "-c", command]).exited).toBe(0);
    await using server = folder.program("server", []);
    await server.untilText("server.listening");
  },
);

test("a key that is a symbolic link: refused, with what to write instead", async () => {
  using folder = await RealmFolder.made();
  renameSync(folder.at("keys/server.key"), folder.at("keys/real.key"));
  symlinkSync("real.key", folder.at("keys/server.key"));
  const { code, err } = await folder.run("server", []);
  expect(code).toBe(2);
  expect(err).toBe(
    `ims: keys/server.key: is a symbolic link; name the file itself: "privateKey": "${folder.at("keys/real.key")}"\n`,
  );
  folder.changeServerConfig({ privateKey: folder.at("keys/real.key") });
  await using server = folder.program("server", []);
  await server.untilText("server.listening");
});
