/** What the KDC knows of its realm: its keys, and who is registered. */
import { equalBytes } from "../crypto/compare.ts";
import type { DhPrivateKey } from "../crypto/provider.ts";
import type { UserName } from "../name.ts";
import type { OpaqueServerKeys } from "../opaque/credential.ts";
import type { RegistrationRecord } from "../opaque/record.ts";

export interface ServerKeys {
  /** The realm id: 32 bytes. */
  readonly realm: Uint8Array;
  /** The Noise static key. */
  readonly staticKey: DhPrivateKey;
  readonly opaque: OpaqueServerKeys;
}

/** A user as `users.json` has them. */
export interface RegisteredUser {
  /** As registered. */
  readonly name: string;
  /** False when locked. */
  readonly active: boolean;
  readonly record: RegistrationRecord;
  /** Rises with each password. */
  readonly epoch: number;
  /** The operator chose the password: another has to be set before anything else. */
  readonly initial: boolean;
}

/** By the protocol's form of the name. */
export type Users = ReadonlyMap<UserName, RegisteredUser>;

/**
 * Whether a login that was made as `then` still counts: the user is active and has the same password. Somebody who was
 * removed and registered again has another record, though the same epoch.
 */
export function stillCounts(then: RegisteredUser, now: RegisteredUser | undefined): boolean {
  return now?.active === true && now.epoch === then.epoch && equalBytes(now.record, then.record);
}
