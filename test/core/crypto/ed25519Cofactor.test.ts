import { describe, expect, test } from "bun:test";
import { ed25519 } from "@noble/curves/ed25519.js";
import fc from "fast-check";
import { concat } from "../../../core/bytes.ts";
import { checkSignKey } from "../../../core/crypto/ed25519.ts";
import { nativeCrypto } from "../../../core/crypto/native.ts";
import { nobleCrypto } from "../../../core/crypto/noble.ts";
import { hex, PROVIDERS, refusal } from "../../support/primitives.ts";
import { SecretWatch } from "../../support/secretWatch.ts";

// Implementations of Ed25519 differ where points of low order come in, and in what they read as such a point. Here keys and
// signatures are made by somebody who knows the scalars and writes the points down at will.
const { Point } = ed25519;
type Element = InstanceType<typeof Point>;
const P = 2n ** 255n - 19n;
const SIGN = 2n ** 255n;
const L = Point.Fn.ORDER;
/** A point of order 8: its multiples are the eight points of low order. */
const GENERATOR = Point.fromBytes(hex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"));

/** A multiple of the base point that its maker knows, and the bytes given for it. */
interface Known {
  readonly scalar: bigint;
  readonly encoded: Uint8Array;
}

/** A number below 2^256 as 32 bytes, little endian. */
function encode(value: bigint): Uint8Array {
  return Uint8Array.from({ length: 32 }, (_, i) => Number((value >> BigInt(8 * i)) & 0xffn));
}

/** The scalar k of RFC 8032 §5.1.7. */
function challenge(r: Uint8Array, publicKey: Uint8Array, message: Uint8Array): bigint {
  const hash = nativeCrypto.sha512(r, publicKey, message);
  return hash.reduceRight((sum, byte) => sum * 256n + BigInt(byte), 0n) % L;
}

function ofLowOrder(multiple: number): Element {
  return GENERATOR.multiplyUnsafe(BigInt(multiple));
}

/** The multiple of the base point, with a point of low order added. */
function known(scalar: bigint, multiple = 0): Known {
  return { scalar, encoded: Point.BASE.multiply(scalar).add(ofLowOrder(multiple)).toBytes() };
}

function forge(key: Known, nonce: Known, message: Uint8Array): Uint8Array {
  const k = challenge(nonce.encoded, key.encoded, message);
  return concat(nonce.encoded, encode((nonce.scalar + k * key.scalar) % L));
}

/** The points of low order, as they are written, and in the other ways that some readers take for the same. */
const LOW_ORDER: readonly (readonly [string, Uint8Array])[] = [
  ...Array.from({ length: 8 }, (_, i) => [`${i} times a point of order 8`, ofLowOrder(i).toBytes()] as const),
  ["the identity, sign bit set", encode(1n + SIGN)],
  ["of order 2, sign bit set", encode(P - 1n + SIGN)],
  ["y = p", encode(P)],
  ["y = p, sign bit set", encode(P + SIGN)],
  ["y = p + 1", encode(P + 1n)],
  ["y = p + 1, sign bit set", encode(P + 1n + SIGN)],
];

describe.each(PROVIDERS)("Ed25519 on %s", (_, crypto) => {
  test.each(LOW_ORDER)("a key of low order verifies nothing: %s", async (_what, encoded) => {
    const key = { scalar: 0n, encoded };
    const nonce = known(77n);
    expect(await refusal(() => checkSignKey(encoded))).toBe("crypto.badKey");
    let holds = 0;
    for (let i = 0; i < 40; i += 1) {
      const message = Uint8Array.of(i);
      if (challenge(nonce.encoded, encoded, message) % 8n === 0n) holds += 1;
      expect(crypto.verify(encoded, message, forge(key, nonce, message))).toBe(false);
    }
    expect(holds).toBeGreaterThan(0); // else the equation itself refused them all
  });

  test("nothing is left of a key that was disposed", () => {
    using watch = new SecretWatch();
    const key = crypto.signKey(encode(1n));
    key[Symbol.dispose]();
    expect(watch.alive()).toEqual([]);
  });
});

test("[S]B = R + [k]A to the byte: parts of low order in R and in the key count", () => {
  const scalar = fc.bigInt({ min: 1n, max: L - 1n });
  const multiple = fc.nat({ max: 7 });
  fc.assert(
    fc.property(
      scalar,
      scalar,
      multiple,
      multiple,
      fc.uint8Array({ maxLength: 100 }),
      (a, r, inKey, inNonce, message) => {
        const key = known(a, inKey);
        const nonce = known(r, inNonce);
        const signature = forge(key, nonce, message);
        const k = Number(challenge(nonce.encoded, key.encoded, message) % 8n);
        const cancel = (inNonce + k * inKey) % 8 === 0;
        expect(nobleCrypto.verify(key.encoded, message, signature)).toBe(cancel);
        expect(nativeCrypto.verify(key.encoded, message, signature)).toBe(cancel);
      },
    ),
    { numRuns: 80 },
  );
});
