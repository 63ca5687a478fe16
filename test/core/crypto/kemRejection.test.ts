import { describe, expect, spyOn, test } from "bun:test";
import { createHash } from "node:crypto";
import { ml_kem768 } from "@noble/post-quantum/ml-kem.js";
import { filled, PROVIDERS, refusal, reveal, secret } from "../../support/primitives.ts";
import { SecretWatch } from "../../support/secretWatch.ts";

const SEED = filled(64, 1);

/** J of FIPS 203 §4.1: what decapsulation gives for a ciphertext that was not made for the key (§6.3). */
function rejection(z: Uint8Array, ciphertext: Uint8Array): Uint8Array {
  return new Uint8Array(createHash("shake256", { outputLength: 32 }).update(z).update(ciphertext).digest());
}

describe.each(PROVIDERS)("ML-KEM-768 at once, on %s", (_, crypto) => {
  test.each([0, 500, 959, 960, 1087])("byte %p altered: the secret is J(z || c)", (at) => {
    using seed = secret(SEED);
    using message = secret(filled(32, 2));
    const { ciphertext, sharedSecret } = crypto.kemEncapsulate(crypto.kemPublicKey(seed), message);
    const altered = ciphertext.map((byte, i) => (i === at ? byte ^ 1 : byte));
    using rejected = crypto.kemDecapsulate(seed, altered);
    expect(reveal(rejected)).toEqual(rejection(SEED.slice(32), altered));
    expect(reveal(rejected)).not.toEqual(reveal(sharedSecret));
  });

  test.each([
    ["nothing but zeros", new Uint8Array(1088)],
    ["nothing but ones", new Uint8Array(1088).fill(0xff)],
  ])("a ciphertext of %s", (_what, ciphertext) => {
    using seed = secret(SEED);
    using rejected = crypto.kemDecapsulate(seed, ciphertext);
    expect(reveal(rejected)).toEqual(rejection(SEED.slice(32), ciphertext));
  });

  test("the expanded private key is wiped, the seed is not, and a refusal makes no secret", async () => {
    using seed = secret(SEED);
    using keygen = spyOn(ml_kem768, "keygen");
    crypto.kemPublicKey(seed);
    crypto.kemDecapsulate(seed, filled(1088, 3))[Symbol.dispose]();
    const made = keygen.mock.results.map(({ value }) => value);
    const wiped = expect.objectContaining({ secretKey: new Uint8Array(2400) });
    expect(made).toEqual([wiped, wiped]);
    expect(reveal(seed)).toEqual(SEED);
    using message = secret(filled(32, 2));
    using watch = new SecretWatch();
    expect(await refusal(() => crypto.kemDecapsulate(seed, filled(1087, 3)))).toBe("crypto.badKey");
    expect(await refusal(() => crypto.kemEncapsulate(new Uint8Array(1184).fill(0xff), message))).toBe("crypto.badKey");
    expect(watch.count).toBe(0);
  });
});
