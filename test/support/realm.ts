import { utf8 } from "../../core/bytes.ts";
import type { CryptoProvider } from "../../core/crypto/provider.ts";
import { opaqueConfig } from "../../core/kdc/login.ts";
import type { RegisteredUser, ServerKeys } from "../../core/kdc/realm.ts";
import { parseUserName, type UserName } from "../../core/name.ts";
import { importAkeKey } from "../../core/opaque/group.ts";
import type { RegistrationRecord } from "../../core/opaque/record.ts";
import { Secret } from "../../core/secret.ts";
import { fixedEnv, quickCrypto } from "./fixedEnv.ts";
import { registerUser } from "./registration.ts";

/** A realm with fixed keys, whose users register with `quickCrypto`. */
export interface TestRealm {
  readonly keys: ServerKeys;
  /** As in `users.json`: a record for `password`. */
  record(name: string, password: string): Promise<RegistrationRecord>;
}

export function testRealm(label = "realm", crypto: CryptoProvider = quickCrypto): TestRealm {
  const env = fixedEnv(label, crypto);
  const realm = env.randomBytes(32);
  const staticKey = crypto.dhKey(env.randomBytes(32));
  const privateKey = importAkeKey(opaqueConfig(crypto), Secret.take(env.randomBytes(32)));
  const opaque = { privateKey, oprfSeed: Secret.take(env.randomBytes(64)) };
  return {
    keys: { realm, staticKey, opaque },
    record: (name, password) =>
      registerUser(env, { realm, keys: opaque }, parseUserName(name), Secret.take(utf8(password))),
  };
}

/** The password of a test user, as `registerAll` has it. */
export function passwordOf(name: string): string {
  return `password of ${name.toLowerCase()}`;
}

/** Users with their `passwordOf`. */
export async function registerAll(realm: TestRealm, names: readonly string[]): Promise<Map<UserName, RegisteredUser>> {
  const users = new Map<UserName, RegisteredUser>();
  for (const name of names) {
    const record = await realm.record(name, passwordOf(name));
    users.set(parseUserName(name), { name, active: true, record, epoch: 1, initial: false });
  }
  return users;
}
