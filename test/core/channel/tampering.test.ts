/** What the network can do to a handshake message or a record is one refusal, in the same words for every byte. */
import { beforeAll, describe, expect, test } from "bun:test";
import { concat, utf8 } from "../../../core/bytes.ts";
import { type InitiatorState, wipeInitiator } from "../../../core/channel/initiator.ts";
import { wipeResponder } from "../../../core/channel/responder.ts";
import { nativeCrypto } from "../../../core/crypto/native.ts";
import { nobleCrypto } from "../../../core/crypto/noble.ts";
import { TAG_BYTES } from "../../../core/crypto/provider.ts";
import type { CodedError } from "../../../core/errors.ts";
import { LOGIN_RECORD_BYTES, RECORD_MAX_BYTES } from "../../../core/limits.ts";
import { clientFrames } from "../../../core/wire/messages.ts";
import { padRecord } from "../../../core/wire/records.ts";
import { acceptAnswer, answerHello, hello, only, serverKeyOf } from "../../support/channelPair.ts";
import { failure, rejection } from "../../support/codes.ts";
import { fixedEnv } from "../../support/fixedEnv.ts";
import { knownPair } from "../../support/knownChannel.ts";
import { fixedBytes, flip } from "../../support/noise.ts";

/** All that our log would say, and all that a peer could learn. */
const said = ({ code, message }: CodedError): string => `${code} | ${message}`;

describe.each([
  ["native", nativeCrypto, 5],
  ["noble", nobleCrypto, 53],
] as const)("a handshake on %s", (_, crypto, stride) => {
  const env = fixedEnv("tampering", crypto);
  const key = serverKeyOf(crypto);
  let state: InitiatorState;
  let first: Uint8Array;
  let second: Uint8Array;

  beforeAll(async () => {
    const asked = await hello(env, key.publicKey);
    state = asked.state;
    first = only(asked.sent);
    const answered = await answerHello(env, key, first);
    second = only(answered.sent);
    wipeResponder(answered.state);
  });

  const every = (from: number, to: number): number[] => {
    const at = Array.from({ length: Math.ceil((to - from) / stride) }, (_, index) => from + index * stride);
    return [...at, to - 1];
  };

  test("a bit in a byte of the hello: one error for the version, one for the rest", async () => {
    const errors = new Set<string>();
    for (const at of every(1, first.length)) errors.add(said(await rejection(answerHello(env, key, flip(first, at)))));
    expect([...errors]).toEqual(["channel.handshake | channel.handshake: handshake message 1 does not verify"]);
    expect((await rejection(answerHello(env, key, flip(first, 0)))).code).toBe("wire.version");
  });

  test("a bit in a byte of the answer: one error, and the state still takes the true answer", async () => {
    const errors = new Set<string>();
    for (const at of every(0, second.length)) {
      errors.add(said(await rejection(acceptAnswer(env, state, flip(second, at)))));
    }
    expect([...errors]).toEqual(["channel.handshake | channel.handshake: handshake message 2 does not verify"]);
  });

  test("longer: refused", async () => {
    const longer = (bytes: Uint8Array, by: number) => concat(bytes, new Uint8Array(by));
    for (const by of [1, 16, 1000, RECORD_MAX_BYTES]) {
      expect((await rejection(answerHello(env, key, longer(first, by)))).code).toBe("channel.handshake");
      expect((await rejection(acceptAnswer(env, state, longer(second, by)))).code).toBe("channel.handshake");
    }
  });

  test("after all that the true answer opens the channel", async () => {
    const opened = await acceptAnswer(env, state, second);
    expect(opened.state.phase).toBe("open");
    wipeInitiator(opened.state);
  });
});

describe("a record of the login", () => {
  const plaintext = (): Uint8Array => {
    const frame = clientFrames.encode({ kind: "loginFinish", ke3: fixedBytes("ke3", 64) });
    return padRecord(frame, LOGIN_RECORD_BYTES - TAG_BYTES);
  };

  test("a bit in any byte: one error, and nothing has moved", () => {
    const { client, server } = knownPair();
    const record = client.seal(plaintext());
    expect(record).toHaveLength(LOGIN_RECORD_BYTES);
    const errors = new Set<string>();
    for (let at = 0; at < record.length; at += 1) errors.add(said(failure(() => server.open(flip(record, at)))));
    expect([...errors]).toEqual(["channel.record | channel.record: a record does not open"]);
    expect(server.open(record)).toEqual(plaintext());
  });

  test("cut anywhere, or longer: the same error", () => {
    const { client, server } = knownPair();
    const record = client.seal(plaintext());
    const errors = new Set<string>();
    for (let length = 0; length < record.length; length += 1) {
      errors.add(said(failure(() => server.open(record.subarray(0, length)))));
    }
    errors.add(said(failure(() => server.open(concat(record, utf8("\0"))))));
    expect([...errors]).toEqual(["channel.record | channel.record: a record does not open"]);
    expect(server.open(record)).toEqual(plaintext());
  });
});
