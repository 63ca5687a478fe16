/** What one device says to another past the server, and what the server seals for a device (PROTOCOL §8, §9). */
import { OPENING_MAX_BYTES, REALM_ID_BYTES, SEALED_MAX_BYTES, TEXT_MAX_BYTES, TICKET_MAX_BYTES } from "../limits.ts";
import { SignedDeviceList } from "./account.ts";
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
/** Nothing to show: it begins a new conversation, because the old one cannot be read any more. */
export const CONTENT_RENEWAL = 2;
/** The body is the sender's `SignedDeviceList`, for a peer who has an older one. */
export const CONTENT_DEVICES = 3;

/** What opens a conversation, from the device that asked for it. It travels until the peer has answered. */
export const Opening = struct({
  ticket: bytes(TICKET_MAX_BYTES),
  /** Of the sender: Ed25519. */
  identityKey: fixed(32),
  /** Of the sender: it holds the agreement key that is used. */
  devices: SignedDeviceList,
  ephemeral: fixed(32),
  /** Of the recipient. */
  signedPrekey: uint(4, 0xffffffff, 1),
  /** Of the recipient; 0 when there was none. */
  oneTimePrekey: uint(4),
  kemCiphertext: fixed(1088),
});
export type Opening = Infer<typeof Opening>;

/** One envelope. */
export const Envelope = struct({
  version: constant(1),
  conversation: conversationId,
  /** The number of the sender's list of devices, and of the recipient's as the sender knows it. */
  senderDevices: uint(4),
  recipientDevices: uint(4),
  /** Header of the Double Ratchet (§3.4 there): the sender's ratchet key, the chain before's length, the number in this one. */
  ratchetKey: fixed(32),
  previous: uint(4),
  number: uint(4),
  /** An `Opening`, encoded; empty once the peer has answered, and always on the peer's side. */
  opening: bytes(OPENING_MAX_BYTES),
  sealed: bytes(SEALED_MAX_BYTES),
});
export type Envelope = Infer<typeof Envelope>;

/** What is authenticated beside the content of each envelope. */
export const EnvelopeHeader = struct({
  version: constant(1),
  conversation: conversationId,
  message: messageId,
  sender: userName,
  senderDevice: deviceId,
  recipient: userName,
  recipientDevice: deviceId,
  senderDevices: uint(4),
  recipientDevices: uint(4),
  ratchetKey: fixed(32),
  previous: uint(4),
  number: uint(4),
});

/** What a ticket holds, sealed for one device (PROTOCOL §8). Times are the server's. */
export const TicketBody = struct({
  version: constant(1),
  conversation: conversationId,
  key: secret(32),
  asker: userName,
  askerDevice: deviceId,
  askerIdentity: fixed(32),
  peer: userName,
  peerDevice: deviceId,
  peerIdentity: fixed(32),
  issuedAt: time,
  expiresAt: time,
});
export type TicketBody = Infer<typeof TicketBody>;

/** What both ends of a conversation hash into its first key: who, with which keys, in which conversation. */
export const AgreementTranscript = struct({
  version: constant(1),
  realm: fixed(REALM_ID_BYTES),
  conversation: conversationId,
  asker: userName,
  askerDevice: deviceId,
  askerIdentity: fixed(32),
  askerAgreementKey: fixed(32),
  peer: userName,
  peerDevice: deviceId,
  peerIdentity: fixed(32),
  peerAgreementKey: fixed(32),
  ephemeral: fixed(32),
  signedPrekey: uint(4, 0xffffffff, 1),
  signedDhKey: fixed(32),
  signedKemKey: fixed(1184),
  oneTimePrekey: uint(4),
  /** Zeros when there was no one-time prekey. */
  oneTimeDhKey: fixed(32),
  oneTimeKemKey: fixed(1184),
  kemCiphertext: fixed(1088),
});
