import { expect, test } from "bun:test";
import { hkdf } from "@noble/hashes/hkdf.js";
import { sha256, sha512 } from "@noble/hashes/sha2.js";
import { concat, utf8 } from "../../../core/bytes.ts";
import { nobleCrypto } from "../../../core/crypto/noble.ts";
import { aesGcmSha256 } from "../../../core/noise/suite.ts";
import {
  decryptAndHash,
  encryptAndHash,
  initializeSymmetric,
  mixHash,
  mixKey,
  type SymmetricState,
  split,
} from "../../../core/noise/symmetricState.ts";
import type { Secret } from "../../../core/secret.ts";
import { failure, fixedBytes, fixedSecret, suiteNamed } from "../../support/noise.ts";

const suite = aesGcmSha256(nobleCrypto);
const long = suiteNamed("AESGCM", "SHA512", nobleCrypto);
const NONE = new Uint8Array(0);

function hex(secret: Secret | undefined): string | undefined {
  return secret?.use((bytes) => bytes.toHex());
}

function keyed(name = "input"): SymmetricState {
  return mixKey(suite, initializeSymmetric(suite, "a protocol"), fixedSecret(name));
}

test.each([
  [0, `${"00".repeat(32)}`],
  [31, `${"61".repeat(31)}00`],
  [32, "61".repeat(32)],
  [33, sha256(utf8("a".repeat(33))).toHex()],
])("a name of %d bytes is padded with zeros up to a hash, and hashed above", (length, expected) => {
  const state = initializeSymmetric(suite, "a".repeat(length));
  expect(state.hash.toHex()).toBe(expected);
  expect(hex(state.chainingKey)).toBe(expected);
  expect(state.cipher).toBeNull();
});

test.each([
  [suite, sha256],
  [long, sha512],
])("mixKey and split are HKDF of RFC 5869 with empty info, keys cut to 32 bytes", (own, hash) => {
  const before = initializeSymmetric(own, "a protocol");
  const ck = before.chainingKey.use((bytes) => bytes.slice());
  const mixed = mixKey(own, before, fixedSecret("input"));
  const okm = hkdf(hash, fixedBytes("input"), ck, NONE, 2 * own.hashBytes);
  expect(hex(mixed.chainingKey)).toBe(okm.slice(0, own.hashBytes).toHex());
  expect(hex(mixed.cipher?.key)).toBe(okm.slice(own.hashBytes, own.hashBytes + 32).toHex());
  expect(mixed.cipher?.counter).toBe(0);
  expect(mixed.hash).toEqual(before.hash);

  const [first, second] = split(own, mixed);
  const keys = hkdf(hash, NONE, okm.slice(0, own.hashBytes), NONE, 2 * own.hashBytes);
  expect(hex(first.key)).toBe(keys.slice(0, 32).toHex());
  expect(hex(second.key)).toBe(keys.slice(own.hashBytes, own.hashBytes + 32).toHex());
});

test("mixing leaves the old state and its input alone", () => {
  const before = initializeSymmetric(suite, "a protocol");
  const text = [hex(before.chainingKey), before.hash.toHex()];
  const input = fixedSecret("input");
  mixHash(suite, mixKey(suite, before, input), utf8("data"));
  expect([hex(before.chainingKey), before.hash.toHex()]).toEqual(text);
  expect(hex(input)).toBe(fixedBytes("input").toHex());
});

test("without a key the text goes in clear, as a copy, and into the hash", () => {
  const state = initializeSymmetric(suite, "a protocol");
  const text = utf8("in clear");
  const sealed = encryptAndHash(suite, state, text);
  const opened = decryptAndHash(suite, state, sealed.ciphertext);
  expect(sealed.ciphertext).toEqual(text);
  expect(opened.plaintext).toEqual(text);
  expect(sealed.next.hash).toEqual(sha256(concat(state.hash, text)));
  expect(opened.next.hash).toEqual(sealed.next.hash);
  sealed.ciphertext.fill(0);
  opened.plaintext.fill(0);
  expect(text).toEqual(utf8("in clear"));
});

test("a receive buffer that is used again does not change what was read from it", () => {
  const buffer = Buffer.from("in clear");
  const { plaintext } = decryptAndHash(suite, initializeSymmetric(suite, "a protocol"), buffer);
  buffer.fill(0);
  expect(plaintext).toEqual(utf8("in clear"));
});

test("with a key both sides keep one hash and count on; another hash does not open", async () => {
  const state = keyed();
  const first = encryptAndHash(suite, state, utf8("one"));
  const second = encryptAndHash(suite, first.next, NONE);
  expect(second.ciphertext.length).toBe(16);
  const opened = decryptAndHash(suite, keyed(), first.ciphertext);
  expect(opened.plaintext).toEqual(utf8("one"));
  const last = decryptAndHash(suite, opened.next, second.ciphertext);
  expect(last.next.hash).toEqual(second.next.hash);
  expect(last.next.cipher?.counter).toBe(2);
  const elsewhere = mixHash(suite, keyed(), utf8("another transcript"));
  expect(await failure(() => decryptAndHash(suite, elsewhere, first.ciphertext))).toBe("crypto.open");
  expect(await failure(() => decryptAndHash(suite, keyed("other"), first.ciphertext))).toBe("crypto.open");
});
