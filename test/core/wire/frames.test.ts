/** How frames make a record, by the frames of messages.ts. */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { concat, u16 } from "../../../core/bytes.ts";
import { ERRORS } from "../../../core/errors.ts";
import type { ConversationId } from "../../../core/ids.ts";
import { Secret } from "../../../core/secret.ts";
import { Reader } from "../../../core/wire/codec.ts";
import { FRAME_HEADER_BYTES, PADDING_TYPE, wipeMessage } from "../../../core/wire/frames.ts";
import { clientFrames, type ServerMessage, serverFrames } from "../../../core/wire/messages.ts";
import { padRecord } from "../../../core/wire/records.ts";
import { codeOr } from "../../support/codes.ts";
import { bundle, device, FROZEN_FRAMES, frozenFrame, hex, message, SIDES, user } from "../../support/frozenFrames.ts";
import { anyMessage, laidOpen } from "../../support/messages.ts";
import { mutate } from "../../support/mutate.ts";
import { SecretWatch } from "../../support/secretWatch.ts";
import { Seeded } from "../../support/seeded.ts";

const malformed = (fn: () => unknown) => expect(codeOr(fn)).toBe("wire.malformed");

describe("the frames of a record", () => {
  const logout = frozenFrame("logout");
  const asked = frozenFrame("ticketRequest");

  test("come in their order, however often", () => {
    const kinds = clientFrames.decode(concat(asked, logout, logout, asked)).map(({ kind }) => kind);
    expect(kinds).toEqual(["ticketRequest", "logout", "logout", "ticketRequest"]);
  });

  test.each([
    ["padding of no bytes", hex("00 0000"), 0],
    ["padding alone", hex("00 0002 0000"), 0],
    ["a frame and padding", concat(logout, hex("00 0001 00")), 1],
    ["as many frames as there may be, and padding", concat(...new Array(64).fill(logout), hex("00 0000")), 64],
  ])("accepted: %s", (_, record, count) => {
    expect(clientFrames.decode(record)).toHaveLength(count);
  });

  test.each([
    ["nothing at all", hex("")],
    ["one frame more than there may be", concat(...new Array(65).fill(logout))],
    ["a type alone", hex("07")],
    ["half a length", hex("07 00")],
    ["padding that ends too early", hex("00 0002 00")],
    ["padding longer than it says", hex("00 0001 00 00")],
    ["a frame after padding", concat(hex("00 0001 00"), logout)],
    ["a frame after padding of no bytes", concat(hex("00 0000"), logout)],
    ["padding after padding", hex("00 0000 00 0000")],
    ["padding that is not zero at its start", hex("00 0003 010000")],
    ["padding that is not zero at its end", hex("00 0003 000001")],
    ["a good frame, then an unknown one", concat(logout, hex("3f 0000"))],
    ["a good frame, then one of the other side", concat(logout, hex("49 0002 0000"))],
    ["a frame with a body where none is due", hex("07 0001 00")],
    ["65,535 bytes of padding, none there", hex("00 ffff")],
  ])("refused: %s", (_, record) => {
    malformed(() => clientFrames.decode(record));
  });

  test.each(SIDES)("%s: cut anywhere but between two frames, the whole record is refused", (_, frames, registry) => {
    const all = FROZEN_FRAMES.filter(([kind]) => kind in registry).map(([, , bytes]) => bytes);
    const record = concat(...all);
    const seams = new Map<number, number>();
    all.reduce((end, frame, at) => {
      seams.set(end + frame.length, at + 1);
      return end + frame.length;
    }, 0);
    for (let length = 0; length <= record.length; length += 1) {
      const frameCount = seams.get(length);
      const cut = record.subarray(0, length);
      if (frameCount === undefined) malformed(() => frames.decode(cut));
      else expect(frames.decode(cut)).toHaveLength(frameCount);
    }
  });

  test("keep no secret when a later frame is refused", () => {
    const grant = frozenFrame("grant");
    for (const tail of ["ff 0000", "00 0001 01", "44", "44 ffff", "43 000b 0001 61 0020000000000000"]) {
      using watch = new SecretWatch();
      malformed(() => serverFrames.decode(concat(grant, grant, hex(tail))));
      expect(watch.count).toBe(2);
      expect(watch.alive()).toEqual([]);
    }
  });

  test("are copies", () => {
    const received = Buffer.from(frozenFrame("send"));
    const [sent] = clientFrames.decode(received);
    received.fill(0xee);
    expect(sent).toEqual({ kind: "send", message, user, device, envelope: hex("a0a1a2") });
  });
});

test("wipeMessage wipes what a message holds of secrets, and no more", () => {
  const key = Secret.copy(new Uint8Array(32).fill(1));
  const ticket = Uint8Array.of(7);
  const conversation = "00000000000000000000000000000000" as ConversationId;
  wipeMessage({ kind: "grant", user, device, conversation, key, ticket, bundle } satisfies ServerMessage);
  expect(key.wiped).toBe(true);
  expect(ticket).toEqual(Uint8Array.of(7));
});

describe("for every record", () => {
  test.each(SIDES)("%s: decode inverts encode, with and without padding", (side, frames) => {
    fc.assert(
      fc.property(
        fc.array(anyMessage[side], { minLength: 1, maxLength: 6 }),
        fc.option(fc.nat(1000)),
        (messages, gap) => {
          const plain = concat(...messages.map((one) => frames.encode(one)));
          const record = gap === null ? plain : padRecord(plain, plain.length + FRAME_HEADER_BYTES + gap);
          expect(frames.decode(record).map(laidOpen)).toEqual(messages.map(laidOpen));
        },
      ),
    );
  });

  test.each(SIDES)(
    "%s: any bytes are refused as the peer's fault or re-encode to themselves",
    (side, frames, registry) => {
      const types = [PADDING_TYPE, ...Object.values(registry).map(({ type }) => type)];
      const plausible = fc
        .array(fc.tuple(fc.constantFrom(...types), fc.uint8Array({ maxLength: 80 })), { maxLength: 3 })
        .map((parts) => concat(...parts.map(([type, body]) => concat(Uint8Array.of(type), u16(body.length), body))));
      const nearly = fc
        .tuple(fc.array(anyMessage[side], { minLength: 1, maxLength: 3 }), fc.integer())
        .map(([messages, seed]) => mutate(new Seeded(seed), concat(...messages.map((one) => frames.encode(one)))));
      fc.assert(
        fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), plausible, nearly), (bytes) => {
          const messages = codeOr(() => frames.decode(bytes));
          if (typeof messages === "string") {
            expect(ERRORS[messages].blame).toBe("peer");
            return;
          }
          const plain = concat(...messages.map((one) => frames.encode(one)));
          expect(plain.length < bytes.length ? padRecord(plain, bytes.length) : plain).toEqual(bytes);
        }),
        { numRuns: 600 },
      );
    },
  );
});

test("a reader that has been refused wipes what it read", () => {
  const reader = new Reader(hex("0102"));
  const read = reader.secret(2);
  reader.refuse();
  expect(read.wiped).toBe(true);
});
