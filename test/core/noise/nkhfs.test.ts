import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { utf8 } from "../../../core/bytes.ts";
import { nativeCrypto } from "../../../core/crypto/native.ts";
import { nobleCrypto } from "../../../core/crypto/noble.ts";
import { encryptWithAd } from "../../../core/noise/cipherState.ts";
import { readMessage, type Split, startHandshake, writeMessage } from "../../../core/noise/handshake.ts";
import type { Handshake } from "../../../core/noise/handshakeState.ts";
import { NKhfs, protocolName, type Role } from "../../../core/noise/patterns.ts";
import { aesGcmSha256 } from "../../../core/noise/suite.ts";
import { Secret } from "../../../core/secret.ts";
import { type NkhfsInputs, nkhfsOracle } from "../../support/nkhfsOracle.ts";
import { exchange, failure, kemKey, once, runAsync, side } from "../../support/noise.ts";
import frozen from "../../vectors/noise-nkhfs.json";

const suite = aesGcmSha256(nobleCrypto);
const NONE = new Uint8Array(0);

async function start(inputs: NkhfsInputs): Promise<Record<Role, Handshake>> {
  const shared = { suite, pattern: NKhfs, prologue: inputs.prologue };
  const s = nobleCrypto.dhKey(inputs.responderStatic);
  return {
    initiator: startHandshake({
      ...shared,
      role: "initiator",
      rs: s.publicKey,
      ephemeralSecret: Secret.copy(inputs.initiatorEphemeral),
      e1: await kemKey(nobleCrypto, inputs.initiatorKemSeed.slice()),
    }),
    responder: startHandshake({
      ...shared,
      role: "responder",
      s,
      ephemeralSecret: Secret.copy(inputs.responderEphemeral),
    }),
  };
}

/** The states before each message, the messages, and how it ends, with all randomness fixed. */
async function run(inputs: NkhfsInputs) {
  const { initiator, responder } = await start(inputs);
  const coins = once(inputs.encapsulationCoins);
  const first = await runAsync(writeMessage(initiator, inputs.payloads[0]), nobleCrypto);
  const gotFirst = await runAsync(readMessage(responder, first.message), nobleCrypto);
  if (first.next === null || gotFirst.next === null) throw new Error("over too soon");
  const second = await runAsync(writeMessage(gotFirst.next, inputs.payloads[1]), nobleCrypto, coins);
  const gotSecond = await runAsync(readMessage(first.next, second.message), nobleCrypto);
  if (second.split === null || gotSecond.split === null) throw new Error("not over");
  return {
    readers: [responder, first.next],
    messages: [first.message, second.message],
    payloads: [gotFirst.payload, gotSecond.payload],
    splits: { initiator: gotSecond.split, responder: second.split },
  };
}

/** The first transport message of `from` with `plaintext`, as the side `of` would make or expect it. */
function sealed(split: Split, from: Role, counter: number, plaintext: Uint8Array): Uint8Array {
  const { key } = from === "initiator" ? split.initiatorToResponder : split.responderToInitiator;
  return encryptWithAd(suite, { key, counter }, NONE, plaintext).ciphertext;
}

test("agrees byte for byte with an independent implementation", async () => {
  const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
  const inputs = fc.record({
    prologue: fc.uint8Array({ maxLength: 20 }),
    responderStatic: bytes(32),
    initiatorEphemeral: bytes(32),
    responderEphemeral: bytes(32),
    initiatorKemSeed: bytes(64),
    encapsulationCoins: bytes(32),
    payloads: fc.tuple(fc.uint8Array({ maxLength: 50 }), fc.uint8Array({ maxLength: 50 })),
  });
  await fc.assert(
    fc.asyncProperty(inputs, async (given) => {
      const expected = nkhfsOracle(given);
      const made = await run(given);
      expect(made.messages).toEqual([...expected.messages]);
      expect(made.payloads).toEqual([...given.payloads]);
      for (const split of Object.values(made.splits)) {
        expect(split.handshakeHash).toEqual(expected.handshakeHash);
        expect(sealed(split, "initiator", 0, given.prologue)).toEqual(expected.fromInitiator(0, given.prologue));
        expect(sealed(split, "responder", 3, given.prologue)).toEqual(expected.fromResponder(3, given.prologue));
      }
    }),
    { numRuns: 12 },
  );
});

describe("frozen vectors", () => {
  const hex = Uint8Array.fromHex;

  test("the file has the keys that this test knows, and no others", () => {
    expect(Object.keys(frozen)).toEqual(["protocol", "about", "cases"]);
    expect(frozen.protocol).toBe(protocolName(NKhfs, suite));
    for (const entry of frozen.cases) {
      const inputs = ["responderStatic", "initiatorEphemeral", "responderEphemeral", "initiatorKemSeed"];
      const outputs = ["messages", "handshakeHash", "transport", "refused"];
      expect(Object.keys(entry)).toEqual(["comment", "prologue", ...inputs, "encapsulationCoins", ...outputs]);
      expect(entry.messages.map((message) => Object.keys(message))).toEqual([
        ["payload", "message"],
        ["payload", "message"],
      ]);
    }
  });

  test.each(frozen.cases.map((entry) => [entry.comment, entry] as const))("%s", async (_, entry) => {
    const [first, second] = entry.messages;
    const made = await run({
      prologue: hex(entry.prologue),
      responderStatic: hex(entry.responderStatic),
      initiatorEphemeral: hex(entry.initiatorEphemeral),
      responderEphemeral: hex(entry.responderEphemeral),
      initiatorKemSeed: hex(entry.initiatorKemSeed),
      encapsulationCoins: hex(entry.encapsulationCoins),
      payloads: [hex(first?.payload ?? ""), hex(second?.payload ?? "")],
    });
    expect(made.messages.map((bytes) => bytes.toHex())).toEqual(entry.messages.map(({ message }) => message));
    expect(made.payloads.map((bytes) => bytes.toHex())).toEqual(entry.messages.map(({ payload }) => payload));
    for (const split of Object.values(made.splits)) {
      expect(split.handshakeHash.toHex()).toBe(entry.handshakeHash);
      const counters = { initiator: 0, responder: 0 };
      for (const { from, plaintext, ciphertext } of entry.transport) {
        const role = from === "initiator" ? "initiator" : "responder";
        expect(sealed(split, role, counters[role], hex(plaintext)).toHex()).toBe(ciphertext);
        counters[role] += 1;
      }
    }
    for (const { message, byte, flip, code } of entry.refused) {
      const reader = made.readers[message];
      const bytes = made.messages[message]?.slice();
      if (reader === undefined || bytes === undefined) throw new Error("no such message");
      bytes[byte] = (bytes[byte] ?? 0) ^ flip;
      expect(await failure(() => runAsync(readMessage(reader, bytes), nobleCrypto))).toBe(code);
    }
  });
});

const PROVIDERS = [nobleCrypto, nativeCrypto];
const PAIRS = PROVIDERS.flatMap((a) => PROVIDERS.map((b) => [a.name, b.name, a, b] as const));

test.each(PAIRS)("an initiator on %s and a responder on %s agree", async (_a, _b, ours, theirs) => {
  const initiator = await side("initiator", NKhfs, aesGcmSha256(ours));
  const responder = await side("responder", NKhfs, aesGcmSha256(theirs));
  const { splits } = await exchange({ initiator, responder });
  expect(splits.initiator.handshakeHash).toEqual(splits.responder.handshakeHash);
  const text = utf8("text");
  expect(sealed(splits.initiator, "initiator", 0, text)).toEqual(sealed(splits.responder, "initiator", 0, text));
  expect(sealed(splits.initiator, "responder", 0, text)).toEqual(sealed(splits.responder, "responder", 0, text));
});
