import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { existsSync, lstatSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { askStatus, isServed, openAdminSocket, socketFailure } from "../../../cmd/server/adminSocket.ts";
import type { Status } from "../../../cmd/server/status.ts";
import { failure, rejection } from "../../support/codes.ts";
import { temporaryFolder } from "../../support/folder.ts";
import { FIGURES } from "../../support/statusFigures.ts";

const STATUS: Status = { ...FIGURES, host: "bücher.example", sessions: [] };

let folder: ReturnType<typeof temporaryFolder>;
let data: string;
let path: string;
beforeEach(() => {
  folder = temporaryFolder();
  data = folder.at("data");
  path = folder.at("data/admin.sock");
  mkdirSync(data);
});
afterEach(() => folder[Symbol.dispose]());

const open = (status: () => Status = () => STATUS): AsyncDisposable =>
  openAdminSocket({ data, name: "sconf.json" }, status);
const ask = (): Promise<string> => askStatus(data, folder.path);

test("the owner is told the status, on one line of ASCII, and nobody else may connect", async () => {
  const umask = process.umask();
  await using _socket = open();
  expect(process.umask()).toBe(umask);
  expect(lstatSync(path).mode & 0o777).toBe(0o600);
  const answer = await ask();
  expect(answer).toMatch(/^[ -~]+\n$/);
  expect(JSON.parse(answer)).toEqual(STATUS);
  expect(await isServed(data)).toBe(true);
});

test.each([
  ["GET", "/"],
  ["GET", "/status/"],
  ["GET", "/metrics"],
  ["POST", "/status"],
  ["DELETE", "/status"],
])("%s %s is not found", async (method, at) => {
  await using _socket = open();
  expect((await fetch(`http://localhost${at}`, { unix: path, method })).status).toBe(404);
});

test("a fault of ours says nothing of itself, and the next question is answered", async () => {
  let broken = true;
  await using _socket = open(() => {
    if (broken) throw new RangeError("hunter2");
    return STATUS;
  });
  const response = await fetch("http://localhost/status", { unix: path });
  expect([response.status, await response.text()]).toEqual([500, "fault\n"]);
  expect(await rejection(ask())).toMatchObject({ code: "server.unreachable" });
  broken = false;
  expect(JSON.parse(await ask())).toEqual(STATUS);
});

test("it goes with the server; what a dead one left is replaced", async () => {
  await open()[Symbol.asyncDispose]();
  expect(existsSync(path)).toBe(false);
  const program = `Bun.serve({ unix: ${JSON.stringify(path)}, fetch: () => new Response("") }); console.log("up")`;
  const dead = Bun.spawn([process.execPath, "-e", program], { stdout: "pipe" });
  await dead.stdout.getReader().read();
  dead.kill("SIGKILL");
  await dead.exited;
  expect(lstatSync(path).isSocket()).toBe(true);
  expect(await rejection(ask())).toMatchObject({ code: "server.notRunning" });
  expect(await isServed(data)).toBe(false);
  await using _socket = open();
  expect(JSON.parse(await ask())).toEqual(STATUS);
});

test("no server: one line that says where none runs", async () => {
  const detail = "no server runs on data; start it: server run";
  expect(await rejection(ask())).toMatchObject({ code: "server.notRunning", detail });
  folder[Symbol.dispose]();
  expect(await rejection(ask())).toMatchObject({ code: "server.notRunning", detail });
  expect(await isServed(data)).toBe(false);
});

test("what is no socket is not removed", () => {
  writeFileSync(path, "precious");
  expect(failure(() => open())).toMatchObject({ code: "file.failed", detail: `${path}: is not a socket; remove it` });
  expect(lstatSync(path).isFile()).toBe(true);
});

describe("a path that is longer than a socket's may be", () => {
  test.if(process.platform === "linux")("is none to the platform", async () => {
    data = join(folder.path, "x".repeat(200));
    mkdirSync(data);
    await using _socket = open();
    expect(JSON.parse(await ask())).toEqual(STATUS);
  });

  test("where it is one, is the configuration's error", () => {
    const error = socketFailure("ENAMETOOLONG", path, { data, name: "sconf.json" });
    expect([error.code, error.detail]).toEqual([
      "config.invalid",
      `sconf.json: data: ${data} is too long a path for a socket in it; take another`,
    ]);
    expect(socketFailure("EACCES", path, { data, name: "" })).toMatchObject({
      code: "file.failed",
      detail: `${path}: cannot be made: permission denied`,
    });
  });
});
