import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { chmodSync, copyFileSync, mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { LogFields } from "../../../cmd/host/log.ts";
import { drawKeyring, formatKeyring } from "../../../cmd/server/keyring.ts";
import { openRealm, type Realm } from "../../../cmd/server/realm.ts";
import { reloader } from "../../../cmd/server/reload.ts";
import { nativeCrypto } from "../../../core/crypto/native.ts";
import { CodedError } from "../../../core/errors.ts";
import { fixedEnv } from "../../support/fixedEnv.ts";
import { temporaryFolder } from "../../support/folder.ts";

const ROOT = join(import.meta.dir, "..", "..", "..");
const NOTE = "the configuration before it stays in force";

let folder: ReturnType<typeof temporaryFolder>;
let running: Realm;
let log: (readonly [event: string, fields: LogFields | undefined])[];
let applied: Realm["config"][];
let reload: () => void;
let refuse: Error | null;
beforeEach(() => {
  folder = temporaryFolder();
  mkdirSync(folder.at("keys"));
  for (const name of ["users.json", "keys/server.key"]) copyFileSync(join(ROOT, name), folder.at(name));
  configure({});
  log = [];
  applied = [];
  refuse = null;
  running = load();
  const note = (event: string, fields?: LogFields): void => void log.push([event, fields]);
  const part = ({ config }: Realm) => {
    if (refuse !== null) throw refuse;
    return { commit: () => void applied.push(config), rollback: () => {} };
  };
  reload = reloader(running, {
    ...{ load, parts: [part] },
    loaded: (fields) => note("config.loaded", fields),
    refused: (fields) => note("config.refused", fields),
  });
});
afterEach(() => {
  running[Symbol.dispose]();
  folder[Symbol.dispose]();
});

function load(): Realm {
  const io = { env: {}, cwd: folder.path, execDir: folder.path };
  return openRealm({ config: folder.at("sconf.json") }, io, nativeCrypto);
}

function configure(change: Readonly<Record<string, unknown>>): void {
  const config = { version: 1, host: "127.0.0.1", port: 0, privateKey: "keys/server.key", users: "users.json" };
  writeFileSync(folder.at("sconf.json"), JSON.stringify({ ...config, ...change }));
}

/** What the log says of a reload that was refused, and that nothing has changed. */
function refusal(): string | undefined {
  reload();
  expect(applied).toEqual([]);
  expect(log).toMatchObject([["config.refused", { file: "sconf.json", note: NOTE }]]);
  return log[0]?.[1]?.reason;
}

describe("a configuration that is read again", () => {
  test("is put in force, and the log names the keys that changed", () => {
    configure({ port: 4041, logLevel: "warn", limits: { connections: 5, handshakeSeconds: 10 } });
    reload();
    configure({ trustedProxies: ["10.0.0.0/8"], users: "others.json", metricsPort: 9 });
    reload();
    reload();
    expect(log.map(([event, fields]) => [event, fields?.changed])).toEqual([
      ["config.loaded", "port, logLevel, limits.connections"],
      ["config.loaded", "port, users, logLevel, trustedProxies, metricsPort, limits.connections"],
      ["config.loaded", "nothing"],
    ]);
    expect(applied.map(({ port, limits: { connections } }) => [port, connections])).toEqual([
      [4041, 5],
      [0, 10_000],
      [0, 10_000],
    ]);
  });

  test.each([
    ["privateKey", "keys/same.key"],
    ["data", "elsewhere"],
  ])("that changes %s is refused", (key, path) => {
    copyFileSync(folder.at("keys/server.key"), folder.at("keys/same.key"));
    configure({ [key]: path, port: 4041 });
    expect(refusal()).toBe(`sconf.json: ${key}: cannot change while the server runs; restart it`);
  });

  test("is refused while the key file holds another key", () => {
    using other = drawKeyring(nativeCrypto, fixedEnv("other", nativeCrypto).randomBytes);
    writeFileSync(folder.at("keys/server.key"), formatKeyring(other));
    chmodSync(folder.at("keys/server.key"), 0o600);
    expect(refusal()).toBe("sconf.json: privateKey: the file holds another key; restart the server to use it");
  });

  test("is refused when the key that everybody knows would serve other machines", () => {
    configure({ host: "0.0.0.0" });
    expect(refusal()).toStartWith("sconf.json: host: expected a loopback address");
  });

  test.each([
    ["is not there", () => renameSync(folder.at("sconf.json"), folder.at("away")), "no such file or folder"],
    ["is no JSON", () => writeFileSync(folder.at("sconf.json"), "{"), "sconf.json: line 1"],
    ["has a value of another type", () => configure({ port: "4040" }), "sconf.json: port: expected an integer"],
    ["names no key", () => renameSync(folder.at("keys/server.key"), folder.at("away")), "sconf.json: privateKey: "],
  ])("that %s is refused", (_what, spoil, reason) => {
    spoil();
    expect(refusal()).toContain(reason);
  });

  test("that a part cannot follow is refused with the reason of that part; the next one may pass", () => {
    refuse = new CodedError("port.busy", "sconf.json: port: 4041 is in use");
    expect(refusal()).toBe("sconf.json: port: 4041 is in use");
    refuse = null;
    reload();
    expect(applied).toHaveLength(1);
  });

  test("that leads to a fault of ours changes nothing, and the log holds no text of it", () => {
    refuse = new Error("a secret");
    expect(refusal()).toMatch(/^Error\b(?!.*secret)/);
  });
});
