/**
 * A device's state on disk: named entries, each sealed under the device's state key (PROTOCOL §7.5).
 *
 * The state key is random and wrapped under the account key, so the folder opens with the account and outlives any password.
 * The name of an entry is keyed and its plain name is inside, so whoever has the folder sees how many entries there are and
 * how long they are. Such a one can also put an old entry, or all of them, back: nothing here notices.
 */
import { concat, decodeUtf8, EMPTY, lv, utf8 } from "../bytes.ts";
import { hkdf } from "../crypto/kdf.ts";
import { LABELS } from "../crypto/labels.ts";
import { type CryptoProvider, KEY_BYTES } from "../crypto/provider.ts";
import type { Env } from "../env.ts";
import { CodedError } from "../errors.ts";
import { Secret, wipe } from "../secret.ts";
import { type DeviceOwner, deviceOwnerData } from "./owner.ts";
import { openAtRest, sealAtRest, unwrapKey, type WrapUse, wrapKey } from "./wrap.ts";

/** The bytes of an entry's name; as text it is twice as long. */
const ENTRY_NAME_BYTES = 16;

/** An entry of the state. The bytes are the caller's to wipe. */
export interface StateEntry {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** A new state key: 32 random bytes. */
export function drawStateKey(env: Env): Secret {
  return Secret.take(env.randomBytes(KEY_BYTES));
}

/** The state key of one device under the account key. */
export function wrapStateKey(env: Env, accountKey: Secret, owner: DeviceOwner, stateKey: Secret): Uint8Array {
  return wrapKey(env, accountKey, stateUseOf(owner), stateKey);
}

/** Inverse of `wrapStateKey`: the caller's. @throws state.damaged when it does not open for this account and device */
export function unwrapStateKey(
  crypto: CryptoProvider,
  accountKey: Secret,
  owner: DeviceOwner,
  wrapped: Uint8Array,
): Secret {
  const stateKey = damagedUnless(() => unwrapKey(crypto, accountKey, stateUseOf(owner), wrapped));
  if (stateKey.length === KEY_BYTES) return stateKey;
  wipe(stateKey);
  throw new CodedError("state.damaged", "the state key's length");
}

/**
 * Under which name the entry `name` is kept: the first 16 bytes of HMAC-SHA-256(HKDF-SHA512(state key, label), name), in
 * hexadecimal: 32 characters, which are also the entry's associated data.
 */
export function entryName(crypto: CryptoProvider, stateKey: Secret, name: string): string {
  using key = hkdf(crypto, "sha512", { salt: EMPTY, ikm: stateKey, info: LABELS.stateName, length: KEY_BYTES });
  const tag = key.use((bytes) => crypto.hmacSha256(bytes, utf8(name)));
  return tag.subarray(0, ENTRY_NAME_BYTES).toHex();
}

/** The entry `name`, sealed: `lv(name) || bytes` under the state key. `bytes` stay the caller's. */
export function sealEntry(env: Env, stateKey: Secret, name: string, bytes: Uint8Array): Uint8Array {
  using plaintext = Secret.take(concat(lv(utf8(name)), bytes));
  const use = entryUseOf(entryName(env.crypto, stateKey, name));
  return plaintext.use((plain) => sealAtRest(env, stateKey, use, plain));
}

/**
 * Inverse of `sealEntry`.
 * @param keptAs what `entryName` gives for its name
 * @throws state.damaged when it is not an entry of this state, or not the one of that name
 */
export function openEntry(crypto: CryptoProvider, stateKey: Secret, keptAs: string, sealed: Uint8Array): StateEntry {
  const use = entryUseOf(keptAs);
  using plaintext = Secret.take(damagedUnless(() => openAtRest(crypto, stateKey, use, sealed)));
  return plaintext.use((plain) => {
    const [high, low] = plain;
    if (high === undefined || low === undefined) throw new CodedError("state.damaged", "an entry without a name");
    const end = 2 + high * 256 + low;
    const name = end > plain.length ? null : decodeUtf8(plain.subarray(2, end));
    if (name === null) throw new CodedError("state.damaged", "an entry without a name");
    return { name, bytes: new Uint8Array(plain.subarray(end)) };
  });
}

function stateUseOf(owner: DeviceOwner): WrapUse {
  return { label: LABELS.stateWrap, associatedData: deviceOwnerData(owner) };
}

function entryUseOf(keptAs: string): WrapUse {
  return { label: LABELS.stateEntry, associatedData: utf8(keptAs) };
}

/** What `open` gives; state.damaged where it would throw crypto.open. */
function damagedUnless<T>(open: () => T): T {
  try {
    return open();
  } catch (cause) {
    if (!(cause instanceof CodedError)) throw cause;
    throw new CodedError("state.damaged", "does not open", { cause });
  }
}
