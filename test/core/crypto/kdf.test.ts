import { describe, expect, test } from "bun:test";
import { hkdfSync } from "node:crypto";
import fc from "fast-check";
import { hkdf, hkdfExpand, hkdfExtract } from "../../../core/crypto/kdf.ts";
import { hex, PROVIDERS, reveal, secret } from "../../support/primitives.ts";

const counting = (from: number, to: number) => Uint8Array.from({ length: to - from + 1 }, (_, i) => from + i);
const NOTHING = new Uint8Array(0);

/** RFC 5869 appendix A.1 to A.3. */
const RFC5869 = [
  {
    name: "A.1",
    ikm: hex("0b".repeat(22)),
    salt: counting(0x00, 0x0c),
    info: counting(0xf0, 0xf9),
    prk: "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5",
    okm: "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
  },
  {
    name: "A.2",
    ikm: counting(0x00, 0x4f),
    salt: counting(0x60, 0xaf),
    info: counting(0xb0, 0xff),
    prk: "06a6b88c5853361a06104c9ceb35b45cef760014904671014a193f40c15fc244",
    okm:
      "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09" +
      "da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87",
  },
  {
    name: "A.3",
    ikm: hex("0b".repeat(22)),
    salt: NOTHING,
    info: NOTHING,
    prk: "19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04",
    okm: "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8",
  },
];

describe.each(PROVIDERS)("HKDF on %s", (_, crypto) => {
  test.each(RFC5869)("RFC 5869 $name", ({ ikm, salt, info, prk, okm }) => {
    using input = secret(ikm);
    using extracted = hkdfExtract(crypto, "sha256", salt, input);
    expect(reveal(extracted).toHex()).toBe(prk);
    using output = hkdf(crypto, "sha256", { salt, ikm: input, info, length: okm.length / 2 });
    expect(reveal(output).toHex()).toBe(okm);
    expect(reveal(input)).toEqual(ikm);
  });

  test.each(["sha256", "sha512"] as const)("%s agrees with the platform's HKDF", (hash) => {
    const bytes = fc.uint8Array({ maxLength: 200 });
    fc.assert(
      fc.property(bytes, bytes, bytes, fc.integer({ min: 1, max: 300 }), (ikm, salt, info, length) => {
        using input = secret(ikm);
        using output = hkdf(crypto, hash, { salt, ikm: input, info, length });
        expect(reveal(output).toHex()).toBe(Buffer.from(hkdfSync(hash, ikm, salt, info, length)).toString("hex"));
      }),
      { numRuns: 50 },
    );
  });

  test.each([
    ["sha256", 32],
    ["sha512", 64],
  ] as const)("%s gives at most 255 blocks", (hash, blockBytes) => {
    using prk = secret(new Uint8Array(blockBytes).fill(7));
    const longest = 255 * blockBytes;
    expect(hkdfExpand(crypto, hash, prk, { info: NOTHING, length: longest }).length).toBe(longest);
    expect(() => hkdfExpand(crypto, hash, prk, { info: NOTHING, length: longest + 1 })).toThrow("too much output");
    expect(hkdfExpand(crypto, hash, prk, { info: NOTHING, length: 0 }).length).toBe(0);
  });
});
