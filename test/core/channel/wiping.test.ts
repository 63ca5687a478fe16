/** What a channel leaves in memory, on every way that it can end. Noble's keys are all `Secret`s, so all are seen. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { CHANNEL, type HandshakeStep } from "../../../core/channel/handshake.ts";
import { startInitiator, stepInitiator, wipeInitiator } from "../../../core/channel/initiator.ts";
import type { Channel } from "../../../core/channel/record.ts";
import { type ResponderState, stepResponder, wipeResponder } from "../../../core/channel/responder.ts";
import { wipeResult } from "../../../core/crypto/jobs.ts";
import { nobleCrypto } from "../../../core/crypto/noble.ts";
import type { CryptoProvider, DhPrivateKey, JobResult } from "../../../core/crypto/provider.ts";
import { REKEY_RECORDS } from "../../../core/limits.ts";
import { readMessage, startHandshake, writeMessage } from "../../../core/noise/handshake.ts";
import { aesGcmSha256 } from "../../../core/noise/suite.ts";
import { Secret, wipe } from "../../../core/secret.ts";
import { answerHello, hello, only, openPair, serverKeyOf } from "../../support/channelPair.ts";
import { failure, rejection } from "../../support/codes.ts";
import { fixedEnv } from "../../support/fixedEnv.ts";
import { knownEnd } from "../../support/knownChannel.ts";
import { fixedSecret, flip, runAsync } from "../../support/noise.ts";
import { SecretWatch } from "../../support/secretWatch.ts";

const env = fixedEnv("wiping", nobleCrypto);
const serverKey: DhPrivateKey = serverKeyOf(nobleCrypto);
let watch: SecretWatch;

beforeEach(() => {
  watch = new SecretWatch();
});
afterEach(() => watch[Symbol.dispose]());

/** Noble answers at once; the result of the one job that `step` asks for. */
function jobOf(step: HandshakeStep<unknown>, crypto: CryptoProvider = nobleCrypto): JobResult {
  const effect = only(step.effects);
  if (effect.kind !== "compute") throw new Error("a job was expected");
  const result = crypto.run(effect.job, env.randomBytes);
  if (result instanceof Promise) throw new Error("at once");
  return result;
}

const awaitHello: ResponderState = { phase: "awaitHello", key: serverKey };

/** A hello, and the state that waits for its answer. */
async function asked() {
  const { state, sent } = await hello(env, serverKey.publicKey);
  return { state, bytes: only(sent) };
}

/** An answer to `bytes`; nothing of the server that gave it is left. */
async function answerTo(bytes: Uint8Array): Promise<Uint8Array> {
  const { state, sent } = await answerHello(env, serverKey, bytes);
  wipeResponder(state);
  return only(sent);
}

test("what is left of a handshake are two keys on each side, and nothing of a channel that ends", async () => {
  const { client, server } = await openPair(nobleCrypto);
  expect(watch.count).toBeGreaterThan(20);
  // `openPair` makes a server key of its own.
  const left = watch.alive();
  expect(left.map(({ length }) => length)).toEqual([32, 32, 32, 32, 32]);
  for (const end of [client, server]) end.seal(new Uint8Array(3));
  wipe(client, server, client);
  expect(watch.alive()).toHaveLength(1);
  expect(() => client.seal(new Uint8Array(3))).toThrow("wiped");
});

describe("a handshake that is given up leaves nothing", () => {
  test("client: before its key is there", () => {
    wipeInitiator(startInitiator(serverKey.publicKey).next);
    expect(watch.count).toBe(0);
  });

  test("client: while it waits for the answer", async () => {
    const { state } = await asked();
    expect(watch.alive().length).toBeGreaterThan(3);
    wipeInitiator(state);
    wipeInitiator(state);
    expect(watch.alive()).toEqual([]);
  });

  test("client: while it decapsulates; what comes out is the driver's to wipe", async () => {
    const { state, bytes } = await asked();
    const opening = stepInitiator(state, { kind: "frame", bytes: await answerTo(bytes) }, env);
    const result = jobOf(opening);
    wipeInitiator(opening.next);
    expect(watch.alive()).toHaveLength(1);
    wipeResult(result);
    expect(watch.alive()).toEqual([]);
  });

  test("client: once it is open", async () => {
    const { state, bytes } = await asked();
    const opening = stepInitiator(state, { kind: "frame", bytes: await answerTo(bytes) }, env);
    const open = stepInitiator(opening.next, { kind: "computed", result: jobOf(opening) }, env);
    wipe(...open.spent);
    expect(watch.alive()).toHaveLength(2);
    wipeInitiator(open.next);
    expect(watch.alive()).toEqual([]);
  });

  test("server: in every phase", async () => {
    const { state, bytes } = await asked();
    wipeInitiator(state);
    wipeResponder(awaitHello);
    const answering = stepResponder(awaitHello, { kind: "frame", bytes }, env);
    wipe(...answering.spent);
    expect(watch.alive().length).toBeGreaterThan(2);
    const result = jobOf(answering);
    wipeResponder(answering.next);
    wipeResult(result);
    expect(watch.alive()).toEqual([]);

    const { state: open } = await answerHello(env, serverKey, bytes);
    expect(watch.alive()).toHaveLength(2);
    wipeResponder(open);
    expect(watch.alive()).toEqual([]);
    expect(() => nobleCrypto.dh(serverKey, serverKey.publicKey)).not.toThrow();
  });
});

describe("a handshake that fails leaves nothing", () => {
  test("server: a hello that does not open", async () => {
    const { state, bytes } = await asked();
    wipeInitiator(state);
    for (const at of [0, 1, 31, 33, 1200, 1248]) {
      await rejection(answerHello(env, serverKey, flip(bytes, at)));
      expect(watch.alive()).toEqual([]);
    }
  });

  test("client: a server key that is none", async () => {
    await rejection(hello(env, new Uint8Array(32)));
    expect(watch.count).toBeGreaterThan(1);
    expect(watch.alive()).toEqual([]);
  });

  test("client: an answer that does not open, and one with a payload", async () => {
    const { state, bytes } = await asked();
    const waiting = watch.alive();
    const answer = await answerTo(bytes);
    for (const at of [0, 33, 1000]) {
      failure(() => stepInitiator(state, { kind: "frame", bytes: flip(answer, at) }, env));
    }
    const late = stepInitiator(state, { kind: "frame", bytes: flip(answer, 1151) }, env);
    failure(() => stepInitiator(late.next, { kind: "computed", result: jobOf(late) }, env));

    const s = nobleCrypto.dhKey(new Uint8Array(32).fill(5));
    const shared = { ...CHANNEL, suite: aesGcmSha256(nobleCrypto), role: "responder" as const };
    const responder = startHandshake({ ...shared, s, ephemeralSecret: fixedSecret("payload") });
    const read = await runAsync(readMessage(responder, bytes.subarray(1)), nobleCrypto);
    if (read.next === null) throw new Error("over too soon");
    const written = await runAsync(writeMessage(read.next, new Uint8Array(1)), nobleCrypto);
    if (written.split === null) throw new Error("not over");
    const { initiatorToResponder, responderToInitiator } = written.split;
    wipe(...read.spent, ...written.spent, initiatorToResponder.key, responderToInitiator.key, s);

    const opening = stepInitiator(state, { kind: "frame", bytes: written.message }, env);
    failure(() => stepInitiator(opening.next, { kind: "computed", result: jobOf(opening) }, env));
    expect(watch.alive()).toEqual(waiting);
    wipeInitiator(opening.next);
    expect(watch.alive()).toEqual([]);
  });

  /** Noble, whose `nth` call of dh, seal or open (from 0) fails. */
  function failing(nth: number): CryptoProvider {
    let calls = 0;
    const counted =
      <A extends unknown[], R>(call: (...args: A) => R) =>
      (...args: A): R => {
        calls += 1;
        if (calls === nth + 1) throw new Error("injected");
        return call(...args);
      };
    const { dh, seal, open } = nobleCrypto;
    return { ...nobleCrypto, dh: counted(dh), seal: counted(seal), open: counted(open) };
  }

  test.each(Array.from({ length: 14 }, (_, nth) => [nth] as const))(
    "the primitive called as number %d",
    async (nth) => {
      const broken = { ...env, crypto: failing(nth) };
      const failures: string[] = [];
      const attempt = (step: () => void): void => {
        try {
          step();
        } catch (error) {
          failures.push(String(error));
        }
      };
      let initiator = startInitiator(serverKey.publicKey);
      let responder: HandshakeStep<ResponderState> = { next: awaitHello, effects: [], spent: [] };
      const client = (event: Parameters<typeof stepInitiator>[1]): void => {
        initiator = stepInitiator(initiator.next, event, broken);
        wipe(...initiator.spent);
      };
      const server = (event: Parameters<typeof stepResponder>[1]): void => {
        responder = stepResponder(responder.next, event, broken);
        wipe(...responder.spent);
      };
      const sent = (step: HandshakeStep<unknown>): Uint8Array => {
        const effect = only(step.effects);
        return effect.kind === "transmit" ? effect.bytes : new Uint8Array(0);
      };
      attempt(() => {
        client({ kind: "computed", result: jobOf(initiator) });
        server({ kind: "frame", bytes: sent(initiator) });
        server({ kind: "computed", result: jobOf(responder) });
        client({ kind: "frame", bytes: sent(responder) });
        client({ kind: "computed", result: jobOf(initiator) });
      });
      // es, e1, payload; the same read; ee, ekem1, payload; the same read.
      expect(failures).toEqual(nth < 12 ? ["Error: injected"] : []);
      wipeInitiator(initiator.next);
      wipeResponder(responder.next);
      expect(watch.count).toBeGreaterThan(nth > 0 ? 4 : 1);
      expect(watch.alive()).toEqual([]);
    },
  );
});

describe("keys that are replaced are wiped", () => {
  const ends = (): readonly Channel[] => [knownEnd("initiator"), knownEnd("responder")];

  test("at a rekey", () => {
    const [client] = ends();
    const before = watch.alive().slice(0, 2);
    for (let i = 0; i < REKEY_RECORDS; i += 1) client?.seal(new Uint8Array(0));
    expect(before.map(({ wiped }) => wiped)).toEqual([true, false]);
    expect(watch.alive()).toHaveLength(4);
  });

  test("at the switch of keys, the session key not", () => {
    const channels = ends();
    const before = watch.alive();
    const sessionKey = Secret.take(new Uint8Array(64));
    for (const channel of channels) channel.switchKeys(sessionKey);
    expect(before.map(({ wiped }) => wiped)).toEqual([true, true, true, true]);
    expect(sessionKey.wiped).toBe(false);
    expect(watch.alive()).toHaveLength(5);
    wipe(...channels, sessionKey);
    expect(watch.alive()).toEqual([]);
  });

  test("and a switch that fails changes nothing", () => {
    const [client, server] = ends();
    const wiped = Secret.take(new Uint8Array(64));
    wipe(wiped);
    const before = watch.alive();
    expect(() => client?.switchKeys(wiped)).toThrow("wiped");
    expect(watch.alive()).toEqual(before);
    const record = client?.seal(new Uint8Array(2)) ?? new Uint8Array(0);
    expect(server?.open(record)).toEqual(new Uint8Array(2));
  });
});
