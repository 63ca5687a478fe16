import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { checkSignKey } from "../../../core/crypto/ed25519.ts";
import { checkEncapsulationKey } from "../../../core/crypto/mlKem.ts";
import { nativeCrypto } from "../../../core/crypto/native.ts";
import type { CryptoProvider } from "../../../core/crypto/provider.ts";
import { checkPublicKey } from "../../../core/crypto/x25519.ts";
import { wipeConversation } from "../../../core/e2ee/conversation.ts";
import { setting, startBoth } from "../../support/agreeing.ts";
import { BAD_PUBLIC_KEYS } from "../../support/badKeys.ts";
import { codeOr } from "../../support/codes.ts";
import { fakeCrypto } from "../../support/fakeCrypto.ts";
import { fixedEnv, quickCrypto } from "../../support/fixedEnv.ts";
import {
  decapsulate,
  encapsulate,
  filled,
  kemKey,
  refusal,
  reveal,
  secret,
  stretch,
} from "../../support/primitives.ts";
import { flip } from "../../support/queued.ts";

// It stands for the real ones in simulations: what those rely on holds for it too.
const sized = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const bytes = fc.uint8Array({ maxLength: 200 });

describe("X25519", () => {
  test("two agree, a third does not; keys are canonical and not of low order", () => {
    fc.assert(
      fc.property(fc.uniqueArray(sized(32), { minLength: 3, maxLength: 3, selector: String }), (seeds) => {
        const [a, b, c] = seeds.map((seed) => fakeCrypto.dhKey(seed));
        if (a === undefined || b === undefined || c === undefined) throw new Error("three keys");
        for (const key of [a, b, c]) checkPublicKey(key.publicKey);
        const shared = reveal(fakeCrypto.dh(a, b.publicKey)).toHex();
        expect(reveal(fakeCrypto.dh(b, a.publicKey)).toHex()).toBe(shared);
        expect(reveal(fakeCrypto.dh(c, a.publicKey)).toHex()).not.toBe(shared);
        expect(reveal(fakeCrypto.dh(c, b.publicKey)).toHex()).not.toBe(shared);
        expect(new Set([a, b, c].map((key) => key.publicKey.toHex())).size).toBe(3);
      }),
    );
  });

  test("an altered public key gives another secret, or is refused", () => {
    const [a, b] = [fakeCrypto.dhKey(filled(32, 1)), fakeCrypto.dhKey(filled(32, 2))];
    const shared = reveal(fakeCrypto.dh(a, b.publicKey)).toHex();
    for (let bit = 0; bit < 256; bit += 1) {
      const altered = b.publicKey.slice();
      altered[bit >> 3] = (altered[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(codeOr(() => reveal(fakeCrypto.dh(a, altered)).toHex())).not.toBe(shared);
    }
  });

  test.each(BAD_PUBLIC_KEYS.curve25519)("refuses %s", (_name, key) => {
    expect<unknown>(codeOr(() => fakeCrypto.dh(fakeCrypto.dhKey(filled(32, 1)), key))).toBe("crypto.badKey");
  });

  test("refuses lengths, and keys that are disposed or another's", async () => {
    const key = fakeCrypto.dhKey(filled(32, 1));
    const peer = fakeCrypto.dhKey(filled(32, 2)).publicKey;
    expect(await refusal(() => fakeCrypto.dhKey(filled(31, 1)))).toBe("plain");
    expect(await refusal(() => fakeCrypto.dh(key, peer.slice(1)))).toBe("crypto.badKey");
    expect(await refusal(() => fakeCrypto.dh(nativeCrypto.dhKey(filled(32, 1)), peer))).toBe("plain");
    key[Symbol.dispose]();
    expect(await refusal(() => fakeCrypto.dh(key, peer))).toBe("plain");
  });
});

describe("Ed25519", () => {
  test("a signature verifies for its key and its message alone, and no bit of it can be altered", () => {
    fc.assert(
      fc.property(sized(32), bytes, fc.nat(63), (seed, message, at) => {
        const key = fakeCrypto.signKey(seed);
        checkSignKey(key.publicKey);
        const signature = fakeCrypto.sign(key, message);
        expect(fakeCrypto.verify(key.publicKey, message, signature)).toBe(true);
        expect(fakeCrypto.verify(key.publicKey, message, flip(signature, at))).toBe(false);
        expect(fakeCrypto.verify(flip(key.publicKey, at % 31), message, signature)).toBe(false);
        expect(fakeCrypto.verify(key.publicKey, Uint8Array.of(...message, 0), signature)).toBe(false);
      }),
    );
  });

  test("refuses lengths, keys of low order, and keys that are disposed or another's", async () => {
    const key = fakeCrypto.signKey(filled(32, 1));
    const signature = fakeCrypto.sign(key, filled(3, 1));
    expect(fakeCrypto.verify(key.publicKey, filled(3, 1), signature.slice(1))).toBe(false);
    expect(fakeCrypto.verify(new Uint8Array(32), filled(3, 1), signature)).toBe(false);
    expect(await refusal(() => fakeCrypto.sign(nativeCrypto.signKey(filled(32, 1)), filled(3, 1)))).toBe("plain");
    key[Symbol.dispose]();
    expect(await refusal(() => fakeCrypto.sign(key, filled(3, 1)))).toBe("plain");
  });
});

describe("ML-KEM-768", () => {
  test("at once and as a job: what is encapsulated is decapsulated; altered, the secret is another", async () => {
    await fc.assert(
      fc.asyncProperty(sized(64), sized(32), fc.nat(1087), async (seed, message, at) => {
        using kept = secret(seed);
        using drawn = secret(message);
        using job = await kemKey(fakeCrypto, seed);
        const publicKey = fakeCrypto.kemPublicKey(kept);
        checkEncapsulationKey(publicKey);
        expect(job.publicKey).toEqual(publicKey);
        const { ciphertext, sharedSecret } = fakeCrypto.kemEncapsulate(publicKey, drawn);
        const shared = reveal(sharedSecret);
        expect([publicKey.length, ciphertext.length, shared.length]).toEqual([1184, 1088, 32]);
        expect(await encapsulate(fakeCrypto, publicKey, () => message.slice())).toEqual({ ciphertext, shared });
        expect(reveal(fakeCrypto.kemDecapsulate(kept, ciphertext))).toEqual(shared);
        expect(await decapsulate(fakeCrypto, job, ciphertext)).toEqual(shared);
        expect(reveal(fakeCrypto.kemDecapsulate(kept, flip(ciphertext, at)))).not.toEqual(shared);
        using other = secret(flip(seed, at % 64));
        expect(reveal(fakeCrypto.kemDecapsulate(other, ciphertext))).not.toEqual(shared);
      }),
      { numRuns: 30 },
    );
  });

  test("refuses what the real ones refuse", async () => {
    using message = secret(filled(32, 1));
    const key = await kemKey(fakeCrypto, filled(64, 1));
    expect(await refusal(() => fakeCrypto.kemEncapsulate(new Uint8Array(1183), message))).toBe("crypto.badKey");
    expect(await refusal(() => fakeCrypto.kemEncapsulate(new Uint8Array(1184).fill(255), message))).toBe(
      "crypto.badKey",
    );
    expect(await refusal(() => fakeCrypto.kemDecapsulate(message, new Uint8Array(1087)))).toBe("crypto.badKey");
    expect(await refusal(() => decapsulate(fakeCrypto, key, new Uint8Array(1089)))).toBe("crypto.badKey");
    key[Symbol.dispose]();
    expect(await refusal(() => decapsulate(fakeCrypto, key, new Uint8Array(1088)))).toBe("plain");
  });
});

describe("AEAD", () => {
  test("opens what was sealed; any bit of anything altered is refused", () => {
    const parts = fc.record({ key: sized(32), nonce: sized(12), data: bytes, text: bytes });
    fc.assert(
      fc.property(parts, fc.constantFrom("key", "nonce", "data", "sealed"), fc.nat(), (given, what, at) => {
        using key = secret(given.key);
        const sealed = fakeCrypto.seal(key, given.nonce, given.data, given.text);
        expect(sealed.length).toBe(given.text.length + 16);
        expect(fakeCrypto.open(key, given.nonce, given.data, sealed)).toEqual(given.text);
        const altered: Record<typeof what, Uint8Array> = { ...given, sealed };
        if (altered[what].length === 0) return;
        altered[what] = flip(altered[what], at % altered[what].length);
        using other = secret(altered.key);
        const opening = () => fakeCrypto.open(other, altered.nonce, altered.data, altered.sealed);
        expect<unknown>(codeOr(opening)).toBe("crypto.open");
      }),
    );
  });

  test("associated data and ciphertext do not run together, and what is too short is refused", () => {
    using key = secret(filled(32, 1));
    const nonce = filled(12, 1);
    const sealed = fakeCrypto.seal(key, nonce, filled(10, 2), filled(10, 3));
    const shifted = () => fakeCrypto.open(key, nonce, Uint8Array.of(...filled(10, 2), sealed[0] ?? 0), sealed.slice(1));
    expect<unknown>(codeOr(shifted)).toBe("crypto.open");
    for (const length of [0, 15, 16, 25]) {
      expect<unknown>(codeOr(() => fakeCrypto.open(key, nonce, filled(10, 2), sealed.slice(0, length)))).toBe(
        "crypto.open",
      );
    }
    expect(() => fakeCrypto.seal(key, filled(11, 1), nonce, nonce)).toThrow("12 bytes");
    expect(() => fakeCrypto.seal(secret(nonce), nonce, nonce, nonce)).toThrow("32 bytes");
  });

  test("hides the text, and differently under each nonce", () => {
    using key = secret(filled(32, 1));
    const text = new TextEncoder().encode("canary canary canary canary");
    const sealed = [1, 2].map((seed) => fakeCrypto.seal(key, filled(12, seed), filled(0, 0), text).toHex());
    for (const one of sealed) expect(one).not.toContain(new TextEncoder().encode("canary").toHex());
    expect(sealed[0]).not.toBe(sealed[1] ?? "");
  });
});

test("stretching depends on password and salt, and has the length asked for", async () => {
  const params = { memoryKiB: 65536, passes: 3, lanes: 4, outputBytes: 64 };
  const of = async (input: number, salt: number) => stretch(fakeCrypto, filled(9, input), filled(16, salt), params);
  expect((await of(1, 1)).length).toBe(64);
  expect(new Set((await Promise.all([of(1, 1), of(1, 2), of(2, 1)])).map((out) => out.toHex())).size).toBe(3);
  expect(await of(1, 1)).toEqual(await of(1, 1));
});

test("hashes are the real ones", () => {
  expect(fakeCrypto.sha512(filled(5, 1))).toEqual(nativeCrypto.sha512(filled(5, 1)));
  expect(fakeCrypto.hmacSha256(filled(5, 1), filled(5, 2))).toEqual(
    nativeCrypto.hmacSha256(filled(5, 1), filled(5, 2)),
  );
});

test("opens a conversation on it several times faster than on the real ones", () => {
  const best = (crypto: CryptoProvider): number => {
    const env = fixedEnv("speed", crypto);
    const given = setting(env);
    const times = Array.from({ length: 12 }, () => {
      const start = Bun.nanoseconds();
      const { asker, peer } = startBoth(env, true, given);
      const spent = Bun.nanoseconds() - start;
      wipeConversation(asker);
      wipeConversation(peer);
      return spent;
    });
    return Math.min(...times);
  };
  expect(best(quickCrypto) / best(fakeCrypto)).toBeGreaterThan(2);
});
