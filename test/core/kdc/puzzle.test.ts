import { expect, test } from "bun:test";
import { nativeCrypto } from "../../../core/crypto/native.ts";
import { nobleCrypto } from "../../../core/crypto/noble.ts";
import { nonceOf, search, solves } from "../../../core/kdc/puzzle.ts";

const handshakeHash = nativeCrypto.sha256(new TextEncoder().encode("a channel"));

test("the nonce of a number: eight bytes, the highest first", () => {
  expect(nonceOf(0x0102030405).toHex()).toBe("0000000102030405");
  expect(nonceOf(Number.MAX_SAFE_INTEGER).toHex()).toBe("001fffffffffffff");
});

test("what is found solves the puzzle with either provider, and the one before does not", () => {
  for (const bits of [1, 7, 8, 9, 12]) {
    const found = search(nativeCrypto, { handshakeHash, bits }, 0, 2 ** 20);
    if (found === null) throw new Error("not found");
    expect(search(nobleCrypto, { handshakeHash, bits }, 0, 2 ** 20)).toEqual(found);
    for (const crypto of [nativeCrypto, nobleCrypto]) expect(solves(crypto, { handshakeHash, bits }, found)).toBe(true);
    const number = Number(new DataView(found.buffer).getBigUint64(0));
    expect(search(nativeCrypto, { handshakeHash, bits }, 0, number)).toBeNull();
    const hash = new Bun.CryptoHasher("sha256")
      .update("IMS/1 puzzle")
      .update(handshakeHash)
      .update(found)
      .digest("hex");
    expect(BigInt(`0x${hash}`) >> BigInt(256 - bits)).toBe(0n);
  }
});

test("exactly as many bits as the hash has: one more is not solved", () => {
  const found = search(nativeCrypto, { handshakeHash, bits: 9 }, 0, 2 ** 20) ?? new Uint8Array(0);
  const hash = nativeCrypto.sha256(new TextEncoder().encode("IMS/1 puzzle"), handshakeHash, found);
  const zeros = BigInt(`0x${hash.toHex()}`).toString(2).padStart(256, "0").indexOf("1");
  expect(solves(nativeCrypto, { handshakeHash, bits: zeros }, found)).toBe(true);
  expect(solves(nativeCrypto, { handshakeHash, bits: zeros + 1 }, found)).toBe(false);
});

test("a solution is for one channel", () => {
  const found = search(nativeCrypto, { handshakeHash, bits: 16 }, 0, 2 ** 22) ?? new Uint8Array(0);
  const other = nativeCrypto.sha256(new TextEncoder().encode("another channel"));
  expect(solves(nativeCrypto, { handshakeHash, bits: 16 }, found)).toBe(true);
  expect(solves(nativeCrypto, { handshakeHash: other, bits: 16 }, found)).toBe(false);
});

test("the easiest puzzle takes 65,536 hashes on average", () => {
  const solved = Array.from({ length: 12 }, (_, at) => {
    const channel = nativeCrypto.sha256(Uint8Array.of(at));
    const found = search(nativeCrypto, { handshakeHash: channel, bits: 12 }, 0, 2 ** 20);
    return Number(new DataView((found ?? nonceOf(0)).buffer).getBigUint64(0));
  });
  // At twelve bits 4,096; a sum of twelve is within four times of that but once in millions.
  expect(solved.reduce((sum, count) => sum + count, 0) / 12).toBeWithin(4096 / 4, 4096 * 4);
});
