import { describe, expect, test } from "bun:test";
import { utf8 } from "../../../core/bytes.ts";
import { hex, PROVIDERS } from "../../support/primitives.ts";

const LONG =
  "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu";

/** FIPS 180-4's examples. */
const SHA256: readonly (readonly [string, string])[] = [
  ["", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"],
  ["abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"],
  [
    "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
    "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
  ],
  ["a".repeat(1_000_000), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"],
];
const SHA512: readonly (readonly [string, string])[] = [
  [
    "",
    "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e",
  ],
  [
    "abc",
    "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
  ],
  [
    LONG,
    "8e959b75dae313da8cf4f72814fc143f8f7779c6eb9f7fa17299aeadb6889018501d289e4900f7e4331b99dec4b5433ac7d329eeb6dd26545e96e55b874be909",
  ],
];

const LARGE_KEY_TEXT = "Test Using Larger Than Block-Size Key - Hash Key First";
const LARGE_BOTH_TEXT =
  "This is a test using a larger than block-size key and a larger than block-size data. " +
  "The key needs to be hashed before being used by the HMAC algorithm.";

/** RFC 4231 §4: key, data, HMAC-SHA-256, HMAC-SHA-512. Case 5 gives the first 16 bytes only. */
const RFC4231: readonly (readonly [string, Uint8Array, Uint8Array, string, string])[] = [
  [
    "case 1",
    hex("0b".repeat(20)),
    utf8("Hi There"),
    "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
    "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cdedaa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854",
  ],
  [
    "case 2",
    utf8("Jefe"),
    utf8("what do ya want for nothing?"),
    "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
    "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737",
  ],
  [
    "case 3",
    hex("aa".repeat(20)),
    hex("dd".repeat(50)),
    "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe",
    "fa73b0089d56a284efb0f0756c890be9b1b5dbdd8ee81a3655f83e33b2279d39bf3e848279a722c806b485a47e67c807b946a337bee8942674278859e13292fb",
  ],
  [
    "case 4",
    Uint8Array.from({ length: 25 }, (_, i) => i + 1),
    hex("cd".repeat(50)),
    "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b",
    "b0ba465637458c6990e5a8c5f61d4af7e576d97ff94b872de76f8050361ee3dba91ca5c11aa25eb4d679275cc5788063a5f19741120c4f2de2adebeb10a298dd",
  ],
  [
    "case 5",
    hex("0c".repeat(20)),
    utf8("Test With Truncation"),
    "a3b6167473100ee06e0c796c2955552b",
    "415fad6271580a531d4179bc891d87a6",
  ],
  [
    "case 6",
    hex("aa".repeat(131)),
    utf8(LARGE_KEY_TEXT),
    "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
    "80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f3526b56d037e05f2598bd0fd2215d6a1e5295e64f73f63f0aec8b915a985d786598",
  ],
  [
    "case 7",
    hex("aa".repeat(131)),
    utf8(LARGE_BOTH_TEXT),
    "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
    "e37b6a775dc87dbaa4dfa9f96e5e3ffddebd71f8867289865df5a32d20cdc944b6022cac3c4982b10d5eeb55c3e4de15134676fb6de0446065c97440fa8c6a58",
  ],
];

describe.each(PROVIDERS)("%s", (_, crypto) => {
  test.each(SHA256)("SHA-256 of an example of FIPS 180-4 (%#)", (message, digest) => {
    expect(crypto.sha256(utf8(message)).toHex()).toBe(digest);
  });

  test.each(SHA512)("SHA-512 of an example of FIPS 180-4 (%#)", (message, digest) => {
    expect(crypto.sha512(utf8(message)).toHex()).toBe(digest);
  });

  test.each(RFC4231)("HMAC, RFC 4231 %s", (_case, key, data, mac256, mac512) => {
    expect(crypto.hmacSha256(key, data).toHex().slice(0, mac256.length)).toBe(mac256);
    expect(crypto.hmacSha512(key, data).toHex().slice(0, mac512.length)).toBe(mac512);
  });

  test("parts are hashed as if they were one; no parts are the empty message", () => {
    const parts = [utf8("a"), utf8(""), utf8("bc")];
    expect(crypto.sha256(...parts)).toEqual(crypto.sha256(utf8("abc")));
    expect(crypto.sha512(...parts)).toEqual(crypto.sha512(utf8("abc")));
    expect(crypto.hmacSha256(utf8("k"), ...parts)).toEqual(crypto.hmacSha256(utf8("k"), utf8("abc")));
    expect(crypto.hmacSha512(utf8("k"), ...parts)).toEqual(crypto.hmacSha512(utf8("k"), utf8("abc")));
    expect(crypto.sha256()).toEqual(crypto.sha256(utf8("")));
    expect(crypto.hmacSha512(utf8("k"))).toEqual(crypto.hmacSha512(utf8("k"), utf8("")));
  });
});
