/** Files that are not what they should be: one line, exit 2, and they are left as they are. */
import { expect, setDefaultTimeout, test } from "bun:test";
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { snapshot } from "../support/folder.ts";
import { RealmFolder } from "../support/runningRealm.ts";

setDefaultTimeout(20_000);

const SERVER = '{"version":1,"host":"127.0.0.1","port":4040,"privateKey":"keys/server.key","users":"users.json"}';
const CLIENT = '{"version":1,"host":"127.0.0.1","port":4040,"publicKey":"keys/server.pub"}';

/** Runs a program in a realm that `spoil` has changed: its one line. */
async function refusal(
  name: "server" | "client",
  spoil: (folder: RealmFolder) => void,
  args: readonly string[] = [],
): Promise<string> {
  using folder = new RealmFolder();
  spoil(folder);
  const before = snapshot(folder.path);
  const { code, out, err } = await folder.run(name, args);
  expect(err).toMatch(/^ims: [^\n]+\n$/);
  expect([code, out]).toEqual([2, ""]);
  const after = new Map(snapshot(folder.path));
  after.delete("users.json.lock"); // empty, and it stays
  expect(after).toEqual(new Map(before));
  return err.slice(5, -1);
}

const JSON_FAULTS = [
  [
    "a byte order mark",
    (text: string) => `\u{feff}${text}`,
    "begins with a byte order mark; save it as UTF-8 without one",
  ],
  ["nothing", () => "", "the file is empty"],
  ["another kind of value", () => "[]", "expected an object with version, "],
  ["half of it", (text: string) => text.slice(0, text.length >> 1), "line 1: "],
  ["text after the end", (text: string) => `${text} x`, "line 1: expected the end of the file"],
  ["a comma too many", (text: string) => text.replace("}", ",}"), "line 1: expected a key in double quotes"],
  ["a comment", (text: string) => `// mine\n${text}`, "line 1: expected a value"],
  ["single quotes", (text: string) => text.replaceAll('"', "'"), "line 1: expected a key in double quotes"],
  ["a doubled key", (text: string) => text.replace("{", '{"port":1,'), 'line 1: the key "port" is there twice'],
  ["an unknown key", (text: string) => text.replace("}", ',"prot":1}'), "prot: unknown key; did you mean port?"],
  ["__proto__", (text: string) => text.replace("}", ',"__proto__":{"port":1}}'), "__proto__: unknown key; "],
  ["deep nesting", (text: string) => text.replace("}", `,"x":${"[".repeat(50_00)}}`), "nested deeper than 8 levels"],
  ["a missing key", (text: string) => text.replace('"host":"127.0.0.1",', ""), "host: missing; expected a host name"],
  ["a text for a number", (text: string) => text.replace("4040", '"4040"'), "port: expected an integer from "],
  ["a port too high", (text: string) => text.replace("4040", "65536"), "port: expected an integer from "],
  ["a broken port", (text: string) => text.replace("4040", "40.5"), "port: expected an integer from "],
  ["a host that is none", (text: string) => text.replace("127.0.0.1", "http://x"), "host: expected a host name"],
  ["another version", (text: string) => text.replace('"version":1', '"version":2'), "version: expected 1, "],
  ["an empty path", (text: string) => text.replace(/"keys\/server\.\w+"/, '""'), "expected a path"],
  ["null", (text: string) => text.replace("4040", "null"), "port: expected an integer from "],
] as const;

test.concurrent.each(JSON_FAULTS)("sconf.json with %s", async (_what, spoil, says) => {
  const line = await refusal("server", (folder) => writeFileSync(folder.at("sconf.json"), spoil(SERVER)));
  expect(line).toStartWith("sconf.json: ");
  expect(line).toContain(says);
});

test.concurrent.each(JSON_FAULTS)("config.json with %s", async (_what, spoil, says) => {
  const line = await refusal("client", (folder) => writeFileSync(folder.at("config.json"), spoil(CLIENT)));
  expect(line).toStartWith("config.json: ");
  expect(line).toContain(says);
});

test.concurrent.each([
  ["limits.devicesPerUser", { limits: { devicesPerUser: 0 } }],
  ["limits.frameBytes", { limits: { frameBytes: 65_537 } }],
  ["limits.handshakeSeconds", { limits: { handshakeSeconds: "10" } }],
  ["limits.conections", { limits: { conections: 1 } }],
  ["logLevel", { logLevel: "loud" }],
  ["trustedProxies[1]", { trustedProxies: ["10.0.0.0/8", "10.0.0.0/33"] }],
  ["trustedProxies", { trustedProxies: "10.0.0.1" }],
])("sconf.json with a wrong %s: the line names it", async (key, change) => {
  const line = await refusal("server", (folder) => folder.changeServerConfig(change));
  expect(line).toStartWith(`sconf.json: ${key}: `);
});

test.concurrent.each(["sconf.json", "users.json", "keys/server.key"])(
  "%s: not UTF-8, a folder, missing, a flood",
  async (file) => {
    const not = file.endsWith(".key") ? "not the private key of a server" : "not UTF-8 text; save it as UTF-8";
    const broken = await refusal("server", (folder) => writeFileSync(folder.at(file), Uint8Array.of(0x22, 0xff, 0xfe)));
    expect(broken).toStartWith(`${file}: ${not}`);
    const empty = await refusal("server", (folder) => {
      rmSync(folder.at(file));
      mkdirSync(folder.at(file));
    });
    expect(empty).toBe(`${file}: not a file`);
    if (file !== "sconf.json") {
      const missing = await refusal("server", (folder) => rmSync(folder.at(file)));
      const key = file === "users.json" ? "users" : "privateKey";
      expect(missing).toBe(`sconf.json: ${key}: ${file}: cannot be read: no such file or folder`);
    }
    const flood = new Uint8Array(file === "users.json" ? 64 * 1024 * 1024 + 1 : 65_537);
    expect(await refusal("server", (folder) => writeFileSync(folder.at(file), flood))).toContain(
      `${file}: larger than`,
    );
  },
);

test("CRLF line ends are no fault", async () => {
  using folder = new RealmFolder();
  for (const file of ["sconf.json", "users.json", "keys/server.key"]) {
    writeFileSync(folder.at(file), readFileSync(folder.at(file), "utf8").replaceAll("\n", "\r\n"));
  }
  await using server = folder.program("server", []);
  await server.untilText("server.listening");
});

const change = (folder: RealmFolder, edit: (text: string) => string): void =>
  writeFileSync(folder.at("users.json"), edit(readFileSync(folder.at("users.json"), "utf8")));

test.concurrent.each([0.02, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99, 0.999])(
  "users.json torn at %d of its length: never a part of the users",
  async (part) => {
    const torn = (folder: RealmFolder) => change(folder, (text) => text.slice(0, Math.floor(part * (text.length - 3))));
    expect(await refusal("server", torn)).toMatch(/^users\.json: line \d+: /);
    expect(await refusal("server", torn, ["user", "lock", "Alice"])).toMatch(/^users\.json: line \d+: /);
  },
);

test.concurrent.each([
  [
    "a user who is there twice",
    (text: string) => text.replace('"Bob"', '"aLICE"'),
    "users[1].name: the user aLICE is there twice",
  ],
  ["a name that is none", (text: string) => text.replace('"Bob"', '"Bo b"'), "users[1].name: expected a user name"],
  ["a status that is none", (text: string) => text.replace('"active"', '"Active"'), "users[0].status: expected one of"],
  ["a record cut short", (text: string) => text.replace(/("record": "\w{20})\w/, "$1"), "users[0].record: expected "],
  [
    "a time that is none",
    (text: string) => text.replace("2026-01-01", "2026-02-30"),
    "users[0].changedAt: expected a time",
  ],
  [
    "another realm",
    (text: string) => text.replace(/"realm": "./, '"realm": "A'),
    "realm: these users belong to another realm",
  ],
])("users.json with %s", async (_what, edit, says) => {
  const line = await refusal("server", (folder) => change(folder, edit));
  expect(line).toStartWith(`users.json: ${says}`);
  expect(line).not.toMatch(/TInG7/); // nothing of a record
});

test.concurrent.each([
  ["the public key", (folder: RealmFolder) => cpSync(folder.at("keys/server.pub"), folder.at("keys/server.key"))],
  [
    "a cut key",
    (folder: RealmFolder) =>
      writeFileSync(folder.at("keys/server.key"), readFileSync(folder.at("keys/server.key"), "utf8").slice(0, 200)),
  ],
  ["nothing", (folder: RealmFolder) => writeFileSync(folder.at("keys/server.key"), "")],
])("keys/server.key that is %s", async (_what, spoil) => {
  expect(await refusal("server", spoil)).toStartWith(
    "keys/server.key: not the private key of a server: expected one line",
  );
});

test.concurrent.each([
  [
    "cut",
    (folder: RealmFolder) => writeFileSync(folder.at("keys/server.pub"), "ims-server-1 AAAA\n"),
    "not the public key of a server",
  ],
  [
    "the private key",
    (folder: RealmFolder) => cpSync(folder.at("keys/server.key"), folder.at("keys/server.pub")),
    "this is the server's private key; publicKey must name keys/server.pub",
  ],
])("keys/server.pub that is %s", async (_what, spoil, says) => {
  expect(await refusal("client", spoil)).toStartWith(`keys/server.pub: ${says}`);
});

test("keys/server.pub that is missing: the file and the key that names it", async () => {
  const says = "config.json: publicKey: keys/server.pub: cannot be read: no such file or folder";
  expect(await refusal("client", (folder) => rmSync(folder.at("keys/server.pub")))).toBe(says);
});
