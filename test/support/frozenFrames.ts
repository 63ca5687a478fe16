/** One frame of each message, and its bytes, for good: they change only with the version of the protocol. */
import type { ConversationId, DeviceId, MessageId } from "../../core/ids.ts";
import { PREKEY_BYTES } from "../../core/limits.ts";
import type { UserName } from "../../core/name.ts";
import { Secret } from "../../core/secret.ts";
import type { PinName } from "../../core/wire/account.ts";
import type { FrameCodec } from "../../core/wire/frames.ts";
import {
  CLIENT_MESSAGES,
  type ClientMessage,
  clientFrames,
  SERVER_MESSAGES,
  type ServerMessage,
  serverFrames,
} from "../../core/wire/messages.ts";

export type Message = ClientMessage | ServerMessage;

/** Either side's frames, for tables that hold both. */
export const SIDES = [
  ["client", clientFrames as unknown as FrameCodec<Message>, CLIENT_MESSAGES],
  ["server", serverFrames as unknown as FrameCodec<Message>, SERVER_MESSAGES],
] as const;

/** The frames that `message` belongs to. */
export function framesOf({ kind }: Message): FrameCodec<Message> {
  return kind in CLIENT_MESSAGES ? SIDES[0][1] : SIDES[1][1];
}

/** Bytes from hexadecimal with spaces in it. */
export function hex(digits: string): Uint8Array {
  return Uint8Array.fromHex(digits.replaceAll(" ", ""));
}

export const user = "al" as UserName;
export const device = "00000000000000d1" as DeviceId;
export const message = "000000000000000000000000000000e1" as MessageId;
const conversation = "000000000000000000000000000000c1" as ConversationId;
const filled = (length: number, value: number): Uint8Array => new Uint8Array(length).fill(value);
const key = Secret.take(filled(32, 0x4b));

const address = "0002 616c 00000000000000d1";
const id = "000000000000000000000000000000e1";

const keys = {
  ...{ identityKey: filled(32, 0x66), identityWrap: hex("a1"), accountWrap: hex("a2"), recoveryWrap: hex("") },
};
const KEYS = `${"66".repeat(32)} 0001 a1 0001 a2 0000`;
const devices = { list: hex("d0"), signature: filled(64, 0x5d) };
const DEVICES = `0001 d0 ${"5d".repeat(64)}`;
const prekey = { id: 5, prekey: filled(PREKEY_BYTES, 0x9e), signature: filled(64, 0x5e) };
const PREKEY = `00000005 ${"9e".repeat(PREKEY_BYTES)} ${"5e".repeat(64)}`;
/** A bundle of the right lengths, signed by nobody. */
export const bundle = { identityKey: filled(32, 0x66), devices, signed: prekey, oneTime: null };
const BUNDLE = `${"66".repeat(32)} ${DEVICES} ${PREKEY} 00`;
const pin = { name: "0000000000000000000000000000000e" as PinName, version: 1, sealed: hex("b1") };
const PIN = "0000000000000000000000000000000e 00000001 0001 b1";

const TABLE: readonly (readonly [Message, string])[] = [
  [{ kind: "loginStart", user, ke1: filled(96, 0x11) }, `01 0064 0002 616c ${"11".repeat(96)}`],
  [{ kind: "loginFinish", ke3: filled(64, 0x33) }, `02 0040 ${"33".repeat(64)}`],
  [{ kind: "attach", device, logins: 7 }, "03 000c 00000000000000d1 00000007"],
  [{ kind: "ticketRequest", user, device }, `04 000c ${address}`],
  [{ kind: "send", message, user, device, envelope: hex("a0a1a2") }, `05 0021 ${id} ${address} 0003 a0a1a2`],
  [{ kind: "acknowledge", message, user, device }, `06 001c ${id} ${address}`],
  [{ kind: "logout" }, "07 0000"],
  [{ kind: "solution", nonce: filled(8, 0x55) }, `08 0008 ${"55".repeat(8)}`],
  [{ kind: "guessesSeen" }, "09 0000"],
  [{ kind: "createAccount", keys, replaces: filled(32, 0x77) }, `0a 0049 ${KEYS} 01 ${"77".repeat(32)}`],
  [
    { kind: "putWraps", identityKey: filled(32, 0x66), accountWrap: hex("a2"), recoveryWrap: hex("") },
    `0b 0025 ${"66".repeat(32)} 0001 a2 0000`,
  ],
  [{ kind: "putDevices", devices }, `0c 0043 ${DEVICES}`],
  [
    { kind: "putPrekeys", device, signed: prekey, oneTime: [prekey] },
    `0d 0a3c 00000000000000d1 01 ${PREKEY} 01 ${PREKEY}`,
  ],
  [{ kind: "putPin", pin }, `0e 0017 ${PIN}`],
  [
    { kind: "passwordStart", ke1: filled(96, 0x11), request: filled(32, 0x12) },
    `0f 0080 ${"11".repeat(96)} ${"12".repeat(32)}`,
  ],
  [
    { kind: "passwordFinish", ke3: filled(64, 0x33), record: filled(192, 0x34), accountWrap: hex("a2") },
    `10 0103 ${"33".repeat(64)} ${"34".repeat(192)} 0001 a2`,
  ],
  [{ kind: "loginResponse", ke2: filled(320, 0x22) }, `40 0140 ${"22".repeat(320)}`],
  [
    { kind: "presence", name: "Al", devices: [device, device] },
    "41 0015 0002 416c 02 00000000000000d1 00000000000000d1",
  ],
  [{ kind: "unregistered", user }, "42 0004 0002 616c"],
  [{ kind: "attached", name: "Al" }, "43 0004 0002 416c"],
  [
    { kind: "grant", user, device, conversation, key, ticket: hex("7e"), bundle },
    `44 05bc ${address} 000000000000000000000000000000c1 ${"4b".repeat(32)} 0001 7e ${BUNDLE}`,
  ],
  [{ kind: "absent", user, device }, `45 000c ${address}`],
  [{ kind: "bounced", message, user, device }, `46 001c ${id} ${address}`],
  [
    { kind: "delivery", message, user, device, receivedAt: 0x0102030405, envelope: hex("a0") },
    `47 0027 ${id} ${address} 0000000102030405 0001 a0`,
  ],
  [{ kind: "confirmed", message, user, device }, `48 001c ${id} ${address}`],
  [{ kind: "goodbye", reason: 0x0201, waitSeconds: 0x0384 }, "49 0004 0201 0384"],
  [{ kind: "puzzle", bits: 20 }, "4a 0001 14"],
  [
    {
      kind: "guesses",
      prefixes: [{ from: "::/48", count: 7, firstMs: 0x0102030405, lastMs: 0x0102030406 }],
      others: 9,
    },
    "4b 0020 01 0005 3a3a2f3438 00000007 0000000102030405 0000000102030406 00000009",
  ],
  [
    {
      kind: "account",
      initial: 0,
      nowMs: 0x0102030405,
      account: { keys, devices, standings: [{ device, seenAt: 1, logins: 2, signedPrekey: 3, oneTimePrekeys: 4 }] },
    },
    `4c 0091 00 0000000102030405 01 ${KEYS} 01 ${DEVICES} 01 00000000000000d1 0000000000000001 00000002 00000003 0004`,
  ],
  [{ kind: "pins", pins: [pin] }, `4d 0018 01 ${PIN}`],
  [{ kind: "devices", devices }, `4e 0043 ${DEVICES}`],
  [{ kind: "pinStands", pin }, `4f 0017 ${PIN}`],
  [{ kind: "prekeysLow", oneTimePrekeys: 9 }, "50 0002 0009"],
  [
    { kind: "passwordResponse", ke2: filled(320, 0x22), response: filled(64, 0x23) },
    `51 0180 ${"22".repeat(320)} ${"23".repeat(64)}`,
  ],
  [{ kind: "passwordResult", reason: 0x0201, waitSeconds: 0x0384 }, "52 0004 0201 0384"],
  [{ kind: "wrapsStand" }, "53 0000"],
];

/** Name, message, frame; in the order of their numbers. */
export const FROZEN_FRAMES = TABLE.map(([value, bytes]) => [value.kind, value, hex(bytes)] as const);

/** The frozen frame of one kind. */
export function frozenFrame(kind: Message["kind"]): Uint8Array {
  const found = FROZEN_FRAMES.find(([name]) => name === kind);
  if (found === undefined) throw new Error(`no frozen frame ${kind}`);
  return found[2];
}
