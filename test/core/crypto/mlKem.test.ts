import { describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import fc from "fast-check";
import { checkEncapsulationKey } from "../../../core/crypto/mlKem.ts";
import { nativeCrypto } from "../../../core/crypto/native.ts";
import { nobleCrypto } from "../../../core/crypto/noble.ts";
import { decapsulate, encapsulate, filled, hex, kemKey, PROVIDERS, refusal, reveal } from "../../support/primitives.ts";
import { externalVectors } from "../../support/vectors.ts";

const SEED = filled(64, 1);

interface XWing {
  readonly seed: string;
  readonly eseed: string;
  readonly ss: string;
  readonly pk: string;
  readonly ct: string;
}

/** The combiner of draft-connolly-cfrg-xwing-kem §5.3. */
function combine(shared: Uint8Array, agreed: Uint8Array, ciphertext: Uint8Array, publicKey: Uint8Array): string {
  const hash = createHash("sha3-256").update(shared).update(agreed);
  return hash.update(ciphertext).update(publicKey).update("\\.//^\\").digest("hex");
}

/** §5.2: the ML-KEM seed and the X25519 key of a 32-byte X-Wing seed. */
function expand(seed: string): readonly [Uint8Array, Uint8Array] {
  const bytes = new Uint8Array(createHash("shake256", { outputLength: 96 }).update(hex(seed)).digest());
  return [bytes.slice(0, 64), bytes.slice(64)];
}

const xwing = externalVectors("xwing") as readonly XWing[] | null;

describe.each(PROVIDERS)("ML-KEM-768 on %s", (_, crypto) => {
  test.each(xwing ?? [])("X-Wing: keys and decapsulation (%#)", async ({ seed, ss, pk, ct }) => {
    const [kemSeed, dhSecret] = expand(seed);
    using key = await kemKey(crypto, kemSeed);
    using dhKey = crypto.dhKey(dhSecret);
    expect(key.publicKey.toHex() + dhKey.publicKey.toHex()).toBe(pk);
    const ciphertext = hex(ct);
    const shared = await decapsulate(crypto, key, ciphertext.slice(0, 1088));
    const dhPart = ciphertext.slice(1088);
    expect(combine(shared, reveal(crypto.dh(dhKey, dhPart)), dhPart, dhKey.publicKey)).toBe(ss);
  });

  test("what is encapsulated here is decapsulated by either provider", async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 64, maxLength: 64 }), async (seed) => {
        using noble = await kemKey(nobleCrypto, seed);
        using native = await kemKey(nativeCrypto, seed);
        expect(native.publicKey).toEqual(noble.publicKey);
        const { ciphertext, shared } = await encapsulate(crypto, native.publicKey);
        expect(ciphertext.length).toBe(1088);
        expect(shared.length).toBe(32);
        expect(await decapsulate(nobleCrypto, noble, ciphertext)).toEqual(shared);
        expect(await decapsulate(nativeCrypto, native, ciphertext)).toEqual(shared);
      }),
      { numRuns: 15 },
    );
  });

  test.each([0, 1, 32, 1183, 1185, 2368])("refuses a public key of %p bytes", async (length) => {
    expect(await refusal(() => encapsulate(crypto, new Uint8Array(length)))).toBe("crypto.badKey");
  });

  test.each([0, 1, 1087, 1089, 1184])("refuses a ciphertext of %p bytes", async (length) => {
    using key = await kemKey(crypto, SEED);
    expect(await refusal(() => decapsulate(crypto, key, filled(length, 2)))).toBe("crypto.badKey");
  });

  test.each([
    [0, 3329],
    [0, 4095],
    [1, 3329],
    [1, 4095],
    [383, 3329],
    [766, 3329],
    [767, 3329],
    [767, 4095],
  ])("refuses coefficient %p = %p", async (index, value) => {
    using key = await kemKey(crypto, SEED);
    const altered = withCoefficient(key.publicKey, index, value);
    expect(await refusal(() => encapsulate(crypto, altered))).toBe("crypto.badKey");
    expect(await refusal(() => checkEncapsulationKey(altered))).toBe("crypto.badKey");
  });

  test.each([0, 1, 767])("accepts coefficient %p = 3328, and any last 32 bytes", async (index) => {
    using key = await kemKey(crypto, SEED);
    const altered = withCoefficient(key.publicKey, index, 3328);
    altered.fill(0xff, 1152);
    expect((await encapsulate(crypto, altered)).shared.length).toBe(32);
  });

  test("an altered ciphertext gives another secret, the same one every time", async () => {
    using key = await kemKey(crypto, SEED);
    using reference = await kemKey(nobleCrypto, SEED);
    const { ciphertext, shared } = await encapsulate(crypto, key.publicKey);
    const altered = ciphertext.map((byte, i) => (i === 500 ? byte ^ 1 : byte));
    const rejected = await decapsulate(crypto, key, altered);
    expect(rejected).not.toEqual(shared);
    expect(rejected).toEqual(await decapsulate(nobleCrypto, reference, altered));
  });

  test("the seed that was drawn is wiped", async () => {
    const seed = SEED.slice();
    const result = await crypto.run({ op: "kemGenerate" }, (length) => {
      expect(length).toBe(64);
      return seed;
    });
    expect(result.op).toBe("kemGenerate");
    expect(seed).toEqual(new Uint8Array(64));
  });

  test("a key that was disposed, or is another provider's, is a bug", async () => {
    const key = await kemKey(crypto, SEED);
    const { ciphertext } = await encapsulate(crypto, key.publicKey);
    key[Symbol.dispose]();
    key[Symbol.dispose]();
    expect(await refusal(() => decapsulate(crypto, key, ciphertext))).toBe("plain");
    using foreign = await kemKey(crypto.name === "noble" ? nativeCrypto : nobleCrypto, SEED);
    expect(await refusal(() => decapsulate(crypto, foreign, ciphertext))).toBe("plain");
  });

  test("borrowed bytes may change as soon as the call has returned", async () => {
    using key = await kemKey(crypto, SEED);
    const publicKey = key.publicKey.slice();
    const encapsulating = encapsulate(crypto, publicKey);
    publicKey.fill(0);
    const { ciphertext, shared } = await encapsulating;
    const borrowed = ciphertext.slice();
    const decapsulating = decapsulate(crypto, key, borrowed);
    borrowed.fill(0);
    expect(await decapsulating).toEqual(shared);
  });
});

test.each(xwing ?? [])("X-Wing: encapsulation with a fixed message (%#)", async ({ eseed, ss, pk, ct }) => {
  const [publicKey, message, ephemeral] = [hex(pk), hex(eseed).slice(0, 32), hex(eseed).slice(32)];
  const { ciphertext, shared } = await encapsulate(nobleCrypto, publicKey.slice(0, 1184), () => message);
  using key = nobleCrypto.dhKey(ephemeral);
  expect(ciphertext.toHex() + key.publicKey.toHex()).toBe(ct);
  const dhPart = publicKey.slice(1184);
  expect(combine(shared, reveal(nobleCrypto.dh(key, dhPart)), key.publicKey, dhPart)).toBe(ss);
  expect(message).toEqual(new Uint8Array(32));
});

/** `publicKey` with one of its 768 coefficients of 12 bits replaced. */
function withCoefficient(publicKey: Uint8Array, index: number, value: number): Uint8Array {
  const out = publicKey.slice();
  const at = (index >> 1) * 3;
  const middle = out[at + 1] ?? 0;
  if (index % 2 === 0) out.set([value & 0xff, (middle & 0xf0) | (value >> 8)], at);
  else out.set([(middle & 0x0f) | ((value & 0x0f) << 4), value >> 4], at + 1);
  return out;
}
