import { describe, expect, test } from "bun:test";
import { concat, EMPTY } from "../../../core/bytes.ts";
import { nativeCrypto } from "../../../core/crypto/native.ts";
import {
  drawPrekey,
  PrekeyPair,
  type PrekeyUse,
  signPrekey,
  verifyPrekey,
  wipePrekey,
} from "../../../core/e2ee/prekey.ts";
import { PREKEY_BYTES, PREKEY_LIFETIME_MS } from "../../../core/limits.ts";
import { Prekey, type SignedPrekey } from "../../../core/wire/account.ts";
import { decodeAll, encodeAll } from "../../../core/wire/codec.ts";
import { BAD_PUBLIC_KEYS } from "../../support/badKeys.ts";
import { codeOr, failure } from "../../support/codes.ts";
import { fixedEnv, START_MS } from "../../support/fixedEnv.ts";
import { deviceOwner, signedByHand } from "../../support/owners.ts";
import { filled, kemKey, PROVIDERS, reveal } from "../../support/primitives.ts";
import { flip } from "../../support/queued.ts";
import { SecretWatch } from "../../support/secretWatch.ts";

const SIGNED: PrekeyUse = { ...deviceOwner("alice", "a"), kind: "signed" };
const ONE_TIME: PrekeyUse = { ...SIGNED, kind: "oneTime" };
const LABELS = { signed: "IMS/1 signed prekey", oneTime: "IMS/1 one-time prekey" } as const;

describe.each(PROVIDERS)("on %s", (_, crypto) => {
  const env = fixedEnv("prekeys", crypto);
  const identity = crypto.signKey(filled(32, 1));
  const pair = drawPrekey(env, 7);
  const signed = signPrekey(crypto, identity, SIGNED, pair);
  const verify = (given: SignedPrekey, use = SIGNED, nowMs = START_MS, key = identity.publicKey) =>
    codeOr(() => verifyPrekey(crypto, key, { ...use, nowMs }, given));
  /** Signed by hand, whatever the bytes are. */
  const signedOf = (prekey: Uint8Array, id = 7, use = SIGNED): SignedPrekey => ({
    ...{ id, prekey, signature: crypto.sign(identity, signedByHand(LABELS[use.kind], use, prekey)) },
  });

  test("is drawn with fresh keys and lives for 38 days", () => {
    const next = drawPrekey(env, 8);
    expect([pair.id, pair.dhSecret.length, pair.kemSeed.length]).toEqual([7, 32, 64]);
    expect(pair.expiresAt).toBe(START_MS + PREKEY_LIFETIME_MS);
    expect(reveal(next.dhSecret)).not.toEqual(reveal(pair.dhSecret));
    expect(reveal(next.kemSeed)).not.toEqual(reveal(pair.kemSeed));
  });

  test.each([SIGNED, ONE_TIME])("$kind: holds the public halves, and is verified as it was signed", async (use) => {
    const made = signPrekey(crypto, identity, use, pair);
    const prekey = {
      ...{ version: 1 as const, device: use.device, id: 7, expiresAt: pair.expiresAt },
      dhKey: crypto.dhKey(reveal(pair.dhSecret)).publicKey,
      kemKey: (await kemKey(crypto, reveal(pair.kemSeed))).publicKey,
    };
    expect(verify(made, use)).toEqual(prekey);
    expect(made).toEqual(signedOf(encodeAll(Prekey, prekey), 7, use));
    expect(made.prekey).toHaveLength(PREKEY_BYTES);
  });

  test.each<readonly [string, PrekeyUse]>([
    ["another user", { ...SIGNED, user: deviceOwner("bob", "a").user }],
    ["another realm", { ...SIGNED, realm: new Uint8Array(32).fill(2) }],
    ["another device", { ...SIGNED, device: deviceOwner("alice", "b").device }],
    ["the other kind", ONE_TIME],
  ])("for %s: e2ee.prekey", (_, use) => {
    expect(verify(signed, use)).toBe("e2ee.prekey");
    expect(verify(signPrekey(crypto, identity, use, pair))).toBe("e2ee.prekey");
    expect(verify(signPrekey(crypto, identity, use, pair), use)).toMatchObject({ id: 7 });
  });

  test.each([
    [0, true],
    [START_MS + PREKEY_LIFETIME_MS - 1, true],
    [START_MS + PREKEY_LIFETIME_MS, false],
    [Number.MAX_SAFE_INTEGER, false],
  ])("at %d it is accepted: %p", (nowMs, expected) => {
    expect(verify(signed, SIGNED, nowMs) !== "e2ee.prekey").toBe(expected);
  });

  test("of another identity, with another id, or altered: e2ee.prekey", () => {
    expect(verify(signed, SIGNED, START_MS, crypto.signKey(filled(32, 2)).publicKey)).toBe("e2ee.prekey");
    expect(verify({ ...signed, id: 8 })).toBe("e2ee.prekey");
    const ends = [0, 1, 8, 9, 12, 13, 44, 45, 1196, 1197, PREKEY_BYTES - 1];
    for (const at of ends) expect(verify({ ...signed, prekey: flip(signed.prekey, at) })).toBe("e2ee.prekey");
    for (const at of [0, 31, 32, 63]) {
      expect(verify({ ...signed, signature: flip(signed.signature, at) })).toBe("e2ee.prekey");
    }
    expect(verify({ ...signed, prekey: signed.prekey.subarray(1) })).toBe("e2ee.prekey");
    expect(verify({ ...signed, signature: EMPTY })).toBe("e2ee.prekey");
  });

  const prekey = decodeAll(Prekey, signed.prekey);
  const kemOverModulus = flip(prekey.kemKey, 0);
  kemOverModulus.set([0xff, 0xff], 0);
  test.each([
    ["no bytes", signedOf(EMPTY)],
    ["a byte too many", signedOf(concat(signed.prekey, Uint8Array.of(0)))],
    ["a byte too few", signedOf(signed.prekey.subarray(0, -1))],
    ["another version", signedOf(concat(Uint8Array.of(2), signed.prekey.subarray(1)))],
    ["id 0", signedOf(concat(signed.prekey.subarray(0, 9), new Uint8Array(4), signed.prekey.subarray(13)), 0)],
    ["another id outside", signedOf(signed.prekey, 6)],
    ["a KEM key that is none", signedOf(encodeAll(Prekey, { ...prekey, kemKey: kemOverModulus }))],
    ["a KEM key of ones", signedOf(encodeAll(Prekey, { ...prekey, kemKey: new Uint8Array(1184).fill(255) }))],
  ])("signed, but with %s: e2ee.prekey", (_, given) => {
    expect(verify(given)).toBe("e2ee.prekey");
  });

  test.each(BAD_PUBLIC_KEYS.curve25519)("signed, but with an X25519 key that is %s: e2ee.prekey", (_, dhKey) => {
    expect(verify(signedOf(encodeAll(Prekey, { ...prekey, dhKey })))).toBe("e2ee.prekey");
  });

  test("signing and verifying leave no secret behind, and the pair's as they are", () => {
    using watch = new SecretWatch();
    expect(verify(signPrekey(crypto, identity, ONE_TIME, pair), ONE_TIME)).toMatchObject({ id: 7 });
    expect(watch.alive()).toEqual([]);
    expect([pair.dhSecret.wiped, pair.kemSeed.wiped]).toEqual([false, false]);
  });
});

describe("of a pair", () => {
  const env = fixedEnv("pairs", nativeCrypto);

  test.each([1, 0xffffffff])("with id %d: it is saved and read again, and wiped whole", (id) => {
    const pair = drawPrekey(env, id);
    const bytes = encodeAll(PrekeyPair, pair);
    expect(bytes).toHaveLength(4 + 32 + 64 + 8);
    const read = decodeAll(PrekeyPair, bytes);
    expect([read.id, read.expiresAt]).toEqual([id, pair.expiresAt]);
    expect(reveal(read.dhSecret)).toEqual(reveal(pair.dhSecret));
    expect(reveal(read.kemSeed)).toEqual(reveal(pair.kemSeed));
    using watch = new SecretWatch();
    expect(failure(() => decodeAll(PrekeyPair, bytes.subarray(0, -1))).code).toBe("wire.malformed");
    expect(watch.count).toBe(2);
    expect(watch.alive()).toEqual([]);
    wipePrekey(read);
    expect([read.dhSecret.wiped, read.kemSeed.wiped]).toEqual([true, true]);
  });

  test.each([0, 2 ** 32, 1.5])("with id %d: a bug", (id) => {
    const identity = nativeCrypto.signKey(filled(32, 1));
    expect(() => signPrekey(nativeCrypto, identity, SIGNED, drawPrekey(env, id))).toThrow("out of bounds");
  });
});
