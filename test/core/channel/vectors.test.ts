import { describe, expect, test } from "bun:test";
import { hkdfSync } from "node:crypto";
import { Channel } from "../../../core/channel/record.ts";
import { stepResponder } from "../../../core/channel/responder.ts";
import { nativeCrypto } from "../../../core/crypto/native.ts";
import { nobleCrypto } from "../../../core/crypto/noble.ts";
import type { CryptoProvider } from "../../../core/crypto/provider.ts";
import { newCipherState } from "../../../core/noise/cipherState.ts";
import { aesGcmSha256 } from "../../../core/noise/suite.ts";
import { Secret } from "../../../core/secret.ts";
import { acceptAnswer, answerHello, hello, only } from "../../support/channelPair.ts";
import { codeOr } from "../../support/codes.ts";
import { quickCrypto } from "../../support/fixedEnv.ts";
import { queuedEnv } from "../../support/queued.ts";
import channelVectors from "../../vectors/channel.json";
import sessionVectors from "../../vectors/session-keys.json";

const unhex = (hex: string): Uint8Array => Uint8Array.fromHex(hex);

/** The handshake of channel.json, by a provider whose ML-KEM can be fixed. */
async function handshake(crypto: CryptoProvider) {
  const { inputs } = channelVectors;
  const clientEnv = queuedEnv(crypto, [unhex(inputs.clientKemSeed), unhex(inputs.clientEphemeral)]);
  const draws = [unhex(inputs.serverEphemeral), unhex(inputs.encapsulationCoins)];
  const serverEnv = queuedEnv(crypto, draws);
  const key = crypto.dhKey(unhex(inputs.serverPrivateKey));
  const first = await hello(clientEnv, key.publicKey);
  const second = await answerHello(serverEnv, key, only(first.sent));
  const third = await acceptAnswer(clientEnv, first.state, only(second.sent));
  if (third.state.phase !== "open" || second.state.phase !== "open") throw new Error("not open");
  const [client, server] = [third.state.channel, second.state.channel];
  return { hello: only(first.sent), answer: only(second.sent), client, server };
}

test("the files have just the fields that are checked here", () => {
  const fields = ["about", "inputs", "hello", "answer", "handshakeHash", "records", "refused"];
  expect(Object.keys(channelVectors)).toEqual(fields);
  expect(Object.keys(sessionVectors)).toEqual(["about", "inputs", "before", "after"]);
});

describe.each([
  ["noble", nobleCrypto],
  ["native, with noble's ML-KEM", quickCrypto],
] as const)("channel.json by %s", (_, crypto) => {
  test("both messages and the hash are these bytes", async () => {
    const made = await handshake(crypto);
    expect(made.hello.toHex()).toBe(channelVectors.hello);
    expect(made.answer.toHex()).toBe(channelVectors.answer);
    expect(made.client.handshakeHash.toHex()).toBe(channelVectors.handshakeHash);
    expect(made.server.handshakeHash.toHex()).toBe(channelVectors.handshakeHash);
  });

  test("what is altered is refused with its code", async () => {
    const { inputs } = channelVectors;
    const clientEnv = queuedEnv(crypto, [unhex(inputs.clientKemSeed), unhex(inputs.clientEphemeral)]);
    const key = crypto.dhKey(unhex(inputs.serverPrivateKey));
    const first = await hello(clientEnv, key.publicKey);
    for (const { message, at, flip: bits, length, code } of channelVectors.refused) {
      const bytes = unhex(channelVectors[message as "hello" | "answer"]).slice(0, length);
      if (at !== undefined && bits !== undefined) bytes[at] = (bytes[at] ?? 0) ^ Number.parseInt(bits, 16);
      if (message === "hello") {
        const env = queuedEnv(crypto, [new Uint8Array(32).fill(1)]);
        const frame = { kind: "frame", bytes } as const;
        expect(codeOr(() => stepResponder({ phase: "awaitHello", key }, frame, env))).toBe(code as never);
      } else {
        await expect(acceptAnswer(clientEnv, first.state, bytes)).rejects.toThrow(code);
      }
    }
    expect((await acceptAnswer(clientEnv, first.state, unhex(channelVectors.answer))).state.phase).toBe("open");
  });
});

test("channel.json: the records of both directions, across the replacement of the key", async () => {
  const { client, server } = await handshake(quickCrypto);
  for (const [from, to, name] of [
    [client, server, "client"],
    [server, client, "server"],
  ] as const) {
    const expected = channelVectors.records.filter((record) => record.from === name);
    expect(expected.map(({ number }) => number)).toEqual([0, 1, 65535, 65536, 65537]);
    let number = 0;
    for (const { number: at, plaintext, record } of expected) {
      for (; number < at; number += 1) to.open(from.seal(Uint8Array.of(number >> 16, number >> 8, number)));
      expect(from.seal(unhex(plaintext)).toHex()).toBe(record);
      expect(to.open(unhex(record)).toHex()).toBe(plaintext);
      number += 1;
    }
  }
});

describe.each([nobleCrypto, nativeCrypto])("session-keys.json by $name", (crypto) => {
  const { inputs, before, after } = sessionVectors;
  const bytes = (name: keyof typeof inputs): Uint8Array => unhex(inputs[name]);

  function end(role: "initiator" | "responder"): Channel {
    return new Channel(aesGcmSha256(crypto), role, {
      handshakeHash: bytes("handshakeHash"),
      initiatorToResponder: newCipherState(Secret.take(bytes("clientToServer"))),
      responderToInitiator: newCipherState(Secret.take(bytes("serverToClient"))),
    });
  }

  test("both sides seal and open these records before and after the change", () => {
    const [client, server] = [end("initiator"), end("responder")];
    const check = ({ from, plaintext, record }: (typeof before)[number]): void => {
      const [sealing, opening] = from === "client" ? [client, server] : [server, client];
      expect(sealing.seal(unhex(plaintext)).toHex()).toBe(record);
      expect(opening.open(unhex(record)).toHex()).toBe(plaintext);
    };
    before.forEach(check);
    for (const side of [client, server]) side.switchKeys(Secret.take(bytes("sessionKey")));
    after.forEach(check);
    for (const { from, record } of before) {
      expect(codeOr(() => (from === "client" ? server : client).open(unhex(record)))).toBe("channel.record");
    }
  });

  test("the new keys are HKDF-SHA512 as the platform's own computes it", () => {
    const ikm = Buffer.concat([bytes("clientToServer"), bytes("serverToClient"), bytes("sessionKey")]);
    const keys = new Uint8Array(hkdfSync("sha512", ikm, bytes("handshakeHash"), "IMS/1 session", 64));
    for (const { from, plaintext, record } of after.slice(0, 2)) {
      using key = Secret.take(from === "client" ? keys.slice(0, 32) : keys.slice(32));
      expect(crypto.open(key, new Uint8Array(12), new Uint8Array(0), unhex(record)).toHex()).toBe(plaintext);
    }
  });
});
