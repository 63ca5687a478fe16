import { concat, lv, utf8 } from "../../core/bytes.ts";
import type { DeviceOwner, Owner } from "../../core/e2ee/owner.ts";
import type { DeviceId } from "../../core/ids.ts";
import { parseUserName } from "../../core/name.ts";
import { Secret } from "../../core/secret.ts";
import { filled } from "./primitives.ts";

/** A user of the realm whose id is 32 times `realm`. */
export function owner(user: string, realm = 1): Owner {
  return { realm: new Uint8Array(32).fill(realm), user: parseUserName(user) };
}

/** `device` is one hexadecimal digit, repeated. */
export function deviceOwner(user: string, device: string, realm = 1): DeviceOwner {
  return { ...owner(user, realm), device: device.repeat(16) as DeviceId };
}

/** A secret that differs from `seed` to `seed`. */
export function keyOf(seed: number, length = 32): Secret {
  return Secret.take(filled(length, seed));
}

/** What an identity key signs, as PROTOCOL writes it out. */
export function signedByHand(label: string, { realm, user }: Owner, body: Uint8Array): Uint8Array {
  return concat(utf8(label), lv(realm), lv(utf8(user)), body);
}
