import { afterEach, beforeEach, expect, spyOn, test } from "bun:test";
import { nobleCrypto } from "../../../core/crypto/noble.ts";
import { newCipherState, rekey } from "../../../core/noise/cipherState.ts";
import { discard, readMessage, wipeHandshake, writeMessage } from "../../../core/noise/handshake.ts";
import type { Handshake } from "../../../core/noise/handshakeState.ts";
import { K, NKhfs, type Role } from "../../../core/noise/patterns.ts";
import { aesGcmSha256 } from "../../../core/noise/suite.ts";
import { Secret, wipe } from "../../../core/secret.ts";
import {
  both,
  exchange,
  failure,
  fixedSecret,
  flip,
  PATTERNS,
  patternNamed,
  read,
  runAsync,
  snapshot,
  write,
} from "../../support/noise.ts";

const suite = aesGcmSha256(nobleCrypto);
const NONE = new Uint8Array(0);

/** Every secret made since the last `forget()`, those of noble's key handles among them. */
let made: Secret[] = [];
let spies: { mockRestore(): void }[] = [];

function alive(): number {
  return made.filter((secret) => !secret.wiped).length;
}

function forget(): void {
  made = [];
}

beforeEach(() => {
  forget();
  const [take, copy, slice] = [Secret.take, Secret.copy, Secret.prototype.slice];
  const record = (secret: Secret) => {
    made.push(secret);
    return secret;
  };
  spies = [
    spyOn(Secret, "take").mockImplementation((bytes) => record(take(bytes))),
    spyOn(Secret, "copy").mockImplementation((bytes) => record(copy(bytes))),
    spyOn(Secret.prototype, "slice").mockImplementation(function (this: Secret, start, end) {
      return record(slice.call(this, start, end));
    }),
  ];
});

afterEach(() => {
  for (const spy of spies) spy.mockRestore();
});

test.each([NKhfs, ...PATTERNS])("$name: all that is left of a handshake is its four keys", async (pattern) => {
  const start = await both(pattern, suite);
  const { splits } = await exchange(start, [], true);
  const keys = [splits.initiator, splits.responder].flatMap(({ initiatorToResponder, responderToInitiator }) => [
    initiatorToResponder.key,
    responderToInitiator.key,
  ]);
  expect(keys.map((key) => key.length)).toEqual([32, 32, 32, 32]);
  wipe(...keys, start.initiator.s, start.responder.s);
  expect(made.length).toBeGreaterThan(10);
  expect(alive()).toBe(0);
});

test("the ephemeral secret is taken over, the static key only borrowed", async () => {
  const ephemeralSecret = fixedSecret("e");
  const { initiator } = await both(K, suite);
  expect(ephemeralSecret.wiped).toBe(false);
  const s = initiator.s;
  if (!(s && initiator.e)) throw new Error("keys expected");
  const { spent } = await write(initiator);
  expect(spent).toContain(initiator.e);
  expect(spent).not.toContain(s);
  wipe(...spent);
  const peer = initiator.rs ?? NONE;
  expect(await failure(() => nobleCrypto.dh(s, peer))).toBe("nothing");
});

test.each([NKhfs, ...PATTERNS])(
  "$name: a refused message leaves nothing behind and takes nothing away",
  async (pattern) => {
    const { rounds } = await exchange(await both(pattern, suite));
    for (const { reader, message } of rounds) {
      const sealed = (await read(reader, message)).next?.symmetric.cipher !== null;
      if (!sealed) continue; // public keys in clear, nothing authenticated yet
      for (const at of [0, 31, 33, message.length - 1]) {
        const before = snapshot(reader);
        forget();
        expect(await failure(() => read(reader, flip(message, at)))).toBe("channel.handshake");
        expect(alive()).toBe(0);
        expect(snapshot(reader)).toBe(before);
      }
    }
  },
);

/** Both messages of NKhfs, each with the state that writes and the state that reads it. */
async function hybrid() {
  const { rounds } = await exchange(await both(NKhfs, suite));
  const [first, second] = rounds;
  if (!first || !second) throw new Error("two messages expected");
  return { first, second };
}

/** `handshake` on a provider whose `nth` call (from 0) of dh, seal, open and run fails. */
function failing(handshake: Handshake, nth: number): Handshake {
  let calls = 0;
  const counted =
    <A extends unknown[], R>(call: (...args: A) => R) =>
    (...args: A): R => {
      if (calls === nth) throw new Error("injected");
      calls += 1;
      return call(...args);
    };
  const { dh, seal, open, run } = nobleCrypto;
  const crypto = { ...nobleCrypto, dh: counted(dh), seal: counted(seal), open: counted(open), run: counted(run) };
  return { ...handshake, suite: aesGcmSha256(crypto) };
}

test("a failure at any call of a primitive wipes what was made, and nothing else", async () => {
  const { first, second } = await hybrid();
  const steps = [
    (nth: number) => write(failing(first.writer, nth)),
    (nth: number) => read(failing(first.reader, nth), first.message),
    (nth: number) => write(failing(second.writer, nth)),
    (nth: number) => read(failing(second.reader, nth), second.message),
  ];
  const calls = [3, 3, 4, 4]; // es or ee, e1 or ekem1 sealed, (KEM,) payload
  for (const [index, step] of steps.entries()) {
    const total = calls[index] ?? 0;
    for (let nth = 0; nth < total; nth += 1) {
      forget();
      expect(await failure(() => step(nth))).toBe("injected");
      expect(alive()).toBe(0);
    }
    expect(await failure(() => step(total))).toBe("nothing");
  }
});

test("a generator that is given up while it waits wipes what it made", async () => {
  const { second } = await hybrid();
  for (const start of [() => writeMessage(second.writer, NONE), () => readMessage(second.reader, second.message)]) {
    const states = [snapshot(second.writer), snapshot(second.reader)];
    forget();
    const generator = start();
    expect(generator.next().done).toBe(false);
    expect(alive()).toBeGreaterThan(0);
    generator.return(undefined as never);
    expect(alive()).toBe(0);
    expect([snapshot(second.writer), snapshot(second.reader)]).toEqual(states);
  }
});

test("a discarded result takes nothing from the handshake before it", async () => {
  const { rounds } = await exchange(await both(patternNamed("XXhfs"), suite));
  for (const { writer, reader, message } of rounds) {
    const states = [snapshot(writer), snapshot(reader)];
    forget();
    discard(writer, await runAsync(writeMessage(writer, NONE), nobleCrypto));
    discard(reader, await runAsync(readMessage(reader, message), nobleCrypto));
    expect(alive()).toBe(0);
    expect([snapshot(writer), snapshot(reader)]).toEqual(states);
    expect(await failure(() => read(reader, message))).toBe("nothing");
  }
});

test.each(["initiator", "responder"] as Role[])(
  "a handshake given up by the %s is wiped at any stage",
  async (role) => {
    const { first, second } = await hybrid();
    const stages = role === "initiator" ? [first.writer, second.reader] : [first.reader, second.writer];
    for (const handshake of stages) {
      wipeHandshake(handshake);
      const { symmetric, e } = handshake;
      expect(symmetric.chainingKey.wiped).toBe(true);
      expect(symmetric.cipher?.key.wiped ?? true).toBe(true);
      expect(await failure(() => e && nobleCrypto.dh(e, e.publicKey))).toBe("secret used after it was wiped");
    }
    wipe(...[first.writer.s, first.reader.s]);
    forget();
  },
);

test("the ML-KEM key is spent as soon as it has decapsulated, not at the end", async () => {
  const { rounds } = await exchange(await both(patternNamed("XXhfs"), suite));
  const { reader, message } = rounds[1] ?? {};
  if (!(reader?.e1 && message)) throw new Error("an e1 expected");
  const { next, spent } = await read(reader, message);
  expect(spent).toContain(reader.e1);
  expect(next?.e1).toBeNull();
});

test("a rekey leaves the old key, which it names, and the new one", () => {
  const old = newCipherState(fixedSecret("key"));
  const { next, spent } = rekey(suite, old);
  expect(alive()).toBe(2);
  wipe(...spent);
  expect(old.key.wiped).toBe(true);
  wipe(next.key);
  expect(alive()).toBe(0);
});
