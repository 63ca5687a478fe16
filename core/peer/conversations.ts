/**
 * Which conversation with a peer device is sent in, and which are read (PROTOCOL §9.5).
 *
 * A new agreement takes the place of those before it. When both sides begin at once, each hears of the other's, and both
 * choose the lower id. What has lost, or is older, is read until the peer has sent in the one that won.
 */
import { equalBytes } from "../crypto/compare.ts";
import type { Party } from "../e2ee/agreement.ts";
import {
  type Conversation,
  isDue,
  openEnvelope,
  sealEnvelope,
  startAsAsker,
  startAsPeer,
  wipeConversation,
} from "../e2ee/conversation.ts";
import { verifyPrekey } from "../e2ee/prekey.ts";
import { CodedError } from "../errors.ts";
import type { Address, ConversationId, DeviceId, MessageId } from "../ids.ts";
import { acceptTicket } from "../kdc/ticket.ts";
import { RECENT_MESSAGES } from "../limits.ts";
import type { UserName } from "../name.ts";
import { Secret, wipe } from "../secret.ts";
import type { Bundle, Device, SignedPrekey } from "../wire/account.ts";
import { decodeAll } from "../wire/codec.ts";
import { Envelope, Opening } from "../wire/endToEnd.ts";
import { padContent, unpadContent } from "../wire/padding.ts";
import type { Introduction, Met } from "./contacts.ts";
import { currentOf, type Entries, mapped, raced, withLast, withoutLosers } from "./conversationChoice.ts";
import type { LocalDevice } from "./localDevice.ts";
import { type Entry, SavedConversations } from "./savedConversations.ts";
import type { LoadedState } from "./savedState.ts";

/** What the server says of an envelope that it delivers. */
export interface Received {
  readonly sender: Address;
  readonly message: MessageId;
  readonly receivedAt: number;
  readonly envelope: Uint8Array;
}

/** What a grant brings. The key is borrowed. */
export interface Granted {
  readonly conversation: ConversationId;
  readonly key: Secret;
  readonly ticket: Uint8Array;
  readonly bundle: Bundle;
}

export interface Opened {
  /** The caller wipes it. */
  readonly content: Uint8Array;
  /** Under the pinned identity key, or another. */
  readonly trust: "pinned" | "changed";
  /** The sender's identity key. */
  readonly peerIdentity: Uint8Array;
  /** What an opening has told of the sender; null when the conversation was known. */
  readonly introduced: { readonly by: Introduction; readonly met: Met } | null;
  readonly conversation: ConversationId;
  /** The number of this user's list of devices that the sender knows. */
  readonly recipientDevices: number;
}

/** A conversation that an envelope opens, until the envelope has been opened too. */
interface Begun {
  readonly conversation: Conversation;
  readonly introduction: Introduction;
  readonly met: Met;
  readonly expiresAt: number;
  /** 0 when none was used. */
  readonly oneTimePrekey: number;
}

export class Conversations implements Disposable {
  readonly #local: LocalDevice;
  readonly #saved: SavedConversations;

  constructor(local: LocalDevice) {
    this.#local = local;
    this.#saved = new SavedConversations(local.state);
  }

  /** @throws state.damaged */
  restore(loaded: LoadedState, restored: boolean): void {
    this.#saved.restore(loaded, restored);
  }

  /** Whether there is a conversation to send in that is under the pinned identity key and not due to be renewed. */
  canSend(peer: Address): boolean {
    const entry = currentOf(this.#saved.of(peer).entries);
    const contact = this.#local.contacts.get(peer.user);
    if (entry === null || contact === null || contact.changed !== null) return false;
    const { conversation } = entry;
    return equalBytes(conversation.peerIdentity, contact.identityKey) && !isDue(conversation, this.#local.env.nowMs());
  }

  /** Whether a message has been read. */
  hasRead(peer: Address, message: MessageId): boolean {
    return this.#saved.of(peer).recent.includes(message);
  }

  /** Devices of a user that there are conversations with. */
  devicesOf(user: UserName): readonly Address[] {
    const own = this.#saved.keys().filter((key) => key.startsWith(`${user}/`));
    return own.map((key) => ({ user, device: key.slice(user.length + 1) as DeviceId }));
  }

  /**
   * Begins a conversation that the server granted. `device` is the peer's, of a list that its identity key has signed.
   * @throws e2ee.prekey; e2ee.invalid for an id that is taken, or a key that is none
   */
  begin(peer: Address, device: Device, { conversation: id, key, ticket, bundle }: Granted): void {
    const { env, owner, contacts } = this.#local;
    const { identityKey } = bundle;
    const { entries, recent } = this.#saved.of(peer);
    if (entries.has(id)) throw new CodedError("e2ee.invalid", "a conversation that stands");
    const whose = { realm: owner.realm, user: peer.user, device: peer.device };
    const verify = (kind: "signed" | "oneTime", prekey: SignedPrekey) =>
      verifyPrekey(env.crypto, identityKey, { ...whose, kind, nowMs: env.nowMs() }, prekey);
    const signed = verify("signed", bundle.signed);
    const oneTime = bundle.oneTime === null ? null : verify("oneTime", bundle.oneTime);
    const devices = contacts.get(owner.user)?.devices?.signed;
    if (devices === undefined) throw new Error("conversations: a session without its own list of devices");
    const conversation = startAsAsker(env, {
      ...{ realm: owner.realm, conversation: id, kdcKey: key, ticket, devices, prekeys: { signed, oneTime } },
      ...this.#ownSide(),
      peer: { address: peer, identityKey, agreementKey: device.agreementKey },
    });
    const others = [...entries].map(([other, entry]) => [other, { ...entry, superseded: true }] as const);
    const begun = { conversation, retired: false, superseded: false };
    this.#saved.keep(peer, { entries: new Map<ConversationId, Entry>([...others, [id, begun]]), recent });
  }

  /** Seals `content` for a device that `canSend` has said yes of. @throws e2ee.noConversation, channel.exhausted */
  seal(peer: Address, message: MessageId, content: Uint8Array): Uint8Array {
    const { entries, recent } = this.#saved.of(peer);
    const entry = currentOf(entries);
    if (entry === null) throw new CodedError("e2ee.noConversation");
    const { env, owner, contacts } = this.#local;
    const numberOf = (user: UserName): number => contacts.get(user)?.devicesNumber ?? 0;
    const step = sealEnvelope(env.crypto, entry.conversation, {
      message,
      senderDevices: numberOf(owner.user),
      recipientDevices: numberOf(peer.user),
      content: padContent(content),
    });
    this.#saved.keep(peer, { entries: withLast(entries, { ...entry, conversation: step.next }), recent });
    wipe(...step.spent);
    return step.envelope;
  }

  /**
   * Opens an envelope: the content, padding removed. Nothing changes unless its tag and, for an opening, all before it
   * verify.
   * @throws wire.malformed, ticket.*, e2ee.*
   */
  open(received: Received): Opened {
    const { sender, message } = received;
    const envelope = decodeAll(Envelope, received.envelope);
    const { entries } = this.#saved.of(sender);
    const known = entries.get(envelope.conversation);
    if (known !== undefined) {
      const step = openEnvelope(this.#local.env, known.conversation, envelope, message);
      const entry = { ...known, conversation: step.next, retired: false };
      this.#commit(sender, withoutLosers(withLast(entries, entry), entry, this.#local.env.nowMs()), message);
      wipe(...step.spent);
      return this.#opened(step, sender, envelope, null);
    }
    const { env, contacts, state, device } = this.#local;
    const begun = this.#accept(envelope, received);
    const step = this.#openBegun(begun.conversation, envelope, message);
    contacts.keep(begun.introduction, begun.met);
    this.#saved.use(envelope.conversation, begun.expiresAt);
    if (begun.oneTimePrekey !== 0) device.forgetPrekey(state, begun.oneTimePrekey);
    this.#commit(sender, raced(entries, step.next, env.nowMs()), message);
    wipe(...step.spent);
    return this.#opened(step, sender, envelope, { by: begun.introduction, met: begun.met });
  }

  /** The peer cannot read what was sent in any other: from now on this one is sent in. */
  prefer(peer: Address, id: ConversationId): void {
    const { entries, recent } = this.#saved.of(peer);
    this.#saved.keep(peer, {
      entries: mapped(entries, (entry, other) => ({ ...entry, superseded: other !== id })),
      recent,
    });
  }

  /** Sends no more in the conversations with `peer`, until it says something in one of them. */
  retire(peer: Address): void {
    const { entries, recent } = this.#saved.of(peer);
    if (entries.size > 0) {
      this.#saved.keep(peer, { entries: mapped(entries, (entry) => ({ ...entry, retired: true })), recent });
    }
  }

  /** Wipes those with a device that are not under this identity key of its user. */
  keepOnlyOf(peer: Address, identityKey: Uint8Array): void {
    const { entries, recent } = this.#saved.of(peer);
    const kept = [...entries].filter(([, { conversation }]) => equalBytes(conversation.peerIdentity, identityKey));
    if (kept.length < entries.size) this.#saved.keep(peer, { entries: new Map(kept), recent });
  }

  /** Wipes every conversation with a device that is gone for good. */
  forget(peer: Address): void {
    this.#saved.forget(peer);
  }

  [Symbol.dispose](): void {
    wipe(this.#saved);
  }

  #ownSide(): { readonly self: Party; readonly agreementSecret: Secret } {
    const { self: address, account, device } = this.#local;
    const { agreementKey } = device.entry;
    return {
      self: { address, identityKey: account.identityKey, agreementKey },
      agreementSecret: device.agreementSecret,
    };
  }

  #commit(peer: Address, entries: Entries, message: MessageId): void {
    const recent = [...this.#saved.of(peer).recent, message].slice(-RECENT_MESSAGES);
    this.#saved.keep(peer, { entries, recent });
  }

  /** Wipes `begun` when its first envelope does not open: nothing has begun. @throws e2ee.* */
  #openBegun(begun: Conversation, envelope: Envelope, message: MessageId): ReturnType<typeof openEnvelope> {
    try {
      return openEnvelope(this.#local.env, begun, envelope, message);
    } catch (error) {
      wipeConversation(begun);
      throw error;
    }
  }

  /** @throws wire.malformed for a padding that is none: the message is used up all the same */
  #opened(
    step: { readonly next: Conversation; readonly plaintext: Uint8Array },
    { user }: Address,
    envelope: Envelope,
    introduced: Opened["introduced"],
  ): Opened {
    const pinned = this.#local.contacts.get(user)?.identityKey;
    const { peerIdentity, id: conversation } = step.next;
    const trust = pinned !== undefined && equalBytes(pinned, peerIdentity) ? "pinned" : "changed";
    using padded = Secret.take(step.plaintext);
    const content = padded.use(unpadContent);
    return { content, trust, peerIdentity, introduced, conversation, recipientDevices: envelope.recipientDevices };
  }

  /** A ticket id opens one conversation, once. */
  #accept(envelope: Envelope, received: Received): Begun {
    const { env, owner, self, device, serverPublicKey, account, contacts } = this.#local;
    if (envelope.opening.length === 0) throw new CodedError("e2ee.noConversation");
    const opening = decodeAll(Opening, envelope.opening);
    const { sender, receivedAt } = received;
    if (this.#saved.isUsed(envelope.conversation, Math.min(receivedAt, env.nowMs())))
      throw new CodedError("ticket.reused");
    const keys = { device: device.ticketKey, server: serverPublicKey };
    const body = acceptTicket(env.crypto, keys, opening.ticket, { sender, self, receivedAt });
    using kdcKey = body.key;
    if (body.conversation !== envelope.conversation) throw new CodedError("ticket.invalid", "another conversation");
    // A one-time prekey is gone once it was used; without one only the time tells an opening that comes again.
    if (opening.oneTimePrekey === 0 && this.#saved.mayBeUsed(body.expiresAt)) throw new CodedError("ticket.reused");
    const same =
      equalBytes(body.askerIdentity, opening.identityKey) && equalBytes(body.peerIdentity, account.identityKey);
    if (!same) throw new CodedError("ticket.foreign", "other identities");
    const { identityKey, devices } = opening;
    const introduction = { user: sender.user, identityKey, devices };
    const met = contacts.judge(introduction);
    const asker = met.list.devices.find((entry) => entry.device === sender.device);
    if (asker === undefined) throw new CodedError("e2ee.devices", "the sender is not on its list");
    const signed = device.prekey(opening.signedPrekey, "signed");
    const oneTime = opening.oneTimePrekey === 0 ? null : device.prekey(opening.oneTimePrekey, "oneTime");
    if (signed === null || (oneTime === null && opening.oneTimePrekey !== 0)) throw new CodedError("e2ee.prekey");
    const conversation = startAsPeer(env, {
      ...{ realm: owner.realm, conversation: body.conversation, kdcKey, prekeys: { signed, oneTime } },
      ...this.#ownSide(),
      peer: { address: sender, identityKey, agreementKey: asker.agreementKey },
      ...{ opening, encodedOpening: envelope.opening },
    });
    return { conversation, introduction, met, expiresAt: body.expiresAt, oneTimePrekey: opening.oneTimePrekey };
  }
}
