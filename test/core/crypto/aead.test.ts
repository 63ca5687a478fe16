import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { nativeCrypto } from "../../../core/crypto/native.ts";
import { nobleCrypto } from "../../../core/crypto/noble.ts";
import { filled, hex, PROVIDERS, refusal, secret } from "../../support/primitives.ts";

const KEY = "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308";
const PLAINTEXT =
  "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b391aafd255";
const CIPHERTEXT =
  "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662898015ad";

/** McGrew and Viega, "The Galois/Counter Mode of Operation", appendix B: the cases with 256-bit keys and 96-bit nonces. */
const CASES = [
  {
    number: 13,
    key: "00".repeat(32),
    nonce: "00".repeat(12),
    data: "",
    plaintext: "",
    ciphertext: "",
    tag: "530f8afbc74536b9a963b4f1c4cb738b",
  },
  {
    number: 14,
    key: "00".repeat(32),
    nonce: "00".repeat(12),
    data: "",
    plaintext: "00".repeat(16),
    ciphertext: "cea7403d4d606b6e074ec5d3baf39d18",
    tag: "d0d1c8a799996bf0265b98b5d48ab919",
  },
  {
    number: 15,
    key: KEY,
    nonce: "cafebabefacedbaddecaf888",
    data: "",
    plaintext: PLAINTEXT,
    ciphertext: CIPHERTEXT,
    tag: "b094dac5d93471bdec1a502270e3cc6c",
  },
  {
    number: 16,
    key: KEY,
    nonce: "cafebabefacedbaddecaf888",
    data: "feedfacedeadbeeffeedfacedeadbeefabaddad2",
    plaintext: PLAINTEXT.slice(0, 120),
    ciphertext: CIPHERTEXT.slice(0, 120),
    tag: "76fc6ece0f4e1768cddf8853bb2d551b",
  },
];

const NONCE = filled(12, 1);
const DATA = filled(20, 2);
const TEXT = filled(40, 3);
const NOTHING = new Uint8Array(0);

describe.each(PROVIDERS)("AES-256-GCM on %s", (_, crypto) => {
  test.each(CASES)("test case $number", ({ key, nonce, data, plaintext, ciphertext, tag }) => {
    using secretKey = secret(hex(key));
    const sealed = crypto.seal(secretKey, hex(nonce), hex(data), hex(plaintext));
    expect(sealed.toHex()).toBe(ciphertext + tag);
    expect(crypto.open(secretKey, hex(nonce), hex(data), sealed).toHex()).toBe(plaintext);
  });

  test("every flipped bit, every cut and every addition is refused", async () => {
    using key = secret(filled(32, 4));
    const sealed = crypto.seal(key, NONCE, DATA, TEXT);
    for (let bit = 0; bit < sealed.length * 8; bit += 1) {
      const altered = sealed.map((byte, i) => (i === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte));
      expect(await refusal(() => crypto.open(key, NONCE, DATA, altered))).toBe("crypto.open");
    }
    for (let length = 0; length < sealed.length; length += 1) {
      expect(await refusal(() => crypto.open(key, NONCE, DATA, sealed.subarray(0, length)))).toBe("crypto.open");
    }
    const longer = new Uint8Array(sealed.length + 1);
    longer.set(sealed);
    expect(await refusal(() => crypto.open(key, NONCE, DATA, longer))).toBe("crypto.open");
  });

  test.each([
    ["key", filled(32, 5), NONCE, DATA],
    ["nonce", filled(32, 4), filled(12, 6), DATA],
    ["associated data", filled(32, 4), NONCE, filled(20, 6)],
    ["absent associated data", filled(32, 4), NONCE, NOTHING],
  ])("another %s is refused", async (_what, otherKey, nonce, data) => {
    using key = secret(filled(32, 4));
    using other = secret(otherKey);
    const sealed = crypto.seal(key, NONCE, DATA, TEXT);
    expect(await refusal(() => crypto.open(other, nonce, data, sealed))).toBe("crypto.open");
  });

  test.each([
    ["a short key", 16, 12],
    ["a key of 192 bits", 24, 12],
    ["a long key", 33, 12],
    ["a short nonce", 32, 11],
    ["a long nonce", 32, 16],
    ["no nonce", 32, 0],
  ])("%s is a bug, not something a peer did", async (_what, keyBytes, nonceBytes) => {
    using key = secret(filled(keyBytes, 1));
    const nonce = filled(nonceBytes, 2);
    expect(await refusal(() => crypto.seal(key, nonce, DATA, TEXT))).toBe("plain");
    expect(await refusal(() => crypto.open(key, nonce, DATA, filled(32, 3)))).toBe("plain");
  });

  test("inputs are left as they were, and outputs are plain arrays that own their bytes", () => {
    using key = secret(filled(32, 4));
    const [nonce, data, text] = [NONCE.slice(), DATA.slice(), TEXT.slice()];
    const sealed = crypto.seal(key, nonce, data, text);
    const copy = sealed.slice();
    const opened = crypto.open(key, nonce, data, sealed);
    expect([nonce, data, text, sealed]).toEqual([NONCE, DATA, TEXT, copy]);
    expect([sealed.constructor, opened.constructor]).toEqual([Uint8Array, Uint8Array]);
    opened.fill(0);
    expect(sealed).toEqual(copy);
  });
});

test("the providers seal alike and open each other's", () => {
  const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
  const any = fc.uint8Array({ maxLength: 400 });
  fc.assert(
    fc.property(bytes(32), bytes(12), any, any, (rawKey, nonce, data, text) => {
      using key = secret(rawKey);
      const sealed = nobleCrypto.seal(key, nonce, data, text);
      expect(nativeCrypto.seal(key, nonce, data, text)).toEqual(sealed);
      expect(nativeCrypto.open(key, nonce, data, sealed)).toEqual(text);
      expect(nobleCrypto.open(key, nonce, data, sealed)).toEqual(text);
    }),
  );
});
