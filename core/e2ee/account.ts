/**
 * A user's account: a random account key, and under it the identity, an Ed25519 key (PROTOCOL §7.1).
 *
 *     identityWrap: the identity's secret under the account key
 *     accountWrap:  the account key under the export key of the password (RFC 9807 §2.1, "export_key")
 *     recoveryWrap: the account key under the recovery code
 *
 * The server keeps the three and opens none of them. A new password or a new code wraps one key again and leaves all else
 * as it was. Not its concern: who asks for the password or the code, and what is pinned of the identities of others.
 */
import { equalBytes } from "../crypto/compare.ts";
import { LABELS } from "../crypto/labels.ts";
import { type CryptoProvider, KEY_BYTES, SIGN_KEY_BYTES, type SignPrivateKey } from "../crypto/provider.ts";
import type { Env } from "../env.ts";
import { CodedError } from "../errors.ts";
import { Secret, wipe } from "../secret.ts";
import type { AccountKeys } from "../wire/account.ts";
import { type Owner, ownerData } from "./owner.ts";
import { unwrapKey, type WrapUse, wrapKey } from "./wrap.ts";

/** An account that is open. Disposing of it wipes all of its secrets. */
export interface Account extends Disposable {
  /** The account key: 32 random bytes. */
  readonly key: Secret;
  /** The identity's secret, 32 bytes (RFC 8032 §5.1.5), and the same as a key that signs. */
  readonly identitySeed: Secret;
  readonly identity: SignPrivateKey;
  /** The identity's public key: 32 bytes. */
  readonly identityKey: Uint8Array;
}

/** A new account: nobody has it yet. */
export function createAccount(env: Env): Account {
  const key = Secret.take(env.randomBytes(KEY_BYTES));
  return accountOf(env.crypto, key, Secret.take(env.randomBytes(SIGN_KEY_BYTES)));
}

/** The identity's secret under the account key. */
export function identityWrapOf(env: Env, account: Account, owner: Owner): Uint8Array {
  return wrapKey(env, account.key, useOf(LABELS.identityWrap, owner), account.identitySeed);
}

/** The account key under the export key of a password, 64 bytes. */
export function wrapAccountKey(env: Env, accountKey: Secret, exportKey: Secret, owner: Owner): Uint8Array {
  return wrapKey(env, exportKey, useOf(LABELS.accountWrap, owner), accountKey);
}

/** The account key under a recovery code, 16 bytes. */
export function wrapForRecovery(env: Env, accountKey: Secret, code: Secret, owner: Owner): Uint8Array {
  return wrapKey(env, code, useOf(LABELS.recoveryWrap, owner), accountKey);
}

/**
 * The account that the server keeps for `owner`, opened with what a login has exported: the caller's.
 * @returns null when there is no wrap for this password, or it does not open: an operator has set the password, and only
 * the recovery code brings the account back
 * @throws account.invalid when the identity is not the one that the account key wraps: these are not wraps of one account
 */
export function openAccount(
  crypto: CryptoProvider,
  keys: AccountKeys,
  exportKey: Secret,
  owner: Owner,
): Account | null {
  const accountKey = tryUnwrap(crypto, exportKey, useOf(LABELS.accountWrap, owner), keys.accountWrap);
  return accountKey === null ? null : openIdentity(crypto, keys, accountKey, owner);
}

/**
 * Likewise with the recovery code, 16 bytes.
 * @throws account.code when it does not open the account, or no code was made
 * @throws account.invalid as `openAccount` does
 */
export function recoverAccount(crypto: CryptoProvider, keys: AccountKeys, code: Secret, owner: Owner): Account {
  if (keys.recoveryWrap.length === 0) throw new CodedError("account.code", "no recovery code was made");
  const accountKey = tryUnwrap(crypto, code, useOf(LABELS.recoveryWrap, owner), keys.recoveryWrap);
  if (accountKey === null) throw new CodedError("account.code", "that is not the recovery code of this account");
  return openIdentity(crypto, keys, accountKey, owner);
}

function useOf(label: Uint8Array, owner: Owner): WrapUse {
  return { label, associatedData: ownerData(owner) };
}

/** What `wrapped` holds; null when it does not open. */
function tryUnwrap(crypto: CryptoProvider, key: Secret, use: WrapUse, wrapped: Uint8Array): Secret | null {
  try {
    return unwrapKey(crypto, key, use, wrapped);
  } catch (error) {
    if (error instanceof CodedError && error.code === "crypto.open") return null;
    throw error;
  }
}

/** Takes `accountKey` over. */
function openIdentity(crypto: CryptoProvider, keys: AccountKeys, accountKey: Secret, owner: Owner): Account {
  let seed: Secret | null = null;
  try {
    if (accountKey.length !== KEY_BYTES) throw new CodedError("account.invalid", "the account key's length");
    seed = tryUnwrap(crypto, accountKey, useOf(LABELS.identityWrap, owner), keys.identityWrap);
    if (seed === null) throw new CodedError("account.invalid", "the identity does not open");
    if (seed.length !== SIGN_KEY_BYTES) throw new CodedError("account.invalid", "the identity's length");
  } catch (error) {
    wipe(accountKey, seed);
    throw error;
  }
  const account = accountOf(crypto, accountKey, seed);
  if (equalBytes(account.identityKey, keys.identityKey)) return account;
  wipe(account);
  throw new CodedError("account.invalid", "another identity");
}

/** Takes both secrets over. */
function accountOf(crypto: CryptoProvider, key: Secret, identitySeed: Secret): Account {
  let identity: SignPrivateKey;
  try {
    identity = identitySeed.use((seed) => crypto.signKey(seed));
  } catch (error) {
    wipe(key, identitySeed);
    throw error;
  }
  return {
    ...{ key, identitySeed, identity, identityKey: identity.publicKey },
    [Symbol.dispose]: () => wipe(key, identitySeed, identity),
  };
}
