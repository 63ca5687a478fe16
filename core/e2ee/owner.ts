/** Whose something is: what wraps authenticate and signatures cover beside the thing itself (PROTOCOL §7). */
import { concat, lv, utf8 } from "../bytes.ts";
import type { Address, DeviceId } from "../ids.ts";
import { REALM_ID_BYTES } from "../limits.ts";
import type { UserName } from "../name.ts";
import { constant, encodeAll, fixed, struct } from "../wire/codec.ts";
import { deviceId, userName } from "../wire/fields.ts";

/** One user of one realm. */
export interface Owner {
  /** 32 bytes. */
  readonly realm: Uint8Array;
  readonly user: UserName;
}

/** One device of one user of one realm. */
export interface DeviceOwner extends Owner, Address {
  readonly device: DeviceId;
}

const OwnerData = struct({ version: constant(1), realm: fixed(REALM_ID_BYTES), user: userName });
const DeviceOwnerData = struct({
  version: constant(1),
  realm: fixed(REALM_ID_BYTES),
  user: userName,
  device: deviceId,
});

/** The associated data of what is wrapped for `owner`: the version of the format, realm and user. */
export function ownerData(owner: Owner): Uint8Array {
  return encodeAll(OwnerData, { version: 1, realm: owner.realm, user: owner.user });
}

/** Likewise for one device: the device besides. */
export function deviceOwnerData(owner: DeviceOwner): Uint8Array {
  return encodeAll(DeviceOwnerData, { version: 1, realm: owner.realm, user: owner.user, device: owner.device });
}

/** What an identity key signs: `label || lv(realm) || lv(user) || body`. No label is the beginning of another that signs. */
export function signedBytes(label: Uint8Array, owner: Owner, body: Uint8Array): Uint8Array {
  return concat(label, lv(owner.realm), lv(utf8(owner.user)), body);
}
