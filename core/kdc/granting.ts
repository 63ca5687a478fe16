import { DH_BYTES, type DhPrivateKey, KEY_BYTES } from "../crypto/provider.ts";
import type { Env } from "../env.ts";
import { type Address, type ConversationId, newConversationId } from "../ids.ts";
import { TICKET_LIFETIME_MS } from "../limits.ts";
import { Secret, wipe } from "../secret.ts";
import { sealTicket } from "./ticket.ts";

/** A conversation key for the asker and the same key, sealed, for the peer. */
export interface Granted {
  readonly conversation: ConversationId;
  /** 32 bytes; the caller sends it to the asker over the channel and wipes it: the server keeps nothing. */
  readonly key: Secret;
  readonly ticket: Uint8Array;
}

/** A device, and the identity key of its user (32 bytes) as the server has it. */
export interface Identified extends Address {
  readonly identityKey: Uint8Array;
}

/**
 * Draws a conversation between two devices (PROTOCOL §8.1). `ticketKey` is the peer device's, 32 bytes. Both identity keys
 * stand in the ticket: the peer compares them with what the asker says, and the asker with what it was told of the peer.
 * @throws channel.handshake when `ticketKey` is not a key
 */
export function grant(
  env: Env,
  serverKey: DhPrivateKey,
  asker: Identified,
  peer: Identified & { readonly ticketKey: Uint8Array },
): Granted {
  const conversation = newConversationId(env);
  const key = Secret.take(env.randomBytes(KEY_BYTES));
  const issuedAt = env.nowMs();
  const body = {
    version: 1,
    conversation,
    key,
    asker: asker.user,
    askerDevice: asker.device,
    askerIdentity: asker.identityKey,
    peer: peer.user,
    peerDevice: peer.device,
    peerIdentity: peer.identityKey,
    issuedAt,
    expiresAt: issuedAt + TICKET_LIFETIME_MS,
  } as const;
  try {
    const ticket = sealTicket(env.crypto, serverKey, peer.ticketKey, body, Secret.take(env.randomBytes(DH_BYTES)));
    return { conversation, key, ticket };
  } catch (error) {
    wipe(key);
    throw error;
  }
}
