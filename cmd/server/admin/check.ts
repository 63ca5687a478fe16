/** `server check`: whether `server` would start, part by part. Changes nothing. */
import { accessSync, constants, existsSync, statSync } from "node:fs";
import { createServer } from "node:net";
import { dirname, join } from "node:path";
import { equalBytes } from "../../../core/crypto/compare.ts";
import type { CryptoProvider } from "../../../core/crypto/provider.ts";
import type { Env } from "../../../core/env.ts";
import { CodedError } from "../../../core/errors.ts";
import { loadServerConfig, type ServerConfig, shortPath } from "../../host/config.ts";
import { EXIT, type ExitCode } from "../../host/exit.ts";
import { systemCode, systemReason } from "../../host/files.ts";
import type { Io } from "../../host/io.ts";
import { expectOwnFolder, folderIsLocked } from "../../host/lock.ts";
import { printable } from "../../host/printable.ts";
import { fingerprint, loadPublicKey } from "../../host/publicKey.ts";
import type { WithConfig } from "../commandLine.ts";
import { listenFailure } from "../listenFailure.ts";
import { expectOwnPort, METRICS_HOST } from "../metricsPort.ts";
import { expectSafeHost, openRealm, type Realm } from "../realm.ts";
import { loadUsers } from "../users.ts";
import { attemptsLine, auditTrailLine, socketLine, storeLine } from "./checkData.ts";

/** Prints a line for each part. @returns 0 when a server would start, else 2 */
export async function checkRealm(command: WithConfig, io: Io, env: Env): Promise<ExitCode> {
  let exit: ExitCode = EXIT.done;
  const part = async (check: () => string | Promise<string>): Promise<void> => {
    const [mark, what] = await outcome(check);
    if (mark === "bad") exit = EXIT.usage;
    io.stdout.write(`${mark.padEnd(3)}  ${printable(what)}\n`);
  };

  let config: ServerConfig | null = null;
  await part(() => {
    config = loadServerConfig(command, io.env, io.cwd, io.execDir);
    return `${config.name}: host ${config.host}, port ${config.port}`;
  });
  if (config === null) return exit;
  await checkSecrets(command, io, env.crypto, part);
  await checkMachine(config, io.cwd, part);
  return exit;
}

type Part = (check: () => string | Promise<string>) => Promise<void>;

async function outcome(check: () => string | Promise<string>): Promise<readonly ["ok" | "bad", string]> {
  try {
    return ["ok", await check()];
  } catch (error) {
    if (error instanceof CodedError) return ["bad", error.detail];
    throw error;
  }
}

async function checkSecrets(command: WithConfig, io: Io, crypto: CryptoProvider, part: Part): Promise<void> {
  using stack = new DisposableStack();
  let opened: Realm | null = null;
  await part(() => {
    const realm = stack.use(openRealm(command, io, crypto));
    opened = realm;
    return keyLine(realm, io.cwd, crypto);
  });
  if (opened === null) return;
  const realm: Realm = opened;
  await part(() => publicKeyLine(realm, io.cwd));
  await part(() => {
    const users = Array.from(loadUsers(realm.usersFile).values());
    return `${realm.usersFile.name}: ${users.length} users, ${users.filter((user) => !user.active).length} locked`;
  });
}

function keyLine(realm: Realm, cwd: string, crypto: CryptoProvider): string {
  expectSafeHost(realm);
  const demo = realm.keys.demo ? ", the demo key that everybody knows" : "";
  return `${shortPath(realm.config.privateKey, cwd)}: ${fingerprint(crypto, realm.keys.publicKey)}${demo}`;
}

/** What lies beside the private key is what an operator gives to users. */
function publicKeyLine(realm: Realm, cwd: string): string {
  const path = join(dirname(realm.config.privateKey), "server.pub");
  const name = shortPath(path, cwd);
  if (!existsSync(path)) return `${name}: not there; clients have their own`;
  const { realmId, staticPublicKey } = loadPublicKey(path, name);
  const own = realm.keys.publicKey;
  if (equalBytes(realmId, own.realmId) && equalBytes(staticPublicKey, own.staticPublicKey))
    return `${name}: belongs to the private key`;
  throw new CodedError("config.invalid", `${name}: does not belong to the private key beside it`);
}

async function checkMachine(config: ServerConfig, cwd: string, part: Part): Promise<void> {
  const name = shortPath(config.data, cwd);
  let running = false;
  await part(() => {
    running = expectDataFolder(config.data, name);
    return `${name}: ${running ? "in use by a running server" : "can be used"}`;
  });
  if (statSync(config.data, { throwIfNoEntry: false })?.isDirectory() === true) {
    await part(() => socketLine({ path: config.data, name }, running));
    await part(() => auditTrailLine({ path: config.data, name }));
    await part(() => attemptsLine({ path: config.data, name }));
    await part(() => storeLine({ path: config.data, name }));
  }
  const { host, port, metricsPort } = config;
  await part(() => portLine({ ...config, key: "port", host, port }, running));
  if (metricsPort === 0) return;
  await part(() => {
    expectOwnPort(config);
    return portLine({ ...config, key: "metricsPort", host: METRICS_HOST, port: metricsPort }, running);
  });
}

type Port = Pick<ServerConfig, "host" | "port" | "name"> & { readonly key: "port" | "metricsPort" };

async function portLine(place: Port, running: boolean): Promise<string> {
  const problem = await listenProblem(place);
  if (problem === null) return `${place.key} ${place.port}: free`;
  if (problem === "EADDRINUSE" && running) return `${place.key} ${place.port}: in use by a running server`;
  throw listenFailure(problem, place);
}

/** Whether a server holds the folder. @throws config.invalid when it cannot be used */
function expectDataFolder(folder: string, name: string): boolean {
  try {
    const existing = nearestExisting(folder);
    if (!statSync(existing).isDirectory()) throw new CodedError("config.invalid", `${name}: not a folder`);
    accessSync(existing, constants.W_OK | constants.X_OK);
    if (existing === folder) expectOwnFolder(folder, name);
    return folderIsLocked(folder);
  } catch (error) {
    if (error instanceof CodedError) throw error;
    throw new CodedError("config.invalid", `${name}: cannot be written: ${systemReason(error)}`, { cause: error });
  }
}

function nearestExisting(path: string): string {
  return existsSync(path) || dirname(path) === path ? path : nearestExisting(dirname(path));
}

/** null when a server can listen, else the code of what is in the way. */
function listenProblem({ host, port }: Port): Promise<string | null> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", (error) => resolve(systemCode(error)));
    probe.listen({ host, port, exclusive: true }, () => probe.close(() => resolve(null)));
  });
}
