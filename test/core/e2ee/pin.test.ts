import { describe, expect, test } from "bun:test";
import { createHmac, hkdfSync } from "node:crypto";
import fc from "fast-check";
import { concat, EMPTY, lv, utf8 } from "../../../core/bytes.ts";
import { nativeCrypto } from "../../../core/crypto/native.ts";
import { openPin, type PinNote, type PinUse, pinName, sealPin } from "../../../core/e2ee/pin.ts";
import { openAtRest, sealAtRest } from "../../../core/e2ee/wrap.ts";
import { PIN_MAX_BYTES } from "../../../core/limits.ts";
import { parseUserName } from "../../../core/name.ts";
import type { Pin, PinName } from "../../../core/wire/account.ts";
import { codeOr } from "../../support/codes.ts";
import { fixedEnv } from "../../support/fixedEnv.ts";
import { keyOf, owner } from "../../support/owners.ts";
import { filled, PROVIDERS, reveal } from "../../support/primitives.ts";
import { flip } from "../../support/queued.ts";
import { SecretWatch } from "../../support/secretWatch.ts";

const ALICE = owner("alice");
const BOB: PinUse = { ...ALICE, peer: parseUserName("bob"), version: 3 };
const NOTE: PinNote = { identityKey: filled(32, 1), verified: true, changed: filled(32, 2), devicesNumber: 9 };
const LONGEST = "a".repeat(32);

describe.each(PROVIDERS)("on %s", (_, crypto) => {
  const key = keyOf(7);
  const env = fixedEnv("pins", crypto);
  const pin = sealPin(env, key, BOB, NOTE);
  const open = (given: Pin, accountKey = key, whose = ALICE) => codeOr(() => openPin(crypto, accountKey, whose, given));
  const associatedData = (given: Pin): Uint8Array =>
    concat(
      Uint8Array.of(1),
      ALICE.realm,
      lv(utf8("alice")),
      Uint8Array.fromHex(given.name),
      Uint8Array.of(0, 0, 0, given.version),
    );
  const useOf = (given: Pin) => ({ label: utf8("IMS/1 pin"), associatedData: associatedData(given) });

  test.each<readonly [string, string, PinNote]>([
    ["all", "bob", NOTE],
    ["nothing changed", "bob", { ...NOTE, changed: null }],
    ["not verified", "b", { ...NOTE, verified: false }],
    ["the longest name", LONGEST, { ...NOTE, devicesNumber: 0xffffffff }],
    ["a name of marks", "a.-_-.", { ...NOTE, devicesNumber: 0 }],
  ])("opens as it was sealed, and as long as any other: %s", (_, name, note) => {
    const use = { ...BOB, peer: parseUserName(name) };
    const made = sealPin(env, key, use, note);
    expect(open(made)).toEqual({ peer: use.peer, note });
    expect([made.version, made.name]).toEqual([3, pinName(crypto, key, use.peer)]);
    expect(made.sealed).toHaveLength(150);
    expect(made.sealed.length).toBeLessThanOrEqual(PIN_MAX_BYTES);
  });

  test("is what PROTOCOL writes out", () => {
    const plaintext = concat(
      ...[Uint8Array.of(1), utf8("bob"), new Uint8Array(29), NOTE.identityKey, Uint8Array.of(1)],
      ...[NOTE.changed ?? EMPTY, Uint8Array.of(0, 0, 0, 9)],
    );
    expect(openAtRest(crypto, key, useOf(pin), pin.sealed)).toEqual(plaintext);
    const named = createHmac("sha256", new Uint8Array(hkdfSync("sha512", reveal(key), EMPTY, "IMS/1 pin name", 32)));
    expect(pin.name).toBe(named.update("bob").digest("hex").slice(0, 32) as PinName);
  });

  test("the name depends on account and peer, and on nothing else", () => {
    expect(sealPin(env, key, { ...BOB, version: 4 }, NOTE).name).toBe(pin.name);
    expect(pinName(crypto, key, parseUserName("bo"))).not.toBe(pin.name);
    expect(pinName(crypto, keyOf(8), BOB.peer)).not.toBe(pin.name);
  });

  test.each<readonly [string, Pin]>([
    ["under another name", { ...pin, name: pinName(crypto, key, parseUserName("carol")) }],
    ["with an older version", { ...pin, version: 2 }],
    ["with a newer version", { ...pin, version: 4 }],
    ["cut", { ...pin, sealed: pin.sealed.subarray(0, -1) }],
    ["empty", { ...pin, sealed: EMPTY }],
    [
      "with the bytes of another peer's",
      { ...pin, sealed: sealPin(env, key, { ...BOB, peer: ALICE.user }, NOTE).sealed },
    ],
  ])("%s: account.invalid", (_, given) => {
    expect(open(given)).toBe("account.invalid");
  });

  test("of another user, realm or account, or altered in any byte: account.invalid", () => {
    expect(open(pin, key, owner("bob"))).toBe("account.invalid");
    expect(open(pin, key, owner("alice", 2))).toBe("account.invalid");
    expect(open(pin, keyOf(8))).toBe("account.invalid");
    for (let at = 0; at < pin.sealed.length; at += 1) {
      expect(open({ ...pin, sealed: flip(pin.sealed, at) })).toBe("account.invalid");
    }
  });

  const whole = openAtRest(crypto, key, useOf(pin), pin.sealed);
  const replaced = (at: number, ...bytes: number[]): Uint8Array => {
    const out = whole.slice();
    out.set(bytes, at);
    return out;
  };
  test.each([
    ["another version of the format", replaced(0, 2)],
    ["no name", replaced(1, 0, 0, 0)],
    ["a name in upper case", replaced(1, 0x42)],
    ["a zero inside the name", replaced(2, 0)],
    ["a byte after the name's end", replaced(32, 0x62)],
    ["a name that is not ASCII", replaced(1, 0xe9)],
    ["a mark that is none", replaced(65, 2)],
    ["a byte too few", whole.subarray(0, -1)],
    ["a byte too many", concat(whole, Uint8Array.of(0))],
  ])("sealed properly, but with %s: account.invalid", (_, plaintext) => {
    expect(open({ ...pin, sealed: sealAtRest(env, key, useOf(pin), plaintext) })).toBe("account.invalid");
    expect(open({ ...pin, sealed: sealAtRest(env, key, useOf(pin), whole) })).toEqual({ peer: BOB.peer, note: NOTE });
  });

  test("leaves no secret behind", () => {
    using watch = new SecretWatch();
    expect(open(sealPin(env, key, BOB, NOTE))).toEqual({ peer: BOB.peer, note: NOTE });
    expect(open({ ...pin, version: 4 })).toBe("account.invalid");
    expect(watch.count).toBeGreaterThan(5);
    expect(watch.alive()).toEqual([]);
    expect(key.wiped).toBe(false);
  });
});

test("any note of any peer comes back", () => {
  const bytes = fc.uint8Array({ minLength: 32, maxLength: 32 }).filter((key) => key.some((byte) => byte !== 0));
  const name = fc.stringMatching(/^[a-z0-9][a-z0-9._-]{0,31}$/);
  const key = keyOf(1);
  const env = fixedEnv("any", nativeCrypto);
  fc.assert(
    fc.property(
      ...([name, bytes, fc.option(bytes), fc.boolean(), fc.nat(), fc.nat()] as const),
      (peer, identityKey, changed, verified, devicesNumber, version) => {
        const note = { identityKey, changed, verified, devicesNumber };
        const made = sealPin(env, key, { ...ALICE, peer: parseUserName(peer), version }, note);
        expect<unknown>(openPin(nativeCrypto, key, ALICE, made)).toEqual({ peer, note });
      },
    ),
    { numRuns: 50 },
  );
});
