/** `server run`: from the configuration to a server that serves, until it is told to stop. */
import type { Env } from "../../core/env.ts";
import { type Flags, fromKey, type ServerConfig } from "../host/config.ts";
import { EXIT, type ExitCode } from "../host/exit.ts";
import { systemCode } from "../host/files.ts";
import type { Io } from "../host/io.ts";
import { lockFolder } from "../host/lock.ts";
import { createLog } from "../host/log.ts";
import { fingerprint } from "../host/publicKey.ts";
import { VERSION } from "../host/version.ts";
import { DescriptorGuard, warnOfFew } from "./descriptors.ts";
import { Driver } from "./driver.ts";
import { createJournal, type Journal } from "./journal.ts";
import { serverKeys } from "./keyring.ts";
import { type Listener, listen } from "./listener.ts";
import { listenFailure } from "./listenFailure.ts";
import { LogLines } from "./logLines.ts";
import { expectSafeHost, openRealm } from "./realm.ts";
import { loadUsers } from "./users.ts";
import { watchFile } from "./watch.ts";

/** Each resolves with the name of a signal. */
export interface StopSignals {
  /** Asks the server to stop. */
  readonly first: Promise<string>;
  /** Asks it to wait for nothing. */
  readonly second: Promise<string>;
}

/**
 * Serves until there is a signal.
 * @throws config.invalid, file.locked, file.failed, port.busy
 */
export async function run(flags: Flags, io: Io, env: Env, signals: StopSignals): Promise<ExitCode> {
  using realm = openRealm(flags, io, env.crypto);
  expectSafeHost(realm);
  const { config, keys, usersFile } = realm;
  const users = fromKey(config, "users", () => loadUsers(usersFile));
  using _data = lockFolder(config.data);
  using lines = new LogLines((text) => io.stderr.write(text));
  const log = createLog({ level: config.logLevel, write: (line) => lines.add(line), nowMs: () => env.nowMs() });
  using machineKeys = serverKeys(keys, env.crypto);
  const journal = createJournal(log);
  const driver = new Driver(env, machineKeys, { users, limits: config.limits, journal });
  const listener = open(config, driver, journal);
  using _guard = new DescriptorGuard({ listener, log, nowMs: () => performance.now() });
  using _watch = watchFile({
    path: config.users,
    load: () => loadUsers(usersFile),
    changed: (now) => {
      driver.setUsers(now);
      log.info("users.loaded", { file: usersFile.name, users: now.size });
    },
    broken: ({ detail }) =>
      log.error("users.refused", { file: usersFile.name, reason: detail, note: "the last good users stay" }),
  });
  log.info("server.listening", {
    host: config.host,
    port: listener.port,
    users: users.size,
    fingerprint: fingerprint(env.crypto, keys.publicKey),
    version: VERSION,
    ...(keys.demo ? { note: "demo realm: everybody knows its key" } : {}),
  });
  warnOfFew(log, config.limits.connections);
  const signal = await signals.first;
  log.info("server.stopping", { signal, ...driver.online });
  await listener.stop(signals.second);
  log.info("server.stopped");
  return EXIT.done;
}

function open(config: ServerConfig, driver: Driver, journal: Journal): Listener {
  try {
    return listen(config, driver, journal);
  } catch (error) {
    throw listenFailure(systemCode(error), config, { cause: error });
  }
}
