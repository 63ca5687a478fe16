import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { nativeCrypto } from "../../../core/crypto/native.ts";
import { nobleCrypto } from "../../../core/crypto/noble.ts";
import type { CryptoProvider } from "../../../core/crypto/provider.ts";
import { checkPublicKey } from "../../../core/crypto/x25519.ts";
import { filled, hex, PROVIDERS, refusal, reveal } from "../../support/primitives.ts";

const SCALAR = hex("a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4");

/** RFC 7748 §5.2: scalar, u, result. The second u is given there with its top bit set; here it is clear, as the RFC reads it. */
const RFC7748: readonly (readonly [string, string, string])[] = [
  [
    "a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
    "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
    "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552",
  ],
  [
    "4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
    "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a413",
    "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957",
  ],
];

/** A u-coordinate as 32 bytes, little endian. */
function encode(u: bigint): Uint8Array {
  return Uint8Array.from({ length: 32 }, (_, i) => Number((u >> BigInt(8 * i)) & 0xffn));
}

const P = 2n ** 255n - 19n;
const TOP = 2n ** 255n;
const ORDER_8 = [
  0x00b8495f16056286fdb1329ceb8d09da6ac49ff1fae35616aeb8413b7c7aebe0n,
  0x57119fd0dd4e22d8868e1c58c45c44045bef839c55b1d0b1248c50a3bc959c5fn,
];

const REFUSED: readonly (readonly [string, Uint8Array])[] = [
  ["no bytes", new Uint8Array(0)],
  ["31 bytes", filled(31, 1)],
  ["33 bytes", new Uint8Array(33).fill(9)],
  // The seven encodings of points of low order.
  ["0", encode(0n)],
  ["1", encode(1n)],
  ...ORDER_8.map((u, i) => [`order 8, ${i + 1}`, encode(u)] as const),
  ["p - 1", encode(P - 1n)],
  ["p", encode(P)],
  ["p + 1", encode(P + 1n)],
  // The same with the top bit, which RFC 7748 has a reader mask.
  ...[0n, 1n, ...ORDER_8, P - 1n, P, P + 1n].map((u, i) => [`low order ${i}, top bit set`, encode(u + TOP)] as const),
  // Not canonical, though of full order.
  ["p + 2", encode(P + 2n)],
  ["p + 9, the base point", encode(P + 9n)],
  ["2^255 - 1", encode(TOP - 1n)],
  ["2^255 + 9, the base point", encode(TOP + 9n)],
  ["2^256 - 1", encode(2n ** 256n - 1n)],
];

const ACCEPTED: readonly (readonly [string, Uint8Array])[] = [
  ["2", encode(2n)],
  ["9", encode(9n)],
  ["p - 2", encode(P - 2n)],
  ["p - 19, whose first byte alone is below", encode(P - 19n)],
  ["p - 256, whose second byte alone is below", encode(P - 256n)],
  ["2^255 - 2^16, whose middle bytes are below", encode(TOP - 2n ** 16n)],
  ["2^254", encode(2n ** 254n)],
];

function agree(crypto: CryptoProvider, privateKey: Uint8Array, publicKey: Uint8Array): Uint8Array {
  using key = crypto.dhKey(privateKey);
  using shared = crypto.dh(key, publicKey);
  return reveal(shared);
}

describe.each(PROVIDERS)("X25519 on %s", (_, crypto) => {
  test.each(RFC7748)("RFC 7748 §5.2 (%#)", (scalar, u, result) => {
    expect(agree(crypto, hex(scalar), hex(u)).toHex()).toBe(result);
  });

  test("RFC 7748 §6.1: Alice and Bob", () => {
    using alice = crypto.dhKey(hex("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a"));
    using bob = crypto.dhKey(hex("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb"));
    expect(alice.publicKey.toHex()).toBe("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a");
    expect(bob.publicKey.toHex()).toBe("de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f");
    const shared = "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742";
    expect(reveal(crypto.dh(alice, bob.publicKey)).toHex()).toBe(shared);
    expect(reveal(crypto.dh(bob, alice.publicKey)).toHex()).toBe(shared);
  });

  test.each(REFUSED)("refuses %s", async (_what, publicKey) => {
    using key = crypto.dhKey(SCALAR);
    expect(await refusal(() => crypto.dh(key, publicKey))).toBe("crypto.badKey");
    expect(await refusal(() => checkPublicKey(publicKey))).toBe("crypto.badKey");
  });

  test.each(ACCEPTED)("accepts %s", (_what, publicKey) => {
    expect(agree(crypto, SCALAR, publicKey)).toEqual(agree(nobleCrypto, SCALAR, publicKey));
  });

  test("a key copies its bytes, and its public key is a plain array", () => {
    const bytes = SCALAR.slice();
    using key = crypto.dhKey(bytes);
    expect(bytes.toHex()).toBe(SCALAR.toHex());
    bytes.fill(0);
    const base = encode(9n);
    expect(reveal(crypto.dh(key, base))).toEqual(key.publicKey);
    expect(key.publicKey.constructor).toBe(Uint8Array);
  });

  test.each([0, 31, 33, 64])("a private key of %p bytes is a bug", async (length) => {
    expect(await refusal(() => crypto.dhKey(filled(length, 1)))).toBe("plain");
  });

  test("a key that was disposed, or is another provider's, is a bug", async () => {
    const key = crypto.dhKey(SCALAR);
    key[Symbol.dispose]();
    key[Symbol.dispose]();
    expect(await refusal(() => crypto.dh(key, encode(9n)))).toBe("plain");
    const other = crypto.name === "noble" ? nativeCrypto : nobleCrypto;
    using foreign = other.dhKey(SCALAR);
    expect(await refusal(() => crypto.dh(foreign, encode(9n)))).toBe("plain");
  });
});

test("RFC 7748 §5.2: a thousand iterations", () => {
  let k = encode(9n);
  let u = encode(9n);
  for (let i = 1; i <= 1000; i += 1) {
    const next = agree(nativeCrypto, k, u);
    u = k;
    k = next;
    if (i === 1) expect(k.toHex()).toBe("422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079");
  }
  expect(k.toHex()).toBe("684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51");
});

test("the providers make the same keys and agree on the same secrets", () => {
  const bytes = fc.uint8Array({ minLength: 32, maxLength: 32 });
  fc.assert(
    fc.property(bytes, bytes, (a, b) => {
      using mine = nobleCrypto.dhKey(a);
      using yours = nativeCrypto.dhKey(b);
      using shared = nobleCrypto.dh(mine, yours.publicKey);
      using same = nativeCrypto.dh(yours, mine.publicKey);
      expect(reveal(same)).toEqual(reveal(shared));
    }),
    { numRuns: 25 },
  );
});

test("the check is exactly: below p, and not of low order", async () => {
  const low = new Set([0n, 1n, P - 1n, ...ORDER_8]);
  const near = fc.bigInt({ min: -40n, max: 40n });
  const around = fc.constantFrom(0n, P, TOP, 2n ** 254n, P - 2n ** 248n).chain((centre) => near.map((d) => centre + d));
  const u = fc.oneof(around, fc.bigInt({ min: 0n, max: 2n ** 256n - 1n })).filter((value) => value >= 0n);
  await fc.assert(
    fc.asyncProperty(u, async (value) => {
      const expected = value >= P || low.has(value) ? "crypto.badKey" : null;
      expect(await refusal(() => checkPublicKey(encode(value)))).toBe(expected);
    }),
    { numRuns: 500 },
  );
});
