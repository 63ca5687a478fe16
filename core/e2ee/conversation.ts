/**
 * A conversation between two devices: an agreement under the KDC's key, then a ratchet (PROTOCOL §9).
 *
 * Values are immutable, as in ratchet.ts. Not its concern: whether a ticket is good, whose identity key is pinned, and which
 * of several conversations is sent in.
 */
import { EMPTY } from "../bytes.ts";
import { equalBytes } from "../crypto/compare.ts";
import { type CryptoProvider, TAG_BYTES } from "../crypto/provider.ts";
import type { Env } from "../env.ts";
import { CodedError } from "../errors.ts";
import type { Address, ConversationId, MessageId } from "../ids.ts";
import { AGREEMENT_MESSAGES, AGREEMENT_MS, SEALED_MAX_BYTES } from "../limits.ts";
import { type Secret, wipe } from "../secret.ts";
import type { Prekey, SignedDeviceList } from "../wire/account.ts";
import { encodeAll } from "../wire/codec.ts";
import { Envelope, EnvelopeHeader, Opening } from "../wire/endToEnd.ts";
import { type AgreementStart, acceptAgreement, beginAgreement, type Party } from "./agreement.ts";
import type { PrekeyPair } from "./prekey.ts";
import {
  openMessage,
  type Ratchet,
  type RatchetHeader,
  sealMessage,
  secretsOf,
  startReceiver,
  startSender,
} from "./ratchet.ts";

export interface Conversation {
  readonly id: ConversationId;
  /** `asker` is the device that the ticket was issued to. */
  readonly role: "asker" | "peer";
  readonly self: Address;
  readonly peer: Address;
  /** The identity key under which the peer's device was known when it began: 32 bytes. */
  readonly peerIdentity: Uint8Array;
  readonly ratchet: Ratchet;
  /** An `Opening`, encoded, that every envelope carries until the peer has answered; empty then, and always on its side. */
  readonly opening: Uint8Array;
  /** SHA-256 of the opening, 32 bytes: another one does not join. */
  readonly openingHash: Uint8Array;
  /** The peer has sent in it. */
  readonly answered: boolean;
  readonly startedAtMs: number;
  /** Sent and received. */
  readonly messages: number;
}

/** This side of a conversation that begins. The secrets are borrowed. */
export interface ConversationStart extends Omit<AgreementStart, "asker" | "peer"> {
  readonly self: Party;
  readonly peer: Party;
  /** X25519: 32 bytes. */
  readonly agreementSecret: Secret;
}

export interface AskerStart extends ConversationStart {
  readonly ticket: Uint8Array;
  /** This user's. */
  readonly devices: SignedDeviceList;
  /** The peer's, verified. */
  readonly prekeys: { readonly signed: Prekey; readonly oneTime: Prekey | null };
}

/** @throws e2ee.invalid when a key of the peer's is none */
export function startAsAsker(env: Env, start: AskerStart): Conversation {
  const { self, peer, prekeys, ticket, devices } = start;
  const agreed = beginAgreement(env, { ...start, asker: self, peer }, start.agreementSecret, prekeys);
  using secret = agreed.secret;
  const opening = encodeAll(Opening, {
    ...{ ticket, identityKey: self.identityKey, devices, ephemeral: agreed.ephemeral },
    ...{
      signedPrekey: prekeys.signed.id,
      oneTimePrekey: prekeys.oneTime?.id ?? 0,
      kemCiphertext: agreed.kemCiphertext,
    },
  });
  const ratchet = startSender(env, secret, prekeys.signed.dhKey);
  return begun(env, start, { role: "asker", ratchet, opening, openingHash: env.crypto.sha256(opening) });
}

export interface PeerStart extends ConversationStart {
  readonly prekeys: { readonly signed: PrekeyPair; readonly oneTime: PrekeyPair | null };
  readonly opening: Opening;
  /** As it arrived. */
  readonly encodedOpening: Uint8Array;
}

/** @throws e2ee.invalid when a key of the asker's is none */
export function startAsPeer(env: Env, start: PeerStart): Conversation {
  const { self, peer, prekeys, opening } = start;
  const agreement = { ...start, asker: peer, peer: self };
  const secret = acceptAgreement(env.crypto, agreement, start.agreementSecret, prekeys, opening);
  const ratchet = startReceiver(secret, prekeys.signed.dhSecret);
  const openingHash = env.crypto.sha256(start.encodedOpening);
  return begun(env, start, { role: "peer", ratchet, opening: EMPTY, openingHash });
}

function begun(
  env: Env,
  { conversation: id, self, peer }: ConversationStart,
  rest: Pick<Conversation, "role" | "ratchet" | "opening" | "openingHash">,
): Conversation {
  const parties = { self: self.address, peer: peer.address, peerIdentity: peer.identityKey };
  return { id, ...parties, ...rest, answered: false, startedAtMs: env.nowMs(), messages: 0 };
}

export function wipeConversation({ ratchet }: Conversation): void {
  wipe(...secretsOf(ratchet));
}

/** It is time for another agreement; also when the clock stood later when this one was made. */
export function isDue({ startedAtMs, messages }: Conversation, nowMs: number): boolean {
  return messages >= AGREEMENT_MESSAGES || nowMs - startedAtMs >= AGREEMENT_MS || nowMs < startedAtMs - AGREEMENT_MS;
}

/** What is to be sealed. */
export interface Outgoing {
  readonly message: MessageId;
  /** The number of this user's list of devices, and of the peer's as it is known here. */
  readonly senderDevices: number;
  readonly recipientDevices: number;
  /** Padded. */
  readonly content: Uint8Array;
}

/**
 * Seals the next message: `envelope` is an encoded `Envelope`.
 * @throws channel.exhausted; a plain `Error` for a content that is too long
 */
export function sealEnvelope(
  crypto: CryptoProvider,
  conversation: Conversation,
  { message: id, senderDevices, recipientDevices, content: plaintext }: Outgoing,
): { readonly next: Conversation; readonly envelope: Uint8Array; readonly spent: readonly Secret[] } {
  if (plaintext.length > SEALED_MAX_BYTES - TAG_BYTES) throw new Error("conversation: content too long");
  const { self, peer, opening } = conversation;
  const numbers = { senderDevices, recipientDevices };
  const step = sealMessage(crypto, conversation.ratchet, { id, plaintext }, (header) =>
    headerOf(conversation, id, { from: self, to: peer, numbers, header }),
  );
  const envelope = encodeAll(Envelope, {
    ...{ version: 1, conversation: conversation.id, ...numbers, ...step.header, opening, sealed: step.sealed },
  });
  return { next: after(conversation, step.next), envelope, spent: step.spent };
}

/**
 * Opens a message. The plaintext is the caller's to wipe.
 * @throws e2ee.replay, e2ee.gap, e2ee.invalid
 */
export function openEnvelope(
  env: Env,
  conversation: Conversation,
  envelope: Envelope,
  id: MessageId,
): { readonly next: Conversation; readonly plaintext: Uint8Array; readonly spent: readonly Secret[] } {
  const { self, peer, ratchet, openingHash } = conversation;
  const { opening, sealed, senderDevices, recipientDevices, ratchetKey, previous, number } = envelope;
  if (opening.length > 0 && !equalBytes(env.crypto.sha256(opening), openingHash)) {
    throw new CodedError("e2ee.invalid", "another opening");
  }
  const header: RatchetHeader = { ratchetKey, previous, number };
  const numbers = { senderDevices, recipientDevices };
  const associatedData = headerOf(conversation, id, { from: peer, to: self, numbers, header });
  const step = openMessage(env, ratchet, { id, header, associatedData, sealed });
  const next = { ...after(conversation, step.next), answered: true, opening: EMPTY };
  return { next, plaintext: step.plaintext, spent: step.spent };
}

function after(conversation: Conversation, ratchet: Ratchet): Conversation {
  return { ...conversation, ratchet, messages: conversation.messages + 1 };
}

interface HeaderParts {
  readonly from: Address;
  readonly to: Address;
  readonly numbers: { readonly senderDevices: number; readonly recipientDevices: number };
  readonly header: RatchetHeader;
}

function headerOf({ id }: Conversation, message: MessageId, { from, to, numbers, header }: HeaderParts): Uint8Array {
  return encodeAll(EnvelopeHeader, {
    ...{ version: 1, conversation: id, message, ...numbers, ...header },
    ...{ sender: from.user, senderDevice: from.device, recipient: to.user, recipientDevice: to.device },
  });
}
