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
import { BAD_PUBLIC_KEYS } from "../../support/badKeys.ts";
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

describe("keys that are none", () => {
  describe.each([nobleCrypto, nativeCrypto])("$name", (crypto) => {
    test.each(BAD_PUBLIC_KEYS.curve25519)("%s as e is refused, in the same words as a wrong tag", async (_, key) => {
      const responder = (await both(NKhfs, aesGcmSha256(crypto))).responder;
      const message = concat(key, new Uint8Array(1216));
      const before = snapshot(responder);
      expect(await refusal(responder, message)).toContain("channel.handshake: handshake message 1 does not verify");
      expect(snapshot(responder)).toBe(before);
    });

    test.each(BAD_PUBLIC_KEYS.curve25519)(
      "%s as e, in a pattern that uses it later, is refused when it is used",
      async (_, key) => {
        const { responder } = await both(patternNamed("NN"), aesGcmSha256(crypto));
        const { next } = await read(responder, key);
        if (next === null) throw new Error("over too soon");
        expect(await failure(() => write(next))).toBe("channel.handshake");
      },
    );

    test.each(BAD_PUBLIC_KEYS.curve25519)("%s as the key that the peer is known by is refused", async (_, key) => {
      const { initiator } = await both(NK, aesGcmSha256(crypto));
      expect(await failure(() => write({ ...initiator, rs: key }))).toBe("channel.handshake");
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

  test.each(BAD_PUBLIC_KEYS.curve25519)(
    "%s as a static key, sent by one who knows what every DH with it gives",
    async (_, key) => {
      const { initiator, responder } = await both(patternNamed("X"), suite);
      const s = { publicKey: key, [Symbol.dispose]() {} };
      const dh: CryptoProvider["dh"] = (own, peer) =>
        own === s ? Secret.take(new Uint8Array(32)) : nobleCrypto.dh(own, peer);
      const { message } = await write({ ...initiator, s, suite: { ...suite, crypto: { ...nobleCrypto, dh } } });
      expect(await failure(() => read(responder, message))).toBe("channel.handshake");
    },
  );

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
