import { expect, test } from "bun:test";
import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expectSafeHost, openRealm } from "../../../cmd/server/realm.ts";
import { loadUsers } from "../../../cmd/server/users.ts";
import { nativeCrypto } from "../../../core/crypto/native.ts";
import { failure } from "../../support/codes.ts";
import { temporaryFolder } from "../../support/folder.ts";

const ROOT = join(import.meta.dir, "..", "..", "..");

/** The demo realm in a folder within the one where the user stands, with other values in `sconf.json`. */
function demo(change: Readonly<Record<string, unknown>> = {}) {
  const folder = temporaryFolder();
  mkdirSync(folder.at("here/keys"), { recursive: true });
  for (const name of ["users.json", "keys/server.key"]) copyFileSync(join(ROOT, name), folder.at(`here/${name}`));
  const config = { version: 1, host: "127.0.0.1", port: 0, privateKey: "keys/server.key", users: "users.json" };
  writeFileSync(folder.at("here/sconf.json"), JSON.stringify({ ...config, ...change }));
  const io = { env: {}, cwd: folder.path, execDir: folder.path };
  const open = () => openRealm({ config: "here/sconf.json" }, io, nativeCrypto);
  return { folder, open, [Symbol.dispose]: () => folder[Symbol.dispose]() };
}

test("paths lie beside the configuration, and are called as short as can be from where the user stands", () => {
  using place = demo();
  using realm = place.open();
  expect([realm.config.name, realm.usersFile.name]).toEqual(["here/sconf.json", "here/users.json"]);
  expect(realm.usersFile.path).toBe(place.folder.at("here/users.json"));
  expect(realm.config.data).toBe(place.folder.at("here/data"));
  expect(realm.usersFile).toMatchObject({ realmId: realm.keys.realmId, demo: true });
  expect(loadUsers(realm.usersFile).size).toBe(5);
});

test("disposing wipes the keys", () => {
  using place = demo();
  const realm = place.open();
  const { staticKey, nextStaticKey, ake, oprfSeed } = realm.keys;
  realm[Symbol.dispose]();
  for (const secret of [staticKey, nextStaticKey, ake, oprfSeed]) expect(() => secret.use(() => 0)).toThrow();
});

test("a key that is not there is called by its short name, and by what names it", () => {
  using place = demo({ privateKey: "keys/other.key" });
  expect(failure(place.open)).toMatchObject({
    code: "config.invalid",
    detail: expect.stringMatching(
      /^here\/sconf\.json: privateKey: here\/keys\/other\.key: cannot be read: no such file or folder; put the key /,
    ),
  });
});

test.each([
  ["127.0.0.1", true],
  ["::1", true],
  ["localhost", true],
  ["0.0.0.0", false],
  ["::", false],
  ["192.0.2.1", false],
  ["example.org", false],
])("the demo realm on %s: %p", (host, safe) => {
  using place = demo({ host });
  using realm = place.open();
  if (safe) expectSafeHost(realm);
  else expect(() => expectSafeHost(realm)).toThrow("here/sconf.json: host: expected a loopback address");
});
