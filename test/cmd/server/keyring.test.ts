import { describe, expect, test } from "bun:test";
import { chmodSync, chownSync, copyFileSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  drawKeyring,
  expectDemoAtHome,
  formatKeyring,
  type Keyring,
  loadKeyring,
  serverKeys,
} from "../../../cmd/server/keyring.ts";
import { nativeCrypto } from "../../../core/crypto/native.ts";
import { failure } from "../../support/codes.ts";
import { countedEnv } from "../../support/demoRealm.ts";
import { snapshot, temporaryFolder } from "../../support/folder.ts";

const ROOT = process.geteuid?.() === 0;
const DEMO_KEY = join(import.meta.dir, "..", "..", "..", "keys", "server.key");

function draw(label = "keyring"): Keyring {
  return drawKeyring(nativeCrypto, (length) => countedEnv(label, 0).randomBytes(length));
}

function realm() {
  const folder = temporaryFolder();
  writeFileSync(folder.at("server.key"), formatKeyring(draw()), { mode: 0o600 });
  return folder;
}

const load = (path: string): Keyring => loadKeyring(path, nativeCrypto, "server.key");
const hex = (keys: Keyring): string[] =>
  [keys.staticKey, keys.nextStaticKey, keys.ake, keys.oprfSeed].map((secret) => secret.use((bytes) => bytes.toHex()));

test("keys come back from one line of text", () => {
  using folder = realm();
  expect(readFileSync(folder.at("server.key"), "latin1")).toMatch(/^ims-server-key-1 [A-Za-z0-9_-]{256}\n$/);
  const [drawn, loaded] = [draw(), load(folder.at("server.key"))];
  expect(hex(loaded)).toEqual(hex(drawn));
  expect([loaded.realmId, loaded.publicKey, loaded.demo]).toEqual([drawn.realmId, drawn.publicKey, false]);
  expect(new Set(hex(drawn)).size).toBe(4);
});

test("disposing wipes every secret, and none is ever printed", () => {
  const keys = draw();
  expect(`${Bun.inspect(keys)}${JSON.stringify(keys)}`).not.toContain(hex(keys)[0]?.slice(0, 8) ?? "");
  const secrets = [keys.staticKey, keys.nextStaticKey, keys.ake, keys.oprfSeed];
  keys[Symbol.dispose]();
  expect(secrets.every((secret) => secret.wiped)).toBe(true);
});

test("the machine's keys belong to the ring", () => {
  using keys = draw();
  using machine = serverKeys(keys, nativeCrypto);
  expect(machine.staticKey.publicKey).toEqual(keys.publicKey.staticPublicKey);
  expect(machine.realm).toEqual(keys.realmId);
  expect(machine.opaque.privateKey.publicKey).not.toEqual(keys.publicKey.staticPublicKey);
});

describe("a key that others could have read is refused with the command that mends it", () => {
  test.each([0o640, 0o604, 0o644, 0o660, 0o601, 0o777])("mode %o", (mode) => {
    using folder = realm();
    const path = folder.at("server.key");
    chmodSync(path, mode);
    const before = snapshot(folder.path);
    const shown = mode.toString(8).padStart(4, "0");
    expect(failure(() => load(path)).detail).toBe(
      `server.key: others can read it (mode ${shown}); run: chmod 600 ${path}`,
    );
    expect(snapshot(folder.path)).toEqual(before);
    chmodSync(path, 0o600);
    load(path);
    chmodSync(path, 0o400);
    load(path);
  });

  test("a path with a quote is quoted", () => {
    using folder = realm();
    const path = folder.at("it's a key");
    copyFileSync(folder.at("server.key"), path);
    chmodSync(path, 0o644);
    const quoted = `'${path.replace("'", "'\\''")}'`;
    expect(failure(() => load(path)).detail).toEndWith(`chmod 600 ${quoted}`);
    expect(Bun.spawnSync(["sh", "-c", `chmod 600 ${quoted}`]).exitCode).toBe(0);
    load(path);
  });

  test("a symbolic link", () => {
    using folder = realm();
    symlinkSync(folder.at("server.key"), folder.at("link"));
    expect(failure(() => load(folder.at("link"))).detail).toBe(
      `server.key: is a symbolic link; name the file itself: "privateKey": "${folder.at("server.key")}"`,
    );
    symlinkSync(folder.at("nothing"), folder.at("broken"));
    expect(failure(() => load(folder.at("broken"))).detail).toBe(
      "server.key: is a symbolic link; put the key itself there",
    );
  });

  test.skipIf(!ROOT)("another owner (needs root)", () => {
    using folder = realm();
    chownSync(folder.at("server.key"), 65_534, 65_534);
    expect(failure(() => load(folder.at("server.key"))).detail).toBe(
      `server.key: belongs to user 65534, not to user 0 who runs this; run as that user, or: chown 0 ${folder.at("server.key")}`,
    );
  });
});

const line = new TextDecoder().decode(formatKeyring(draw()));
test.each([
  ["empty", ""],
  ["another version", line.replace("key-1", "key-2")],
  ["the public key's prefix", line.replace("ims-server-key-1", "ims-server-1")],
  ["a character short", line.slice(0, -2)],
  ["three bytes long", line.replace("\n", "AAAA\n")],
  ["padding", line.replace("\n", "=\n")],
  ["a tab", line.replace(" ", "\t")],
  ["something after it", `${line}# mine\n`],
])("refused: %s", (_what, content) => {
  using folder = temporaryFolder();
  writeFileSync(folder.at("server.key"), content, { mode: 0o600 });
  expect(failure(() => load(folder.at("server.key"))).detail).toBe(
    'server.key: not the private key of a server: expected one line "ims-server-key-1" and 256 characters of base64url',
  );
});

test("any prefix of a key is refused", () => {
  using folder = temporaryFolder();
  for (let length = 0; length < line.length - 1; length += 1) {
    writeFileSync(folder.at("server.key"), line.slice(0, length), { mode: 0o600 });
    expect(failure(() => load(folder.at("server.key"))).code).toBe("config.invalid");
  }
});

test("the demo key is known, may be readable, and stays at home", () => {
  using folder = temporaryFolder();
  copyFileSync(DEMO_KEY, folder.at("server.key"));
  chmodSync(folder.at("server.key"), 0o644);
  using keys = load(folder.at("server.key"));
  expect(keys.demo).toBe(true);
  for (const host of ["127.0.0.1", "::1", "localhost"]) expectDemoAtHome(keys, host, "sconf.json");
  for (const host of ["0.0.0.0", "::", "192.0.2.1", "ims.example.org"]) {
    expect(failure(() => expectDemoAtHome(keys, host, "sconf.json")).detail).toStartWith(
      "sconf.json: host: expected a loopback address, because everybody knows the demo key",
    );
    expectDemoAtHome(draw(), host, "sconf.json");
  }
});
