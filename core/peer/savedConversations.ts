/**
 * The conversations of this device and where they are saved: one entry for all with one peer device, one for the skipped keys
 * of a conversation, which change rarely and may be many, and one for each ticket that was used (PROTOCOL §7.5).
 */
import { type Conversation, wipeConversation } from "../e2ee/conversation.ts";
import { restoreConversation, SavedConversation, saveConversation } from "../e2ee/savedConversation.ts";
import { SavedSkipped } from "../e2ee/savedRatchet.ts";
import { type Address, addressKey, type ConversationId, type MessageId } from "../ids.ts";
import { CONVERSATIONS_PER_DEVICE, RECENT_MESSAGES } from "../limits.ts";
import { constant, list, struct, time, uint } from "../wire/codec.ts";
import { conversationId, messageId } from "../wire/fields.ts";
import { decodeEntry, type LoadedState, type SavedState } from "./savedState.ts";

export interface Entry {
  readonly conversation: Conversation;
  /** No longer sent in, because the peer's silence may mean that it never accepted the ticket; its word makes it good again. */
  readonly retired: boolean;
  /** Another has taken its place for good; still read. */
  readonly superseded: boolean;
}

/** What there is with one peer device. */
export interface PeerDevice {
  readonly entries: ReadonlyMap<ConversationId, Entry>;
  /** Ids of the last messages that were read, oldest first. */
  readonly recent: readonly MessageId[];
}

const NOTHING: PeerDevice = { entries: new Map(), recent: [] };

const SavedPeerDevice = struct({
  version: constant(1),
  entries: list(
    struct({ retired: uint(1, 1), superseded: uint(1, 1), conversation: SavedConversation }),
    CONVERSATIONS_PER_DEVICE,
  ),
  recent: list(messageId, RECENT_MESSAGES),
});
const SavedTicket = struct({ version: constant(1), conversation: conversationId, expiresAt: time });

const SavedForgotten = struct({ version: constant(1), expiresAt: time });

const PEER = "peer/";
const SKIPPED = "skipped/";
const TICKET = "ticket/";
const FORGOTTEN = "forgotten";

export class SavedConversations implements Disposable {
  readonly #state: SavedState;
  readonly #peers = new Map<string, PeerDevice>();
  /** Ticket ids that opened a conversation, until they would be refused for their age. */
  readonly #tickets = new Map<ConversationId, number>();
  /** The latest expiry of those that were forgotten. */
  #forgottenUntil = 0;

  constructor(state: SavedState) {
    this.#state = state;
  }

  /** Takes what was saved. `restored`: nothing goes on, but what was used stays used. @throws state.damaged */
  restore(loaded: LoadedState, restored: boolean): void {
    for (const [name, saved] of loaded) {
      if (name.startsWith(TICKET)) {
        const { conversation, expiresAt } = decodeEntry(SavedTicket, saved);
        this.#tickets.set(conversation, expiresAt);
      } else if (name === FORGOTTEN) {
        this.#forgottenUntil = decodeEntry(SavedForgotten, saved).expiresAt;
      } else if (restored && (name.startsWith(PEER) || name.startsWith(SKIPPED))) {
        this.#state.delete(name);
      } else if (name.startsWith(PEER)) {
        this.#peers.set(name.slice(PEER.length), restorePeer(saved, loaded));
      }
    }
  }

  of(peer: Address): PeerDevice {
    return this.#peers.get(addressKey(peer)) ?? NOTHING;
  }

  /** Addresses, as keys, of the devices that there are conversations with. */
  keys(): readonly string[] {
    return [...this.#peers.keys()];
  }

  /**
   * Whether a ticket has opened a conversation. Those that are past their time by `nowMs` are forgotten: the earlier of the
   * server's stamp and this device's clock, as the server's word alone must not make anything forgotten.
   */
  isUsed(ticket: ConversationId, nowMs: number): boolean {
    const past = [...this.#tickets].filter(([, expiresAt]) => expiresAt <= nowMs);
    for (const [id, expiresAt] of past) {
      this.#tickets.delete(id);
      this.#state.delete(`${TICKET}${id}`);
      this.#forgottenUntil = Math.max(this.#forgottenUntil, expiresAt);
    }
    if (past.length > 0) {
      this.#state.put(FORGOTTEN, SavedForgotten, { version: 1, expiresAt: this.#forgottenUntil });
    }
    return this.#tickets.has(ticket);
  }

  /** Whether a ticket that expires then may be one that was used and forgotten: the stamp it comes with may be an old one. */
  mayBeUsed(expiresAt: number): boolean {
    return expiresAt <= this.#forgottenUntil;
  }

  use(conversation: ConversationId, expiresAt: number): void {
    this.#tickets.set(conversation, expiresAt);
    this.#state.put(`${TICKET}${conversation}`, SavedTicket, { version: 1, conversation, expiresAt });
  }

  /**
   * Keeps what there is with a device now. Of more conversations than are kept, those go that were used longest ago. What is
   * not in `next` any more is wiped; what took its place there is not.
   */
  keep(peer: Address, next: PeerDevice): void {
    const before = this.of(peer).entries;
    const entries = new Map([...next.entries].slice(-CONVERSATIONS_PER_DEVICE));
    for (const [id, { conversation }] of [...before, ...next.entries]) {
      if (entries.has(id)) continue;
      wipeConversation(conversation);
      this.#state.delete(`${SKIPPED}${id}`);
    }
    for (const [id, { conversation }] of entries) {
      const { skipped } = conversation.ratchet;
      const known = before.get(id)?.conversation.ratchet.skipped;
      if (skipped === known || (known === undefined && skipped.length === 0)) continue;
      if (skipped.length === 0) this.#state.delete(`${SKIPPED}${id}`);
      else this.#state.put(`${SKIPPED}${id}`, SavedSkipped, skipped);
    }
    this.#peers.set(addressKey(peer), { entries, recent: next.recent });
    const saved = [...entries.values()].map(({ conversation, retired, superseded }) => ({
      retired: retired ? 1 : 0,
      superseded: superseded ? 1 : 0,
      conversation: saveConversation(conversation),
    }));
    this.#state.put(`${PEER}${addressKey(peer)}`, SavedPeerDevice, { version: 1, entries: saved, recent: next.recent });
  }

  /** Wipes all that there is with a device. */
  forget(peer: Address): void {
    const key = addressKey(peer);
    for (const { conversation } of this.of(peer).entries.values()) {
      wipeConversation(conversation);
      this.#state.delete(`${SKIPPED}${conversation.id}`);
    }
    if (this.#peers.delete(key)) this.#state.delete(`${PEER}${key}`);
  }

  [Symbol.dispose](): void {
    for (const { entries } of this.#peers.values()) {
      for (const { conversation } of entries.values()) wipeConversation(conversation);
    }
    this.#peers.clear();
  }
}

function restorePeer(saved: Uint8Array, loaded: LoadedState): PeerDevice {
  const { entries, recent } = decodeEntry(SavedPeerDevice, saved);
  const restored = entries.map((entry) => {
    const { id } = entry.conversation;
    const skipped = loaded.get(`${SKIPPED}${id}`);
    const keys = skipped === undefined ? [] : decodeEntry(SavedSkipped, skipped);
    const flags = { retired: entry.retired === 1, superseded: entry.superseded === 1 };
    return [id, { conversation: restoreConversation(entry.conversation, keys), ...flags }] as const;
  });
  return { entries: new Map(restored), recent };
}
