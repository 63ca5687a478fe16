/**
 * The demo realm, which is checked in at the root of this project: five users and keys that everybody knows. All
 * randomness comes from one label, so that anybody can make the files again.
 */
import { DEFAULT_HOST, DEFAULT_PORT, realmFiles } from "../../cmd/server/admin/init.ts";
import { drawKeyring, serverKeys } from "../../cmd/server/keyring.ts";
import type { UserEntry } from "../../cmd/server/users.ts";
import { concat, utf8 } from "../../core/bytes.ts";
import { nativeCrypto } from "../../core/crypto/native.ts";
import type { Env } from "../../core/env.ts";
import { parseUserName, type UserName } from "../../core/name.ts";
import { Secret } from "../../core/secret.ts";
import { registerUser } from "./registration.ts";

export const DEMO_USERS: readonly (readonly [name: string, password: string])[] = [
  ["Alice", "P4nc@ke$"],
  ["Bob", "i<3j@1eb!"],
  ["Chris", "pizza"],
  ["Dana", "QMpg864^%al%#wj@j"],
  ["Eric", "password"],
];

const CHANGED_AT = Date.UTC(2026, 0, 1);

/** An environment whose random bytes are HMAC-SHA-256(label, block number as 4 bytes), one block after the other. */
export function countedEnv(label: string, nowMs: number): Env {
  let stream: Uint8Array = new Uint8Array(0);
  let block = 0;
  return {
    nowMs: () => nowMs,
    randomBytes(length) {
      while (stream.length < length) {
        const counter = Uint8Array.of(block >>> 24, block >>> 16, block >>> 8, block);
        stream = concat(stream, nativeCrypto.hmacSha256(utf8(label), counter));
        block += 1;
      }
      const taken = stream.slice(0, length);
      stream = stream.slice(length);
      return taken;
    },
    crypto: nativeCrypto,
  };
}

/** Every file of the demo realm: its bytes by its path from the root of the project. */
export async function makeDemoRealm(): Promise<ReadonlyMap<string, Uint8Array>> {
  const env = countedEnv("IMS demo realm", CHANGED_AT);
  using keys = drawKeyring(env.crypto, env.randomBytes);
  using machineKeys = serverKeys(keys, env.crypto);
  const realm = { realm: machineKeys.realm, keys: machineKeys.opaque };
  const changedAt = new Date(env.nowMs()).toISOString();
  const users = new Map<UserName, UserEntry>();
  for (const [name, password] of DEMO_USERS) {
    using secret = Secret.take(utf8(password));
    const record = await registerUser(env, realm, parseUserName(name), secret);
    users.set(parseUserName(name), { name, active: true, record, changedAt, epoch: 1, initial: false });
  }
  const files = realmFiles({ host: DEFAULT_HOST, port: DEFAULT_PORT }, keys, users);
  return new Map(files.map(({ path, content }) => [path, typeof content === "string" ? utf8(content) : content]));
}
