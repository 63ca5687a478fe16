import { afterEach, beforeEach, expect, test } from "bun:test";
import { copyFileSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { hostEnv } from "../../../cmd/host/env.ts";
import { folderIsLocked, lockFolder } from "../../../cmd/host/lock.ts";
import { askStatus } from "../../../cmd/server/adminSocket.ts";
import { run, type Signals } from "../../../cmd/server/run.ts";
import { rejection } from "../../support/codes.ts";
import { parseExposition, plainValue } from "../../support/exposition.ts";
import { temporaryFolder } from "../../support/folder.ts";
import { freePort } from "../../support/freePort.ts";
import { recordedIo } from "../../support/io.ts";
import { Watched } from "../../support/programs.ts";
import { RawSocket } from "../../support/stranger.ts";

const ROOT = join(import.meta.dir, "..", "..", "..");
const never = new Promise<string>(() => {});

let folder: ReturnType<typeof temporaryFolder>;
beforeEach(() => {
  folder = temporaryFolder();
  mkdirSync(folder.at("keys"));
  for (const name of ["users.json", "keys/server.key"]) copyFileSync(join(ROOT, name), folder.at(name));
  configure({});
});
afterEach(() => folder[Symbol.dispose]());

function configure(change: Readonly<Record<string, unknown>>): void {
  const config = { version: 1, host: "127.0.0.1", port: 0, privateKey: "keys/server.key", users: "users.json" };
  writeFileSync(folder.at("sconf.json"), JSON.stringify({ ...config, ...change }));
}

type Line = Readonly<Record<string, unknown>>;

const linesOf = (text: string): Line[] =>
  text
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Line);
const trail = (): Line[] => linesOf(readFileSync(folder.at("data/audit.jsonl"), "utf8"));

/** A server in this process, until its signal comes. */
function start(second: Signals["second"] = never) {
  const io = recordedIo(folder.path);
  const first = Promise.withResolvers<string>();
  let hangUp = (): void => {};
  const onHangUp = (act: () => void): void => {
    hangUp = act;
  };
  const ended = run({}, io, hostEnv, { first: first.promise, second, onHangUp });
  const log = (): Line[] => linesOf(io.err());
  const logged = (event: string): Promise<Line> =>
    new Watched().until(
      () => log().find((line) => line.event === event) ?? null,
      () => `${event} in ${io.err()}`,
    );
  return { io, ended, log, logged, signal: first.resolve, hangUp: () => hangUp() };
}

test("it says where it listens, serves, and ends with 0 at a signal; then port and folder are free", async () => {
  const server = start();
  const { port, users, note } = await server.logged("server.listening");
  expect([users, note]).toEqual([5, "demo realm: everybody knows its key"]);
  expect(folderIsLocked(folder.at("data"))).toBe(true);
  expect((await fetch(`http://127.0.0.1:${port}/healthz`)).status).toBe(200);
  using socket = await RawSocket.open(Number(port));
  server.signal("SIGTERM");
  expect(await server.ended).toBe(0);
  expect(await socket.ended()).toBe(1012);
  expect(server.io.out()).toBe("");
  expect(server.log().slice(-3)).toMatchObject([
    { event: "server.stopping", signal: "SIGTERM", connections: 1, devices: 0, users: 0 },
    { event: "connection.refused", code: "server.stopping" },
    { event: "server.stopped" },
  ]);
  expect(trail()).toMatchObject([
    { event: "server.listening", port, users: 5 },
    { event: "server.stopping", signal: "SIGTERM" },
    { event: "connection.refused", code: "server.stopping", prefix: "127.0.0.0/24" },
    { event: "server.stopped" },
  ]);
  expect(folderIsLocked(folder.at("data"))).toBe(false);
  expect(fetch(`http://127.0.0.1:${port}/healthz`)).rejects.toThrow();
});

test("users that change are loaded; a broken file leaves the last good ones, and says so", async () => {
  const server = start();
  await server.logged("server.listening");
  const put = (text: string): void => {
    writeFileSync(folder.at("users.json.new"), text);
    renameSync(folder.at("users.json.new"), folder.at("users.json"));
  };
  const found = JSON.parse(readFileSync(folder.at("users.json"), "utf8"));
  put("{");
  expect(await server.logged("users.refused")).toMatchObject({
    level: "error",
    file: "users.json",
    reason: expect.stringContaining("users.json: line 1"),
    note: "the last good users stay",
  });
  put(JSON.stringify({ ...found, users: found.users.slice(1) }));
  expect(await server.logged("users.loaded")).toMatchObject({ file: "users.json", users: 4 });
  server.signal("SIGINT");
  await server.ended;
  expect(trail()).toContainEqual({ time: expect.any(String), event: "user.removed", user: "alice" });
});

test("a hang-up has the configuration read again, all of it or nothing; once it stops, no more", async () => {
  const server = start();
  const { port: before } = await server.logged("server.listening");
  const port = await freePort();
  renameSync(folder.at("users.json"), folder.at("others.json"));
  configure({ users: "others.json", port, logLevel: "debug", limits: { connectionsPerAddress: 1 } });
  server.hangUp();
  expect(await server.logged("config.loaded")).toMatchObject({
    changed: "port, users, logLevel, limits.connectionsPerAddress",
  });
  expect(fetch(`http://127.0.0.1:${before}/healthz`)).rejects.toThrow();
  using one = await RawSocket.open(port);
  using two = await RawSocket.open(port);
  expect([one.status, two.status]).toEqual([101, 429]);
  expect(await server.logged("connection.refused")).toMatchObject({ level: "info", code: "door.address" });
  configure({ users: "others.json", port: before, limits: { connectionsPerAddress: 0 } });
  server.hangUp();
  expect(await server.logged("config.refused")).toMatchObject({ level: "error", file: "sconf.json" });
  expect((await fetch(`http://127.0.0.1:${port}/healthz`)).status).toBe(200);
  server.signal("SIGTERM");
  await server.logged("server.stopping");
  const lines = server.log().filter(({ event }) => String(event).startsWith("config.")).length;
  server.hangUp();
  await server.ended;
  expect(server.log().filter(({ event }) => String(event).startsWith("config."))).toHaveLength(lines);
});

test("a port in use, another server's folder, a demo key for everybody: refused, and nothing is held", async () => {
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen({ port: 0, host: "127.0.0.1" }, resolve));
  const address = taken.address();
  const port = typeof address === "object" ? address?.port : 0;
  configure({ port });
  expect(await rejection(start().ended)).toMatchObject({
    code: "port.busy",
    detail: `sconf.json: port: ${port} is in use; stop what uses it or take another`,
  });
  await new Promise((resolve) => taken.close(resolve));
  configure({ host: "203.0.113.9" });
  expect(await rejection(start().ended)).toMatchObject({ code: "config.invalid" });
  configure({});
  const lock = lockFolder(folder.at("data"));
  expect(await rejection(start().ended)).toMatchObject({ code: "file.locked" });
  lock[Symbol.dispose]();
  const server = start();
  await server.logged("server.listening");
  server.signal("SIGTERM");
  expect(await server.ended).toBe(0);
});

test("an operator is told the status and the metrics while it runs, at its socket and its port alone", async () => {
  const metricsPort = await freePort();
  configure({ metricsPort });
  const server = start();
  const { port, fingerprint } = await server.logged("server.listening");
  const status = JSON.parse(await askStatus(folder.at("data"), folder.path));
  const users = { registered: 5, locked: 0, online: 0 };
  expect(status).toMatchObject({
    type: "status",
    pid: process.pid,
    fingerprint,
    port,
    metricsPort,
    users,
    sessions: [],
  });
  const metrics = await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text();
  expect(plainValue(parseExposition(metrics), "ims_users_registered")).toBe(5);
  for (const path of ["/metrics", "/status"]) {
    expect((await fetch(`http://127.0.0.1:${port}${path}`)).status).toBe(404);
  }
  server.signal("SIGTERM");
  expect(await server.ended).toBe(0);
  expect(existsSync(folder.at("data/admin.sock"))).toBe(false);
  expect(fetch(`http://127.0.0.1:${metricsPort}/metrics`)).rejects.toThrow();
});

test("a port for the metrics that is in use: refused, and nothing is held", async () => {
  const metricsPort = await freePort();
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen({ port: metricsPort, host: "127.0.0.1" }, resolve));
  configure({ metricsPort });
  expect(await rejection(start().ended)).toMatchObject({
    code: "port.busy",
    detail: `sconf.json: metricsPort: ${metricsPort} is in use; stop what uses it or take another`,
  });
  await new Promise((resolve) => taken.close(resolve));
  writeFileSync(folder.at("data/admin.sock"), "");
  expect(await rejection(start().ended)).toMatchObject({ code: "file.failed" });
  rmSync(folder.at("data/admin.sock"));
  const server = start();
  await server.logged("server.listening");
  server.signal("SIGTERM");
  expect(await server.ended).toBe(0);
});
