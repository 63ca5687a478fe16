import { describe, expect, test } from "bun:test";
import { ristretto255, ristretto255_oprf } from "@noble/curves/ed25519.js";
import fc from "fast-check";
import { utf8 } from "../../../core/bytes.ts";
import { decodeElement, oprfBlind, oprfDeriveKey, oprfEvaluate, oprfFinalize } from "../../../core/crypto/oprf.ts";
import { filled, hex, refusal, reveal, secret } from "../../support/primitives.ts";
import { externalVectors } from "../../support/vectors.ts";

const { oprf } = ristretto255_oprf;
const ORDER = ristretto255.Point.Fn.ORDER;

interface Suite {
  readonly identifier: string;
  readonly mode: number;
  readonly seed: string;
  readonly keyInfo: string;
  readonly skSm: string;
  readonly vectors: readonly {
    readonly Blind: string;
    readonly BlindedElement: string;
    readonly EvaluationElement: string;
    readonly Input: string;
    readonly Output: string;
  }[];
}

const suites = (externalVectors("oprf") as readonly Suite[] | null) ?? [];
const suite = suites.filter(({ identifier, mode }) => identifier === "ristretto255-SHA512" && mode === 0);

function littleEndian(value: bigint, length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => Number((value >> BigInt(8 * i)) & 0xffn));
}

function scalarOf(bytes: Uint8Array): bigint {
  return bytes.reduceRight((sum, byte) => sum * 256n + BigInt(byte), 0n);
}

/** The 48 bytes from which `oprfBlind` makes this blind: the blind less one, little endian. */
function drawFor(blind: string): Uint8Array {
  return littleEndian(scalarOf(hex(blind)) - 1n, 48);
}

describe.each(suite)("RFC 9497 appendix A.1.1", ({ seed, keyInfo, skSm, vectors }) => {
  test("the key, from bytes and from a secret", () => {
    expect(reveal(oprfDeriveKey(hex(seed), hex(keyInfo))).toHex()).toBe(skSm);
    expect(reveal(oprfDeriveKey(secret(hex(seed)), hex(keyInfo))).toHex()).toBe(skSm);
  });

  test.each(vectors)("blind, evaluate, finalize (%#)", (vector) => {
    using input = secret(hex(vector.Input));
    using key = secret(hex(skSm));
    const { blind, blinded } = oprfBlind(input, () => drawFor(vector.Blind));
    expect(reveal(blind).toHex()).toBe(vector.Blind);
    expect(blinded.toHex()).toBe(vector.BlindedElement);
    const evaluated = oprfEvaluate(key, blinded);
    expect(evaluated.toHex()).toBe(vector.EvaluationElement);
    using output = oprfFinalize(input, blind, evaluated);
    expect(reveal(output).toHex()).toBe(vector.Output);
    expect(reveal(input).toHex()).toBe(vector.Input);
  });
});

test("agrees with noble's own OPRF, step by step", () => {
  const draw = fc.uint8Array({ minLength: 48, maxLength: 48 });
  const seed = fc.uint8Array({ minLength: 32, maxLength: 32 });
  const any = fc.uint8Array({ maxLength: 300 });
  fc.assert(
    fc.property(any, draw, seed, any, (bytes, random, seedBytes, info) => {
      using input = secret(bytes);
      using key = oprfDeriveKey(seedBytes, info);
      expect(reveal(key)).toEqual(oprf.deriveKeyPair(seedBytes, info).secretKey);
      const theirs = oprf.blind(bytes, () => random.slice());
      const { blind, blinded } = oprfBlind(input, () => random.slice());
      expect(reveal(blind)).toEqual(theirs.blind);
      expect(blinded).toEqual(theirs.blinded);
      const evaluated = oprfEvaluate(key, blinded);
      expect(evaluated).toEqual(oprf.blindEvaluate(reveal(key), blinded));
      using output = oprfFinalize(input, blind, evaluated);
      expect(reveal(output)).toEqual(oprf.finalize(bytes, theirs.blind, evaluated));
    }),
    { numRuns: 20 },
  );
});

test.each([
  [0n, 1n],
  [1n, 2n],
  [ORDER - 2n, ORDER - 1n],
  [ORDER - 1n, 1n],
  [ORDER, 2n],
])("the draw %p gives the blind %p, which is never 0", (draw, expected) => {
  using input = secret(utf8("input"));
  const { blind, blinded } = oprfBlind(input, () => littleEndian(draw, 48));
  expect(scalarOf(reveal(blind))).toBe(expected);
  expect(decodeElement(blinded).toBytes().toHex()).toBe(blinded.toHex());
});

test("48 bytes are drawn once, and wiped", () => {
  const draws: Uint8Array[] = [];
  using input = secret(utf8("input"));
  oprfBlind(input, (length) => {
    const bytes = filled(length, 3);
    draws.push(bytes);
    return bytes;
  });
  expect(draws).toEqual([new Uint8Array(48)]);
});

/** RFC 9496 appendix A.2, and what RFC 9497 §3.3 adds. */
const INVALID: readonly (readonly [string, string])[] = [
  ["the identity", "00".repeat(32)],
  ["no bytes", ""],
  ["31 bytes", "00".repeat(31)],
  ["33 bytes", `e2f2ae0a6abc4e71a884a961c500515f58e30b6aa582dd8db6a65945e08d2d76${"00"}`],
  ["not canonical: all ones but the first byte", `00${"ff".repeat(31)}`],
  ["not canonical: 2^255 - 1", `${"ff".repeat(31)}7f`],
  ["not canonical: p + 6", `f3${"ff".repeat(30)}7f`],
  ["not canonical: p", `ed${"ff".repeat(30)}7f`],
  ["negative: 1", `01${"00".repeat(31)}`],
  ["negative: p - 236", `01${"ff".repeat(30)}7f`],
  ["negative", "ed57ffd8c914fb201471d1c3d245ce3c746fcbe63a3679d51b6a516ebebe0e20"],
  ["negative", "c34c4e1826e5d403b78e246e88aa051c36ccf0aafebffe137d148a2bf9104562"],
  ["not a square", "26948d35ca62e643e26a83177332e6b6afeb9d08e4268b650f1f5bbd8d81d371"],
  ["not a square", "4eac077a713c57b4f4397629a4145982c661f48044dd3f96427d40b147d9742f"],
];

test.each(INVALID)("refuses an element that is none: %s (%s)", async (_what, encoded) => {
  using key = oprfDeriveKey(filled(32, 1), utf8("test"));
  using input = secret(utf8("input"));
  const { blind } = oprfBlind(input, (length) => filled(length, 4));
  expect(await refusal(() => oprfEvaluate(key, hex(encoded)))).toBe("crypto.badKey");
  expect(await refusal(() => oprfFinalize(input, blind, hex(encoded)))).toBe("crypto.badKey");
});

test("an input above 65,535 bytes, or a seed not of 32, is a bug", async () => {
  using longest = secret(new Uint8Array(65535));
  using tooLong = secret(new Uint8Array(65536));
  const { blind, blinded } = oprfBlind(longest, (length) => filled(length, 4));
  expect(await refusal(() => oprfBlind(tooLong, (length) => filled(length, 4)))).toBe("plain");
  expect(await refusal(() => oprfFinalize(tooLong, blind, blinded))).toBe("plain");
  for (const length of [0, 31, 33]) {
    expect(await refusal(() => oprfDeriveKey(filled(length, 1), utf8("test")))).toBe("plain");
  }
});
