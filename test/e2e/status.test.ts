/** What an operator sees of a running server: status, metrics, audit trail. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, lstatSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import type { Status } from "../../cmd/server/status.ts";
import { DEMO_USERS } from "../support/demoRealm.ts";
import { parseExposition, plainValue } from "../support/exposition.ts";
import { freePort } from "../support/freePort.ts";
import { executable } from "../support/programs.ts";
import { RealmFolder, RunningRealm } from "../support/runningRealm.ts";
import { RawSocket, ScriptedClient } from "../support/stranger.ts";

setDefaultTimeout(30_000);

type Line = Readonly<Record<string, unknown>>;

const NOT_RUNNING = { code: 1, out: "", err: "ims: no server runs on data; start it: server run\n" };
const CANARY = "canary of the audit trail";

let realm: RunningRealm;
let metricsPort = 0;
beforeAll(async () => {
  metricsPort = await freePort();
  realm = await RunningRealm.start({ metricsPort });
});
afterAll(async () => {
  await realm?.[Symbol.asyncDispose]();
});

const statusOf = async (folder: RealmFolder): Promise<Status> => JSON.parse(await folder.admin("status", "--json"));

/** The trail of a realm, oldest line first; every line is JSON. */
function trailOf(folder: RealmFolder): readonly Line[] {
  const files = [5, 4, 3, 2, 1].map((number) => folder.at(`data/audit.jsonl.${number}`)).filter(existsSync);
  const text = [...files, folder.at("data/audit.jsonl")].map((path) => readFileSync(path, "utf8")).join("");
  return text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Line);
}

describe("server status", () => {
  test("tells whom a session key is held for and since when, while they are logged in and no longer", async () => {
    const before = Date.now();
    const [alice, bob] = [await realm.listener("Alice"), await realm.listener("Bob")];
    const status = await statusOf(realm.folder);
    expect(status).toMatchObject({
      ...{ type: "status", pid: realm.server.pid, fingerprint: realm.log[0]?.fingerprint, host: "127.0.0.1" },
      ...{ port: realm.port, metricsPort, users: { registered: 5, locked: 0, online: 2 } },
      ...{ devices: 2, connections: 2, faults: 0, queues: { gate: 0, sessionFrames: 0, sendBytes: 0 } },
    });
    const rows = ["alice", "bob"].map((user) => {
      const device = realm.log.find((line) => line.event === "user.login" && line.user === user)?.device;
      return { user, device, since: expect.any(String), prefix: "127.0.0.0/24" };
    });
    expect(status.sessions).toEqual(rows as never);
    for (const { since } of status.sessions) {
      expect(Date.parse(since)).toBeGreaterThanOrEqual(before);
      expect(Date.parse(since)).toBeLessThanOrEqual(Date.now());
    }
    const shown = await realm.folder.admin("status");
    expect(shown).toMatch(/^ {2}alice +device [0-9a-f]{16} +key held since \S+Z +from 127\.0\.0\.0\/24$/m);
    expect(shown).toMatch(/^ {2}bob +device/m);
    await realm.leave(alice);
    expect((await statusOf(realm.folder)).sessions.map(({ user }) => user)).toEqual(["bob"]);
    await realm.leave(bob);
    expect(await statusOf(realm.folder)).toMatchObject({ devices: 0, connections: 0, sessions: [] });
    expect(await realm.folder.admin("status")).toEndWith("sessions     none: no session key is held\n");
  });

  test("no server: exit 1 and one line; also before the first start", async () => {
    await using own = await RunningRealm.start();
    expect((await own.folder.run("server", ["status"])).code).toBe(0);
    await own.stop();
    expect(existsSync(own.folder.at("data/admin.sock"))).toBe(false);
    expect(await own.folder.run("server", ["status", "--json"])).toEqual(NOT_RUNNING);
    using never = new RealmFolder();
    expect(await never.run("server", ["status"])).toEqual(NOT_RUNNING);
  });

  test("what a killed server leaves behind is no server, and does not stop the next", async () => {
    await using own = await RunningRealm.start();
    await own.stop("SIGKILL");
    expect(lstatSync(own.folder.at("data/admin.sock")).isSocket()).toBe(true);
    expect(await own.folder.run("server", ["status"])).toEqual(NOT_RUNNING);
    await own.startAgain();
    expect((await statusOf(own.folder)).pid).toBe(own.server.pid);
  });
});

describe("the admin socket", () => {
  test("is the owner's alone", () => {
    const stats = lstatSync(realm.folder.at("data/admin.sock"));
    expect([stats.isSocket(), stats.mode & 0o777, stats.uid]).toEqual([true, 0o600, process.geteuid?.() ?? stats.uid]);
    expect(lstatSync(realm.folder.at("data")).mode & 0o777).toBe(0o700);
  });

  test.if(process.geteuid?.() === 0)("(as root) another user of the machine cannot connect", async () => {
    const asAnother = (args: readonly string[]): readonly string[] => [
      ...["setpriv", "--reuid=12345", "--regid=12345", "--clear-groups"],
      ...args,
    ];
    const folder = new RealmFolder();
    Bun.spawnSync(["chmod", "755", folder.path]);
    Bun.spawnSync(["chmod", "644", folder.at("sconf.json"), folder.at("users.json")]);
    await using own = await RunningRealm.start({}, folder);
    const command = [executable("server"), "status", "--config", folder.at("sconf.json")];
    const refused = Bun.spawnSync(asAnother(command) as string[], { cwd: "/" });
    expect([refused.exitCode, refused.stderr.toString()]).toEqual([
      1,
      `ims: ${folder.at("data")}: belongs to another account; ask as the one that runs the server\n`,
    ]);
    // Not by the folder's mode alone.
    Bun.spawnSync(["chmod", "755", folder.at("data")]);
    expect(Bun.spawnSync(asAnother(command) as string[], { cwd: "/" }).exitCode).toBe(1);
    Bun.spawnSync(["chown", "12345", folder.at("data/admin.sock")]);
    expect(Bun.spawnSync(asAnother(command) as string[], { cwd: "/" }).exitCode).toBe(0);
    expect(own.server.running).toBe(true);
  });
});

test("metrics and status tell the same numbers", async () => {
  await using _alice = await realm.listener("Alice");
  const wrong = realm.folder.setPassword("wrong", "not the password");
  expect((await realm.client(["--user", "Bob", "--password-file", wrong, "users"])).code).toBe(3);
  using socket = await RawSocket.open(realm.port);
  socket.send(new Uint8Array(10));
  expect(await socket.ended()).toBe(4103);
  const status = await statusOf(realm.folder);
  expect(status.refusals).toMatchObject({ "login.unproved": 1, "wire.version": 1 });
  const response = await fetch(`http://127.0.0.1:${metricsPort}/metrics`);
  expect(response.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
  const metrics = parseExposition(await response.text());
  const told = (name: string): number | undefined => plainValue(metrics, `ims_${name}`);
  expect({
    users: { registered: told("users_registered"), locked: told("users_locked"), online: told("users_online") },
    ...{ devices: told("devices_online"), connections: told("connections"), logins: told("logins_total") },
    ...{ logouts: told("logouts_total"), faults: told("faults_total") },
    queues: {
      gate: told("gate_waiting"),
      sessionFrames: told("session_frames_waiting"),
      sendBytes: told("send_buffered_bytes"),
    },
  } as unknown).toEqual(
    (({ users, devices, connections, logins, logouts, faults, queues }) => {
      return { users, devices, connections, logins, logouts, faults, queues };
    })(status),
  );
  const refusals = [...(metrics.get("ims_refusals_total")?.samples ?? [])].filter(([, count]) => count > 0);
  expect(new Map(refusals)).toEqual(
    new Map(Object.entries(status.refusals).map(([cause, count]) => [`cause="${cause}"`, count])),
  );
  const [[build = ""] = []] = metrics.get("ims_build_info")?.samples ?? [];
  expect(build).toBe(`version="${status.version}",commit="${status.commit}"`);
  expect((await fetch(`http://127.0.0.1:${realm.port}/metrics`)).status).toBe(404);
});

test("a busy port for the metrics: exit 1 and one line that says what to change", async () => {
  using folder = new RealmFolder({ metricsPort });
  expect(await folder.run("server", [])).toEqual({
    ...{ code: 1, out: "" },
    err: `ims: sconf.json: metricsPort: ${metricsPort} is in use; stop what uses it or take another\n`,
  });
});

describe("the audit trail", () => {
  test("holds logins, logouts, refusals and administration, and of a message neither text nor recipient", async () => {
    await using own = await RunningRealm.start();
    await using _bob = await own.listener("Bob");
    expect((await own.as("Alice", ["send", "Bob", CANARY])).code).toBe(0);
    expect((await own.as("Alice", ["send", "Dana", CANARY])).code).toBe(5); // who is not there
    const wrong = own.folder.setPassword("wrong", "not the password");
    expect((await own.client(["--user", "Chris", "--password-file", wrong, "users"])).code).toBe(3);
    await own.folder.admin("user", "lock", "Eric");
    await own.logged("users.loaded");
    await own.stop();
    const trail = trailOf(own.folder);
    const short = trail.map(({ event, user, code, count }) => [event, user, code, count].filter(Boolean).join(" "));
    expect(short).toEqual([
      "server.listening",
      "user.login bob",
      "user.login alice",
      "user.logout alice",
      "user.login alice",
      "user.logout alice",
      "login.failed chris login.unproved",
      "user.locked eric",
      "server.stopping",
      "user.logout bob server.stopping",
      "server.stopped",
    ]);
    for (const line of trail) expect(line.time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    for (const line of trail.filter(({ event }) => /^user\.log|^login/.test(String(event))))
      expect(line.prefix).toBe("127.0.0.0/24");
    const text = JSON.stringify(trail.slice(1)).toLowerCase(); // the first says where the server listens
    for (const secret of [CANARY, "dana", "127.0.0.1", "not the password"]) expect(text).not.toContain(secret);
    expect(lstatSync(own.folder.at("data/audit.jsonl")).mode & 0o777).toBe(0o600);
    await own.folder.admin("user", "unlock", "Eric"); // while no server runs
    expect(trailOf(own.folder).slice(-2)).toMatchObject([
      { event: "user.unlocked", user: "eric" },
      { event: "user.cleared", user: "eric" },
    ]);
    await own.startAgain();
  });

  test("a flood of refusals from many places is a few lines of log and trail, which add up", async () => {
    await using own = await RunningRealm.start();
    const places = Array.from({ length: 200 }, (_, index) => `127.0.${index}.1`);
    for (const localAddress of places) {
      using socket = await RawSocket.open(own.port, { localAddress });
      socket.send(new Uint8Array(10));
      expect(await socket.ended()).toBe(4103);
    }
    const { refusals } = await statusOf(own.folder);
    expect(refusals).toEqual({ "wire.version": places.length });
    await own.stop();
    for (const [lines, most] of [
      [own.log, 4],
      [trailOf(own.folder), 36],
    ] as const) {
      const refused = lines.filter(({ event }) => event === "connection.refused");
      expect(refused.length).toBeLessThanOrEqual(most);
      expect(refused.reduce((sum, { count }: Line) => sum + Number(count ?? 1), 0)).toBe(places.length);
    }
  });

  test("a full file makes place for the next while users log in, and no line is lost or doubled", async () => {
    const auditBytes = 65_536;
    const folder = new RealmFolder({ limits: { auditBytes } });
    mkdirSync(folder.at("data"), { mode: 0o700 });
    const old = Array.from({ length: 650 }, (_, count) => `${JSON.stringify({ event: "old", count }).padEnd(99)}\n`);
    writeFileSync(folder.at("data/audit.jsonl"), old.join(""), { mode: 0o600 }); // room for the start and a login or two
    await using own = await RunningRealm.start({}, folder);
    const users = ["Alice", "Bob", "Chris"];
    for (const user of users) expect((await own.as(user, ["users"])).code).toBe(0);
    await own.stop();
    expect(existsSync(folder.at("data/audit.jsonl.1"))).toBe(true);
    expect(statSync(folder.at("data/audit.jsonl.1")).size).toBeWithin(auditBytes - 1000, auditBytes + 1);
    expect(statSync(folder.at("data/audit.jsonl")).size).toBeWithin(1, 2000);
    const trail = trailOf(folder);
    expect(trail.slice(0, 650).map(({ count }) => count)).toEqual(Array.from({ length: 650 }, (_, count) => count));
    expect(trail.slice(650).map(({ event }) => event)).toEqual([
      "server.listening",
      ...users.flatMap(() => ["user.login", "user.logout"]),
      "server.stopping",
      "server.stopped",
    ]);
  });

  test.if(process.platform === "linux")("a disk that takes no more costs lines, which are counted", async () => {
    const folder = new RealmFolder();
    const maxBytes = 2_097_152; // of any file of this server: more than its database needs
    const wrap = (command: readonly string[]): readonly string[] => {
      return ["/bin/sh", "-c", `trap "" XFSZ; exec prlimit --fsize=${maxBytes} "$@"`, "sh", ...command];
    };
    mkdirSync(folder.at("data"), { mode: 0o700 });
    writeFileSync(folder.at("data/audit.jsonl"), '{"event":"old"}\n'.repeat(maxBytes / 16 - 20), { mode: 0o600 });
    await using server = folder.program("server", [], { wrap });
    await server.untilText("server.listening");
    const port = Number(/"port":(\d+)/.exec(server.err)?.[1]);
    const publicKey = folder.at("keys/server.pub");
    for (const [user, password] of DEMO_USERS) {
      using client = await ScriptedClient.login(port, { user: user.toLowerCase(), password, publicKey });
      expect(client.attached).toBe(true);
    }
    await server.untilText("audit.failed");
    await server.until(() => server.err.split("user.logout").length > DEMO_USERS.length, "the logouts");
    const { audit } = await statusOf(folder);
    expect(audit.dropped).toBeGreaterThan(0);
    server.kill("SIGTERM");
    const { code, err } = await server.ended();
    expect(code).toBe(0);
    expect(err.split("audit.failed")).toHaveLength(2);
    expect(err).toContain('"reason":"the file would be too large"');
    for (const line of readFileSync(folder.at("data/audit.jsonl"), "utf8").split("\n").slice(0, -1)) JSON.parse(line);
    folder[Symbol.dispose]();
  });
});

test("a reload moves the metrics, and is in the trail; one that cannot have its port is refused as a whole", async () => {
  await using own = await RunningRealm.start();
  const [first, taken] = [await freePort(), metricsPort];
  const metricsAt = async (port: number): Promise<number> =>
    await fetch(`http://127.0.0.1:${port}/metrics`).then(
      ({ status }) => status,
      () => 0,
    );
  own.folder.changeServerConfig({ metricsPort: first });
  own.server.kill("SIGHUP");
  expect(await own.logged("config.loaded")).toMatchObject({ changed: "metricsPort" });
  expect([await metricsAt(first), (await statusOf(own.folder)).metricsPort]).toEqual([200, first]);
  own.folder.changeServerConfig({ metricsPort: taken, limits: { devicesPerUser: 1 } });
  own.server.kill("SIGHUP");
  expect(await own.logged("config.refused")).toMatchObject({ reason: expect.stringContaining("metricsPort: ") });
  expect([await metricsAt(first), (await statusOf(own.folder)).metricsPort]).toEqual([200, first]);
  await own.stop();
  const reloads = trailOf(own.folder).filter(({ event }) => String(event).startsWith("config."));
  expect(reloads).toMatchObject([{ event: "config.loaded", changed: "metricsPort" }]);
});
