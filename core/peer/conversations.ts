/**
 * The conversations of one device, by peer device. It owns their keys: it starts them from grants and tickets, chooses
 * the one to send in, and wipes them when the peer's device or this login ends (PROTOCOL §8).
 */
import { EMPTY } from "../bytes.ts";
import type { CryptoProvider, DhPrivateKey } from "../crypto/provider.ts";
import {
  type Conversation,
  openMessage,
  sealMessage,
  startConversation,
  wipeConversation,
} from "../e2ee/conversation.ts";
import { CodedError } from "../errors.ts";
import { type Address, addressKey, type ConversationId, type MessageId } from "../ids.ts";
import { acceptTicket } from "../kdc/ticket.ts";
import { CONVERSATIONS_PER_DEVICE } from "../limits.ts";
import { type Secret, wipe } from "../secret.ts";
import { decodeAll, encodeAll } from "../wire/codec.ts";
import { Envelope } from "../wire/endToEnd.ts";
import { padContent, unpadContent } from "../wire/padding.ts";

interface Entry {
  readonly conversation: Conversation;
  /** Carried by every envelope until the peer has answered; empty then, and always on the peer's side. */
  readonly ticket: Uint8Array;
  /** No longer sent in, because the peer's silence may mean that it never accepted the ticket; still read. */
  readonly retired: boolean;
}

export interface Identity {
  readonly crypto: CryptoProvider;
  /** The realm id: 32 bytes. */
  readonly realm: Uint8Array;
  readonly self: Address;
  readonly ticketKey: DhPrivateKey;
  /** The server's static key: 32 bytes. */
  readonly serverPublicKey: Uint8Array;
}

/** What the server says of an envelope that it delivers. */
export interface Received {
  readonly sender: Address;
  readonly message: MessageId;
  readonly receivedAt: number;
  readonly envelope: Uint8Array;
}

export class Conversations implements Disposable {
  readonly #identity: Identity;
  readonly #byPeer = new Map<string, ReadonlyMap<ConversationId, Entry>>();
  /** Ticket ids that opened a conversation, until they would be refused for their age. */
  readonly #used = new Map<ConversationId, number>();

  constructor(identity: Identity) {
    this.#identity = identity;
  }

  /** Whether there is a conversation to send in. */
  has(peer: Address): boolean {
    return this.#usable(peer).length > 0;
  }

  #usable(peer: Address): readonly Entry[] {
    return [...(this.#byPeer.get(addressKey(peer))?.values() ?? [])].filter(({ retired }) => !retired);
  }

  /** Starts a conversation that the server granted to this device; `key` stays the caller's to wipe. */
  startGranted(peer: Address, granted: { conversation: ConversationId; key: Secret; ticket: Uint8Array }): void {
    const { crypto, realm, self } = this.#identity;
    const start = { realm, id: granted.conversation, asker: self, peer };
    const known = this.#byPeer.get(addressKey(peer))?.get(granted.conversation);
    const conversation = startConversation(crypto, granted.key, start, "asker");
    this.#store(peer, { conversation, ticket: granted.ticket, retired: false });
    if (known !== undefined) wipeConversation(known.conversation);
  }

  /**
   * Seals `content` for a device with which there is a conversation. Of several, the one with the lowest id is used, so
   * that two devices which both started end up in the same one.
   * @throws e2ee.noConversation, channel.exhausted
   */
  seal(peer: Address, message: MessageId, content: Uint8Array): Uint8Array {
    const [first, ...others] = this.#usable(peer);
    if (first === undefined) throw new CodedError("e2ee.noConversation");
    const entry = others.reduce((a, b) => (b.conversation.id < a.conversation.id ? b : a), first);
    const step = sealMessage(this.#identity.crypto, entry.conversation, message, padContent(content));
    this.#store(peer, { ...entry, conversation: step.next });
    wipe(...step.spent);
    return encodeAll(Envelope, {
      version: 1,
      conversation: entry.conversation.id,
      number: step.number,
      ticket: entry.ticket,
      sealed: step.sealed,
    });
  }

  /**
   * Opens an envelope: the content, padding removed. Nothing changes unless all of it verifies.
   * @throws wire.malformed, ticket.*, e2ee.*
   */
  open(received: Received): Uint8Array {
    const envelope = decodeAll(Envelope, received.envelope);
    const known = this.#byPeer.get(addressKey(received.sender))?.get(envelope.conversation);
    if (known !== undefined) return this.#openIn(known.conversation, envelope, received);
    const { conversation, expiresAt } = this.#startFromTicket(envelope, received);
    try {
      const content = this.#openIn(conversation, envelope, received);
      this.#used.set(conversation.id, expiresAt);
      return content;
    } catch (error) {
      wipeConversation(conversation);
      throw error;
    }
  }

  #openIn(conversation: Conversation, envelope: Envelope, received: Received): Uint8Array {
    const step = openMessage(this.#identity.crypto, conversation, { ...envelope, message: received.message });
    let content: Uint8Array;
    try {
      content = unpadContent(step.plaintext);
    } catch (error) {
      wipe(step.next.receiving.key, ...step.spent.filter((secret) => secret !== conversation.receiving.key));
      throw error;
    }
    // The peer has answered in it, or began it: no ticket has to travel any more.
    this.#store(received.sender, { conversation: step.next, ticket: EMPTY, retired: false });
    wipe(...step.spent);
    return content;
  }

  /** A ticket id opens one conversation, once. */
  #startFromTicket(envelope: Envelope, received: Received): { conversation: Conversation; expiresAt: number } {
    const { crypto, realm, self, ticketKey, serverPublicKey } = this.#identity;
    if (envelope.ticket.length === 0) throw new CodedError("e2ee.noConversation");
    // Nearly in order of expiry: what is looked at is as much as is dropped.
    for (const [id, expiresAt] of this.#used) {
      if (received.receivedAt < expiresAt) break;
      this.#used.delete(id);
    }
    if (this.#used.has(envelope.conversation)) throw new CodedError("ticket.reused");
    const use = { sender: received.sender, self, receivedAt: received.receivedAt };
    const body = acceptTicket(crypto, { device: ticketKey, server: serverPublicKey }, envelope.ticket, use);
    using key = body.key;
    if (body.conversation !== envelope.conversation) throw new CodedError("ticket.invalid", "another conversation");
    const start = { realm, id: body.conversation, asker: received.sender, peer: self };
    return { conversation: startConversation(crypto, key, start, "peer"), expiresAt: body.expiresAt };
  }

  /** Keeps `entry` as the one used last; over the limit the conversation ends that was used longest ago. */
  #store(peer: Address, entry: Entry): void {
    const entries = new Map(this.#byPeer.get(addressKey(peer)));
    entries.delete(entry.conversation.id); // or it would keep its old place in the order
    entries.set(entry.conversation.id, entry);
    for (const [id, oldest] of entries) {
      if (entries.size <= CONVERSATIONS_PER_DEVICE) break;
      wipeConversation(oldest.conversation);
      entries.delete(id);
    }
    this.#byPeer.set(addressKey(peer), entries);
  }

  /** Sends no more in the conversations with `peer`, until it says something in one of them. */
  retire(peer: Address): void {
    const entries = this.#byPeer.get(addressKey(peer)) ?? [];
    this.#byPeer.set(addressKey(peer), new Map([...entries].map(([id, entry]) => [id, { ...entry, retired: true }])));
  }

  /** Wipes every conversation with a device that has gone. */
  forget(peer: Address): void {
    for (const entry of this.#byPeer.get(addressKey(peer))?.values() ?? []) wipeConversation(entry.conversation);
    this.#byPeer.delete(addressKey(peer));
  }

  [Symbol.dispose](): void {
    for (const entries of this.#byPeer.values()) {
      for (const entry of entries.values()) wipeConversation(entry.conversation);
    }
    this.#byPeer.clear();
  }
}
