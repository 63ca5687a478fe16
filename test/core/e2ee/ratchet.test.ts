import { beforeEach, describe, expect, test } from "bun:test";
import fc from "fast-check";
import { nativeCrypto } from "../../../core/crypto/native.ts";
import {
  openMessage,
  type RatchetHeader,
  type RatchetMessage,
  secretsOf,
  startReceiver,
  startSender,
} from "../../../core/e2ee/ratchet.ts";
import type { MessageId } from "../../../core/ids.ts";
import type { Secret } from "../../../core/secret.ts";
import { snapshot } from "../../support/agreeing.ts";
import { BAD_PUBLIC_KEYS } from "../../support/badKeys.ts";
import { codeOr } from "../../support/codes.ts";
import { fakeCrypto } from "../../support/fakeCrypto.ts";
import { fixedEnv } from "../../support/fixedEnv.ts";
import { keyOf } from "../../support/owners.ts";
import { reveal } from "../../support/primitives.ts";
import { flip } from "../../support/queued.ts";
import {
  at,
  dataOf,
  env,
  expectRefused,
  many,
  pairOf,
  prekey,
  prekeyPublic,
  Side,
} from "../../support/ratchetSides.ts";
import { SecretWatch } from "../../support/secretWatch.ts";

let alice: Side;
let bob: Side;
beforeEach(() => {
  ({ alice, bob } = pairOf());
});

describe("a conversation", () => {
  test("turns with each answer, and its headers say so", () => {
    const keys = new Set<string>();
    let previous = 0;
    for (let round = 0; round < 4; round += 1) {
      for (const [from, to] of [[alice, bob] as const, [bob, alice] as const]) {
        for (let number = 0; number < 3; number += 1) {
          const message = from.seal();
          keys.add(message.header.ratchetKey.toHex());
          expect(message.header).toMatchObject({ number, previous });
          expect(to.open(message)).toBe(`message ${Side.sent - 1}`);
        }
        if (from === bob) previous = 3;
      }
    }
    expect(keys.size).toBe(8);
  });

  test("the side that waits can send nothing before it has heard", () => {
    expect(() => bob.seal()).toThrow("nothing can be sent");
    expect(bob.open(alice.seal())).toBe("message 0");
    expect(alice.open(bob.seal())).toBe("message 1");
  });

  test("what a side has sent does not open on its own side", () => {
    const sent = alice.seal();
    expect(alice.open(sent)).toBe("e2ee.invalid");
    expect(bob.open(sent)).toBe("message 0");
  });

  test("heals: whoever copied a state reads on until both have sent, and no further", () => {
    expect(bob.open(alice.seal())).toBe("message 0");
    const thief = new Side(startReceiver(keyOf(1), prekey));
    const copy = (secret: Secret) => secret.slice(0, secret.length);
    const { rootKey, ownSecret, receiving, ...rest } = bob.ratchet;
    if (receiving === null) throw new Error("no chain");
    const chain = { ...receiving, key: copy(receiving.key) };
    thief.ratchet = { ...rest, rootKey: copy(rootKey), ownSecret: copy(ownSecret), receiving: chain };
    const read = alice.seal();
    expect([thief.open(read), bob.open(read)]).toEqual(["message 1", "message 1"]);
    expect(alice.open(bob.seal())).toBe("message 2");
    const turned = alice.seal();
    expect([thief.open(turned), bob.open(turned)]).toEqual(["message 3", "message 3"]);
    expect(alice.open(bob.seal())).toBe("message 4");
    const healed = alice.seal();
    expect([thief.open(healed), bob.open(healed)]).toEqual(["e2ee.invalid", "message 5"]);
  });
});

type Op = { readonly what: "send" | "open" | "drop" | "repeat"; readonly byAlice: boolean; readonly pick: number };
const ops = fc.array(
  fc.record({
    what: fc.constantFrom<Op["what"]>("send", "send", "open", "open", "drop", "repeat"),
    byAlice: fc.boolean(),
    pick: fc.nat(1000),
  }),
  { minLength: 5, maxLength: 60 },
);

describe.each([["the fake", fakeCrypto, 150] as const, ["native", nativeCrypto, 15] as const])(
  "on %s",
  (_, crypto, numRuns) => {
    test("any order, with drops and repeats: what arrives opens once, as it was sent, and nothing is left", () => {
      fc.assert(
        fc.property(ops, (steps) => {
          const by = fixedEnv("any order", crypto);
          using watch = new SecretWatch();
          const pair = pairOf(by);
          const flying = { alice: new Map<string, RatchetMessage>(), bob: new Map<string, RatchetMessage>() };
          const opened = { alice: new Map<string, RatchetMessage>(), bob: new Map<string, RatchetMessage>() };
          for (const { what, byAlice, pick } of steps) {
            const to = byAlice ? "bob" : "alice";
            const from = pair[byAlice ? "alice" : "bob"];
            if (what === "send") {
              if (from.ratchet.sending === null) continue;
              const text = `text ${Side.sent}`;
              const message = from.seal(text);
              flying[to].set(text, message);
              continue;
            }
            const waiting = [...(what === "repeat" ? opened : flying)[to]];
            const [text, message] = waiting[pick % Math.max(1, waiting.length)] ?? [];
            if (text === undefined || message === undefined) continue;
            flying[to].delete(text);
            if (what === "repeat") {
              const before = snapshot(pair[to].ratchet);
              expect(["e2ee.replay", "e2ee.invalid"]).toContain(pair[to].open(message));
              expect(snapshot(pair[to].ratchet)).toBe(before);
            } else if (what === "open") {
              expect(pair[to].open(message)).toBe(text);
              opened[to].set(text, message);
            }
          }
          expect(new Set(watch.alive())).toEqual(
            new Set([...secretsOf(pair.alice.ratchet), ...secretsOf(pair.bob.ratchet)]),
          );
          // What is still on its way opens too, and both can talk.
          for (const to of ["bob", "alice"] as const) {
            for (const [text, message] of flying[to]) expect(pair[to].open(message)).toBe(text);
          }
          expect(pair.bob.open(pair.alice.seal("after"))).toBe("after");
          expect(pair.alice.open(pair.bob.seal("after"))).toBe("after");
        }),
        { numRuns },
      );
    });
  },
);

describe("whatever is altered is refused, and the state stays as it was", () => {
  const bits = (n: number): readonly number[] => Array.from({ length: 32 }, (_, bit) => (n ^ (1 << bit)) >>> 0);
  const CODES = ["e2ee.invalid", "e2ee.gap", "e2ee.replay"];

  test.each(["the next one", "one that was passed over", "the first of a new chain"])("%s", (which) => {
    const [first, passed, third] = many(alice, 3);
    if (first === undefined || passed === undefined || third === undefined) throw new Error("three");
    expect([bob.open(first), bob.open(third)]).toEqual(["message 0", "message 2"]);
    let message = passed;
    if (which !== "one that was passed over") {
      if (which === "the first of a new chain") expect(alice.open(bob.seal("answer"))).toBe("answer");
      message = alice.seal("message 1");
    }
    const { header, id } = message;
    const withHeader = (change: Partial<RatchetHeader>): RatchetMessage => {
      const altered = { ...header, ...change };
      return { ...message, header: altered, associatedData: dataOf(altered) };
    };
    const ids = Array.from({ length: 16 }, (_, i) => flip(Uint8Array.fromHex(id), i).toHex() as MessageId);
    const altered: readonly RatchetMessage[] = [
      ...Array.from({ length: 32 }, (_, i) => withHeader({ ratchetKey: flip(header.ratchetKey, i) })),
      ...bits(header.number).map((number) => withHeader({ number })),
      ...bits(header.previous).map((previous) => withHeader({ previous })),
      ...Array.from(message.associatedData, (_, i) => ({
        ...message,
        associatedData: flip(message.associatedData, i),
      })),
      ...Array.from(message.sealed, (_, i) => ({ ...message, sealed: flip(message.sealed, i) })),
      ...Array.from(message.sealed, (_, length) => ({ ...message, sealed: message.sealed.slice(0, length) })),
      ...ids.map((other) => ({ ...message, id: other })),
    ];
    for (const one of altered) expectRefused(bob, one, CODES);
    expect(altered.length).toBeGreaterThan(150);
    expect(bob.open(message)).toBe("message 1");
  });

  test.each(BAD_PUBLIC_KEYS.curve25519)("the ratchet key %s: e2ee.invalid", (_name, ratchetKey) => {
    const first = alice.seal();
    const bad = (message: RatchetMessage) => ({ ...message, header: { ...message.header, ratchetKey } });
    expectRefused(bob, bad(first), ["e2ee.invalid"]);
    expect(bob.open(first)).toBe("message 0");
    expectRefused(bob, bad(alice.seal()), ["e2ee.invalid"]);
    const secret = keyOf(1);
    using watch = new SecretWatch();
    expect<unknown>(codeOr(() => startSender(env, secret, ratchetKey))).toBe("e2ee.invalid");
    expect([...watch.alive(), secret.wiped]).toEqual([true]);
  });

  test("an error of ours passes through, and leaves nothing behind either", () => {
    const sent = at(many(alice, 3), 2);
    const open = (): never => {
      throw new Error("a bug");
    };
    const before = snapshot(bob.ratchet);
    using watch = new SecretWatch();
    const broken = { ...env, crypto: { ...fakeCrypto, open } };
    expect(() => openMessage(broken, bob.ratchet, sent)).toThrow("a bug");
    expect(watch.alive()).toEqual([]);
    expect(snapshot(bob.ratchet)).toBe(before);
  });
});

test("what it takes over is wiped in time, what it borrows is not", () => {
  const secret = keyOf(1);
  const sender = startSender(env, secret, prekeyPublic());
  expect([secret.wiped, secretsOf(sender).some(({ wiped }) => wiped)]).toEqual([true, false]);
  const taken = keyOf(1);
  const receiver = startReceiver(taken, prekey);
  expect(receiver.rootKey).toBe(taken);
  const side = new Side(receiver);
  expect(side.open(new Side(sender).seal("hello"))).toBe("hello");
  expect([taken.wiped, prekey.wiped]).toEqual([true, false]);
  expect(reveal(prekey)).toEqual(reveal(keyOf(4)));
});
