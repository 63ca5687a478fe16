/**
 * Every message, declared once (PROTOCOL §5). A record holds frames; a frame is `type (1), length (2), body`. Types
 * below 64 go from client to server, from 64 on from server to client; a number is never reused.
 */
import { CodedError } from "../errors.ts";
import {
  CONVERSATION_ID_BYTES,
  type ConversationId,
  DEVICE_ID_BYTES,
  type DeviceId,
  MESSAGE_ID_BYTES,
  type MessageId,
} from "../ids.ts";
import { NAME_MAX_BYTES, TEXT_MAX_BYTES } from "../limits.ts";
import { parseUserName } from "../name.ts";
import { Secret, wipe } from "../secret.ts";
import {
  bytes,
  type Codec,
  checked,
  constant,
  decodeAll,
  fixed,
  type Infer,
  id,
  list,
  Reader,
  secret,
  struct,
  text,
  time,
  uint,
  Writer,
} from "./codec.ts";

/** A name as the protocol has it: lower case. */
export const userName = checked(text(NAME_MAX_BYTES), parseUserName);
/** A name as registered: any case. */
export const displayName = checked(text(NAME_MAX_BYTES), (value) => {
  parseUserName(value);
  return value;
});
export const deviceId = id<DeviceId>(DEVICE_ID_BYTES);
export const conversationId = id<ConversationId>(CONVERSATION_ID_BYTES);
export const messageId = id<MessageId>(MESSAGE_ID_BYTES);

/** The longest sealed ticket. */
export const TICKET_MAX_BYTES = 512;
/** The longest envelope: a padded text, a ticket and a header, with room for the agreement of a later version. */
export const ENVELOPE_MAX_BYTES = 16384;
/** Devices of one user that a roster may show; the server's own limit is lower. */
export const DEVICES_MAX = 64;

const address = { user: userName, device: deviceId } as const;

/** Opens a login. Padded. `ke1` is OPAQUE's KE1 (RFC 9807 §6.1). */
export const LoginStart = struct({ user: userName, ke1: fixed(96) });
/** Ends a login: the last record under the channel's first keys. Padded. */
export const LoginFinish = struct({ ke3: fixed(64) });
/** Names the device that logged in and the key that tickets for it are sealed to. */
export const Attach = struct({ device: deviceId, ticketKey: fixed(32) });
/** Asks for a conversation key with one device. Answered by `Grant` or `Absent`. */
export const TicketRequest = struct(address);
/** One envelope for one device. Answered by `Confirmed` when it has been taken, or `Bounced`. */
export const Send = struct({ message: messageId, ...address, envelope: bytes(ENVELOPE_MAX_BYTES) });
/** The device has the message: passed on to its sender as `Confirmed`. */
export const Acknowledge = struct({ message: messageId, ...address });
export const Logout = struct({});

/** OPAQUE's KE2 (RFC 9807 §6.1), for known and unknown users alike. Padded. */
export const LoginResponse = struct({ ke2: fixed(320) });
/** A registered user and the devices that are logged in, whenever they change. */
export const Presence = struct({ name: displayName, devices: list(deviceId, DEVICES_MAX) });
/** A user who is no longer registered. */
export const Unregistered = struct({ user: userName });
/** The roster is complete, the device is attached. `name` is the user's own, as registered. */
export const Attached = struct({ name: displayName, now: time });
/** A conversation key and its ticket for the peer. */
export const Grant = struct({
  ...address,
  conversation: conversationId,
  key: secret(32),
  ticket: bytes(TICKET_MAX_BYTES),
});
/** No ticket: that device is not logged in. */
export const Absent = struct(address);
/** Not delivered: that device is not logged in. */
export const Bounced = struct({ message: messageId, ...address });
/** An envelope from a device that the server names, with the server's stamp of receipt. */
export const Delivery = struct({
  message: messageId,
  ...address,
  receivedAt: time,
  envelope: bytes(ENVELOPE_MAX_BYTES),
});
/** A device has taken the message. */
export const Confirmed = struct({ message: messageId, ...address });
/** The last frame before the server closes: an error's wire number. */
export const Goodbye = struct({ reason: uint(2) });

export const CLIENT_MESSAGES = {
  loginStart: { type: 1, codec: LoginStart },
  loginFinish: { type: 2, codec: LoginFinish },
  attach: { type: 3, codec: Attach },
  ticketRequest: { type: 4, codec: TicketRequest },
  send: { type: 5, codec: Send },
  acknowledge: { type: 6, codec: Acknowledge },
  logout: { type: 7, codec: Logout },
} as const;

export const SERVER_MESSAGES = {
  loginResponse: { type: 64, codec: LoginResponse },
  presence: { type: 65, codec: Presence },
  unregistered: { type: 66, codec: Unregistered },
  attached: { type: 67, codec: Attached },
  grant: { type: 68, codec: Grant },
  absent: { type: 69, codec: Absent },
  bounced: { type: 70, codec: Bounced },
  delivery: { type: 71, codec: Delivery },
  confirmed: { type: 72, codec: Confirmed },
  goodbye: { type: 73, codec: Goodbye },
} as const;

/** Type 0 fills a record up: zeros, and nothing after it. */
export const PADDING_TYPE = 0;
export const FRAME_HEADER_BYTES = 3;

type Registry = Readonly<Record<string, { readonly type: number; readonly codec: Codec<unknown> }>>;
export type MessageOf<R extends Registry> = {
  [K in keyof R]: { readonly kind: K } & Infer<R[K]["codec"]>;
}[keyof R];
export type ClientMessage = MessageOf<typeof CLIENT_MESSAGES>;
export type ServerMessage = MessageOf<typeof SERVER_MESSAGES>;

export interface FrameCodec<M> {
  /** One frame: type, length, body. */
  encode(message: M): Uint8Array;
  /** The frames of a record's plaintext, padding left out. @throws wire.malformed; never empty without padding */
  decode(plaintext: Uint8Array): readonly M[];
}

function frames<R extends Registry>(registry: R): FrameCodec<MessageOf<R>> {
  type M = MessageOf<R>;
  const byType = new Map(Object.entries(registry).map(([kind, { type, codec }]) => [type, { kind, codec }] as const));
  return {
    encode(message) {
      const { type, codec } = registry[message.kind as string] as { type: number; codec: Codec<unknown> };
      const writer = new Writer(FRAME_HEADER_BYTES + codec.maxBytes);
      writer.reserve(FRAME_HEADER_BYTES);
      codec.encode(message, writer);
      const out = writer.finish();
      const length = out.length - FRAME_HEADER_BYTES;
      out[0] = type;
      out[1] = length >> 8;
      out[2] = length & 0xff;
      return out;
    },
    decode(plaintext) {
      const reader = new Reader(plaintext);
      const out: M[] = [];
      if (reader.remaining === 0) throw new CodedError("wire.malformed", "empty record");
      try {
        while (reader.remaining > 0) {
          const type = reader.integer(1);
          const body = reader.take(reader.integer(2));
          if (type === PADDING_TYPE) {
            expectEnd(reader, body);
            break;
          }
          const entry = byType.get(type);
          if (entry === undefined) throw new CodedError("wire.malformed", "unknown frame type");
          out.push({ kind: entry.kind, ...(decodeAll(entry.codec, body) as object) } as M);
        }
      } catch (error) {
        for (const message of out) wipeMessage(message);
        throw error;
      }
      return out;
    },
  };
}

/** Padding is zeros, and the last frame. */
function expectEnd(reader: Reader, padding: Uint8Array): void {
  if (reader.remaining > 0 || padding.some((byte) => byte !== 0)) {
    throw new CodedError("wire.malformed", "padding that is not the zeros at the end");
  }
}

/** Wipes the secrets of a decoded message. */
export function wipeMessage(message: object): void {
  for (const value of Object.values(message)) if (value instanceof Secret) wipe(value);
}

export const clientFrames = frames(CLIENT_MESSAGES);
export const serverFrames = frames(SERVER_MESSAGES);

/** End to end: one text, or what later versions add, as the recipient reads it. Padded before it is sealed. */
export const Content = struct({
  version: constant(1),
  kind: uint(1),
  sentAt: time,
  /** The user it was written to: the recipient, or somebody else when this is a copy for the sender's own device. */
  to: userName,
  body: bytes(TEXT_MAX_BYTES),
});
export type Content = Infer<typeof Content>;
export const CONTENT_TEXT = 1;

/** End to end: one envelope. `ticket` is empty once the peer has answered. */
export const Envelope = struct({
  version: constant(1),
  conversation: conversationId,
  number: uint(4),
  ticket: bytes(TICKET_MAX_BYTES),
  sealed: bytes(ENVELOPE_MAX_BYTES - TICKET_MAX_BYTES - 64),
});
export type Envelope = Infer<typeof Envelope>;

/** What a ticket holds, sealed for one device (PROTOCOL §7). Times are the server's. */
export const TicketBody = struct({
  version: constant(1),
  conversation: conversationId,
  key: secret(32),
  asker: userName,
  askerDevice: deviceId,
  peer: userName,
  peerDevice: deviceId,
  issuedAt: time,
  expiresAt: time,
});
export type TicketBody = Infer<typeof TicketBody>;

/** What both ends of a conversation hash into its keys. */
export const ConversationTranscript = struct({
  realm: fixed(32),
  conversation: conversationId,
  asker: userName,
  askerDevice: deviceId,
  peer: userName,
  peerDevice: deviceId,
});

/** What is authenticated beside the content of each envelope. */
export const EnvelopeHeader = struct({
  version: constant(1),
  conversation: conversationId,
  number: uint(4),
  message: messageId,
  sender: userName,
  senderDevice: deviceId,
  recipient: userName,
  recipientDevice: deviceId,
});
