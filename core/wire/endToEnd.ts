/** What one device says to another past the server, and what the server seals for a device (PROTOCOL §7, §8). */
import { REALM_ID_BYTES, SEALED_MAX_BYTES, TEXT_MAX_BYTES, TICKET_MAX_BYTES } from "../limits.ts";
import { bytes, constant, fixed, type Infer, secret, struct, time, uint } from "./codec.ts";
import { conversationId, deviceId, messageId, userName } from "./fields.ts";

/** One text, or what later versions add, as the recipient reads it. Padded before it is sealed. */
export const Content = struct({
  version: constant(1),
  kind: uint(1),
  sentAt: time,
  /** The user it was written to: the recipient, or somebody else when this is a copy for the sender's own device. */
  to: userName,
  body: bytes(TEXT_MAX_BYTES),
});
export type Content = Infer<typeof Content>;
/** The `kind` of a content whose body is a text in UTF-8. */
export const CONTENT_TEXT = 1;

/** One envelope. `ticket` is empty once the peer has answered. */
export const Envelope = struct({
  version: constant(1),
  conversation: conversationId,
  number: uint(4),
  ticket: bytes(TICKET_MAX_BYTES),
  sealed: bytes(SEALED_MAX_BYTES),
});
export type Envelope = Infer<typeof Envelope>;

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
  realm: fixed(REALM_ID_BYTES),
  conversation: conversationId,
  asker: userName,
  askerDevice: deviceId,
  peer: userName,
  peerDevice: deviceId,
});
