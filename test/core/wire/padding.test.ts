import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { concat } from "../../../core/bytes.ts";
import { TAG_BYTES } from "../../../core/crypto/provider.ts";
import { CONTENT_MIN_BYTES, ENVELOPE_MAX_BYTES, SEALED_MAX_BYTES, TEXT_MAX_BYTES } from "../../../core/limits.ts";
import { Content, Envelope } from "../../../core/wire/endToEnd.ts";
import { padContent, padme, unpadContent } from "../../../core/wire/padding.ts";
import { codeOr } from "../../support/codes.ts";
import { hex } from "../../support/frozenFrames.ts";

/** Algorithm 1 of the PURBs paper as it stands there, on integers: the low bits of a length are rounded up to zeros. */
function paper(length: number): number {
  const exponent = 31 - Math.clz32(length);
  const significandBits = 31 - Math.clz32(exponent) + 1;
  const mask = (1 << (exponent - significandBits)) - 1;
  return (length + mask) & ~mask;
}

describe("padme", () => {
  test.each([
    [0, 64],
    [1, 64],
    [63, 64],
    [64, 64],
    [65, 72],
    [72, 72],
    [73, 80],
    [127, 128],
    [128, 128],
    [129, 144],
    [200, 208],
    [255, 256],
    [256, 256],
    [257, 272],
    [1000, 1024],
    [1024, 1024],
    [1025, 1088],
    [4096, 4096],
    [8192, 8192],
    [8193, 8704],
    [65535, 65536],
    [65536, 65536],
    [65537, 67584],
    [1_000_000, 1_015_808],
  ])("%d becomes %d", (length, padded) => {
    expect(padme(length)).toBe(padded);
  });

  test("is the paper's for every length of a content and beyond, from 64 on", () => {
    const wrong: number[] = [];
    for (let length = CONTENT_MIN_BYTES; length <= 2 ** 17; length += 1) {
      if (padme(length) !== paper(length)) wrong.push(length);
    }
    expect(wrong).toEqual([]);
  });

  test("adds no more than 12 %, never shrinks, and pads what is padded no further", () => {
    fc.assert(
      fc.property(fc.integer({ min: CONTENT_MIN_BYTES, max: 2 ** 24 }), (length) => {
        const padded = padme(length);
        expect(padded).toBeGreaterThanOrEqual(length);
        expect(padded / length).toBeLessThan(1.12);
        expect(padme(padded)).toBe(padded);
        expect(padme(length + 1)).toBeGreaterThanOrEqual(padded);
      }),
    );
  });

  test("leaves few lengths to tell texts apart by", () => {
    const lengths = new Set<number>();
    for (let length = 0; length <= TEXT_MAX_BYTES; length += 1) lengths.add(padme(length));
    expect(lengths.size).toBeLessThan(100);
  });
});

describe("the padding of a content", () => {
  test.each([
    ["of none", 0, 64],
    ["of one byte", 1, 64],
    ["of one that fits just so", 63, 64],
    ["of one byte more", 64, 72],
    ["of one that fits the next just so", 71, 72],
    ["of the longest", Content.maxBytes, 8704],
  ])("%s: %d bytes become %d", (_, length, padded) => {
    const content = new Uint8Array(length).fill(0x80);
    const out = padContent(content);
    expect(out).toEqual(concat(content, Uint8Array.of(0x80), new Uint8Array(padded - length - 1)));
    expect(unpadContent(out)).toEqual(content);
  });

  test("comes off again, whatever the content ends with", () => {
    const end = fc.constantFrom(hex(""), hex("00"), hex("80"), hex("8000"), hex("0000"), hex("80 00 80"));
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), end, (start, last) => {
        const content = concat(start, last);
        const padded = padContent(content);
        expect(unpadContent(padded)).toEqual(content);
        expect(padded.length).toBe(padme(content.length + 1));
      }),
    );
  });

  test("gives a copy", () => {
    const padded = padContent(hex("0102"));
    const content = unpadContent(padded);
    padded.fill(0xee);
    expect(content).toEqual(hex("0102"));
  });

  test.each([
    ["nothing at all", hex("")],
    ["zeros alone", new Uint8Array(64)],
    ["no mark", concat(hex("01"), new Uint8Array(63))],
    ["another mark", concat(hex("01 81"), new Uint8Array(62))],
    ["the mark's bit elsewhere", concat(hex("01 40"), new Uint8Array(62))],
    ["a last byte that is no zero", concat(hex("01 80"), new Uint8Array(61), hex("01"))],
    ["shorter than the least", concat(hex("01 80"), new Uint8Array(61))],
    ["longer than the least, though it would fit", concat(hex("01 80"), new Uint8Array(70))],
    ["a length that no content has", concat(new Uint8Array(64).fill(1), hex("80"))],
    ["the next length but one", concat(new Uint8Array(64).fill(1), hex("80"), new Uint8Array(15))],
  ])("refused: %s", (_, padded) => {
    expect(codeOr(() => unpadContent(padded))).toBe("wire.malformed");
  });

  test("is accepted at one length for each content, and at no other", () => {
    for (let length = 0; length <= 140; length += 1) {
      const accepted: number[] = [];
      for (let padded = length + 1; padded <= 300; padded += 1) {
        const bytes = new Uint8Array(padded).fill(7, 0, length);
        bytes[length] = 0x80;
        if (codeOr(() => unpadContent(bytes)) !== "wire.malformed") accepted.push(padded);
      }
      expect(accepted).toEqual([padme(length + 1)]);
    }
  });

  test("any bytes are refused or the padding of what comes out", () => {
    const plausible = fc
      .tuple(fc.uint8Array({ maxLength: 150 }), fc.nat(200))
      .map(([content, zeros]) => concat(content, hex("80"), new Uint8Array(zeros)));
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), plausible), (padded) => {
        const content = codeOr(() => unpadContent(padded));
        if (typeof content === "string") expect(content).toBe("wire.malformed");
        else expect(padContent(content)).toEqual(padded);
      }),
      { numRuns: 300 },
    );
  });

  test("leaves room for the longest content in an envelope, and for the longest envelope in a frame", () => {
    const rest = Envelope.maxBytes - SEALED_MAX_BYTES;
    expect(rest + padme(Content.maxBytes + 1) + TAG_BYTES).toBeLessThanOrEqual(ENVELOPE_MAX_BYTES);
    expect(Envelope.maxBytes).toBeLessThanOrEqual(ENVELOPE_MAX_BYTES);
  });
});
