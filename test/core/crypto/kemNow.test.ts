import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { nativeCrypto } from "../../../core/crypto/native.ts";
import { nobleCrypto } from "../../../core/crypto/noble.ts";
import { codeOr } from "../../support/codes.ts";
import { keyOf } from "../../support/owners.ts";
import { decapsulate, encapsulate, filled, hex, kemKey, PROVIDERS, reveal, secret } from "../../support/primitives.ts";
import { flip } from "../../support/queued.ts";
import { SecretWatch } from "../../support/secretWatch.ts";
import { externalVectors } from "../../support/vectors.ts";

const sized = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const xwing = externalVectors("xwing") as readonly { eseed: string; pk: string; ct: string }[] | null;

describe.each(PROVIDERS)("ML-KEM-768 at once, on %s", (_, crypto) => {
  test("is what the platform's own is: its keys, and both ways", async () => {
    await fc.assert(
      fc.asyncProperty(sized(64), sized(32), async (seed, message) => {
        using kept = secret(seed);
        using drawn = secret(message);
        using platform = await kemKey(nativeCrypto, seed);
        const publicKey = crypto.kemPublicKey(kept);
        expect(publicKey).toEqual(platform.publicKey);
        const here = crypto.kemEncapsulate(publicKey, drawn);
        expect(await decapsulate(nativeCrypto, platform, here.ciphertext)).toEqual(reveal(here.sharedSecret));
        const there = await encapsulate(nativeCrypto, publicKey);
        expect(reveal(crypto.kemDecapsulate(kept, there.ciphertext))).toEqual(there.shared);
      }),
      { numRuns: 12 },
    );
  });

  test.each(xwing ?? [])("X-Wing: the ciphertext of a given message (%#)", ({ eseed, pk, ct }) => {
    using message = secret(hex(eseed).slice(0, 32));
    const { ciphertext } = crypto.kemEncapsulate(hex(pk).slice(0, 1184), message);
    expect(ciphertext.toHex()).toBe(hex(ct).slice(0, 1088).toHex());
  });

  test("gives the same for the same message, and another for another", () => {
    using seed = keyOf(1, 64);
    const publicKey = crypto.kemPublicKey(seed);
    const of = (fill: number) => {
      using message = keyOf(fill);
      const { ciphertext, sharedSecret } = crypto.kemEncapsulate(publicKey, message);
      return { ciphertext: ciphertext.toHex(), shared: reveal(sharedSecret).toHex() };
    };
    expect(of(2)).toEqual(of(2));
    expect(of(3).ciphertext).not.toBe(of(2).ciphertext);
    expect(of(3).shared).not.toBe(of(2).shared);
  });

  test.each([0, 1, 543, 959, 960, 1087])(
    "with byte %p altered the secret is another, the same every time",
    async (at) => {
      using seed = keyOf(1, 64);
      using message = keyOf(2);
      using platform = await kemKey(nativeCrypto, filled(64, 1));
      const { ciphertext, sharedSecret } = crypto.kemEncapsulate(crypto.kemPublicKey(seed), message);
      const altered = flip(ciphertext, at);
      const rejected = reveal(crypto.kemDecapsulate(seed, altered));
      expect(rejected).not.toEqual(reveal(sharedSecret));
      expect(rejected).toEqual(await decapsulate(nativeCrypto, platform, altered));
    },
  );

  test("another seed gives another secret", () => {
    using seed = keyOf(1, 64);
    using other = keyOf(5, 64);
    using message = keyOf(2);
    const { ciphertext, sharedSecret } = crypto.kemEncapsulate(crypto.kemPublicKey(seed), message);
    expect(reveal(crypto.kemDecapsulate(other, ciphertext))).not.toEqual(reveal(sharedSecret));
  });

  test("refuses another length, and a coefficient at the modulus", () => {
    using seed = keyOf(1, 64);
    using message = keyOf(2);
    const publicKey = crypto.kemPublicKey(seed);
    for (const length of [0, 1183, 1185]) {
      const given = new Uint8Array(length);
      expect<unknown>(codeOr(() => crypto.kemEncapsulate(given, message))).toBe("crypto.badKey");
    }
    for (const length of [0, 1087, 1089]) {
      expect<unknown>(codeOr(() => crypto.kemDecapsulate(seed, new Uint8Array(length)))).toBe("crypto.badKey");
    }
    publicKey.set([0x01, 0x0d | ((publicKey[1] ?? 0) & 0xf0)]); // 0xd01 = 3329
    expect<unknown>(codeOr(() => crypto.kemEncapsulate(publicKey, message))).toBe("crypto.badKey");
  });

  test("refuses a seed and a message of another length", () => {
    const publicKey = crypto.kemPublicKey(keyOf(1, 64));
    for (const length of [0, 32, 63, 65]) expect(() => crypto.kemPublicKey(keyOf(1, length))).toThrow();
    for (const length of [0, 31, 33]) expect(() => crypto.kemEncapsulate(publicKey, keyOf(1, length))).toThrow();
  });

  test("leaves no secret behind but the one that it gives", () => {
    using seed = keyOf(1, 64);
    using message = keyOf(2);
    const publicKey = crypto.kemPublicKey(seed);
    using watch = new SecretWatch();
    const { ciphertext, sharedSecret } = crypto.kemEncapsulate(publicKey, message);
    const shared = crypto.kemDecapsulate(seed, ciphertext);
    expect(watch.alive()).toEqual([sharedSecret, shared]);
    expect([seed.wiped, message.wiped]).toEqual([false, false]);
    expect(reveal(seed)).toEqual(filled(64, 1));
    expect(reveal(message)).toEqual(filled(32, 2));
  });
});

test("both providers answer at once alike", () => {
  fc.assert(
    fc.property(sized(64), sized(32), (seed, message) => {
      using kept = secret(seed);
      using drawn = secret(message);
      const [one, two] = [nobleCrypto, nativeCrypto].map((crypto) => {
        const { ciphertext, sharedSecret } = crypto.kemEncapsulate(crypto.kemPublicKey(kept), drawn);
        return [
          ciphertext.toHex(),
          reveal(sharedSecret).toHex(),
          reveal(crypto.kemDecapsulate(kept, ciphertext)).toHex(),
        ];
      });
      expect(one).toEqual(two);
      expect(one?.[1]).toBe(one?.[2] ?? "");
    }),
    { numRuns: 8 },
  );
});
