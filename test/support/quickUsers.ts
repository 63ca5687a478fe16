/** Users of a running realm by the hundred, whose passwords are stretched by one HMAC: the server cannot tell. */
import { writeFileSync } from "node:fs";
import { hostEnv } from "../../cmd/host/env.ts";
import { loadPublicKey } from "../../cmd/host/publicKey.ts";
import { serverKeys } from "../../cmd/server/keyring.ts";
import { openRealm } from "../../cmd/server/realm.ts";
import { formatUsers, loadUsers } from "../../cmd/server/users.ts";
import { utf8 } from "../../core/bytes.ts";
import { nativeCrypto } from "../../core/crypto/native.ts";
import type { Env } from "../../core/env.ts";
import { parseUserName } from "../../core/name.ts";
import { Secret } from "../../core/secret.ts";
import { quickCrypto } from "./fixedEnv.ts";
import { passwordOf } from "./realm.ts";
import { registerUser } from "./registration.ts";
import type { Account } from "./remotePeer.ts";
import type { RealmFolder } from "./runningRealm.ts";

/** The real environment, but for Argon2id. */
export const quickEnv: Env = {
  ...hostEnv,
  crypto: {
    ...nativeCrypto,
    run: (job, random) => (job.op === "stretch" ? quickCrypto : nativeCrypto).run(job, random),
  },
};

/** Writes them beside those who are there, each with the `passwordOf`; only peers with `quickEnv` can log in as them. */
export async function addQuickUsers(folder: RealmFolder, names: readonly string[], active = true): Promise<void> {
  const io = { env: {}, cwd: folder.path, execDir: folder.path };
  using opened = openRealm({ config: folder.at("sconf.json") }, io, nativeCrypto);
  using keys = serverKeys(opened.keys, nativeCrypto);
  const users = new Map(loadUsers(opened.usersFile));
  const changedAt = new Date(hostEnv.nowMs()).toISOString();
  for (const name of names) {
    using password = Secret.take(utf8(passwordOf(name)));
    const realm = { realm: keys.realm, keys: keys.opaque };
    const record = await registerUser(quickEnv, realm, parseUserName(name), password);
    users.set(parseUserName(name), { name, active, record, changedAt, epoch: 1, initial: false });
  }
  writeFileSync(folder.at("users.json"), formatUsers(opened.usersFile.realmId, users));
}

/** What a peer needs to log in to the realm of a folder. */
export function accountIn(folder: Pick<RealmFolder, "at">, user: string, password = passwordOf(user)): Account {
  const { realmId, staticPublicKey } = loadPublicKey(folder.at("keys/server.pub"));
  return { realm: realmId, serverPublicKey: staticPublicKey, user, password };
}
