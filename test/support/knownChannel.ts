/** Channels without a handshake, whose keys and counters a test chooses, and their records as node:crypto makes them. */
import { createCipheriv } from "node:crypto";
import { Channel } from "../../core/channel/record.ts";
import { nativeCrypto } from "../../core/crypto/native.ts";
import type { Role } from "../../core/noise/patterns.ts";
import { aesGcmSha256, type NoiseSuite } from "../../core/noise/suite.ts";
import { Secret } from "../../core/secret.ts";
import { fixedBytes } from "./noise.ts";

export interface ChannelValues {
  readonly handshakeHash: Uint8Array;
  readonly toServer: Uint8Array;
  readonly toClient: Uint8Array;
  /** Of the next record in both directions. */
  readonly counter: number;
}

export const KNOWN: ChannelValues = {
  handshakeHash: fixedBytes("handshake hash"),
  toServer: fixedBytes("client to server"),
  toClient: fixedBytes("server to client"),
  counter: 0,
};

/** One end of a channel. */
export function knownEnd(
  role: Role,
  values: Partial<ChannelValues> = {},
  suite: NoiseSuite = aesGcmSha256(nativeCrypto),
): Channel {
  const { handshakeHash, toServer, toClient, counter } = { ...KNOWN, ...values };
  return new Channel(suite, role, {
    handshakeHash,
    initiatorToResponder: { key: Secret.copy(toServer), counter },
    responderToInitiator: { key: Secret.copy(toClient), counter },
  });
}

/** Both ends. */
export function knownPair(
  values: Partial<ChannelValues> = {},
  suite?: NoiseSuite,
): { readonly client: Channel; readonly server: Channel } {
  return { client: knownEnd("initiator", values, suite), server: knownEnd("responder", values, suite) };
}

/** A record by PROTOCOL §4.3; or, with associated data, `seal` of §4.2. */
export function recordOf(
  key: Uint8Array,
  counter: number | bigint,
  plaintext: Uint8Array,
  associatedData: Uint8Array = new Uint8Array(0),
): Uint8Array {
  const nonce = new Uint8Array(12);
  new DataView(nonce.buffer).setBigUint64(4, BigInt(counter));
  const cipher = createCipheriv("aes-256-gcm", key, nonce);
  cipher.setAAD(associatedData);
  return Uint8Array.from([...cipher.update(plaintext), ...cipher.final(), ...cipher.getAuthTag()]);
}

/** The key that takes the place of `key` at a rekey, by PROTOCOL §4.3. */
export function rekeyed(key: Uint8Array): Uint8Array {
  return recordOf(key, 2n ** 64n - 1n, new Uint8Array(32)).slice(0, 32);
}
