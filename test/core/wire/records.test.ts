import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { concat } from "../../../core/bytes.ts";
import { TAG_BYTES } from "../../../core/crypto/provider.ts";
import { LOGIN_RECORD_BYTES, RECORD_MAX_BYTES, RECORD_PACK_BYTES } from "../../../core/limits.ts";
import { FRAME_HEADER_BYTES } from "../../../core/wire/frames.ts";
import { CLIENT_MESSAGES, clientFrames, SERVER_MESSAGES } from "../../../core/wire/messages.ts";
import { packRecords, padRecord } from "../../../core/wire/records.ts";
import { frozenFrame, hex } from "../../support/frozenFrames.ts";

const FULL = RECORD_PACK_BYTES;
const lengths = (frames: readonly number[]): readonly number[] =>
  packRecords(frames.map((length) => new Uint8Array(length))).map((record) => record.length);

test.each<[string, readonly number[], readonly number[]]>([
  ["no frames, no record", [], []],
  ["one frame", [3], [3]],
  ["frames that share a record", [3, 5, 7], [15]],
  ["frames that fill a record to the last byte", [3, FULL - 3], [FULL]],
  ["one byte more", [3, FULL - 2], [3, FULL - 2]],
  ["a frame as long as a record", [FULL], [FULL]],
  ["a frame as long as a record among others", [3, FULL, 3], [3, FULL, 3]],
  ["a frame longer than that has one to itself", [3, FULL + 1, 3], [3, FULL + 1, 3]],
  ["the longest frames, each alone", [FULL + 71, FULL + 71], [FULL + 71, FULL + 71]],
  ["a record begins anew after each", [FULL - 1, 1, 1], [FULL, 1]],
  ["as many frames as a record may hold", new Array(64).fill(3), [192]],
  ["one frame more", new Array(65).fill(3), [192, 3]],
])("%s", (_, frames, records) => {
  expect(lengths(frames)).toEqual(records);
});

test("a record's plaintext is a copy: the frame can be wiped once it is packed", () => {
  const frame = frozenFrame("attach").slice();
  const [record] = packRecords([frame]);
  frame.fill(0);
  expect(record).toEqual(frozenFrame("attach"));
});

test("the longest frame fits a sealed record", () => {
  for (const { codec } of Object.values({ ...CLIENT_MESSAGES, ...SERVER_MESSAGES })) {
    expect(FRAME_HEADER_BYTES + codec.maxBytes + TAG_BYTES).toBeLessThanOrEqual(RECORD_MAX_BYTES);
  }
});

describe("for any frames", () => {
  const length = fc.oneof(
    { weight: 5, arbitrary: fc.integer({ min: 3, max: 600 }) },
    { weight: 2, arbitrary: fc.integer({ min: 3, max: FULL + 80 }) },
    { weight: 1, arbitrary: fc.integer({ min: FULL - 8, max: FULL + 8 }) },
  );
  /** Each with its number in it, so that order shows. */
  const frames = fc
    .array(length, { maxLength: 40 })
    .map((all) => all.map((bytes, number) => new Uint8Array(bytes).fill(number + 1)));

  test("nothing is lost, added or out of order", () => {
    fc.assert(fc.property(frames, (all) => expect(concat(...packRecords(all))).toEqual(concat(...all))));
  });

  test("no frame is split, no record is too long, and none could have held the next frame as well", () => {
    fc.assert(
      fc.property(frames, (all) => {
        const left = [...all];
        for (const record of packRecords(all)) {
          const held: Uint8Array[] = [];
          let bytes = 0;
          while (bytes < record.length) {
            const frame = left.shift() ?? new Uint8Array(Number.MAX_SAFE_INTEGER);
            held.push(frame);
            bytes += frame.length;
          }
          expect(bytes).toBe(record.length);
          if (held.length !== 1) expect(bytes).toBeLessThanOrEqual(FULL);
          const [next] = left;
          if (next !== undefined) expect(bytes + next.length).toBeGreaterThan(FULL);
        }
        expect(left).toEqual([]);
      }),
    );
  });

  test("what is packed is read again", () => {
    const message = fc.constantFrom("attach" as const, "ticketRequest" as const, "logout" as const);
    fc.assert(
      fc.property(fc.array(message, { maxLength: 50 }), (kinds) => {
        const read = packRecords(kinds.map(frozenFrame)).flatMap((record) => clientFrames.decode(record));
        expect(read.map(({ kind }) => kind)).toEqual(kinds);
      }),
    );
  });
});

describe("padRecord", () => {
  const logout = hex("07 0000");
  test.each([
    ["no frames, just the header", "", 3, "00 0000"],
    ["no frames, one byte", "", 4, "00 0001 00"],
    ["an exact fit: the header and no zeros", "07 0000", 6, "07 0000 00 0000"],
    ["one byte of padding", "07 0000", 7, "07 0000 00 0001 00"],
    ["255 bytes of padding", "07 0000", 261, `07 0000 00 00ff ${"00".repeat(255)}`],
    ["256 bytes of padding", "07 0000", 262, `07 0000 00 0100 ${"00".repeat(256)}`],
    ["a login record without frames", "", 1008, `00 03ed ${"00".repeat(1005)}`],
  ])("%s", (_, frames, bytes, record) => {
    const out = padRecord(hex(frames), bytes);
    expect(out.toHex()).toBe(hex(record).toHex());
    expect(clientFrames.decode(out)).toHaveLength(frames === "" ? 0 : 1);
  });

  test.each([
    ["one byte over: no room for the header", 5],
    ["two over", 4],
    ["frames that fill it to the last byte", 3],
    ["frames that are longer than the record", 2],
    ["nothing", 0],
  ])("%s is the caller's bug", (_, bytes) => {
    expect(() => padRecord(logout, bytes)).toThrow("the frames do not fit");
  });

  test("every frame of the login, and every goodbye, fits a login record", () => {
    const { loginStart, loginFinish } = CLIENT_MESSAGES;
    const { loginResponse, goodbye } = SERVER_MESSAGES;
    for (const { codec } of [loginStart, loginFinish, loginResponse, goodbye]) {
      const longest = new Uint8Array(FRAME_HEADER_BYTES + codec.maxBytes);
      expect(padRecord(longest, LOGIN_RECORD_BYTES - TAG_BYTES)).toHaveLength(1008);
    }
  });
});
