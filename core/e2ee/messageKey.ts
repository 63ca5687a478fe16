/**
 * One message under its message key (Double Ratchet §5.2 leaves the AEAD and the derivation of its key and nonce open).
 *
 *     key || nonce = HKDF-SHA256(salt = message id, ikm = message key, info = "IMS/1 message", 44)
 *
 * The id is random and authenticated. So even a state that was restored from a copy, and uses a message key again, uses no
 * AEAD key and nonce again.
 */
import { withKeyAndNonce } from "../crypto/kdf.ts";
import { LABELS } from "../crypto/labels.ts";
import type { CryptoProvider } from "../crypto/provider.ts";
import type { MessageId } from "../ids.ts";
import type { Secret } from "../secret.ts";

/** All is borrowed. */
export function sealWith(
  crypto: CryptoProvider,
  messageKey: Secret,
  id: MessageId,
  associatedData: Uint8Array,
  plaintext: Uint8Array,
): Uint8Array {
  return withKey(crypto, messageKey, id, (key, nonce) => crypto.seal(key, nonce, associatedData, plaintext));
}

/** Inverse of `sealWith`. @throws crypto.open */
export function openWith(
  crypto: CryptoProvider,
  messageKey: Secret,
  id: MessageId,
  associatedData: Uint8Array,
  sealed: Uint8Array,
): Uint8Array {
  return withKey(crypto, messageKey, id, (key, nonce) => crypto.open(key, nonce, associatedData, sealed));
}

function withKey<T>(
  crypto: CryptoProvider,
  messageKey: Secret,
  id: MessageId,
  fn: (key: Secret, nonce: Uint8Array) => T,
): T {
  const input = { salt: Uint8Array.fromHex(id), ikm: messageKey, info: LABELS.message };
  return withKeyAndNonce(crypto, "sha256", input, fn);
}
