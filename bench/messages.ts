/** The messages that are relayed, and how long they are. */
import { EMPTY, utf8 } from "../core/bytes.ts";
import { DH_BYTES, TAG_BYTES } from "../core/crypto/provider.ts";
import { type Address, newConversationId, newMessageId } from "../core/ids.ts";
import { encodeAll } from "../core/wire/codec.ts";
import { CONTENT_TEXT, Content, Envelope } from "../core/wire/endToEnd.ts";
import { type ClientMessage, clientFrames, serverFrames } from "../core/wire/messages.ts";
import { padContent } from "../core/wire/padding.ts";
import { ClientPair } from "./clientPair.ts";
import { loadEnv, userName } from "./peers.ts";

/** Of a text, in UTF-8. */
export const TEXT_BYTES = 256;

/** An envelope of the length that a text of `TEXT_BYTES` has once both sides have spoken; the server looks at no more. */
export function envelopeFor({ user }: Address): Uint8Array {
  const body = utf8("x".repeat(TEXT_BYTES));
  const content = encodeAll(Content, { version: 1, kind: CONTENT_TEXT, sentAt: loadEnv.nowMs(), to: user, body });
  const sealed = loadEnv.randomBytes(padContent(content).length + TAG_BYTES);
  const conversation = newConversationId(loadEnv);
  const devices = { senderDevices: 1, recipientDevices: 1 };
  const header = { ratchetKey: loadEnv.randomBytes(DH_BYTES), previous: 0, number: 0 };
  return encodeAll(Envelope, { version: 1, conversation, ...devices, ...header, opening: EMPTY, sealed });
}

/** A message to a device, with an id of its own. */
export function letterTo(other: Address, envelope = envelopeFor(other)): Extract<ClientMessage, { kind: "send" }> {
  return { kind: "send", message: newMessageId(loadEnv), ...other, envelope };
}

export interface RecordBytes {
  readonly send: number;
  readonly delivery: number;
  readonly acknowledge: number;
  readonly confirmed: number;
  readonly ticketRequest: number;
  readonly grant: number;
}

/** How long the records are, when each message has one to itself. The grant is one without a one-time prekey. */
export function recordBytes(): RecordBytes {
  using pair = new ClientPair(loadEnv, [userName(0), userName(1)]);
  const { self: from } = pair.asker;
  const { self: to } = pair.peer;
  const granted = pair.grant();
  using _key = granted.key;
  const letter = letterTo(to);
  const { message, envelope } = letter;
  const sealed = (frame: Uint8Array): number => frame.length + TAG_BYTES;
  return {
    send: sealed(clientFrames.encode(letter)),
    delivery: sealed(
      serverFrames.encode({ kind: "delivery", message, ...from, receivedAt: loadEnv.nowMs(), envelope }),
    ),
    acknowledge: sealed(clientFrames.encode({ kind: "acknowledge", message, ...from })),
    confirmed: sealed(serverFrames.encode({ kind: "confirmed", message, ...to })),
    ticketRequest: sealed(clientFrames.encode({ kind: "ticketRequest", ...to })),
    grant: sealed(serverFrames.encode({ ...granted, bundle: { ...granted.bundle, oneTime: null } })),
  };
}
