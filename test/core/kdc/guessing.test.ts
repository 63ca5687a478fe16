import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { nativeCrypto } from "../../../core/crypto/native.ts";
import { attemptsKey, countedName, type GuessHistory, puzzleBits, waitSeconds } from "../../../core/kdc/guessing.ts";
import { parseUserName } from "../../../core/name.ts";
import { Secret } from "../../../core/secret.ts";

const NOW = 1_800_000_000_000;
const history = (change: Partial<GuessHistory>): GuessHistory => {
  return {
    here: 0,
    lastHereMs: NOW,
    inHour: 0,
    fromPrefix: 0,
    known: false,
    knownToAnybody: false,
    underWay: 0,
    ...change,
  };
};

describe("one name from one prefix", () => {
  test.each([
    [0, 0],
    [4, 0],
    [5, 2],
    [6, 4],
    [7, 8],
    [12, 256],
    [13, 512],
    [14, 900],
    [15, 900],
    [1000, 900],
  ])("after %d failures, the last of them now: %d seconds", (here, seconds) => {
    expect(waitSeconds(history({ here }), NOW)).toBe(seconds);
  });

  test("the wait runs from the last failure, to the millisecond", () => {
    const third = history({ here: 7 });
    expect(waitSeconds(third, NOW + 1)).toBe(8);
    expect(waitSeconds(third, NOW + 1000)).toBe(7);
    expect(waitSeconds(third, NOW + 7999)).toBe(1);
    expect(waitSeconds(third, NOW + 8000)).toBe(0);
  });

  test("a clock that was set back lengthens no wait beyond its own length", () => {
    expect(waitSeconds(history({ here: 7, lastHereMs: NOW + 3_600_000 }), NOW)).toBe(8);
    expect(waitSeconds(history({ here: 4, lastHereMs: NOW + 3_600_000 }), NOW)).toBe(0);
  });

  test("somebody who never stops guessing has 96 guesses a day, and the 14 before", () => {
    let [now, here, lastHereMs] = [NOW, 0, 0];
    while (now < NOW + 24 * 3_600_000) {
      const seconds = waitSeconds(history({ here, lastHereMs }), now);
      if (seconds > 0) now += seconds * 1000;
      else [here, lastHereMs] = [here + 1, now];
    }
    expect(here).toBeWithin(96, 96 + 15);
  });
});

describe("one name from anywhere", () => {
  test.each([
    [99, false, 0],
    [100, false, 900],
    [101, false, 900],
    [99, true, 0],
    [100, true, 0],
    [100_000, true, 0],
  ])("%d failures in an hour, at a prefix that is the owner's (%p): %d seconds", (inHour, known, seconds) => {
    expect(waitSeconds(history({ inHour, known }), NOW)).toBe(seconds);
  });

  test("a known prefix has a count of its own all the same", () => {
    expect(waitSeconds(history({ inHour: 200, known: true, here: 6 }), NOW)).toBe(4);
  });
});

describe("logins under way", () => {
  test.each([
    [true, 0, 15, 0],
    [true, 0, 16, 2],
    [true, 0, 17, 4],
    [true, 4, 11, 0],
    [true, 5, 11, 2],
    [false, 0, 4, 0],
    [false, 0, 5, 2],
    [false, 4, 1, 2],
  ])(
    "where anybody has been (%p), %d failures and %d logins under way: %d s",
    (knownToAnybody, failed, underWay, seconds) => {
      expect(waitSeconds(history({ knownToAnybody, here: failed + underWay, underWay }), NOW)).toBe(seconds);
    },
  );
});

test.each([
  [499, false, 0],
  [500, false, 900],
  [500, true, 0],
])("%d failures from a prefix, the user's (%p): %d s", (fromPrefix, known, seconds) => {
  expect(waitSeconds(history({ fromPrefix, known }), NOW)).toBe(seconds);
});

test("any history: a whole number of seconds, from none to fifteen minutes", () => {
  const times = fc.integer({ min: 0, max: 2 * NOW });
  fc.assert(
    fc.property(fc.nat(5000), times, fc.nat(5000), fc.boolean(), times, (here, lastHereMs, inHour, known, now) => {
      const seconds = waitSeconds(history({ here, lastHereMs, inHour, known }), now);
      expect(Number.isInteger(seconds)).toBe(true);
      expect(seconds).toBeWithin(0, 901);
    }),
  );
});

test.each([
  [0, 8, null],
  [8, 8, null],
  [9, 8, 16],
  [15, 8, 16],
  [16, 8, 17],
  [32, 8, 18],
  [8 * 2 ** 4, 8, 20],
  [8 * 2 ** 6, 8, 20],
  [1_000_000, 8, 20],
  [2, 1, 17],
])("%d pieces of strangers' work in line, %d at a time: a puzzle of %p bits", (waiting, inWork, bits) => {
  expect(puzzleBits(waiting, inWork)).toBe(bits);
});

test("a user is counted by name, anybody else by HMAC-SHA-256 under a key of the OPRF seed", () => {
  using seed = Secret.take(new Uint8Array(64).fill(3));
  using key = attemptsKey(nativeCrypto, seed);
  const expand = new Bun.CryptoHasher("sha512", new Uint8Array(64).fill(3)).update("IMS/1 attempts\u0001").digest();
  expect(key.use((bytes) => bytes.toHex())).toBe(expand.subarray(0, 32).toString("hex"));
  const alice = parseUserName("Alice");
  expect(countedName(nativeCrypto, key, alice, true)).toBe("alice");
  const mac = new Bun.CryptoHasher("sha256", expand.subarray(0, 32)).update("alice").digest("hex");
  expect(countedName(nativeCrypto, key, alice, false)).toBe(`#${mac}`);
});
