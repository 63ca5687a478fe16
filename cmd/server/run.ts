/** `server run`: from the configuration to a server that serves, until it is told to stop. */
import type { Env } from "../../core/env.ts";
import { attemptsKey } from "../../core/kdc/guessing.ts";
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
import { type Change, simpleChange } from "./change.ts";
import { DescriptorGuard, warnOfFew } from "./descriptors.ts";
import { Driver } from "./driver.ts";
import { type Journal, ServerJournal } from "./journal.ts";
import { serverKeys } from "./keyring.ts";
import { type Listener, listen } from "./listener.ts";
import { listenFailure } from "./listenFailure.ts";
import { LogLines } from "./logLines.ts";
import { openOperating } from "./operating.ts";
import { expectSafeHost, openRealm, type Realm } from "./realm.ts";
import { reloader } from "./reload.ts";
import { SqliteStore } from "./store/sqlite.ts";
import { Throttle } from "./throttle.ts";
import { loadUsers, setPassword, type UserEntries } from "./users.ts";
import { UsersWatch } from "./usersWatch.ts";

export interface Signals {
  /** Resolves with the name of the signal that asks the server to stop. */
  readonly first: Promise<string>;
  /** Asks it to wait for nothing. */
  readonly second: Promise<string>;
  /** From now on `act` is what a hang-up asks for; at once when there has been one that nobody has acted on. */
  readonly onHangUp: (act: () => void) => void;
}

/**
 * Serves until there is a signal to stop; a hang-up has it read its configuration again.
 * @throws config.invalid, file.locked, file.failed, port.busy
 */
export async function run(flags: Flags, io: Io, env: Env, signals: Signals): Promise<ExitCode> {
  using realm = openRealm(flags, io, env.crypto);
  expectSafeHost(realm);
  const { config, keys, usersFile } = realm;
  const users = fromKey(config, "users", () => loadUsers(usersFile));
  using _data = lockFolder(config.data);
  using attempts = Attempts.open(config.data);
  await using store = SqliteStore.open(config.data);
  using lines = new LogLines((text) => io.stderr.write(text));
  const nowMs = (): number => env.nowMs();
  const logOptions = { level: config.logLevel, write: (line: string) => lines.add(line), nowMs };
  const log = createLog(logOptions);
  await using audit = new AuditTrail({ folder: config.data, maxBytes: config.limits.auditBytes, log, nowMs });
  using journal = new ServerJournal(log, audit);
  using machineKeys = serverKeys(keys, env.crypto);
  using nameKey = attemptsKey(env.crypto, keys.oprfSeed);
  const throttle = new Throttle(env, attempts, nameKey);
  const driver = new Driver(env, machineKeys, {
    ...{ users, limits: config.limits, journal, throttle, store },
    changePassword: (user, epoch, record) => setPassword(usersWatch.file, { user, epoch, record, atMs: env.nowMs() }),
  });
  using usersWatch = new UsersWatch(usersFile, users, {
    changed: (before, now, file) => {
      driver.setUsers(now);
      journal.usersChanged(before, now, file);
      forgetRemoved({ before, now, attempts, journal });
    },
    log,
  });
  const shownFingerprint = fingerprint(env.crypto, keys.publicKey);
  await using operating = openOperating(config, {
    ...{ driver, journal, audit, nowMs, fingerprint: shownFingerprint },
    ...{ users: () => usersWatch.users, place: () => listener.place },
  });
  const listener = open(config, driver, journal);
  using _guard = new DescriptorGuard({
    ...{ listener, metrics: operating.metrics, log },
    nowMs: () => performance.now(),
  });
  journal.administration("server.listening", {
    ...listener.place,
    users: users.size,
    fingerprint: shownFingerprint,
    version: VERSION,
    ...(keys.demo ? { note: "demo realm: everybody knows its key" } : {}),
  });
  warnOfFew(log, config.limits.connections);
  const follow = ({ config: { logLevel, limits } }: Realm): Change =>
    simpleChange(() => {
      journal.sumUp(); // so that what was not said at the old level is said anew at the next
      logOptions.level = logLevel;
      audit.maxBytes = limits.auditBytes;
      driver.setLimits(limits);
      warnOfFew(log, limits.connections);
    });
  signals.onHangUp(
    reloader(realm, {
      load: () => openRealm({ config: config.file }, io, env.crypto),
      parts: [
        follow,
        (next) => usersWatch.prepare(next),
        (next) => operating.metrics.prepare(next.config),
        (next) => listener.prepare(next.config),
      ],
      loaded: (fields) => journal.administration("config.loaded", fields),
      refused: (fields) => log.error("config.refused", fields),
    }),
  );
  const signal = await signals.first;
  signals.onHangUp(() => {});
  journal.administration("server.stopping", { signal, ...driver.online });
  await listener.stop(signals.second);
  journal.sumUp();
  journal.administration("server.stopped");
  return EXIT.done;
}

function open(config: ServerConfig, driver: Driver, journal: Journal): Listener {
  try {
    return listen(config, driver, journal);
  } catch (error) {
    throw listenFailure(systemCode(error), config, { cause: error });
  }
}

interface Removal {
  readonly before: UserEntries;
  readonly now: UserEntries;
  readonly attempts: Attempts;
  readonly journal: Journal;
}

/** Whoever gets the name of a removed user next has nothing of what was counted there. */
function forgetRemoved({ before, now, attempts, journal }: Removal): void {
  try {
    for (const user of before.keys()) if (!now.has(user)) attempts.forget(user);
  } catch (error) {
    journal.fault(error);
  }
}
