import { describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { ed25519 } from "@noble/curves/ed25519.js";
import fc from "fast-check";
import { concat, EMPTY } from "../../../core/bytes.ts";
import { checkSignKey, isSaneSignature } from "../../../core/crypto/ed25519.ts";
import { nativeCrypto } from "../../../core/crypto/native.ts";
import { nobleCrypto } from "../../../core/crypto/noble.ts";
import { codeOr } from "../../support/codes.ts";
import { filled, hex, PROVIDERS, refusal } from "../../support/primitives.ts";

/** RFC 8032 §7.1: secret key, public key, message, signature. */
const RFC8032: readonly (readonly [string, string, string, string, string])[] = [
  [
    "TEST 1",
    "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
    "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
    "",
    "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
  ],
  [
    "TEST 2",
    "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
    "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
    "72",
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
  ],
  [
    "TEST 3",
    "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
    "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
    "af82",
    "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
  ],
  [
    "TEST 1024",
    "f5e5767cf153319517630f226876b86c8160cc583bc013744c6bf255f5cc0ee5",
    "278117fc144c72340f67d0f2316e8386ceffbf2b2428c9c51fef7c597f1d426e",
    "08b8b2b733424243760fe426a4b54908632110a66c2f6591eabd3345e3e4eb98" +
      "fa6e264bf09efe12ee50f8f54e9f77b1e355f6c50544e23fb1433ddf73be84d8" +
      "79de7c0046dc4996d9e773f4bc9efe5738829adb26c81b37c93a1b270b20329d" +
      "658675fc6ea534e0810a4432826bf58c941efb65d57a338bbd2e26640f89ffbc" +
      "1a858efcb8550ee3a5e1998bd177e93a7363c344fe6b199ee5d02e82d522c4fe" +
      "ba15452f80288a821a579116ec6dad2b3b310da903401aa62100ab5d1a36553e" +
      "06203b33890cc9b832f79ef80560ccb9a39ce767967ed628c6ad573cb116dbef" +
      "efd75499da96bd68a8a97b928a8bbc103b6621fcde2beca1231d206be6cd9ec7" +
      "aff6f6c94fcd7204ed3455c68c83f4a41da4af2b74ef5c53f1d8ac70bdcb7ed1" +
      "85ce81bd84359d44254d95629e9855a94a7c1958d1f8ada5d0532ed8a5aa3fb2" +
      "d17ba70eb6248e594e1a2297acbbb39d502f1a8c6eb6f1ce22b3de1a1f40cc24" +
      "554119a831a9aad6079cad88425de6bde1a9187ebb6092cf67bf2b13fd65f270" +
      "88d78b7e883c8759d2c4f5c65adb7553878ad575f9fad878e80a0c9ba63bcbcc" +
      "2732e69485bbc9c90bfbd62481d9089beccf80cfe2df16a2cf65bd92dd597b07" +
      "07e0917af48bbb75fed413d238f5555a7a569d80c3414a8d0859dc65a46128ba" +
      "b27af87a71314f318c782b23ebfe808b82b0ce26401d2e22f04d83d1255dc51a" +
      "ddd3b75a2b1ae0784504df543af8969be3ea7082ff7fc9888c144da2af58429e" +
      "c96031dbcad3dad9af0dcbaaaf268cb8fcffead94f3c7ca495e056a9b47acdb7" +
      "51fb73e666c6c655ade8297297d07ad1ba5e43f1bca32301651339e22904cc8c" +
      "42f58c30c04aafdb038dda0847dd988dcda6f3bfd15c4b4c4525004aa06eeff8" +
      "ca61783aacec57fb3d1f92b0fe2fd1a85f6724517b65e614ad6808d6f6ee34df" +
      "f7310fdc82aebfd904b01e1dc54b2927094b2db68d6f903b68401adebf5a7e08" +
      "d78ff4ef5d63653a65040cf9bfd4aca7984a74d37145986780fc0b16ac451649" +
      "de6188a7dbdf191f64b5fc5e2ab47b57f7f7276cd419c17a3ca8e1b939ae49e4" +
      "88acba6b965610b5480109c8b17b80e1b7b750dfc7598d5d5011fd2dcc5600a3" +
      "2ef5b52a1ecc820e308aa342721aac0943bf6686b64b2579376504ccc493d97e" +
      "6aed3fb0f9cd71a43dd497f01f17c0e2cb3797aa2a2f256656168e6c496afc5f" +
      "b93246f6b1116398a346f1a641f3b041e989f7914f90cc2c7fff357876e506b5" +
      "0d334ba77c225bc307ba537152f3f1610e4eafe595f6d9d90d11faa933a15ef1" +
      "369546868a7f3a45a96768d40fd9d03412c091c6315cf4fde7cb68606937380d" +
      "b2eaaa707b4c4185c32eddcdd306705e4dc1ffc872eeee475a64dfac86aba41c" +
      "0618983f8741c5ef68d3a101e8a3b8cac60c905c15fc910840b94c00a0b9d0",
    "0aab4c900501b3e24d7cdf4663326a3a87df5e4843b2cbdb67cbf6e460fec350aa5371b1508f9f4528ecea23c436d94b5e8fcd4f681e30a6ac00a9704a188a03",
  ],
  [
    "TEST SHA(abc)",
    "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
    "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
    "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
    "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704",
  ],
];

const { Point } = ed25519;
const { ORDER } = Point.Fn;
const P = 2n ** 255n - 19n;
const encode = (n: bigint): Uint8Array =>
  Uint8Array.from({ length: 32 }, (_, i) => Number((n >> BigInt(8 * i)) & 255n));
const decode = (bytes: Uint8Array): bigint => BigInt(`0x${bytes.toReversed().toHex()}`);

/** The eight points of low order, in all of their encodings below 2^255, and with the sign of x. */
const ORDER_8 = [
  hex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
  hex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),
];
const WITHOUT_SIGN = [...[0n, 1n, P - 1n, P, P + 1n].map(encode), ...ORDER_8];
const LOW_ORDER = WITHOUT_SIGN.flatMap((y) => [y, Uint8Array.from(y, (byte, i) => (i === 31 ? byte | 0x80 : byte))]);
/** A point of order 8: what cannot be told from nothing once it is multiplied by the cofactor. */
const TORSION = Point.fromBytes(ORDER_8[1] ?? EMPTY);

const SEED = filled(32, 3);
const KEY = ed25519.getPublicKey(SEED);
const SCALAR = ed25519.utils.getExtendedPublicKey(SEED).scalar;
const NONCE = 0x1234567n;
const message = filled(20, 4);

/** What holds in the group when `r`, the encoding of the nonce's point, and `key` are taken as they are. */
function forged(r: Uint8Array, key: Uint8Array, scalar: bigint, nonce: bigint): Uint8Array {
  const hash = new Uint8Array(createHash("sha512").update(r).update(key).update(message).digest());
  return concat(r, encode((nonce + (decode(hash) % ORDER) * scalar) % ORDER));
}

describe.each(PROVIDERS)("Ed25519 on %s", (_, crypto) => {
  test.each(RFC8032)("RFC 8032 §7.1 %s", (_name, seed, publicKey, text, signature) => {
    using key = crypto.signKey(hex(seed));
    expect(key.publicKey.toHex()).toBe(publicKey);
    expect(crypto.sign(key, hex(text)).toHex()).toBe(signature);
    expect(crypto.verify(hex(publicKey), hex(text), hex(signature))).toBe(true);
    expect(crypto.verify(hex(publicKey), concat(hex(text), Uint8Array.of(0)), hex(signature))).toBe(false);
  });

  test.each(LOW_ORDER.map((key) => [key.toHex(), key] as const))("refuses the key %s", (_hex, key) => {
    // Good for any message where the cofactor is allowed for: [8]A is nothing.
    const signature = concat(Point.BASE.multiply(NONCE).toBytes(), encode(NONCE));
    if (decode(key) < P) expect(ed25519.verify(signature, message, key, { zip215: true })).toBe(true);
    expect(crypto.verify(key, message, signature)).toBe(false);
    expect<unknown>(codeOr(() => checkSignKey(key))).toBe("crypto.badKey");
  });

  test("refuses S at and above the order, though it is the same number modulo it", () => {
    const signature = forged(Point.BASE.multiply(NONCE).toBytes(), KEY, SCALAR, NONCE);
    expect(crypto.verify(KEY, message, signature)).toBe(true);
    const s = decode(signature.slice(32));
    for (let more = s + ORDER; more < 2n ** 256n; more += ORDER) {
      expect(crypto.verify(KEY, message, concat(signature.slice(0, 32), encode(more)))).toBe(false);
    }
    // S = 0 is below it, and good where it fits.
    const r = Point.BASE.multiply(NONCE).toBytes();
    expect(crypto.verify(KEY, message, concat(r, encode(ORDER)))).toBe(false);
  });

  test("refuses an R that is not canonical, though it is the same point", () => {
    for (const [r, expected] of [
      [encode(1n), true],
      [encode(P + 1n), false],
      [encode(1n + 2n ** 255n), false],
    ] as const) {
      const signature = forged(r, KEY, SCALAR, 0n);
      if (decode(r) < 2n ** 255n) expect(ed25519.verify(signature, message, KEY, { zip215: true })).toBe(true);
      expect(crypto.verify(KEY, message, signature)).toBe(expected);
    }
  });

  test("refuses what holds but for a difference of low order, in R or in the key", () => {
    const r = Point.BASE.multiply(NONCE).add(TORSION).toBytes();
    const inR = forged(r, KEY, SCALAR, NONCE);
    expect(ed25519.verify(inR, message, KEY)).toBe(true);
    expect(crypto.verify(KEY, message, inR)).toBe(false);
    const key = Point.fromBytes(KEY).add(TORSION).toBytes();
    const inKey = forged(Point.BASE.multiply(NONCE).toBytes(), key, SCALAR, NONCE);
    expect(ed25519.verify(inKey, message, key)).toBe(true);
    expect(crypto.verify(key, message, inKey)).toBe(false);
  });

  test.each([0, 31, 33, 64])("a key of %p bytes signs nothing and verifies nothing", async (length) => {
    using key = crypto.signKey(SEED);
    const signature = crypto.sign(key, message);
    expect(crypto.verify(concat(KEY, filled(40, 1)).slice(0, length), message, signature)).toBe(false);
    expect(await refusal(() => crypto.signKey(filled(length, 1)))).toBe("plain");
  });

  test.each([0, 32, 63, 65, 128])("a signature of %p bytes is none", (length) => {
    using key = crypto.signKey(SEED);
    const longer = concat(crypto.sign(key, message), new Uint8Array(64));
    expect(crypto.verify(KEY, message, longer.slice(0, 64))).toBe(true);
    expect(crypto.verify(KEY, message, longer.slice(0, length))).toBe(false);
  });

  test("a key that is no point verifies nothing", () => {
    const none = Array.from({ length: 40 }, (_, y) => encode(BigInt(y + 2))).filter((key) => !isPoint(key));
    expect(none.length).toBeGreaterThan(5);
    for (const key of none) expect(crypto.verify(key, message, new Uint8Array(64))).toBe(false);
  });

  test("a key copies its bytes, and what it gives are plain arrays", () => {
    const bytes = SEED.slice();
    using key = crypto.signKey(bytes);
    expect(bytes.toHex()).toBe(SEED.toHex());
    bytes.fill(0);
    const signature = crypto.sign(key, message);
    expect(signature).toEqual(ed25519.sign(message, SEED));
    expect([key.publicKey.constructor, signature.constructor]).toEqual([Uint8Array, Uint8Array]);
  });

  test("a key that was disposed, or is another provider's, is a bug", async () => {
    const key = crypto.signKey(SEED);
    key[Symbol.dispose]();
    key[Symbol.dispose]();
    expect(await refusal(() => crypto.sign(key, message))).toBe("plain");
    using foreign = (crypto.name === "noble" ? nativeCrypto : nobleCrypto).signKey(SEED);
    expect(await refusal(() => crypto.sign(foreign, message))).toBe("plain");
  });
});

test("the check of a key is exactly: y below p, and not of low order", () => {
  const low = new Set(LOW_ORDER.map((key) => decode(key) % 2n ** 255n));
  for (const centre of [0n, P, P - 2n ** 248n, 2n ** 254n, ...ORDER_8.map(decode)]) {
    for (let y = centre < 20n ? 0n : centre - 20n; y < centre + 19n; y += 1n) {
      const expected = y >= P || low.has(y) ? "crypto.badKey" : undefined;
      expect<unknown>(codeOr(() => checkSignKey(encode(y)))).toBe(expected);
      expect<unknown>(codeOr(() => checkSignKey(encode(y + 2n ** 255n)))).toBe(expected);
    }
  }
});

test("the check before either provider: R below p, S below the order, lengths", () => {
  const [r, s] = [encode(5n), encode(ORDER - 1n)];
  expect(isSaneSignature(KEY, concat(r, s))).toBe(true);
  expect(isSaneSignature(KEY, concat(encode(P - 1n), s))).toBe(true);
  for (const bad of [P, P + 1n, 2n ** 255n - 1n, 2n ** 255n + P]) {
    expect(isSaneSignature(KEY, concat(encode(bad), s))).toBe(false);
  }
  for (const bad of [ORDER, ORDER + 1n, 2n ** 253n, 2n ** 256n - 1n]) {
    expect(isSaneSignature(KEY, concat(r, encode(bad)))).toBe(false);
  }
  for (const bad of [concat(r, s).slice(1), concat(r, s, r)]) expect(isSaneSignature(KEY, bad)).toBe(false);
  for (const bad of [KEY.slice(1), concat(KEY, r), encode(1n)]) {
    expect(isSaneSignature(bad, concat(r, s))).toBe(false);
  }
});

test("the providers make the same keys and signatures, and judge alike what was altered", () => {
  const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
  const change = fc.record({ what: fc.constantFrom("key", "message", "signature"), bit: fc.nat(8 * 64 - 1) });
  fc.assert(
    fc.property(bytes(32), bytes(64), fc.option(change), (seed, text, altered) => {
      using mine = nobleCrypto.signKey(seed);
      using yours = nativeCrypto.signKey(seed);
      expect(yours.publicKey).toEqual(mine.publicKey);
      const signature = nobleCrypto.sign(mine, text);
      expect(nativeCrypto.sign(yours, text)).toEqual(signature);
      const given = { key: mine.publicKey.slice(), message: text.slice(), signature };
      if (altered !== null) {
        const target = given[altered.what as keyof typeof given];
        const at = (altered.bit >> 3) % target.length;
        target[at] = (target[at] ?? 0) ^ (1 << (altered.bit & 7));
      }
      const answers = [nobleCrypto, nativeCrypto].map((crypto) =>
        crypto.verify(given.key, given.message, given.signature),
      );
      expect(answers).toEqual([altered === null, altered === null]);
    }),
    { numRuns: 60 },
  );
});

test("the providers judge any key and signature alike", () => {
  const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
  const special = fc.constantFrom(...LOW_ORDER, KEY, encode(P + 3n), encode(ORDER), encode(ORDER - 1n));
  const half = fc.oneof(bytes(32), special);
  fc.assert(
    fc.property(half, half, half, fc.uint8Array({ maxLength: 40 }), (key, r, s, text) => {
      const signature = concat(r, s);
      const [one, two] = [nobleCrypto, nativeCrypto].map((crypto) => crypto.verify(key, text, signature));
      expect(one).toBe(two === true);
    }),
    { numRuns: 200 },
  );
});

function isPoint(key: Uint8Array): boolean {
  try {
    return Point.fromBytes(key) !== null;
  } catch {
    return false;
  }
}
