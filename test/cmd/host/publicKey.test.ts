import { expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { fingerprint, formatPublicKey, loadPublicKey } from "../../../cmd/host/publicKey.ts";
import { nativeCrypto } from "../../../core/crypto/native.ts";
import { failure } from "../../support/codes.ts";
import { temporaryFolder } from "../../support/folder.ts";

const key = { realmId: new Uint8Array(32).fill(0xfb), staticPublicKey: new Uint8Array(32).fill(0x3f) };
const line = formatPublicKey(key);

function load(content: string) {
  using folder = temporaryFolder();
  writeFileSync(folder.at("server.pub"), content);
  return loadPublicKey(folder.at("server.pub"), "server.pub");
}

test("a key comes back, also with the line ends an editor leaves", () => {
  expect(line).toMatch(/^ims-server-1 [A-Za-z0-9_-]{86}\n$/);
  for (const content of [line, line.trimEnd(), line.replace("\n", "\r\n"), `${line}\n`]) {
    expect(load(content)).toEqual(key);
  }
});

test.each([
  ["", "empty"],
  [line.slice(0, -2), "a character short"],
  [`A${line}`, "another prefix"],
  [line.replace("-1 ", "-2 "), "another version"],
  [line.replace(" ", "  "), "two spaces"],
  [`${line}${line}`, "two keys"],
  [line.replace("\n", "A\n"), "a character long"],
  [line.replace("\n", "==\n"), "padding"],
  [line.replaceAll("_", "/"), "the other base64"],
  [`${line.slice(0, -2)}9\n`, "bits after the end"],
  [`\u{feff}${line}`, "a byte order mark"],
])("%j is refused: %s", (content) => {
  expect(failure(() => load(content)).detail).toBe(
    'server.pub: not the public key of a server: expected one line "ims-server-1" and 86 characters of base64url',
  );
});

test("the private key in its place is called by its name", () => {
  expect(failure(() => load("ims-server-key-1 AAAA\n")).detail).toBe(
    "server.pub: this is the server's private key; publicKey must name keys/server.pub",
  );
  expect(failure(() => load("x".repeat(1025))).detail).toBe("server.pub: larger than 1024 bytes");
});

test("the fingerprint has the form that ssh gives one", () => {
  const digest = createHash("sha256").update(key.realmId).update(key.staticPublicKey).digest("base64");
  expect(fingerprint(nativeCrypto, key)).toBe(`SHA256:${digest.replace(/=+$/, "")}`);
});
