import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { nobleCrypto } from "../../../core/crypto/noble.ts";
import { fakeRecord, parseRecord, splitRecord } from "../../../core/opaque/record.ts";
import { BAD_PUBLIC_KEYS } from "../../support/badKeys.ts";
import { account, bytes, codeOf, GROUPS, hexOf, register, serverKeys } from "../../support/opaque.ts";

describe.each(GROUPS)("records, %s", (group) => {
  const config = { crypto: nobleCrypto, group };
  const { record } = register(account(config), "pizza");

  test("a record is parsed to a copy of itself", () => {
    const parsed = parseRecord(config, record);
    expect(parsed).toEqual(record);
    expect(parsed.buffer).not.toBe(record.buffer);
    expect(Object.values(splitRecord(parsed)).map((part) => part.length)).toEqual([32, 64, 96]);
  });

  test.each([0, 1, 32, 191, 193, 384])("%p bytes are no record", (length) => {
    const cut = new Uint8Array(length);
    cut.set(record.subarray(0, length));
    expect(codeOf(() => parseRecord(config, cut))).toBe("wire.malformed");
  });

  test.each(BAD_PUBLIC_KEYS[group])("a public key that is none: %s", (_name, publicKey) => {
    const bad = record.slice();
    bad.set(publicKey);
    expect(codeOf(() => parseRecord(config, bad))).toBe("wire.malformed");
  });

  test("a fake record is the same for the same name and server, and another otherwise", () => {
    const keys = serverKeys(config);
    const fake = hexOf(fakeRecord(config, keys, bytes("mallory")));
    expect(hexOf(fakeRecord(config, keys, bytes("mallory")))).toBe(fake);
    expect(hexOf(fakeRecord(config, serverKeys(config, "another"), bytes("mallory")))).not.toBe(fake);
    fc.assert(
      fc.property(fc.string(), (name) => {
        const other = splitRecord(fakeRecord(config, keys, bytes(name)));
        const here = splitRecord(fakeRecord(config, keys, bytes("mallory")));
        const same = name === "mallory";
        expect(hexOf(other.clientPublicKey) === hexOf(here.clientPublicKey)).toBe(same);
        expect(hexOf(other.maskingKey) === hexOf(here.maskingKey)).toBe(same);
      }),
      { numRuns: 10 },
    );
  });

  test("a fake record is one: a valid public key, a masking key, 96 zero bytes", () => {
    const fake = fakeRecord(config, serverKeys(config), bytes("mallory"));
    expect(parseRecord(config, fake)).toEqual(fake);
    const { maskingKey, envelope } = splitRecord(fake);
    expect(maskingKey.some((byte) => byte !== 0)).toBe(true);
    expect(envelope).toEqual(new Uint8Array(96));
  });
});
