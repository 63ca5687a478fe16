import { describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { concat, lv, utf8 } from "../../../core/bytes.ts";
import { nativeCrypto } from "../../../core/crypto/native.ts";
import {
  type FingerprintSide,
  fingerprintOf,
  identifierOf,
  safetyNumber,
  safetyNumberGroups,
} from "../../../core/e2ee/fingerprint.ts";
import { owner } from "../../support/owners.ts";
import { filled, hex, PROVIDERS } from "../../support/primitives.ts";
import { flip } from "../../support/queued.ts";

const ALICE: FingerprintSide = { identityKey: filled(32, 1), identifier: identifierOf(owner("alice")) };
const BOB: FingerprintSide = { identityKey: filled(32, 2), identifier: identifierOf(owner("bob")) };

describe.each(PROVIDERS)("on %s", (_, crypto) => {
  /** The published vector of Signal's fingerprint; there a key has 33 bytes and the identifier is a phone number. */
  test("is Signal's number for Signal's keys", () => {
    const a = {
      identityKey: hex("0506863bc66d02b40d27b8d49ca7c09e9239236f9d7d25d6fcca5ce13c7064d868"),
      identifier: utf8("+14152222222"),
    };
    const b = {
      identityKey: hex("05f781b6fb32fed9ba1cf2de978d4d5da28dc34046ae814402b5c0dbd96fda907b"),
      identifier: utf8("+14153333333"),
    };
    const expected = "300354477692869396892869876765458257569162576843440918079131";
    expect(safetyNumber(crypto, a, b)).toBe(expected);
    expect(safetyNumber(crypto, b, a)).toBe(expected);
  });

  test("a key is shown by its SHA-256", () => {
    const digest = createHash("sha256").update(ALICE.identityKey).digest("base64");
    expect(fingerprintOf(crypto, ALICE.identityKey)).toBe(`SHA256:${digest.slice(0, 43)}`);
  });
});

const number = safetyNumber(nativeCrypto, ALICE, BOB);

test("has 60 digits in 12 groups, the same from both sides", () => {
  expect(number).toMatch(/^[0-9]{60}$/);
  expect(safetyNumber(nativeCrypto, BOB, ALICE)).toBe(number);
  expect(safetyNumberGroups(number)).toHaveLength(12);
  expect(safetyNumberGroups(number).join("")).toBe(number);
  for (const group of safetyNumberGroups(number)) expect(group).toMatch(/^[0-9]{5}$/);
});

test("is 30 digits for each side, which depend on nobody else", () => {
  const halves = [number.slice(0, 30), number.slice(30)];
  expect(halves).toEqual(halves.toSorted());
  const withCarol = safetyNumber(nativeCrypto, ALICE, { ...BOB, identityKey: filled(32, 3) });
  expect(halves.filter((half) => withCarol.includes(half))).toHaveLength(1);
  expect(safetyNumber(nativeCrypto, ALICE, ALICE)).toMatch(/^([0-9]{30})\1$/);
});

test("an identifier is realm and user, each with its length", () => {
  expect(ALICE.identifier).toEqual(concat(lv(new Uint8Array(32).fill(1)), lv(utf8("alice"))));
});

test.each<readonly [string, FingerprintSide]>([
  ["a bit of the key", { ...ALICE, identityKey: flip(ALICE.identityKey, 0) }],
  ["the last bit of the key", { ...ALICE, identityKey: flip(ALICE.identityKey, 31) }],
  ["the user", { ...ALICE, identifier: identifierOf(owner("alicf")) }],
  ["the realm", { ...ALICE, identifier: identifierOf(owner("alice", 2)) }],
])("another number for %s", (_, side) => {
  expect(safetyNumber(nativeCrypto, side, BOB)).not.toBe(number);
});
