import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { concat, u16, utf8 } from "../../../core/bytes.ts";
import {
  DH_BYTES,
  KEM_CIPHERTEXT_BYTES,
  KEM_PUBLIC_BYTES,
  KEY_BYTES,
  SIGN_KEY_BYTES,
  SIGNATURE_BYTES,
} from "../../../core/crypto/provider.ts";
import { ERRORS, type ErrorCode } from "../../../core/errors.ts";
import {
  CONVERSATION_ID_BYTES,
  DEVICE_ID_BYTES,
  DEVICE_LIST_MAX_BYTES,
  ENVELOPE_MAX_BYTES,
  NAME_MAX_BYTES,
  OPENING_MAX_BYTES,
  PREKEY_BYTES,
  TICKET_MAX_BYTES,
} from "../../../core/limits.ts";
import { KE1_BYTES, KE2_BYTES, KE3_BYTES } from "../../../core/opaque/messages.ts";
import { Bundle, DeviceList, Prekey, SignedPrekey } from "../../../core/wire/account.ts";
import { decodeAll, encodeAll } from "../../../core/wire/codec.ts";
import { Envelope, Opening, TicketBody } from "../../../core/wire/endToEnd.ts";
import { FRAME_HEADER_BYTES, PADDING_TYPE } from "../../../core/wire/frames.ts";
import {
  CLIENT_MESSAGES,
  type ClientMessage,
  clientFrames,
  SERVER_MESSAGES,
  serverFrames,
} from "../../../core/wire/messages.ts";
import { codeOr, failure } from "../../support/codes.ts";
import {
  device,
  FROZEN_FRAMES,
  framesOf,
  hex,
  type Message,
  message,
  SIDES,
  user,
} from "../../support/frozenFrames.ts";
import { laidOpen, STRUCTURES } from "../../support/messages.ts";
import { mutate } from "../../support/mutate.ts";
import { Seeded } from "../../support/seeded.ts";

const malformed = (fn: () => unknown) => expect(codeOr(fn)).toBe("wire.malformed");

describe("type numbers", () => {
  test("are these, for good: none is ever used for something else", () => {
    const numbers = Object.entries({ ...CLIENT_MESSAGES, ...SERVER_MESSAGES }).map(([kind, { type }]) => [type, kind]);
    expect(numbers).toEqual([
      [1, "loginStart"],
      [2, "loginFinish"],
      [3, "attach"],
      [4, "ticketRequest"],
      [5, "send"],
      [6, "acknowledge"],
      [7, "logout"],
      [8, "solution"],
      [9, "guessesSeen"],
      [10, "createAccount"],
      [11, "putWraps"],
      [12, "putDevices"],
      [13, "putPrekeys"],
      [14, "putPin"],
      [15, "passwordStart"],
      [16, "passwordFinish"],
      [64, "loginResponse"],
      [65, "presence"],
      [66, "unregistered"],
      [67, "attached"],
      [68, "grant"],
      [69, "absent"],
      [70, "bounced"],
      [71, "delivery"],
      [72, "confirmed"],
      [73, "goodbye"],
      [74, "puzzle"],
      [75, "guesses"],
      [76, "account"],
      [77, "pins"],
      [78, "devices"],
      [79, "pinStands"],
      [80, "prekeysLow"],
      [81, "passwordResponse"],
      [82, "passwordResult"],
      [83, "wrapsStand"],
    ]);
    expect(new Set(numbers.map(([type]) => type)).size).toBe(numbers.length);
    expect(PADDING_TYPE).toBe(0);
  });

  test("tell the direction, so that nobody's frames can be sent back to them", () => {
    for (const { type } of Object.values(CLIENT_MESSAGES)) expect(type).toBeWithin(1, 64);
    for (const { type } of Object.values(SERVER_MESSAGES)) expect(type).toBeWithin(64, 256);
  });

  test.each(SIDES)("%s: every other is refused", (_, frames, registry) => {
    const known = new Set<number>([PADDING_TYPE, ...Object.values(registry).map(({ type }) => type)]);
    for (let type = 0; type < 256; type += 1) {
      const { detail } = failure(() => frames.decode(Uint8Array.of(type, 0, 1, 0xff)));
      expect([type, detail === "unknown frame type"]).toEqual([type, !known.has(type)]);
    }
  });
});

describe("the bytes of a frame", () => {
  test("are fixed here for every message", () => {
    expect(FROZEN_FRAMES.map(([kind]) => kind)).toEqual([
      ...Object.keys(CLIENT_MESSAGES),
      ...Object.keys(SERVER_MESSAGES),
    ] as Message["kind"][]);
  });

  test.each(FROZEN_FRAMES)("%s", (_, value, bytes) => {
    const frames = framesOf(value);
    expect(frames.encode(value).toHex()).toBe(bytes.toHex());
    expect(frames.decode(bytes).map(laidOpen)).toEqual([laidOpen(value)]);
  });

  test.each(FROZEN_FRAMES)("%s: cut at every byte it is refused, and so with one more", (_, value, bytes) => {
    const frames = framesOf(value);
    for (let length = 0; length < bytes.length; length += 1) malformed(() => frames.decode(bytes.subarray(0, length)));
    malformed(() => frames.decode(concat(bytes, Uint8Array.of(0))));
  });

  test.each(FROZEN_FRAMES)("%s: a body of any other length is refused, declared as it is", (_, value, bytes) => {
    const [type = 0] = bytes;
    const body = bytes.subarray(FRAME_HEADER_BYTES);
    const framed = (other: Uint8Array): Uint8Array => concat(Uint8Array.of(type), u16(other.length), other);
    const frames = framesOf(value);
    for (let length = 0; length < body.length; length += 1) {
      malformed(() => frames.decode(framed(body.subarray(0, length))));
    }
    for (const extra of [0x00, 0x80]) malformed(() => frames.decode(framed(concat(body, Uint8Array.of(extra)))));
  });

  test.each(FROZEN_FRAMES)("%s: a declared length of 65,535 is refused", (_, value, bytes) => {
    const lying = bytes.slice();
    lying.set([0xff, 0xff], 1);
    expect(failure(() => framesOf(value).decode(lying)).detail).toBe("ends too early");
  });
});

/** `core/wire` knows no cryptography, so it has these lengths as plain numbers. */
test("fields are as long as what they carry", () => {
  const { loginStart, loginFinish, attach } = CLIENT_MESSAGES;
  const { loginResponse, grant } = SERVER_MESSAGES;
  const name = 2 + NAME_MAX_BYTES;
  expect(loginStart.codec.maxBytes).toBe(name + KE1_BYTES);
  expect(loginResponse.codec.maxBytes).toBe(KE2_BYTES);
  expect(loginFinish.codec.maxBytes).toBe(KE3_BYTES);
  expect(attach.codec.maxBytes).toBe(DEVICE_ID_BYTES + 4);
  const conversation = CONVERSATION_ID_BYTES + KEY_BYTES;
  const ticket = 2 + TICKET_MAX_BYTES;
  expect(grant.codec.maxBytes).toBe(name + DEVICE_ID_BYTES + conversation + ticket + Bundle.maxBytes);
  const parties = 2 * (name + DEVICE_ID_BYTES + SIGN_KEY_BYTES);
  expect(TicketBody.maxBytes).toBe(1 + conversation + parties + 8 + 8);
  const keys = DH_BYTES + KEM_PUBLIC_BYTES;
  expect(PREKEY_BYTES).toBe(1 + DEVICE_ID_BYTES + 4 + keys + 8);
  expect(Prekey.maxBytes).toBe(PREKEY_BYTES);
  expect(SignedPrekey.maxBytes).toBe(4 + PREKEY_BYTES + SIGNATURE_BYTES);
  expect(DeviceList.maxBytes).toBe(DEVICE_LIST_MAX_BYTES);
  const listed = 2 + DEVICE_LIST_MAX_BYTES + SIGNATURE_BYTES;
  const opening = ticket + SIGN_KEY_BYTES + listed + DH_BYTES + 4 + 4 + KEM_CIPHERTEXT_BYTES;
  expect(Opening.maxBytes).toBe(opening);
  expect(opening).toBeLessThanOrEqual(OPENING_MAX_BYTES);
  expect(Envelope.maxBytes).toBeLessThanOrEqual(ENVELOPE_MAX_BYTES);
});

describe("fields at their edges", () => {
  const delivery = (time: string) => hex(`47 0025 ${"00".repeat(16)} 0001 61 ${"00".repeat(8)} ${time} 0000`);
  const presence = (name: string, devices = "00"): Uint8Array => {
    const body = concat(u16(utf8(name).length), utf8(name), hex(devices));
    return concat(Uint8Array.of(65), u16(body.length), body);
  };
  const unregistered = (name: string): Uint8Array => {
    const body = concat(u16(utf8(name).length), utf8(name));
    return concat(Uint8Array.of(66), u16(body.length), body);
  };

  test.each([
    ["a name in any case, to be shown", presence("A.l-i_CE9")],
    ["the longest name", presence("x".repeat(32))],
    ["64 devices", presence("al", `40 ${"00".repeat(64 * 8)}`)],
    ["the longest name in lower case", unregistered("x".repeat(32))],
    ["a time of 2^53 - 1", delivery("001fffffffffffff")],
    ["a reason that this version does not know", hex("49 0004 ffff 0000")],
  ])("accepted: %s", (_, bytes) => {
    expect(concat(...serverFrames.decode(bytes).map((one) => serverFrames.encode(one)))).toEqual(bytes);
  });

  test.each([
    ["an empty name", presence("")],
    ["a name of 33 letters", presence("x".repeat(33))],
    ["a name with a space", presence("a b")],
    ["a name with an escape", presence("a\u001b[31m")],
    ["a name with a direction override", presence("a\u202eb")],
    ["a look-alike", presence("\u0430lice")],
    ["a path", presence("../al")],
    ["65 devices", presence("al", `41 ${"00".repeat(65 * 8)}`)],
    ["a device too few", presence("al", `02 ${"00".repeat(8)}`)],
    ["half a device", presence("al", `01 ${"00".repeat(7)}`)],
    ["a name in upper case where the protocol's is due", unregistered("Al")],
    ["a time of 2^53", delivery("0020000000000000")],
    ["a puzzle that asks for nothing", hex("4a 0001 00")],
    ["a puzzle that nobody solves", hex("4a 0001 15")],
    [
      "guesses from 17 prefixes",
      hex(`4b 01d0 11 ${"0005 3a3a2f3438 00000001 0000000000000001 0000000000000001".repeat(17)} 00000000`),
    ],
    [
      "a prefix of 49 bytes",
      hex(`4b 004c 01 0031 ${"61".repeat(49)} 00000001 0000000000000001 0000000000000001 00000000`),
    ],
  ])("refused: %s", (_, bytes) => {
    malformed(() => serverFrames.decode(bytes));
  });

  test.each([0, 1, 16383, 16384])("accepted: an envelope of %d bytes", (length) => {
    const sent: ClientMessage = { kind: "send", message, user, device, envelope: new Uint8Array(length).fill(1) };
    expect(clientFrames.decode(clientFrames.encode(sent))).toEqual([sent]);
  });

  test("an envelope of one byte more is the sender's bug, and refused by the receiver", () => {
    const sent = (length: number): ClientMessage => {
      return { kind: "send", message, user, device, envelope: new Uint8Array(length) };
    };
    expect(() => clientFrames.encode(sent(16385))).toThrow("out of bounds");
    const most = clientFrames.encode(sent(16384));
    const over = concat(most, Uint8Array.of(1));
    const envelopeLengthAt = FRAME_HEADER_BYTES + 16 + 4 + 8;
    over.set(u16(most.length - FRAME_HEADER_BYTES + 1), 1);
    over.set(u16(16385), envelopeLengthAt);
    expect(failure(() => clientFrames.decode(over)).detail).toBe("field too long");
  });
});

describe("for every structure", () => {
  test.each(STRUCTURES)("%s: decode inverts encode", (_, codec, arbitrary) => {
    fc.assert(
      fc.property(arbitrary, (value) => {
        const bytes = encodeAll(codec, value);
        expect(bytes.length).toBeLessThanOrEqual(codec.maxBytes);
        expect(laidOpen(decodeAll(codec, bytes))).toEqual(laidOpen(value));
      }),
      { numRuns: 50 },
    );
  });

  test.each(STRUCTURES)(
    "%s: any bytes are refused as the peer's fault or re-encode to themselves",
    (_, codec, arbitrary) => {
      const nearly = fc
        .tuple(arbitrary, fc.integer())
        .map(([value, seed]) => mutate(new Seeded(seed), encodeAll(codec, value)));
      fc.assert(
        fc.property(fc.oneof(fc.uint8Array({ maxLength: 400 }), nearly), (bytes) => {
          const value = codeOr(() => decodeAll(codec, bytes));
          if (typeof value === "string") expect(ERRORS[value as ErrorCode].blame).toBe("peer");
          else expect(encodeAll(codec, value)).toEqual(bytes);
        }),
        { numRuns: 100 },
      );
    },
  );

  test.each(STRUCTURES)("%s: no proper beginning of an encoding is one", (_, codec, arbitrary) => {
    fc.assert(
      fc.property(arbitrary, fc.nat(), (value, at) => {
        const bytes = encodeAll(codec, value);
        if (bytes.length === 0) return;
        malformed(() => decodeAll(codec, bytes.subarray(0, at % bytes.length)));
      }),
      { numRuns: 50 },
    );
  });
});
