import { expect, test } from "bun:test";
import { nobleCrypto } from "../../../core/crypto/noble.ts";
import { K, messageBytes, NK, NKHFS_MESSAGE_BYTES, NKhfs, protocolName } from "../../../core/noise/patterns.ts";
import { aesGcmSha256 } from "../../../core/noise/suite.ts";
import { both, exchange, PATTERNS, suiteNamed } from "../../support/noise.ts";

const suite = aesGcmSha256(nobleCrypto);

test.each([
  [NK, "Noise_NK_25519_AESGCM_SHA256"],
  [K, "Noise_K_25519_AESGCM_SHA256"],
  [NKhfs, "Noise_NKhfs_25519+MLKEM768_AESGCM_SHA256"],
])("protocol name of $name", (pattern, name) => {
  expect(protocolName(pattern, suite)).toBe(name);
});

test("the name follows the suite", () => {
  expect(protocolName(NK, suiteNamed("ChaChaPoly", "BLAKE2s", nobleCrypto))).toBe("Noise_NK_25519_ChaChaPoly_BLAKE2s");
});

test("the channel's messages have the lengths that PROTOCOL gives", () => {
  expect(NKHFS_MESSAGE_BYTES).toEqual([1248, 1152]);
});

test.each([NKhfs, ...PATTERNS])("every message of $name is as long as foretold", async (pattern) => {
  for (const payload of [new Uint8Array(0), new Uint8Array(37)]) {
    const payloads = pattern.messages.map(() => payload);
    const { rounds } = await exchange(await both(pattern, suite), payloads);
    const foretold = pattern.messages.map((_, index) => messageBytes(pattern, index, payload.length));
    expect(rounds.map(({ message }) => message.length)).toEqual(foretold);
  }
});
