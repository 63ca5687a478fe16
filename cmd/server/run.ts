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
import { Attempts } from "./attempts.ts";
import { AuditTrail } from "./audit.ts";
import { Driver } from "./driver.ts";
import { ServerJournal } from "./journal.ts";
import { serverKeys } from "./keyring.ts";
import { type Listener, listen } from "./listener.ts";
import { listenFailure } from "./listenFailure.ts";
import { LogLines } from "./logLines.ts";
import { openOperating } from "./operating.ts";
import { expectSafeHost, openRealm } from "./realm.ts";
import { Throttle } from "./throttle.ts";
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
  let users = fromKey(config, "users", () => loadUsers(usersFile));
  using _data = lockFolder(config.data);
  using attempts = Attempts.open(config.data);
  using lines = new LogLines((text) => io.stderr.write(text));
  const log = createLog({ level: config.logLevel, write: (line) => lines.add(line), nowMs: () => env.nowMs() });
  const nowMs = (): number => env.nowMs();
  await using audit = new AuditTrail({ folder: config.data, maxBytes: config.limits.auditBytes, log, nowMs });
  using journal = new ServerJournal(log, audit);
  using machineKeys = serverKeys(keys, env.crypto);
  const driver = new Driver(env, machineKeys, {
    users,
    limits: config.limits,
    journal,
    throttle: new Throttle(env, attempts),
  });
  const host = config.host;
  const realmFingerprint = fingerprint(env.crypto, keys.publicKey);
  await using _operating = openOperating(config, {
    ...{ driver, journal, audit, nowMs, host, fingerprint: realmFingerprint },
    ...{ users: () => users, port: () => listener.port },
  });
  const listener = open(config, driver);
  using _watch = watchFile({
    path: config.users,
    load: () => loadUsers(usersFile),
    changed: (now) => {
      driver.setUsers(now);
      journal.usersChanged(users, now, usersFile.name);
      users = now;
    },
    broken: ({ detail }) =>
      log.error("users.refused", { file: usersFile.name, reason: detail, note: "the last good users stay" }),
  });
  journal.administration("server.listening", {
    host,
    port: listener.port,
    users: users.size,
    fingerprint: realmFingerprint,
    version: VERSION,
    ...(keys.demo ? { note: "demo realm: everybody knows its key" } : {}),
  });
  const signal = await signals.first;
  journal.administration("server.stopping", { signal, ...driver.online });
  await listener.stop(signals.second);
  journal.sumUp();
  journal.administration("server.stopped");
  return EXIT.done;
}

function open(config: ServerConfig, driver: Driver): Listener {
  try {
    return listen(config, driver);
  } catch (error) {
    throw listenFailure(systemCode(error), config, { cause: error });
  }
}
