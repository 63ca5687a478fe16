import { expect, test } from "bun:test";
import fc from "fast-check";
import { nativeCrypto } from "../../../core/crypto/native.ts";
import { nobleCrypto } from "../../../core/crypto/noble.ts";
import type { CryptoProvider } from "../../../core/crypto/provider.ts";

const bytes = fc.uint8Array({ maxLength: 300 });

const HASHES: readonly (readonly [
  string,
  (crypto: CryptoProvider, key: Uint8Array, parts: Uint8Array[]) => Uint8Array,
])[] = [
  ["SHA-256", (crypto, _key, parts) => crypto.sha256(...parts)],
  ["SHA-512", (crypto, _key, parts) => crypto.sha512(...parts)],
  ["HMAC-SHA-256", (crypto, key, parts) => crypto.hmacSha256(key, ...parts)],
  ["HMAC-SHA-512", (crypto, key, parts) => crypto.hmacSha512(key, ...parts)],
];

// The rest of the interface is compared in aead, x25519, mlKem and stretch.test.ts.
test.each(HASHES)("the providers agree on %s, and return plain arrays", (_name, hash) => {
  fc.assert(
    fc.property(bytes, fc.array(bytes, { maxLength: 4 }), (key, parts) => {
      const noble = hash(nobleCrypto, key, parts);
      const native = hash(nativeCrypto, key, parts);
      expect(native).toEqual(noble);
      expect([noble.constructor, native.constructor]).toEqual([Uint8Array, Uint8Array]);
    }),
  );
});

test("each has its name", () => {
  expect([nobleCrypto.name, nativeCrypto.name]).toEqual(["noble", "native"]);
});
