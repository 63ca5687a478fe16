/** The realm that is measured: as many users as the load needs, and limits that it never meets. */
import { serverKeys } from "../cmd/server/keyring.ts";
import { openRealm } from "../cmd/server/realm.ts";
import { changeUsers, type UserEntry } from "../cmd/server/users.ts";
import { utf8 } from "../core/bytes.ts";
import type { CryptoProvider } from "../core/crypto/provider.ts";
import { DEVICES_MAX } from "../core/limits.ts";
import { parseUserName, type UserName } from "../core/name.ts";
import { Secret } from "../core/secret.ts";
import { registerUser } from "../test/support/registration.ts";
import { RealmFolder, RunningRealm } from "../test/support/runningRealm.ts";
import type { MemoryRealm } from "./inMemory.ts";
import { loadEnv, userName } from "./peers.ts";
import type { KnownRealm, Target } from "./tasks.ts";

/** All connections come from one address, a relay load is as fast as it can be, and a crowd takes its time to log in. */
const LIMITS = {
  handshakeSeconds: 600,
  loginSeconds: 3600,
  connections: 100_000,
  connectionsPerAddress: 100_000,
  devicesPerUser: DEVICES_MAX,
  sessionFramesPerSecond: 10_000_000,
  sessionBytesPerSecond: 10_000_000_000,
};

export interface BenchRealm extends MemoryRealm {
  /** Starts a server in it; the folder goes with it. */
  start(): Promise<Served>;
}

export interface Served extends AsyncDisposable {
  readonly pid: number;
  readonly target: Target;
}

export async function makeRealm(users: number): Promise<BenchRealm> {
  const folder = await RealmFolder.made({ limits: LIMITS });
  const io = { env: {}, cwd: folder.path, execDir: folder.path };
  const realm = openRealm({ config: folder.at("sconf.json") }, io, loadEnv.crypto);
  const keys = (crypto: CryptoProvider) => serverKeys(realm.keys, crypto);
  using machineKeys = keys(loadEnv.crypto);
  const registration = { realm: machineKeys.realm, keys: machineKeys.opaque };
  const changedAt = new Date(loadEnv.nowMs()).toISOString();
  const entries = new Map<UserName, UserEntry>();
  for (let index = 0; index < users; index += 1) {
    const name = userName(index);
    using password = Secret.take(utf8(name));
    const record = await registerUser(loadEnv, registration, parseUserName(name), password);
    entries.set(parseUserName(name), { name, active: true, record, changedAt, epoch: 1, initial: false });
  }
  await changeUsers(realm.usersFile, () => entries);
  const known: KnownRealm = { realm: machineKeys.realm, serverPublicKey: machineKeys.staticKey.publicKey, users };
  return { keys, known, users: entries, start: () => serve(folder, known) };
}

async function serve(folder: RealmFolder, known: KnownRealm): Promise<Served> {
  const running = await RunningRealm.start({}, folder);
  return {
    pid: running.server.pid,
    target: { kind: "ims", port: running.port, realm: known },
    [Symbol.asyncDispose]: () => running[Symbol.asyncDispose](),
  };
}
