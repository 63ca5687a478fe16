/**
 * Pins: what a user's clients have noted of one peer, kept by the server and opened by nobody but the user (PROTOCOL §7.4).
 *
 * So a new device knows the peers' identity keys from the first moment, and need not trust the server anew. The server sees
 * how many pins there are and when one changes; not whom they are for, as the name is keyed and every pin is as long as the
 * next. It can withhold a pin or give back an old one: what a device has seen of versions is the device's to remember.
 */
import { EMPTY, utf8 } from "../bytes.ts";
import { hkdf } from "../crypto/kdf.ts";
import { LABELS } from "../crypto/labels.ts";
import { type CryptoProvider, KEY_BYTES, SIGN_KEY_BYTES } from "../crypto/provider.ts";
import type { Env } from "../env.ts";
import { CodedError } from "../errors.ts";
import { NAME_MAX_BYTES, PIN_NAME_BYTES, REALM_ID_BYTES } from "../limits.ts";
import { parseUserName, type UserName } from "../name.ts";
import type { Secret } from "../secret.ts";
import type { Pin, PinName } from "../wire/account.ts";
import { type Codec, checked, constant, decodeAll, encodeAll, fixed, id, struct, uint } from "../wire/codec.ts";
import { userName } from "../wire/fields.ts";
import type { Owner } from "./owner.ts";
import { openAtRest, sealAtRest, type WrapUse } from "./wrap.ts";

/** What is noted of one peer. */
export interface PinNote {
  /** The identity key that is trusted: 32 bytes. */
  readonly identityKey: Uint8Array;
  /** The two users have compared their safety number for this key. */
  readonly verified: boolean;
  /** Another identity key that the peer has been seen with and that has not been accepted, 32 bytes; null when none has. */
  readonly changed: Uint8Array | null;
  /** The highest number of the peer's list of devices that has been seen. */
  readonly devicesNumber: number;
}

/** Which pin is meant. */
export interface PinUse extends Owner {
  readonly peer: UserName;
  /** From 1: one more than that of the pin it replaces. */
  readonly version: number;
}

/** A name in 32 bytes, with zeros behind it, so that all names are as long. */
const paddedName = checked(paddedText(NAME_MAX_BYTES), parseUserName);
/** No identity key is all zeros: they encode a point of low order (RFC 8032 §5.1.3), which no signature verifies with. */
const NO_KEY = new Uint8Array(SIGN_KEY_BYTES);

const PinPlain = struct({
  version: constant(1),
  peer: paddedName,
  identityKey: fixed(SIGN_KEY_BYTES),
  verified: uint(1, 1),
  /** `NO_KEY` for none. */
  changed: fixed(SIGN_KEY_BYTES),
  devicesNumber: uint(4),
});
const PinData = struct({
  version: constant(1),
  realm: fixed(REALM_ID_BYTES),
  user: userName,
  name: id<PinName>(PIN_NAME_BYTES),
  pinVersion: uint(4),
});

/**
 * Under which name the pin of `peer` is kept: the first 16 bytes of HMAC-SHA-256(HKDF-SHA512(account key, label), peer),
 * in hexadecimal.
 */
export function pinName(crypto: CryptoProvider, accountKey: Secret, peer: UserName): PinName {
  using key = hkdf(crypto, "sha512", { salt: EMPTY, ikm: accountKey, info: LABELS.pinName, length: KEY_BYTES });
  const tag = key.use((bytes) => crypto.hmacSha256(bytes, utf8(peer)));
  return tag.subarray(0, PIN_NAME_BYTES).toHex() as PinName;
}

/** The pin of `use.peer`, sealed under the account key. */
export function sealPin(env: Env, accountKey: Secret, use: PinUse, note: PinNote): Pin {
  const name = pinName(env.crypto, accountKey, use.peer);
  const plaintext = encodeAll(PinPlain, {
    ...{ version: 1, peer: use.peer, identityKey: note.identityKey, devicesNumber: note.devicesNumber },
    ...{ verified: note.verified ? 1 : 0, changed: note.changed ?? NO_KEY },
  });
  const sealed = sealAtRest(env, accountKey, wrapUseOf(use, name, use.version), plaintext);
  return { name, version: use.version, sealed };
}

/**
 * Inverse of `sealPin`.
 * @throws account.invalid for a pin that this user's clients have not made, or not under this name and version
 */
export function openPin(
  crypto: CryptoProvider,
  accountKey: Secret,
  owner: Owner,
  pin: Pin,
): { readonly peer: UserName; readonly note: PinNote } {
  try {
    const plaintext = openAtRest(crypto, accountKey, wrapUseOf(owner, pin.name, pin.version), pin.sealed);
    const { peer, identityKey, verified, changed, devicesNumber } = decodeAll(PinPlain, plaintext);
    const hasChanged = changed.some((byte) => byte !== 0);
    const note = { identityKey, verified: verified === 1, changed: hasChanged ? changed : null, devicesNumber };
    return { peer, note };
  } catch (cause) {
    if (!(cause instanceof CodedError)) throw cause;
    throw new CodedError("account.invalid", "a pin", { cause });
  }
}

function wrapUseOf(owner: Owner, name: PinName, version: number): WrapUse {
  const { realm, user } = owner;
  return {
    label: LABELS.pin,
    associatedData: encodeAll(PinData, { version: 1, realm, user, name, pinVersion: version }),
  };
}

/** ASCII text without zeros, in `length` bytes with zeros behind it. */
function paddedText(length: number): Codec<string> {
  const padded = fixed(length);
  return {
    maxBytes: length,
    encode(value, writer) {
      const out = new Uint8Array(length);
      out.set(utf8(value));
      padded.encode(out, writer);
    },
    decode: (reader) => String.fromCharCode(...padded.decode(reader)).replace(/\0+$/, ""),
  };
}
