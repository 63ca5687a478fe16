/** Two devices with their keys, and conversations between them, without tickets, signatures or a server. */
import type { CryptoProvider } from "../../core/crypto/provider.ts";
import type { Party } from "../../core/e2ee/agreement.ts";
import { type Conversation, startAsAsker, startAsPeer } from "../../core/e2ee/conversation.ts";
import { drawPrekey, type PrekeyPair } from "../../core/e2ee/prekey.ts";
import type { Env } from "../../core/env.ts";
import type { ConversationId, DeviceId } from "../../core/ids.ts";
import { parseUserName } from "../../core/name.ts";
import { Secret } from "../../core/secret.ts";
import type { Prekey } from "../../core/wire/account.ts";
import { decodeAll } from "../../core/wire/codec.ts";
import { Opening } from "../../core/wire/endToEnd.ts";

/** One device, with the secrets that it is known by. */
export interface Member extends Party {
  readonly agreementSecret: Secret;
  readonly signed: PrekeyPair;
  readonly oneTime: PrekeyPair;
}

export interface Setting {
  readonly realm: Uint8Array;
  readonly conversation: ConversationId;
  readonly kdcKey: Secret;
  readonly asker: Member;
  readonly peer: Member;
}

export interface Ends {
  readonly asker: Conversation;
  readonly peer: Conversation;
}

/** Draws, in this order: device id, identity seed, agreement secret, both prekeys. */
export function member(env: Env, user: string): Member {
  const device = env.randomBytes(8).toHex() as DeviceId;
  using identity = env.crypto.signKey(env.randomBytes(32));
  const agreementSecret = Secret.take(env.randomBytes(32));
  using agreement = agreementSecret.use((bytes) => env.crypto.dhKey(bytes));
  return {
    address: { user: parseUserName(user), device },
    ...{ identityKey: identity.publicKey, agreementKey: agreement.publicKey, agreementSecret },
    ...{ signed: drawPrekey(env, 7), oneTime: drawPrekey(env, 8) },
  };
}

/** Alice asks for a conversation with Bob. */
export function setting(env: Env): Setting {
  const realm = env.randomBytes(32);
  const conversation = env.randomBytes(16).toHex() as ConversationId;
  const kdcKey = Secret.take(env.randomBytes(32));
  return { realm, conversation, kdcKey, asker: member(env, "alice"), peer: member(env, "bob") };
}

/** The public half of a prekey, as it is once its signature has been verified. */
export function publicPrekey(crypto: CryptoProvider, { address }: Party, pair: PrekeyPair): Prekey {
  using key = pair.dhSecret.use((bytes) => crypto.dhKey(bytes));
  const { id, expiresAt } = pair;
  const [dhKey, kemKey] = [key.publicKey, crypto.kemPublicKey(pair.kemSeed)];
  return { version: 1, device: address.device, id, dhKey, kemKey, expiresAt };
}

/** The asker's end of a conversation: `env` draws for it. */
export function beginAsking(env: Env, { asker, peer, ...start }: Setting, withOneTime = true): Conversation {
  const of = (pair: PrekeyPair) => publicPrekey(env.crypto, peer, pair);
  return startAsAsker(env, {
    ...{ ...start, self: asker, peer, agreementSecret: asker.agreementSecret },
    ...{ ticket: Uint8Array.of(1, 2, 3), devices: { list: Uint8Array.of(4, 5), signature: new Uint8Array(64) } },
    prekeys: { signed: of(peer.signed), oneTime: withOneTime ? of(peer.oneTime) : null },
  });
}

/** The peer's end, from the opening as it arrives. */
export function joinAsked(env: Env, { asker, peer, ...start }: Setting, encodedOpening: Uint8Array): Conversation {
  const opening = decodeAll(Opening, encodedOpening);
  return startAsPeer(env, {
    ...{ ...start, self: peer, peer: asker, agreementSecret: peer.agreementSecret, opening, encodedOpening },
    prekeys: { signed: peer.signed, oneTime: opening.oneTimePrekey === 0 ? null : peer.oneTime },
  });
}

/** Both ends of a conversation. */
export function startBoth(env: Env, withOneTime = true, given = setting(env)): Ends {
  const asker = beginAsking(env, given, withOneTime);
  return { asker, peer: joinAsked(env, given, asker.opening) };
}

/** All that a value holds as text, its secrets too: equal texts, equal states. */
export function snapshot(value: unknown): string {
  return JSON.stringify(value, function (key, found: unknown) {
    const original: unknown = Reflect.get(Object(this), key);
    if (original instanceof Secret) return original.use((bytes) => `secret ${bytes.toHex()}`);
    return found instanceof Uint8Array ? found.toHex() : found;
  });
}
