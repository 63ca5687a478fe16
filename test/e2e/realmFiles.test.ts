/** Files that are not what they should be: one line, exit 2, and they are left as they are. */
import { expect, setDefaultTimeout, test } from "bun:test";
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { refusal } from "../support/refusal.ts";
import { RealmFolder, RunningRealm } from "../support/runningRealm.ts";

setDefaultTimeout(20_000);

const SERVER = '{"version":1,"host":"127.0.0.1","port":4040,"privateKey":"keys/server.key","users":"users.json"}';
const CLIENT = '{"version":1,"host":"127.0.0.1","port":4040,"publicKey":"keys/server.pub"}';

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

test.concurrent.each([
  ["server", "sconf.json", 65_537],
  ["server", "users.json", 64 * 1024 * 1024 + 1],
  ["server", "keys/server.key", 1025],
  ["client", "config.json", 65_537],
  ["client", "keys/server.pub", 1025],
] as const)("%s: %s that is not UTF-8, a folder, a pipe, a flood", async (program, file, bytes) => {
  const lineOf = (spoil: (path: string) => void): Promise<string> =>
    refusal(program, (folder) => {
      rmSync(folder.at(file));
      spoil(folder.at(file));
    });
  const not = file.startsWith("keys/")
    ? /^: not the (private|public) key of a server/
    : /^: not UTF-8 text; save it as/;
  const broken = await lineOf((path) => writeFileSync(path, Uint8Array.of(0x22, 0xff, 0xfe)));
  expect(broken).toStartWith(file);
  expect(broken.slice(file.length)).toMatch(not);
  expect(await lineOf((path) => mkdirSync(path))).toStartWith(`${file}: not a file`);
  expect(await lineOf((path) => Bun.spawnSync(["mkfifo", path]))).toStartWith(`${file}: not a file`);
  expect(await lineOf((path) => writeFileSync(path, new Uint8Array(bytes)))).toStartWith(`${file}: larger than `);
});

test.concurrent.each([
  ["server", "users.json", "sconf.json: users"],
  ["server", "keys/server.key", "sconf.json: privateKey"],
  ["client", "keys/server.pub", "config.json: publicKey"],
] as const)("%s: %s that is missing: the line names the key that names it", async (program, file, key) => {
  const line = await refusal(program, (folder) => rmSync(folder.at(file)));
  expect(line).toStartWith(`${key}: ${file}: cannot be read: no such file or folder`);
});

test.concurrent.each([
  ["server", "sconf.json", SERVER],
  ["client", "config.json", CLIENT],
] as const)("%s: %s torn at many places", async (program, file, text) => {
  for (const part of [0.01, 0.1, 0.25, 0.4, 0.6, 0.75, 0.9, 0.995]) {
    const torn = text.slice(0, Math.ceil(part * (text.length - 1)));
    expect(await refusal(program, (folder) => writeFileSync(folder.at(file), torn))).toStartWith(`${file}: line 1: `);
  }
});

test("CRLF line ends are line ends, in every file of both programs", async () => {
  const folder = new RealmFolder();
  const withCrlf = (...files: readonly string[]): void => {
    for (const file of files) {
      writeFileSync(folder.at(file), readFileSync(folder.at(file), "utf8").replaceAll(/\n|(?<=\{)(?!\n)/g, "\r\n"));
      expect(readFileSync(folder.at(file), "utf8")).toContain("\r\n");
    }
  };
  withCrlf("sconf.json", "users.json", "keys/server.key", "keys/server.pub");
  await using realm = await RunningRealm.start({}, folder);
  withCrlf("config.json");
  expect(await realm.as("Bob", ["users"])).toMatchObject({ code: 0, err: "" });
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

const WRONG_TYPE = "expected an object with version, realm, users, found";

test.concurrent.each([
  ["a byte order mark", (text: string) => `\u{feff}${text}`, "begins with a byte order mark"],
  ["nothing", () => "", "the file is empty"],
  ["spaces", () => " \r\n\t ", "the file is empty"],
  ["a list", (text: string) => `[${text}]`, `${WRONG_TYPE} a list`],
  ["null", () => "null", `${WRONG_TYPE} null`],
  ["text after the end", (text: string) => `${text}{}`, "line 42: expected the end of the file"],
  ["a comma too many", (text: string) => text.replace(/\}\n {2}\]/, "},\n  ]"), "line 40: expected a value"],
  ["a doubled key", (text: string) => text.replace("{", '{"version": 1,'), 'line 2: the key "version" is there twice'],
  ["two epochs", (text: string) => text.replace("1\n", '1, "epoch": 2'), 'line 10: the key "epoch" is there twice'],
  ["two by an escape", (text: string) => text.replace("1\n", '1, "\\u0065poch": 2'), 'line 10: the key "epoch" is'],
  ["an unknown key", (text: string) => text.replace("{", '{"user": [],'), "user: unknown key; did you mean users?"],
  [
    "an unknown key of a user",
    (text: string) => text.replace("1\n", '1, "admin": true'),
    "users[0].admin: unknown key",
  ],
  ["__proto__", (text: string) => text.replace("{", '{"__proto__": {"users": []},'), "__proto__: unknown key"],
  [
    "__proto__ of a user",
    (text: string) => text.replace('"name"', '"__proto__": {"status": "active"}, "name"'),
    "users[0].__proto__: unknown key",
  ],
  [
    "a missing key",
    (text: string) => text.replace(/"realm": .*\n/, ""),
    "realm: missing; expected 32 bytes of base64url",
  ],
  ["a user without a status", (text: string) => text.replace(/"status": .*\n/, ""), "users[0].status: missing; "],
  ["users that are an object", (text: string) => text.replace("[", "{").replace("]", "}"), "line 5: expected a key"],
  ["users that are a number", (text: string) => text.replace(/\[[\s\S]*\]/, "5"), "users: expected a list of at most"],
  ["a user that is a text", (text: string) => text.replace("[", '["Zoe",'), "users[0]: expected an object with name, "],
  ["an epoch that is a text", (text: string) => text.replace("1\n", '"1"\n'), "users[0].epoch: expected an integer"],
  ["an epoch of another kind", (text: string) => text.replace("1\n", "1e400\n"), "users[0].epoch: expected an integer"],
  [
    "a record that is null",
    (text: string) => text.replace(/"record": .*/, '"record": null,'),
    "users[0].record: expected",
  ],
  ["another version", (text: string) => text.replace("1,", "2,"), "version: expected 1, "],
  ["deep nesting", (text: string) => text.replace("[", "[".repeat(100_000)), "line 4: nested deeper than 8 levels"],
  ["half a character", (text: string) => text.replace("Alice", "Al\\ud800ice"), "line 6: a string holds an escape"],
])("users.json with %s, for a command that would write it", async (_what, edit, says) => {
  const line = await refusal("server", (folder) => change(folder, edit), ["user", "lock", "Alice"]);
  expect(line).toStartWith(`users.json: ${says}`);
});

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
