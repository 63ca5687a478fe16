/** Which of several conversations with a device is sent in, and which are dropped (PROTOCOL §9.5). */
import type { Conversation } from "../e2ee/conversation.ts";
import type { ConversationId } from "../ids.ts";
import { TICKET_LIFETIME_MS } from "../limits.ts";
import type { Entry } from "./savedConversations.ts";

export type Entries = ReadonlyMap<ConversationId, Entry>;

/** The one to send in; of several, the one with the lowest id. */
export function currentOf(entries: Entries): Entry | null {
  const usable = [...entries.values()].filter(({ retired, superseded }) => !retired && !superseded);
  return usable.reduce<Entry | null>((a, b) => (a !== null && a.conversation.id < b.conversation.id ? a : b), null);
}

export function mapped(entries: Entries, change: (entry: Entry, id: ConversationId) => Entry): Entries {
  return new Map([...entries].map(([id, entry]) => [id, change(entry, id)] as const));
}

/** With `entry` as the one used last. */
export function withLast(entries: Entries, entry: Entry): Entries {
  const { id } = entry.conversation;
  return new Map([...[...entries].filter(([other]) => other !== id), [id, entry] as const]);
}

/**
 * The peer has sent in `entry`: if that is the one that won, nothing more comes in those that lost. Not so of one that has
 * just begun: what is on its way may have been sent before the peer heard of it.
 */
export function withoutLosers(entries: Entries, entry: Entry, nowMs: number): Entries {
  if (entry.superseded) return entries;
  const stays = ({ conversation, superseded }: Entry): boolean =>
    !superseded || nowMs - conversation.startedAtMs < TICKET_LIFETIME_MS;
  return new Map([...entries].filter(([, other]) => stays(other)));
}

/** With a conversation that the peer has begun: it wins, unless one that was begun here just now has a lower id. */
export function raced(entries: Entries, begun: Conversation, nowMs: number): Entries {
  const races = ({ conversation, retired, superseded }: Entry): boolean =>
    conversation.role === "asker" &&
    !(conversation.answered || retired || superseded) &&
    nowMs - conversation.startedAtMs < TICKET_LIFETIME_MS;
  const superseded = [...entries.values()].some((entry) => races(entry) && entry.conversation.id < begun.id);
  const others = superseded ? entries : mapped(entries, (entry) => ({ ...entry, superseded: true }));
  return withLast(others, { conversation: begun, retired: false, superseded });
}
