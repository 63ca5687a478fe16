/** The server's part in recovering a user's credential: the OPRF under the user's key, and the mask (RFC 9807 §6.3.2). */
import { concat, utf8 } from "../bytes.ts";
import { hkdfExpand } from "../crypto/kdf.ts";
import { oprfDeriveKey, oprfEvaluate } from "../crypto/oprf.ts";
import type { Secret } from "../secret.ts";
import { type AkePrivateKey, type OpaqueConfig, SEED_BYTES } from "./group.ts";
import { MASKED_BYTES } from "./messages.ts";
import { badKeyAs } from "./refusal.ts";

/** What a server holds for all its users; nothing here is per user. */
export interface OpaqueServerKeys {
  /** `server_private_key`, imported once with `importAkeKey`. */
  readonly privateKey: AkePrivateKey;
  /** 64 bytes. With a record it allows guessing at the price of one stretching a guess (RFC 9807 §10.11). */
  readonly oprfSeed: Secret;
}

/** The OPRF key of one user (RFC 9807 §5.2.2): 32 bytes. */
export function deriveOprfKey(config: OpaqueConfig, oprfSeed: Secret, credentialIdentifier: Uint8Array): Secret {
  const info = concat(credentialIdentifier, utf8("OprfKey"));
  using seed = hkdfExpand(config.crypto, "sha512", oprfSeed, { info, length: SEED_BYTES });
  return oprfDeriveKey(seed, utf8("OPAQUE-DeriveKeyPair"));
}

/**
 * `evaluated_message` (RFC 9807 §5.2.2, §6.3.2.2): 32 bytes.
 * @throws wire.malformed when `blinded` is not a group element, or is the identity (RFC 9497 §3.3)
 */
export function evaluate(
  config: OpaqueConfig,
  keys: OpaqueServerKeys,
  credentialIdentifier: Uint8Array,
  blinded: Uint8Array,
): Uint8Array {
  using key = deriveOprfKey(config, keys.oprfSeed, credentialIdentifier);
  return badKeyAs("wire.malformed", () => oprfEvaluate(key, blinded));
}

/** Masks `server_public_key || envelope`, or takes the mask off (RFC 9807 §6.3.2.2): 128 bytes either way. */
export function applyMask(
  config: OpaqueConfig,
  maskingKey: Secret,
  maskingNonce: Uint8Array,
  response: Uint8Array,
): Uint8Array {
  const info = concat(maskingNonce, utf8("CredentialResponsePad"));
  using pad = hkdfExpand(config.crypto, "sha512", maskingKey, { info, length: MASKED_BYTES });
  return pad.use((bytes) => response.map((byte, i) => byte ^ (bytes[i] ?? 0)));
}
