/** A conversation as it is saved; its skipped keys are apart (savedRatchet.ts). */
import { OPENING_MAX_BYTES } from "../limits.ts";
import { bytes, constant, fixed, type Infer, struct, time, uint } from "../wire/codec.ts";
import { conversationId, deviceId, userName } from "../wire/fields.ts";
import type { Conversation } from "./conversation.ts";
import type { SkippedKey } from "./ratchet.ts";
import { SavedRatchet, withSkipped } from "./savedRatchet.ts";

export const SavedConversation = struct({
  version: constant(1),
  id: conversationId,
  isAsker: uint(1, 1),
  user: userName,
  device: deviceId,
  peerUser: userName,
  peerDevice: deviceId,
  peerIdentity: fixed(32),
  ratchet: SavedRatchet,
  opening: bytes(OPENING_MAX_BYTES),
  openingHash: fixed(32),
  answered: uint(1, 1),
  startedAtMs: time,
  messages: uint(4),
});
export type SavedConversation = Infer<typeof SavedConversation>;

export function saveConversation(conversation: Conversation): SavedConversation {
  const { self, peer, role, answered, ...rest } = conversation;
  return {
    ...{ version: 1, ...rest, isAsker: role === "asker" ? 1 : 0, answered: answered ? 1 : 0 },
    ...{ user: self.user, device: self.device, peerUser: peer.user, peerDevice: peer.device },
  };
}

/** Takes the secrets over. */
export function restoreConversation(saved: SavedConversation, skipped: readonly SkippedKey[]): Conversation {
  const { id, peerIdentity, opening, openingHash, startedAtMs, messages } = saved;
  return {
    ...{ id, peerIdentity, opening, openingHash, startedAtMs, messages },
    self: { user: saved.user, device: saved.device },
    peer: { user: saved.peerUser, device: saved.peerDevice },
    role: saved.isAsker === 1 ? "asker" : "peer",
    answered: saved.answered === 1,
    ratchet: withSkipped(saved.ratchet, skipped),
  };
}
