import { describe, expect, test } from "bun:test";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DEFAULT_LIMITS, loadClientConfig, loadDataFolder, loadServerConfig } from "../../../cmd/host/config.ts";
import { endingOf } from "../../../cmd/host/exit.ts";
import { failure } from "../../support/codes.ts";
import { temporaryFolder } from "../../support/folder.ts";

const server = { version: 1, host: "127.0.0.1", port: 4040, privateKey: "keys/server.key", users: "users.json" };
const client = { version: 1, host: "ims.example.org", port: 4040, publicKey: "keys/server.pub" };

function loadServer(content: string | Uint8Array) {
  using folder = temporaryFolder();
  writeFileSync(folder.at("sconf.json"), content);
  try {
    return loadServerConfig({}, {}, folder.path, "/nowhere");
  } finally {
    expect(Buffer.compare(readFileSync(folder.at("sconf.json")), Buffer.from(content))).toBe(0);
  }
}

function loadClient(content: string) {
  using folder = temporaryFolder();
  writeFileSync(folder.at("config.json"), content);
  return loadClientConfig({}, {}, folder.path, "/nowhere");
}

const withServer = (changes: Record<string, unknown>): string => JSON.stringify({ ...server, ...changes });
const without = (key: string): string =>
  JSON.stringify(Object.fromEntries(Object.entries(server).filter(([name]) => name !== key)));

describe("a bad sconf.json is one line, exit 2, and stays as it is", () => {
  const nested = `${'{"a":'.repeat(20)}1${"}".repeat(20)}`;
  const utf16 = Buffer.from(JSON.stringify(server), "utf16le");
  test.each<readonly [string, string | Uint8Array, string]>([
    [
      "BOM",
      `\u{feff}${JSON.stringify(server)}`,
      "sconf.json: begins with a byte order mark; save it as UTF-8 without one",
    ],
    ["bad UTF-8", Buffer.from([0x7b, 0xff, 0x7d]), "sconf.json: not UTF-8 text; save it as UTF-8"],
    ["UTF-16", utf16, 'sconf.json: line 1: expected a key in double quotes, or "}"'],
    ["empty", "", "sconf.json: the file is empty"],
    [
      "not an object",
      "[]",
      "sconf.json: expected an object with version, host, port, privateKey, users, data, logLevel, trustedProxies, metricsPort, limits, found a list",
    ],
    ["doubled key", '{"version": 1, "version": 1}', 'sconf.json: line 1: the key "version" is there twice'],
    ["unknown key", withServer({ prot: 1 }), "sconf.json: prot: unknown key; did you mean port?"],
    [
      "__proto__",
      '{"__proto__": {"port": 1}}',
      "sconf.json: __proto__: unknown key; expected version, host, port, privateKey, users, data, logLevel, trustedProxies, metricsPort, limits",
    ],
    [
      "unknown limit",
      withServer({ limits: { frames: 1 } }),
      "sconf.json: limits.frames: unknown key; expected connections, connectionsPerAddress, loginsInWork, handshakeSeconds, loginSeconds, frameBytes, devicesPerUser, sessionFramesPerSecond, sessionBytesPerSecond, auditBytes",
    ],
    ["deep nesting", nested, "sconf.json: line 1: nested deeper than 8 levels"],
    ["huge", " ".repeat(65_537), "sconf.json: larger than 65536 bytes"],
    [
      "another version",
      withServer({ version: 2 }),
      "sconf.json: version: expected 1, the version of this file's format, found 2",
    ],
    [
      "port as text",
      withServer({ port: "4040" }),
      'sconf.json: port: expected an integer from 0 to 65535, found "4040"',
    ],
    [
      "port out of range",
      withServer({ port: 65536 }),
      "sconf.json: port: expected an integer from 0 to 65535, found 65536",
    ],
    ["port negative", withServer({ port: -1 }), "sconf.json: port: expected an integer from 0 to 65535, found -1"],
    ["port broken", withServer({ port: 40.5 }), "sconf.json: port: expected an integer from 0 to 65535, found 40.5"],
    ["port null", withServer({ port: null }), "sconf.json: port: expected an integer from 0 to 65535, found null"],
    [
      "host a list",
      withServer({ host: ["::1"] }),
      "sconf.json: host: expected a host name or an IP address without brackets, found a list",
    ],
    [
      "host in brackets",
      withServer({ host: "[::1]" }),
      'sconf.json: host: expected a host name or an IP address without brackets, found "[::1]"',
    ],
    [
      "host with escape",
      withServer({ host: "\u001b[31m\u202e" }),
      'sconf.json: host: expected a host name or an IP address without brackets, found "\\u001b[31m\\u{202e}"',
    ],
    ["path empty", withServer({ users: "" }), 'sconf.json: users: expected a path, found ""'],
    ["path with NUL", withServer({ users: "a\0b" }), 'sconf.json: users: expected a path, found "a\\u0000b"'],
    [
      "level",
      withServer({ logLevel: "all" }),
      'sconf.json: logLevel: expected one of "debug", "info", "warn", "error", found "all"',
    ],
    [
      "proxy",
      withServer({ trustedProxies: ["10.0.0.0/8", "10.0.0.0/33"] }),
      'sconf.json: trustedProxies[1]: expected an IP address or a range such as 10.0.0.0/8, found "10.0.0.0/33"',
    ],
    [
      "proxies not a list",
      withServer({ trustedProxies: "::1" }),
      'sconf.json: trustedProxies: expected a list of at most 64, each an IP address or a range such as 10.0.0.0/8, found "::1"',
    ],
    [
      "frame too small for a login",
      withServer({ limits: { frameBytes: 20_479 } }),
      "sconf.json: limits.frameBytes: expected an integer from 20480 to 65536, found 20479",
    ],
    [
      "frame too large",
      withServer({ limits: { frameBytes: 65_537 } }),
      "sconf.json: limits.frameBytes: expected an integer from 20480 to 65536, found 65537",
    ],
    [
      "limit of nothing",
      withServer({ limits: { loginsInWork: 0 } }),
      "sconf.json: limits.loginsInWork: expected an integer from 1 to 1024, found 0",
    ],
    ["no host", without("host"), "sconf.json: host: missing; expected a host name or an IP address without brackets"],
    ["no key", without("privateKey"), "sconf.json: privateKey: missing; expected a path"],
    ["no version", without("version"), "sconf.json: version: missing; expected 1, the version of this file's format"],
  ])("%s", (_what, content, expected) => {
    const error = failure(() => loadServer(content));
    expect(error.detail).toBe(expected);
    expect(endingOf(error)).toEqual({ code: 2, line: `ims: ${expected.replaceAll("\n", "")}` });
  });
});

test("torn at any byte, both files are refused with their name", () => {
  for (const [text, load, name] of [
    [JSON.stringify(server, null, 2), loadServer, "sconf.json"],
    [JSON.stringify(client, null, 2), loadClient, "config.json"],
  ] as const) {
    for (let length = 0; length < text.length; length += 1) {
      const error = failure(() => load(text.slice(0, length)));
      expect([error.code, error.detail.startsWith(`${name}: `)]).toEqual(["config.invalid", true]);
    }
    load(text);
  }
});

test("CRLF line ends and all defaults", () => {
  const config = loadServer(JSON.stringify(server, null, 2).replaceAll("\n", "\r\n"));
  expect(config).toMatchObject({ host: "127.0.0.1", port: 4040, logLevel: "info", trustedProxies: [] });
  expect(config.limits).toEqual({
    connections: 10_000,
    connectionsPerAddress: 64,
    loginsInWork: 8,
    handshakeSeconds: 10,
    loginSeconds: 60,
    frameBytes: 65_536,
    devicesPerUser: 8,
    sessionFramesPerSecond: 1000,
    sessionBytesPerSecond: 4_194_304,
    auditBytes: 8_388_608,
  });
  expect(config.limits).toEqual(DEFAULT_LIMITS);
});

test("the data folder alone, while something else in the file is wrong", () => {
  using folder = temporaryFolder();
  const load = (content: string): string => {
    writeFileSync(folder.at("sconf.json"), content);
    return loadDataFolder({}, {}, folder.path, "/none");
  };
  expect(load('{ "prot": 4040, "data": "kept" }')).toBe(folder.at("kept"));
  expect(load('{ "version": 7 }')).toBe(folder.at("data"));
  for (const content of ['{ "data": 5 }', '{ "data": ""', ""])
    expect(failure(() => load(content)).code).toBe("config.invalid");
});

test("every value can be changed", () => {
  const limits = {
    connections: 7,
    connectionsPerAddress: 1,
    loginsInWork: 2,
    handshakeSeconds: 3,
    loginSeconds: 4,
    frameBytes: 20_480,
    devicesPerUser: 5,
    sessionFramesPerSecond: 10,
    sessionBytesPerSecond: 65_536,
    auditBytes: 65_536,
  };
  const changed = {
    host: "::",
    port: 0,
    metricsPort: 9,
    logLevel: "debug",
    trustedProxies: ["::1", "10.1.0.0/16"],
    limits,
  } as const;
  expect(loadServer(withServer(changed))).toMatchObject(changed);
});

test("the client's file", () => {
  expect(loadClient(JSON.stringify(client))).toMatchObject({ host: "ims.example.org", port: 4040 });
  expect(failure(() => loadClient(JSON.stringify({ ...client, port: 0 }))).detail).toBe(
    "config.json: port: expected an integer from 1 to 65535, found 0",
  );
  expect(failure(() => loadClient(JSON.stringify({ ...client, users: "u" }))).detail).toBe(
    "config.json: users: unknown key; expected version, host, port, publicKey",
  );
});

describe("where a file is looked for", () => {
  test("option, environment, current folder, the executable's folder; paths in it are relative to it", () => {
    using folder = temporaryFolder();
    const ports = { option: 1, env: 2, cwd: 3, exec: 4 };
    for (const [name, port] of Object.entries(ports)) {
      mkdirSync(folder.at(name));
      writeFileSync(join(folder.at(name), "config.json"), JSON.stringify({ ...client, port }));
    }
    const env = { IMS_CONFIG: folder.at("env/config.json"), IMS_SCONF: "/not/this" };
    const option = { config: "../option/config.json" };
    const load = (...[flags, environment, cwd]: [{ config?: string }, Record<string, string>, string]) =>
      loadClientConfig(flags, environment, folder.at(cwd), folder.at("exec"));
    expect(load(option, env, "cwd")).toMatchObject({ port: 1, publicKey: folder.at("option/keys/server.pub") });
    expect(load({}, env, "cwd")).toMatchObject({ port: 2, publicKey: folder.at("env/keys/server.pub") });
    expect(load({}, { IMS_CONFIG: "" }, "cwd")).toMatchObject({ port: 3, name: "config.json" });
    expect(load({}, {}, "nothing")).toMatchObject({ port: 4, publicKey: folder.at("exec/keys/server.pub") });
  });

  test("a file that is named must be there", () => {
    expect(failure(() => loadServerConfig({ config: "no.json" }, {}, "/tmp", "/tmp")).detail).toBe(
      "no.json: cannot be read: no such file or folder",
    );
    expect(failure(() => loadServerConfig({}, { IMS_SCONF: "/no/s.json" }, "/tmp", "/tmp")).detail).toBe(
      "/no/s.json: cannot be read: no such file or folder",
    );
    expect(failure(() => loadServerConfig({}, {}, "/no", "/none")).detail).toBe(
      "sconf.json: not found in /no or /none; name it with --config FILE",
    );
    expect(failure(() => loadServerConfig({ config: "/tmp" }, {}, "/", "/")).detail).toBe("/tmp: not a file");
  });
});
