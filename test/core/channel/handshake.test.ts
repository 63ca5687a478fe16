import { describe, expect, test } from "bun:test";
import { concat, utf8 } from "../../../core/bytes.ts";
import { CHANNEL, type HandshakeEvent } from "../../../core/channel/handshake.ts";
import { startInitiator, stepInitiator, wipeInitiator } from "../../../core/channel/initiator.ts";
import { type ResponderState, stepResponder, wipeResponder } from "../../../core/channel/responder.ts";
import { nativeCrypto } from "../../../core/crypto/native.ts";
import { nobleCrypto } from "../../../core/crypto/noble.ts";
import type { CryptoProvider } from "../../../core/crypto/provider.ts";
import { CodedError } from "../../../core/errors.ts";
import { readMessage, startHandshake, writeMessage } from "../../../core/noise/handshake.ts";
import { type HandshakePattern, NK, NKhfs } from "../../../core/noise/patterns.ts";
import { aesGcmSha256, type NoiseSuite } from "../../../core/noise/suite.ts";
import { Secret } from "../../../core/secret.ts";
import { BAD_PUBLIC_KEYS } from "../../support/badKeys.ts";
import { acceptAnswer, answerHello, hello, only, openPair, serverKeyOf } from "../../support/channelPair.ts";
import { failure, rejection } from "../../support/codes.ts";
import { fixedEnv, quickCrypto } from "../../support/fixedEnv.ts";
import { fixedBytes, fixedSecret, kemKey, patternNamed, runAsync, suiteNamed } from "../../support/noise.ts";

const env = fixedEnv("handshake", quickCrypto);
const noWork = (): never => expect.unreachable();
const serverKey = serverKeyOf(quickCrypto);
const TEXT = utf8("text");

const PROVIDERS = [nobleCrypto, nativeCrypto];
const PAIRS = PROVIDERS.flatMap((a) => PROVIDERS.map((b) => [a.name, b.name, a, b] as const));

describe.each(PAIRS)("a client on %s and a server on %s", (_a, _b, ours, theirs) => {
  test("end with one channel, after 1,249 bytes and 1,152", async () => {
    const [clientEnv, serverEnv] = [fixedEnv("client", ours), fixedEnv("server", theirs)];
    const key = serverKeyOf(theirs);
    const first = await hello(clientEnv, key.publicKey);
    const second = await answerHello(serverEnv, key, only(first.sent));
    const third = await acceptAnswer(clientEnv, first.state, only(second.sent));
    expect([only(first.sent).length, only(second.sent).length]).toEqual([1249, 1152]);
    expect(only(first.sent)[0]).toBe(1);
    expect(third.sent).toEqual([]);
    if (third.state.phase !== "open" || second.state.phase !== "open") throw new Error("not open");
    const [client, server] = [third.state.channel, second.state.channel];
    expect(client.handshakeHash).toHaveLength(32);
    expect(client.handshakeHash).toEqual(server.handshakeHash);
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      expect(to.open(from.seal(TEXT.slice()))).toEqual(TEXT);
      expect(to.open(from.seal(new Uint8Array(0)))).toEqual(new Uint8Array(0));
    }
  });
});

test("no two channels have a hash or a key in common", async () => {
  const [one, two] = [await openPair(quickCrypto, "one"), await openPair(quickCrypto, "two")];
  expect(one.client.handshakeHash).not.toEqual(two.client.handshakeHash);
  const sealed = [one.client, one.server, two.client, two.server].map((end) => end.seal(new Uint8Array(16)).toHex());
  expect(new Set(sealed).size).toBe(4);
});

describe("the server refuses a hello", () => {
  const good = hello(env, serverKey.publicKey).then(({ sent }) => only(sent));

  test.each([0, 2, 3, 127, 255])("of version %d, as that", async (version) => {
    const bytes = concat(Uint8Array.of(version), (await good).subarray(1));
    expect((await rejection(answerHello(env, serverKey, bytes))).code).toBe("wire.version");
    expect((await rejection(answerHello(env, serverKey, bytes.subarray(0, 1)))).code).toBe("wire.version");
  });

  test.each([1, 2, 33, 1152, 1153, 1248, 1250, 65_535, 70_000])("of %d bytes, without any work", async (length) => {
    const bytes = new Uint8Array(length);
    bytes.set((await good).subarray(0, length));
    const idle = { ...env, crypto: { ...quickCrypto, dhKey: noWork, dh: noWork } };
    expect((await rejection(answerHello(idle, serverKey, bytes))).code).toBe("channel.handshake");
  });

  test("without a single byte", async () => {
    expect((await rejection(answerHello(env, serverKey, new Uint8Array(0)))).code).toBe("wire.version");
  });

  test("that is meant for another server", async () => {
    const other = serverKeyOf(quickCrypto, 6);
    expect((await rejection(answerHello(env, other, await good))).code).toBe("channel.handshake");
    expect((await answerHello(env, serverKey, await good)).state.phase).toBe("open");
  });

  /** 1,249 bytes, version 1, of another protocol that also ends at this server's key. */
  async function foreign(pattern: HandshakePattern, suite: NoiseSuite, prologue: Uint8Array, payloadBytes: number) {
    const known = pattern.preMessages.length > 0;
    const hybrid = pattern.name.endsWith("hfs");
    const handshake = startHandshake({
      ...{ suite, pattern, prologue, role: "initiator" as const, ephemeralSecret: fixedSecret("foreign") },
      ...(known && { rs: serverKey.publicKey }),
      ...(pattern.name.startsWith("XX") && { s: quickCrypto.dhKey(fixedBytes("static")) }),
      ...(hybrid && { e1: await kemKey(quickCrypto, fixedBytes("kem", 64)) }),
    });
    const { message } = await runAsync(writeMessage(handshake, new Uint8Array(payloadBytes)), quickCrypto);
    expect(message).toHaveLength(1248);
    return concat(Uint8Array.of(1), message);
  }

  const own = aesGcmSha256(quickCrypto);
  test.each([
    ["another prologue", NKhfs, own, utf8("IMS/2"), 0],
    ["no prologue", NKhfs, own, new Uint8Array(0), 0],
    ["no ML-KEM", NK, own, CHANNEL.prologue, 1200],
    ["no server key", patternNamed("XXhfs"), own, CHANNEL.prologue, 32],
    ["ChaCha20-Poly1305", NKhfs, suiteNamed("ChaChaPoly", "SHA256", quickCrypto), CHANNEL.prologue, 0],
    ["SHA-512", NKhfs, suiteNamed("AESGCM", "SHA512", quickCrypto), CHANNEL.prologue, 0],
    ["BLAKE2s", NKhfs, suiteNamed("AESGCM", "BLAKE2s", quickCrypto), CHANNEL.prologue, 0],
    ["another name of the KEM", NKhfs, { ...own, kemName: "MLKEM512" as "MLKEM768" }, CHANNEL.prologue, 0],
  ] as const)("with %s", async (_, pattern, suite, prologue, payloadBytes) => {
    const bytes = await foreign(pattern, suite, prologue, payloadBytes);
    expect((await rejection(answerHello(env, serverKey, bytes))).code).toBe("channel.handshake");
  });

  test("made by the same means with nothing foreign in it, not", async () => {
    const bytes = await foreign(NKhfs, suiteNamed("AESGCM", "SHA256", quickCrypto), CHANNEL.prologue, 0);
    expect((await answerHello(env, serverKey, bytes)).state.phase).toBe("open");
  });

  test.each(PROVIDERS)("with an encapsulation key that is none, on $name", async (crypto) => {
    const handshake = startHandshake({
      ...{ ...CHANNEL, suite: own, role: "initiator" as const, rs: serverKey.publicKey },
      ...{
        ephemeralSecret: fixedSecret("e"),
        e1: { publicKey: new Uint8Array(1184).fill(0xff), [Symbol.dispose]() {} },
      },
    });
    const { message } = await runAsync(writeMessage(handshake, new Uint8Array(0)), quickCrypto);
    const bytes = concat(Uint8Array.of(1), message);
    const refused = await rejection(answerHello(fixedEnv("kem", crypto), serverKeyOf(crypto), bytes));
    expect(refused.code).toBe("channel.handshake");
  });
});

describe("the client refuses", () => {
  test.each([1, 300])("an answer with a payload of %d bytes", async (payloadBytes) => {
    const first = await hello(env, serverKey.publicKey);
    const responder = startHandshake({
      ...{ ...CHANNEL, suite: aesGcmSha256(quickCrypto), role: "responder" as const },
      ...{ s: serverKey, ephemeralSecret: fixedSecret("payload") },
    });
    const { next } = await runAsync(readMessage(responder, only(first.sent).subarray(1)), quickCrypto);
    if (next === null) throw new Error("over too soon");
    const answer = await runAsync(writeMessage(next, new Uint8Array(payloadBytes)), quickCrypto);
    const refused = await rejection(acceptAnswer(env, first.state, answer.message));
    expect([refused.code, refused.detail]).toEqual(["channel.handshake", "a payload where there is none"]);
  });

  test.each(BAD_PUBLIC_KEYS.curve25519)("a server key that is %s", async (_, key) => {
    expect((await rejection(hello(env, key))).code).toBe("channel.handshake");
  });

  test("its own hello, sent back", async () => {
    const { state, sent } = await hello(env, serverKey.publicKey);
    expect((await rejection(acceptAnswer(env, state, only(sent)))).code).toBe("channel.handshake");
    expect((await rejection(acceptAnswer(env, state, only(sent).subarray(1)))).code).toBe("channel.handshake");
  });
});

describe("replay", () => {
  test("of a hello gets an answer for keys that the replayer does not have", async () => {
    const recorded = await openPair(quickCrypto, "recorded");
    const record = recorded.client.seal(TEXT.slice());
    const again = await answerHello(fixedEnv("again", quickCrypto), serverKey, recorded.messages[0]);
    if (again.state.phase !== "open") throw new Error("not open");
    const { channel } = again.state;
    expect(only(again.sent)).not.toEqual(recorded.messages[1]);
    expect(channel.handshakeHash).not.toEqual(recorded.client.handshakeHash);
    expect(failure(() => channel.open(record)).code).toBe("channel.record");
    expect(failure(() => recorded.client.open(channel.seal(TEXT.slice()))).code).toBe("channel.record");
  });

  test("of an answer, or the answer to somebody else, is refused", async () => {
    const recorded = await openPair(quickCrypto, "recorded");
    const { state } = await hello(fixedEnv("somebody else", quickCrypto), serverKey.publicKey);
    expect((await rejection(acceptAnswer(env, state, recorded.messages[1]))).code).toBe("channel.handshake");
    const reflected = concat(Uint8Array.of(1), recorded.messages[1]);
    expect((await rejection(answerHello(env, serverKey, reflected))).code).toBe("channel.handshake");
  });
});

describe("out of state", () => {
  const frame: HandshakeEvent = { kind: "frame", bytes: new Uint8Array(1249).fill(1) };
  const failed: HandshakeEvent = { kind: "failed", error: new Error("the job failed") };
  const shared = (): HandshakeEvent => ({
    kind: "computed",
    result: { op: "kemDecapsulate", sharedSecret: Secret.take(new Uint8Array(32)) },
  });
  const generated = async (): Promise<HandshakeEvent> => ({
    kind: "computed",
    result: { op: "kemGenerate", privateKey: await kemKey(quickCrypto, fixedBytes("kem", 64)) },
  });

  /** Both sides in each of their phases, no two of the same handshake. */
  async function phases() {
    const asked = async () => await hello(env, serverKey.publicKey);
    const answered = async () => {
      const { state, sent } = await asked();
      return { state, server: await answerHello(env, serverKey, only(sent)) };
    };
    const start: ResponderState = { phase: "awaitHello", key: serverKey };
    const answering = stepResponder(start, { kind: "frame", bytes: only((await asked()).sent) }, env);
    const [one, two] = [await answered(), await answered()];
    const opening = stepInitiator(one.state, { kind: "frame", bytes: only(one.server.sent) }, env);
    const open = await acceptAnswer(env, two.state, only(two.server.sent));
    const initiators = [startInitiator(serverKey.publicKey).next, (await asked()).state, opening.next, open.state];
    return { initiators, responders: [start, answering.next, two.server.state] };
  }

  /** What `step` does with each event: its code, or how it fails otherwise. */
  const outcome = (step: () => unknown): string => {
    try {
      step();
    } catch (error) {
      return error instanceof CodedError ? error.code : error instanceof Error ? error.message : "?";
    }
    return "goes on";
  };

  test("events are refused, and a failed job is the end", async () => {
    const events = [() => frame, generated, shared, () => failed];
    const table: Record<string, string[]> = {};
    for (const event of events) {
      const { initiators, responders } = await phases();
      const given = await event();
      const enter = (name: string, step: () => unknown): void => {
        const row = table[name] ?? [];
        table[name] = row;
        row.push(outcome(step));
      };
      for (const state of initiators) {
        enter(`initiator ${state.phase}`, () => stepInitiator(state, given, env));
        wipeInitiator(state);
      }
      for (const state of responders) {
        enter(`responder ${state.phase}`, () => stepResponder(state, given, env));
        wipeResponder(state);
      }
    }
    const [no, bad] = ["state.unexpected", "channel.handshake"];
    const another = "channel: answered another job";
    expect(table).toEqual({
      "initiator generating": [no, "goes on", no, "the job failed"],
      "initiator awaitAnswer": [bad, no, no, no],
      "initiator opening": [no, another, bad, "the job failed"],
      "initiator open": [no, no, no, no],
      "responder awaitHello": [bad, no, no, no],
      "responder answering": [no, another, "noise: asked to encapsulate, answered otherwise", "the job failed"],
      "responder open": [no, no, no, no],
    });
  });

  test("what the provider says of the peer's key is what is said of a wrong tag", async () => {
    const refused: HandshakeEvent = { kind: "failed", error: new CodedError("crypto.badKey") };
    const { initiators, responders } = await phases();
    for (const state of initiators.filter(({ phase }) => phase === "opening")) {
      expect(failure(() => stepInitiator(state, refused, env)).code).toBe("channel.handshake");
    }
    for (const state of responders.filter(({ phase }) => phase === "answering")) {
      expect(failure(() => stepResponder(state, refused, env)).code).toBe("channel.handshake");
    }
    expect.assertions(2);
  });
});

test("a provider's result is only asked for where the pattern needs one", async () => {
  const jobs: string[] = [];
  const run: CryptoProvider["run"] = (job, randomBytes) => {
    jobs.push(job.op);
    return quickCrypto.run(job, randomBytes);
  };
  await openPair({ ...quickCrypto, run });
  expect(jobs).toEqual(["kemGenerate", "kemEncapsulate", "kemDecapsulate"]);
});
