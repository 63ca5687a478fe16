import { describe, expect, test } from "bun:test";
import { gcm } from "@noble/ciphers/aes.js";
import { concat, utf8 } from "../../../core/bytes.ts";
import { nativeCrypto } from "../../../core/crypto/native.ts";
import { nobleCrypto } from "../../../core/crypto/noble.ts";
import { COUNTER_MAX } from "../../../core/limits.ts";
import {
  type CipherState,
  decryptWithAd,
  encryptWithAd,
  newCipherState,
  rekey,
} from "../../../core/noise/cipherState.ts";
import { aesGcmSha256 } from "../../../core/noise/suite.ts";
import { wipe } from "../../../core/secret.ts";
import { failure, fixedBytes, fixedSecret, flip } from "../../support/noise.ts";

const AD = utf8("associated");
const TEXT = utf8("a message");
const KEY = fixedBytes("key");

function at(counter: number): CipherState {
  return { key: fixedSecret("key"), counter };
}

/** AES-256-GCM under `KEY` with the 64-bit counter written out in hexadecimal. */
function gcmAt(counter: string, ad: Uint8Array, plaintext: Uint8Array): Uint8Array {
  return gcm(KEY, Uint8Array.fromHex(`00000000${counter}`), ad).encrypt(plaintext);
}

describe.each([
  ["noble", aesGcmSha256(nobleCrypto)],
  ["native", aesGcmSha256(nativeCrypto)],
] as const)("%s", (_, suite) => {
  test.each([
    [0, "0000000000000000"],
    [1, "0000000000000001"],
    [256, "0000000000000100"],
    [2 ** 31, "0000000080000000"],
    [2 ** 32 - 1, "00000000ffffffff"],
    [2 ** 32, "0000000100000000"],
    [2 ** 32 + 1, "0000000100000001"],
    [COUNTER_MAX, "001ffffffffffffe"],
  ])("the nonce of counter %d is 4 zero bytes and its 64 bits, big endian", (counter, hex) => {
    const { ciphertext, next } = encryptWithAd(suite, at(counter), AD, TEXT);
    expect(ciphertext).toEqual(gcmAt(hex, AD, TEXT));
    expect(next.counter).toBe(counter + 1);
    expect(decryptWithAd(suite, at(counter), AD, ciphertext).plaintext).toEqual(TEXT);
  });

  test("a counter at its end serves once more and then never", async () => {
    const last = encryptWithAd(suite, at(COUNTER_MAX), AD, TEXT);
    expect(await failure(() => encryptWithAd(suite, last.next, AD, TEXT))).toBe("channel.exhausted");
    const opened = decryptWithAd(suite, at(COUNTER_MAX), AD, last.ciphertext);
    expect(await failure(() => decryptWithAd(suite, opened.next, AD, last.ciphertext))).toBe("channel.exhausted");
    // A new key does not wind the counter back.
    expect(await failure(() => encryptWithAd(suite, rekey(suite, last.next).next, AD, TEXT))).toBe("channel.exhausted");
  });

  test("refuses replays, lost and reordered messages; the state goes on with the right one", async () => {
    let sending = newCipherState(fixedSecret("key"));
    const sealed = [0, 1, 2].map((number) => {
      const { next, ciphertext } = encryptWithAd(suite, sending, AD, Uint8Array.of(number));
      sending = next;
      return ciphertext;
    });
    let receiving = newCipherState(fixedSecret("key"));
    for (const [number, ciphertext] of sealed.entries()) {
      for (const wrong of sealed.filter((other) => other !== ciphertext)) {
        expect(await failure(() => decryptWithAd(suite, receiving, AD, wrong))).toBe("crypto.open");
      }
      const opened = decryptWithAd(suite, receiving, AD, ciphertext);
      expect(opened.plaintext).toEqual(Uint8Array.of(number));
      receiving = opened.next;
    }
    expect(receiving.counter).toBe(sealed.length);
  });

  test("refuses every flipped byte, every truncation and other associated data, and stays as it was", async () => {
    const state = at(7);
    const { ciphertext } = encryptWithAd(suite, state, AD, TEXT);
    const broken = [
      ...Array.from(ciphertext, (_byte, index) => flip(ciphertext, index)),
      ...Array.from(ciphertext, (_byte, length) => ciphertext.subarray(0, length)),
      concat(ciphertext, Uint8Array.of(0)),
    ];
    for (const bytes of broken) {
      expect(await failure(() => decryptWithAd(suite, state, AD, bytes))).toBe("crypto.open");
    }
    expect(await failure(() => decryptWithAd(suite, state, TEXT, ciphertext))).toBe("crypto.open");
    expect(state.counter).toBe(7);
    expect(decryptWithAd(suite, state, AD, ciphertext).plaintext).toEqual(TEXT);
  });

  test("rekey: the key is AES-GCM of zeros under the last nonce, the counter goes on, the old key is spent", () => {
    const state = at(5);
    const { next, spent } = rekey(suite, state);
    const zeros = new Uint8Array(32);
    const expected = gcmAt("ffffffffffffffff", new Uint8Array(0), zeros).slice(0, 32);
    expect(next.key.use((bytes) => bytes.toHex())).toBe(expected.toHex());
    expect(next.counter).toBe(5);
    expect(spent).toEqual([state.key]);
    expect(state.key.wiped).toBe(false);

    const { ciphertext } = encryptWithAd(suite, next, AD, TEXT);
    expect(decryptWithAd(suite, rekey(suite, at(5)).next, AD, ciphertext).plaintext).toEqual(TEXT);
    expect(ciphertext).not.toEqual(encryptWithAd(suite, state, AD, TEXT).ciphertext);
    wipe(...spent);
    expect(state.key.wiped).toBe(true);
    expect(next.key.wiped).toBe(false);
  });
});
