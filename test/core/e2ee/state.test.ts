import { describe, expect, test } from "bun:test";
import { createHmac, hkdfSync } from "node:crypto";
import fc from "fast-check";
import { concat, EMPTY, lv, utf8 } from "../../../core/bytes.ts";
import {
  drawStateKey,
  entryName,
  openEntry,
  sealEntry,
  unwrapStateKey,
  wrapStateKey,
} from "../../../core/e2ee/state.ts";
import { openAtRest, sealAtRest, wrapKey } from "../../../core/e2ee/wrap.ts";
import { WRAP_MAX_BYTES } from "../../../core/limits.ts";
import { codeOr, failure } from "../../support/codes.ts";
import { fixedEnv } from "../../support/fixedEnv.ts";
import { deviceOwner, keyOf } from "../../support/owners.ts";
import { filled, PROVIDERS, reveal } from "../../support/primitives.ts";
import { flip } from "../../support/queued.ts";
import { SecretWatch } from "../../support/secretWatch.ts";

const LAPTOP = deviceOwner("alice", "a");
const NAME = "conversation/bob/bbbbbbbbbbbbbbbb";
const DATA = filled(100, 4);

describe.each(PROVIDERS)("the state key on %s", (_, crypto) => {
  const accountKey = keyOf(1);
  const env = fixedEnv("state", crypto);
  const stateKey = drawStateKey(env);
  const wrapped = wrapStateKey(env, accountKey, LAPTOP, stateKey);
  const useOf = (label: string) => ({
    label: utf8(label),
    associatedData: concat(Uint8Array.of(1), LAPTOP.realm, lv(utf8("alice")), new Uint8Array(8).fill(0xaa)),
  });

  test("is random, and comes back with the account key", () => {
    const back = unwrapStateKey(crypto, accountKey, LAPTOP, wrapped);
    expect(reveal(back)).toEqual(reveal(stateKey));
    expect(reveal(drawStateKey(env))).not.toEqual(reveal(stateKey));
    expect(openAtRest(crypto, accountKey, useOf("IMS/1 state wrap"), wrapped)).toEqual(reveal(stateKey));
    expect(wrapped.length).toBeLessThanOrEqual(WRAP_MAX_BYTES);
  });

  test.each([
    ["another account", keyOf(2), LAPTOP, wrapped],
    ["another device", accountKey, deviceOwner("alice", "b"), wrapped],
    ["another user", accountKey, deviceOwner("bob", "a"), wrapped],
    ["another realm", accountKey, deviceOwner("alice", "a", 2), wrapped],
    ["an altered wrap", accountKey, LAPTOP, flip(wrapped, 33)],
    ["an empty wrap", accountKey, LAPTOP, EMPTY],
    ["another label", accountKey, LAPTOP, wrapKey(env, accountKey, useOf("IMS/1 identity wrap"), stateKey)],
    ["another length", accountKey, LAPTOP, wrapKey(env, accountKey, useOf("IMS/1 state wrap"), keyOf(3, 31))],
  ] as const)("with %s: state.damaged, and no secret is left", (_, key, whose, bytes) => {
    using watch = new SecretWatch();
    expect(failure(() => unwrapStateKey(crypto, key, whose, bytes)).code).toBe("state.damaged");
    expect(watch.alive()).toEqual([]);
  });
});

describe.each(PROVIDERS)("an entry on %s", (_, crypto) => {
  const key = keyOf(5);
  const env = fixedEnv("entries", crypto);
  const keptAs = entryName(crypto, key, NAME);
  const sealed = sealEntry(env, key, NAME, DATA);
  const open = (bytes: Uint8Array, name = keptAs, stateKey = key) =>
    codeOr(() => openEntry(crypto, stateKey, name, bytes));

  test("opens as it was sealed: any name, any bytes", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", maxLength: 60 }), fc.uint8Array({ maxLength: 300 }), (name, bytes) => {
        const kept = entryName(crypto, key, name);
        expect(kept).toMatch(/^[0-9a-f]{32}$/);
        expect<unknown>(open(sealEntry(env, key, name, bytes), kept)).toEqual({ name, bytes });
      }),
      { numRuns: 60 },
    );
  });

  test("is what PROTOCOL writes out", () => {
    const nameKey = new Uint8Array(hkdfSync("sha512", reveal(key), EMPTY, "IMS/1 state name", 32));
    expect(keptAs).toBe(createHmac("sha256", nameKey).update(NAME).digest("hex").slice(0, 32));
    const use = { label: utf8("IMS/1 state entry"), associatedData: utf8(keptAs) };
    expect(openAtRest(crypto, key, use, sealed)).toEqual(concat(lv(utf8(NAME)), DATA));
  });

  test("the name is another under another key, and tells nothing of likeness", () => {
    expect(entryName(crypto, keyOf(6), NAME)).not.toBe(keptAs);
    expect(entryName(crypto, key, `${NAME}0`).slice(0, 8)).not.toBe(keptAs.slice(0, 8));
  });

  test("under another name or key, altered in any byte, or cut: state.damaged", () => {
    expect(open(sealed, entryName(crypto, key, "another"))).toBe("state.damaged");
    expect(open(sealed, "")).toBe("state.damaged");
    expect(open(sealed, keptAs.toUpperCase())).toBe("state.damaged");
    expect(open(sealed, keptAs, keyOf(6))).toBe("state.damaged");
    for (let at = 0; at < sealed.length; at += 1) expect(open(flip(sealed, at))).toBe("state.damaged");
    for (const length of [0, 31, 32, 48, sealed.length - 1]) {
      expect(open(sealed.subarray(0, length))).toBe("state.damaged");
    }
  });

  test.each([
    ["nothing", EMPTY],
    ["half a length", Uint8Array.of(0)],
    ["a length that runs over", Uint8Array.of(0, 2, 0x61)],
    ["a name that is not UTF-8", Uint8Array.of(0, 1, 0xff)],
  ])("sealed properly, but with %s in it: state.damaged, and no secret is left", (_, plaintext) => {
    const use = { label: utf8("IMS/1 state entry"), associatedData: utf8(keptAs) };
    const given = sealAtRest(env, key, use, plaintext);
    using watch = new SecretWatch();
    expect(open(given)).toBe("state.damaged");
    expect(watch.alive()).toEqual([]);
  });

  test("what is opened is a copy, what is sealed stays the caller's, and no secret is left", () => {
    const mine = DATA.slice();
    using watch = new SecretWatch();
    const opened = open(sealEntry(env, key, NAME, mine));
    expect(opened).toEqual({ name: NAME, bytes: DATA });
    expect<Uint8Array>(mine).toEqual(DATA);
    expect(watch.count).toBeGreaterThan(5);
    expect(watch.alive()).toEqual([]);
  });
});
