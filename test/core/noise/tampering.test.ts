import { describe, expect, test } from "bun:test";
import { concat } from "../../../core/bytes.ts";
import { nativeCrypto } from "../../../core/crypto/native.ts";
import { nobleCrypto } from "../../../core/crypto/noble.ts";
import type { CryptoProvider } from "../../../core/crypto/provider.ts";
import { CodedError } from "../../../core/errors.ts";
import type { Handshake } from "../../../core/noise/handshakeState.ts";
import { type HandshakePattern, K, NK, NKhfs } from "../../../core/noise/patterns.ts";
import { aesGcmSha256 } from "../../../core/noise/suite.ts";
import { Secret } from "../../../core/secret.ts";
import { both, exchange, failure, fixedBytes, flip, patternNamed, read, snapshot, write } from "../../support/noise.ts";

const PAYLOAD = fixedBytes("payload", 21);
const suite = aesGcmSha256(nobleCrypto);

/** The text of the error with which `reader` refuses `message`: what our log would say, and its code. */
async function refusal(reader: Handshake, message: Uint8Array): Promise<string> {
  try {
    await read(reader, message);
  } catch (error) {
    if (error instanceof CodedError) return `${error.code}|${error.message}`;
    throw error;
  }
  return "accepted";
}

describe.each([
  ["NKhfs", "native", NKhfs, nativeCrypto, []],
  ["NKhfs with payloads", "native", NKhfs, nativeCrypto, [PAYLOAD, PAYLOAD]],
  ["NK", "noble", NK, nobleCrypto, [PAYLOAD, PAYLOAD]],
  ["K", "noble", K, nobleCrypto, [PAYLOAD]],
  ["XK", "native", patternNamed("XK"), nativeCrypto, [PAYLOAD, PAYLOAD, PAYLOAD]],
] as const satisfies (readonly [string, string, HandshakePattern, CryptoProvider, readonly Uint8Array[]])[])(
  "%s on %s",
  (_name, _provider, pattern, crypto, payloads) => {
    test("one bit in any byte of any message: one error, and the state still takes the true message", async () => {
      const { rounds } = await exchange(await both(pattern, aesGcmSha256(crypto)), payloads);
      for (const [index, { reader, message }] of rounds.entries()) {
        const before = snapshot(reader);
        const errors = new Set<string>();
        for (let at = 0; at < message.length; at += 1) errors.add(await refusal(reader, flip(message, at)));
        const text = `handshake message ${index + 1} does not verify`;
        expect([...errors]).toEqual([`channel.handshake|channel.handshake: ${text}`]);
        expect(snapshot(reader)).toBe(before);
        expect((await read(reader, message)).payload).toEqual(payloads[index] ?? new Uint8Array(0));
      }
    });

    test("cut at any byte, or with a byte too many: refused, and the state still takes the true message", async () => {
      const { rounds } = await exchange(await both(pattern, aesGcmSha256(crypto)), payloads);
      for (const { reader, message } of rounds) {
        const before = snapshot(reader);
        for (let length = 0; length < message.length; length += 1) {
          expect(await failure(() => read(reader, message.subarray(0, length)))).toBe("channel.handshake");
        }
        expect(await failure(() => read(reader, concat(message, Uint8Array.of(0))))).toBe("channel.handshake");
        expect(snapshot(reader)).toBe(before);
        expect(await failure(() => read(reader, message))).toBe("nothing");
      }
    });
  },
);

/** RFC 7748 §6.1: points of low order, and encodings that are not canonical; little endian. */
const BAD_POINTS = [
  ["zero", "00".repeat(32)],
  ["one", `01${"00".repeat(31)}`],
  ["order 8", "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"],
  ["order 8, the other", "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"],
  ["p - 1", `ec${"ff".repeat(30)}7f`],
  ["p", `ed${"ff".repeat(30)}7f`],
  ["p + 1", `ee${"ff".repeat(30)}7f`],
  ["p + 9, the base point again", `f6${"ff".repeat(30)}7f`],
  ["the base point with the top bit set", `09${"00".repeat(30)}80`],
  ["all ones", "ff".repeat(32)],
] as const;

describe("keys that are none", () => {
  describe.each([nobleCrypto, nativeCrypto])("$name", (crypto) => {
    test.each(BAD_POINTS)("%s as e is refused, in the same words as a wrong tag", async (_, hex) => {
      const responder = (await both(NKhfs, aesGcmSha256(crypto))).responder;
      const message = concat(Uint8Array.fromHex(hex), new Uint8Array(1216));
      const before = snapshot(responder);
      expect(await refusal(responder, message)).toContain("channel.handshake: handshake message 1 does not verify");
      expect(snapshot(responder)).toBe(before);
    });

    test.each(BAD_POINTS)("%s as e, in a pattern that uses it later, is refused when it is used", async (_, hex) => {
      const { responder } = await both(patternNamed("NN"), aesGcmSha256(crypto));
      const { next } = await read(responder, Uint8Array.fromHex(hex));
      if (next === null) throw new Error("over too soon");
      expect(await failure(() => write(next))).toBe("channel.handshake");
    });

    test.each(BAD_POINTS)("%s as the key that the peer is known by is refused", async (_, hex) => {
      const { initiator } = await both(NK, aesGcmSha256(crypto));
      expect(await failure(() => write({ ...initiator, rs: Uint8Array.fromHex(hex) }))).toBe("channel.handshake");
    });

    test("an encapsulation key whose coefficients are not reduced is refused when it is used", async () => {
      const { initiator, responder } = await both(NKhfs, aesGcmSha256(crypto));
      const e1 = { publicKey: new Uint8Array(1184).fill(0xff), [Symbol.dispose]() {} };
      const { message } = await write({ ...initiator, e1 });
      const { next } = await read(responder, message);
      if (next === null) throw new Error("over too soon");
      const before = snapshot(next);
      expect(await failure(() => write(next))).toBe("channel.handshake");
      expect(snapshot(next)).toBe(before);
    });
  });

  test.each(BAD_POINTS)("%s as a static key, sent by one who knows what every DH with it gives", async (_, hex) => {
    const { initiator, responder } = await both(patternNamed("X"), suite);
    const s = { publicKey: Uint8Array.fromHex(hex), [Symbol.dispose]() {} };
    const dh: CryptoProvider["dh"] = (own, peer) =>
      own === s ? Secret.take(new Uint8Array(32)) : nobleCrypto.dh(own, peer);
    const { message } = await write({ ...initiator, s, suite: { ...suite, crypto: { ...nobleCrypto, dh } } });
    expect(await failure(() => read(responder, message))).toBe("channel.handshake");
  });

  test("the log can tell why", async () => {
    const { responder } = await both(NK, suite);
    const causeOf = async (message: Uint8Array) => {
      try {
        await read(responder, message);
      } catch (error) {
        const cause = error instanceof CodedError ? error.cause : null;
        return cause instanceof CodedError ? cause.code : "none";
      }
      return "accepted";
    };
    expect(await causeOf(new Uint8Array(48))).toBe("crypto.badKey");
    expect(await causeOf(new Uint8Array(48).fill(9))).toBe("crypto.open");
    expect(await causeOf(new Uint8Array(47))).toBe("none");
  });
});
