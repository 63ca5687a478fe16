import { describe, expect, test } from "bun:test";
import { utf8 } from "../../../core/bytes.ts";
import { nobleCrypto } from "../../../core/crypto/noble.ts";
import { runSync } from "../../../core/noise/drive.ts";
import {
  type HandshakeOptions,
  readMessage,
  startHandshake,
  wipeHandshake,
  writeMessage,
} from "../../../core/noise/handshake.ts";
import { K, NK, NKhfs } from "../../../core/noise/patterns.ts";
import { aesGcmSha256 } from "../../../core/noise/suite.ts";
import {
  both,
  exchange,
  failure,
  fixedBytes,
  fixedSecret,
  kemKey,
  PATTERNS,
  patternNamed,
  read,
  side,
  snapshot,
  suiteNamed,
  write,
} from "../../support/noise.ts";

const suite = aesGcmSha256(nobleCrypto);
const NONE = new Uint8Array(0);
const MAX_BYTES = 65535;

test.each([NKhfs, ...PATTERNS])("$name: payloads arrive, both sides end with the same keys", async (pattern) => {
  const payloads = pattern.messages.map((_, index) => utf8(`payload ${index}`));
  const { rounds, splits } = await exchange(await both(pattern, suite), payloads);
  for (const [index, { reader, message }] of rounds.entries()) {
    const { payload, next } = await read(reader, message);
    expect(payload).toEqual(utf8(`payload ${index}`));
    expect(next === null).toBe(index === rounds.length - 1);
  }
  const keys = [splits.initiator, splits.responder].map(({ initiatorToResponder: ir, responderToInitiator: ri }) =>
    [ir, ri].map(({ key, counter }) => [key.use((bytes) => bytes.toHex()), counter]),
  );
  expect(keys[0]).toEqual(keys[1] ?? []);
  expect(keys[0]?.[0]).not.toEqual(keys[0]?.[1]);
  expect(splits.initiator.handshakeHash).toEqual(splits.responder.handshakeHash);
});

describe("the two sides must agree", () => {
  const own = { suite, pattern: NK, label: "handshake" };
  test.each([
    ["prologue and keys", { ...own, label: "another" }],
    ["pattern", { ...own, pattern: { ...NK, name: "NKpsk0" } }],
    ["hash", { ...own, suite: suiteNamed("AESGCM", "BLAKE2s", nobleCrypto) }],
    ["cipher", { ...own, suite: suiteNamed("ChaChaPoly", "SHA256", nobleCrypto) }],
  ])("on the %s", async (_, other) => {
    const { message } = await write(await side("initiator", NK, suite));
    const responder = await side("responder", other.pattern, other.suite, other.label);
    expect(await failure(() => read(responder, message))).toBe("channel.handshake");
  });

  test("on the prologue alone", async () => {
    const s = nobleCrypto.dhKey(fixedBytes("static"));
    const shared = { suite, pattern: NK, s };
    const { message } = await write(
      startHandshake({
        suite,
        pattern: NK,
        role: "initiator",
        prologue: utf8("IMS/1"),
        rs: s.publicKey,
        ephemeralSecret: fixedSecret("i"),
      }),
    );
    const responder = (prologue: string) =>
      startHandshake({ ...shared, role: "responder", prologue: utf8(prologue), ephemeralSecret: fixedSecret("r") });
    expect(await failure(() => read(responder("IMS/2"), message))).toBe("channel.handshake");
    expect(await failure(() => read(responder("IMS/1"), message))).toBe("nothing");
  });
});

describe("replayed and reflected messages", () => {
  test.each([NK, NKhfs])("$name: the first message sent back is no answer", async (pattern) => {
    const { rounds } = await exchange(await both(pattern, suite));
    const [first, second] = rounds;
    if (!first || !second) throw new Error("two messages expected");
    expect(await failure(() => read(second.reader, first.message))).toBe("channel.handshake");
    expect(await failure(() => read(second.reader, second.message))).toBe("nothing");
  });

  test.each([NK, NKhfs])("$name: an answer serves one handshake only", async (pattern) => {
    const { rounds } = await exchange(await both(pattern, suite));
    const fresh = await both(pattern, suite, "a later handshake");
    const begun = await write(fresh.initiator);
    if (begun.next === null) throw new Error("over too soon");
    const waiting = begun.next;
    expect(await failure(() => read(waiting, rounds[1]?.message ?? NONE))).toBe("channel.handshake");
  });

  test("a message out of turn is not read", async () => {
    const { initiator } = await both(NK, suite);
    const { message } = await write(initiator);
    expect(await failure(() => read(initiator, message))).toBe("state.unexpected");
  });

  test("a replayed first message gives other keys to whoever answers it afresh", async () => {
    const { rounds, splits } = await exchange(await both(NKhfs, suite));
    const label = "handshake";
    const again = startHandshake({
      suite,
      pattern: NKhfs,
      role: "responder",
      prologue: utf8(label),
      s: nobleCrypto.dhKey(fixedBytes(`${label} responder static`)),
      ephemeralSecret: fixedSecret("another ephemeral key"),
    });
    const { next } = await read(again, rounds[0]?.message ?? NONE);
    if (next === null) throw new Error("over too soon");
    const { split } = await write(next);
    expect(split?.handshakeHash).not.toEqual(splits.responder.handshakeHash);
  });
});

describe("lengths", () => {
  test.each([
    [0, "nothing"],
    [MAX_BYTES - 48, "nothing"],
    [MAX_BYTES - 47, "noise: payload too long"],
  ])("a payload of %d bytes in 48 bytes of NK: %s", async (length, outcome) => {
    const { initiator } = await both(NK, suite);
    expect(await failure(() => write(initiator, new Uint8Array(length)))).toBe(outcome);
  });

  test("a message above 65,535 bytes is not looked at, whatever it holds", async () => {
    const { responder } = await both(patternNamed("NN"), suite);
    expect(await failure(() => read(responder, new Uint8Array(MAX_BYTES)))).toBe("nothing");
    expect(await failure(() => read(responder, new Uint8Array(MAX_BYTES + 1)))).toBe("channel.handshake");
  });
});

test("keeps no part of a buffer that it was lent", async () => {
  const { initiator, responder } = await both(NK, suite);
  const rs = Buffer.from(initiator.rs ?? NONE);
  const begun = startHandshake({
    suite,
    pattern: NK,
    role: "initiator",
    prologue: utf8("handshake"),
    rs,
    ephemeralSecret: fixedSecret("handshake initiator ephemeral"),
  });
  rs.fill(0);
  const first = await write(begun);
  const received = Buffer.from(first.message);
  const { next } = await read(responder, received);
  received.fill(0);
  if (first.next === null || next === null) throw new Error("over too soon");
  const waiting = first.next;
  const { message } = await write(next);
  expect(await failure(() => read(waiting, message))).toBe("nothing");
});

describe("bugs are plain errors", () => {
  const s = nobleCrypto.dhKey(fixedBytes("s"));
  const nk: HandshakeOptions = { suite, pattern: NK, role: "initiator", prologue: NONE };
  const rs = s.publicKey;
  const start = (options: Partial<HandshakeOptions>) =>
    failure(() => startHandshake({ ...nk, ephemeralSecret: fixedSecret("e"), ...options }));

  test("keys that are missing, or have no place", async () => {
    expect(await start({ rs })).toBe("nothing");
    expect(await start({})).toBe("noise: rs is missing");
    expect(await start({ rs, s })).toBe("noise: s has no place in this pattern");
    expect(await start({ role: "responder" })).toBe("noise: s is missing");
    expect(await start({ role: "responder", s, rs })).toBe("noise: rs has no place in this pattern");
    expect(await start({ rs: rs.subarray(1) })).toBe("noise: rs is not 32 bytes");
    expect(await start({ rs, pattern: NKhfs })).toBe("noise: e1 is missing");
    expect(await start({ rs, e1: await kemKey(nobleCrypto, fixedBytes("e1", 64)) })).toBe(
      "noise: e1 has no place in this pattern",
    );
    expect(await failure(() => startHandshake({ ...nk, rs }))).toBe("noise: ephemeralSecret is missing");
    // The reader of a one-way pattern sends no ephemeral key.
    expect(await start({ pattern: K, role: "responder", s, rs })).toBe(
      "noise: ephemeralSecret has no place in this pattern",
    );
  });

  test("writing out of turn", async () => {
    const { responder } = await both(NK, suite);
    expect(await failure(() => write(responder))).toBe("noise: not our turn to write");
  });

  test("an answer to another question", async () => {
    const { rounds } = await exchange(await both(NKhfs, suite));
    const [, second] = rounds;
    if (!second) throw new Error("two messages expected");
    for (const [generator, op] of [
      [writeMessage(second.writer, NONE), "kemDecapsulate"],
      [readMessage(second.reader, second.message), "kemEncapsulate"],
    ] as const) {
      const sharedSecret = fixedSecret("answer");
      generator.next();
      expect(await failure(() => generator.next({ op, sharedSecret, ciphertext: NONE }))).toContain("asked to");
      expect(sharedSecret.wiped).toBe(true);
    }
  });

  test("runSync with a provider that answers later, or with something else", async () => {
    const { rounds } = await exchange(await both(NKhfs, suite));
    const writer = rounds[1]?.writer;
    if (!writer) throw new Error("two messages expected");
    const noBytes = () => NONE;
    const attempt = (run: typeof nobleCrypto.run) =>
      failure(() => runSync(writeMessage(writer, NONE), { ...nobleCrypto, run }, noBytes));
    expect(await attempt(async () => ({ op: "stretch", output: fixedSecret("x") }))).toContain("answers later");
    expect(await attempt(() => ({ op: "stretch", output: fixedSecret("x") }))).toContain("another job");
    const coins = (length: number) => fixedBytes("coins", length);
    expect(await failure(() => runSync(writeMessage(writer, NONE), nobleCrypto, coins))).toBe("nothing");
  });
});

test("one handshake value may be read from again and again, and never changes", async () => {
  const { rounds } = await exchange(await both(patternNamed("XXhfs"), suite));
  for (const { reader, message } of rounds) {
    const before = snapshot(reader);
    const first = await read(reader, message);
    const second = await read(reader, message);
    expect(snapshot(reader)).toBe(before);
    if (first.next !== null && second.next !== null) expect(snapshot(second.next)).toBe(snapshot(first.next));
  }
});

test("a wiped handshake is of no use", async () => {
  const { initiator } = await both(NK, suite);
  wipeHandshake(initiator);
  wipeHandshake(initiator);
  expect(await failure(() => write(initiator))).toBe("secret used after it was wiped");
});
