import { describe, expect, test } from "bun:test";
import { createCipheriv, hkdfSync } from "node:crypto";
import fc from "fast-check";
import { concat, EMPTY, utf8 } from "../../../core/bytes.ts";
import { openAtRest, sealAtRest, unwrapKey, type WrapUse, wrapKey } from "../../../core/e2ee/wrap.ts";
import { codeOr, failure } from "../../support/codes.ts";
import { fixedEnv } from "../../support/fixedEnv.ts";
import { keyOf } from "../../support/owners.ts";
import { filled, PROVIDERS, reveal } from "../../support/primitives.ts";
import { flip } from "../../support/queued.ts";
import { SecretWatch } from "../../support/secretWatch.ts";

const USE: WrapUse = { label: utf8("a label"), associatedData: utf8("whose it is") };
const DATA = filled(40, 1);

/** The construction of PROTOCOL §7.1, by the platform. */
function sealedByHand(key: Uint8Array, salt: Uint8Array, use: WrapUse, plaintext: Uint8Array): Uint8Array {
  const material = new Uint8Array(hkdfSync("sha512", key, salt, use.label, 44));
  const cipher = createCipheriv("aes-256-gcm", material.subarray(0, 32), material.subarray(32));
  cipher.setAAD(use.associatedData);
  return concat(salt, cipher.update(plaintext), cipher.final(), cipher.getAuthTag());
}

describe.each(PROVIDERS)("on %s", (_, crypto) => {
  const key = keyOf(7);

  test("is salt, ciphertext and tag under a key and a nonce derived from the salt", () => {
    const salt = fixedEnv("wrap", crypto).randomBytes(32);
    const sealed = sealAtRest(fixedEnv("wrap", crypto), key, USE, DATA);
    expect(sealed).toEqual(sealedByHand(reveal(key), salt, USE, DATA));
    expect(sealed).toHaveLength(DATA.length + 48);
  });

  test("opens what was sealed, of any length, under any key", () => {
    const env = fixedEnv("property", crypto);
    const bytes = fc.uint8Array({ maxLength: 200 });
    fc.assert(
      fc.property(bytes, fc.integer({ min: 16, max: 64 }), bytes, bytes, (data, keyBytes, label, associatedData) => {
        using any = keyOf(3, keyBytes);
        const use = { label, associatedData };
        expect<Uint8Array>(openAtRest(crypto, any, use, sealAtRest(env, any, use, data))).toEqual(data);
      }),
      { numRuns: 60 },
    );
  });

  test("the same again is other bytes throughout: salt, key and nonce are fresh", () => {
    const env = fixedEnv("twice", crypto);
    const [one, two] = [sealAtRest(env, key, USE, DATA), sealAtRest(env, key, USE, DATA)];
    const alike = [...one].filter((byte, at) => byte === two[at]).length;
    expect(alike).toBeLessThan(8);
  });

  test("a bit flipped in any byte, cut anywhere, or longer: crypto.open", () => {
    const sealed = sealAtRest(fixedEnv("flip", crypto), key, USE, DATA);
    const open = (bytes: Uint8Array) => codeOr(() => openAtRest(crypto, key, USE, bytes));
    for (let at = 0; at < sealed.length; at += 1) expect(open(flip(sealed, at))).toBe("crypto.open");
    for (let length = 0; length < sealed.length; length += 1) {
      expect(open(sealed.subarray(0, length))).toBe("crypto.open");
    }
    expect(open(concat(sealed, Uint8Array.of(0)))).toBe("crypto.open");
    expect(open(sealed)).toEqual(DATA);
  });

  test.each([
    ["another key", keyOf(8), USE],
    ["another label", key, { ...USE, label: utf8("b label") }],
    ["the label's beginning", key, { ...USE, label: utf8("a labe") }],
    ["other associated data", key, { ...USE, associatedData: utf8("whose it was") }],
    ["none", key, { ...USE, associatedData: EMPTY }],
    ["both swapped", key, { label: USE.associatedData, associatedData: USE.label }],
  ] as const)("with %s: crypto.open", (_, other, use) => {
    const sealed = sealAtRest(fixedEnv("other", crypto), key, USE, DATA);
    expect(failure(() => openAtRest(crypto, other, use, sealed)).code).toBe("crypto.open");
  });

  test("wraps a key as a secret of the caller's, and leaves no other behind", () => {
    const [plain, env] = [keyOf(9), fixedEnv("secret", crypto)];
    using watch = new SecretWatch();
    const wrapped = wrapKey(env, key, USE, plain);
    expect(watch.count).toBeGreaterThan(2);
    expect(watch.alive()).toEqual([]);
    const back = unwrapKey(crypto, key, USE, wrapped);
    expect(watch.alive()).toEqual([back]);
    expect(reveal(back)).toEqual(reveal(plain));
    back[Symbol.dispose]();
    for (const at of [0, 31, 32, wrapped.length - 1]) {
      expect(failure(() => unwrapKey(crypto, key, USE, flip(wrapped, at))).code).toBe("crypto.open");
      expect(watch.alive()).toEqual([]);
    }
    expect([key.wiped, plain.wiped]).toEqual([false, false]);
  });
});
