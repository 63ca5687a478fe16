/**
 * Prekeys: what others need to begin a conversation with a device that does not answer first (PQXDH §3.2, PROTOCOL §7.3).
 *
 * A prekey is an X25519 and an ML-KEM-768 key under one id, signed together by the user's identity key. The signature says
 * which user's and device's it is and whether it serves once or for a week, so the server can hand out none in place of
 * another. Not its concern: which were used, and when new ones are due.
 */
import { LABELS } from "../crypto/labels.ts";
import { checkEncapsulationKey } from "../crypto/mlKem.ts";
import { type CryptoProvider, DH_BYTES, KEM_SEED_BYTES, type SignPrivateKey } from "../crypto/provider.ts";
import { checkPublicKey } from "../crypto/x25519.ts";
import type { Env } from "../env.ts";
import { CodedError } from "../errors.ts";
import { PREKEY_LIFETIME_MS } from "../limits.ts";
import { Secret, wipe } from "../secret.ts";
import { Prekey, type SignedPrekey } from "../wire/account.ts";
import { decodeAll, encodeAll, type Infer, secret, struct, time, uint } from "../wire/codec.ts";
import { type DeviceOwner, signedBytes } from "./owner.ts";

/** The private half of a prekey, as the device keeps it. The owner wipes it with `wipePrekey`. */
export const PrekeyPair = struct({
  /** From 1, counted up by the device. */
  id: uint(4, 0xffffffff, 1),
  /** The secret of the X25519 key. */
  dhSecret: secret(DH_BYTES),
  /** d || z of the ML-KEM-768 key (FIPS 203 §7.1). */
  kemSeed: secret(KEM_SEED_BYTES),
  expiresAt: time,
});
export type PrekeyPair = Infer<typeof PrekeyPair>;

/** Whose prekey it is, and whether it serves many conversations for a week (signed) or one (one-time). */
export interface PrekeyUse extends DeviceOwner {
  readonly kind: "signed" | "oneTime";
}

/** A new prekey, accepted for 38 days from now. */
export function drawPrekey(env: Env, id: number): PrekeyPair {
  return {
    id,
    dhSecret: Secret.take(env.randomBytes(DH_BYTES)),
    kemSeed: Secret.take(env.randomBytes(KEM_SEED_BYTES)),
    expiresAt: env.nowMs() + PREKEY_LIFETIME_MS,
  };
}

export function wipePrekey(pair: PrekeyPair): void {
  wipe(pair.dhSecret, pair.kemSeed);
}

/** The public half of `pair`, signed by the identity key: `label || lv(realm) || lv(user) || prekey`. */
export function signPrekey(
  crypto: CryptoProvider,
  identity: SignPrivateKey,
  use: PrekeyUse,
  pair: PrekeyPair,
): SignedPrekey {
  using dh = pair.dhSecret.use((bytes) => crypto.dhKey(bytes));
  const prekey = encodeAll(Prekey, {
    ...{ version: 1, device: use.device, id: pair.id, expiresAt: pair.expiresAt },
    ...{ dhKey: dh.publicKey, kemKey: crypto.kemPublicKey(pair.kemSeed) },
  });
  return { id: pair.id, prekey, signature: crypto.sign(identity, signedBytes(labelOf(use), use, prekey)) };
}

/**
 * The prekey that the user of `use`, whose identity key is `identityKey`, has signed for that device and kind.
 * @throws e2ee.prekey for another signature, device or id, at and after its expiry, and for a key that is none
 */
export function verifyPrekey(
  crypto: CryptoProvider,
  identityKey: Uint8Array,
  use: PrekeyUse & { readonly nowMs: number },
  signed: SignedPrekey,
): Prekey {
  const message = signedBytes(labelOf(use), use, signed.prekey);
  if (!crypto.verify(identityKey, message, signed.signature)) throw new CodedError("e2ee.prekey", "signature");
  try {
    const prekey = decodeAll(Prekey, signed.prekey);
    if (prekey.device !== use.device) throw new CodedError("e2ee.prekey", "another device");
    if (prekey.id !== signed.id) throw new CodedError("e2ee.prekey", "another id");
    if (use.nowMs >= prekey.expiresAt) throw new CodedError("e2ee.prekey", "expired");
    checkPublicKey(prekey.dhKey);
    checkEncapsulationKey(prekey.kemKey);
    return prekey;
  } catch (cause) {
    if (!(cause instanceof CodedError) || cause.code === "e2ee.prekey") throw cause;
    throw new CodedError("e2ee.prekey", cause.detail, { cause });
  }
}

function labelOf(use: PrekeyUse): Uint8Array {
  return use.kind === "signed" ? LABELS.signedPrekey : LABELS.oneTimePrekey;
}
