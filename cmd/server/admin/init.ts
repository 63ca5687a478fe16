/** `server init`: a realm of one's own, with fresh keys and no users, all of it or nothing. */
import { existsSync, mkdirSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Env } from "../../../core/env.ts";
import { CodedError } from "../../../core/errors.ts";
import { isWildcard, parseHost } from "../../host/addresses.ts";
import { usage } from "../../host/args.ts";
import { DEFAULT_LIMITS, shortPath } from "../../host/config.ts";
import { EXIT, type ExitCode } from "../../host/exit.ts";
import { replaceFile, systemReason } from "../../host/files.ts";
import type { Io } from "../../host/io.ts";
import { printable, shellQuoted } from "../../host/printable.ts";
import { fingerprint, formatPublicKey } from "../../host/publicKey.ts";
import type { InitCommand } from "../commandLine.ts";
import { drawKeyring, formatKeyring, type Keyring } from "../keyring.ts";
import { formatUsers, type UserEntries } from "../users.ts";

export const DEFAULT_HOST = "127.0.0.1";
export const DEFAULT_PORT = 4040;

/** Where a new realm keeps what, relative to its folder. */
const REALM_FILES = {
  serverConfig: "sconf.json",
  clientConfig: "config.json",
  users: "users.json",
  privateKey: "keys/server.key",
  publicKey: "keys/server.pub",
} as const;
const DATA = "data";

/** @throws usage.invalid when the folder holds any file of a realm; then nothing was touched */
export function initRealm(command: InitCommand, io: Io, env: Env): ExitCode {
  const folder = resolve(io.cwd, command.folder);
  const host = command.host === undefined ? DEFAULT_HOST : parseHost(command.host);
  if (host === null) throw usage("--host: expected a host name or an IP address without brackets");
  const taken = [...Object.values(REALM_FILES), DATA].find((file) => existsSync(join(folder, file)));
  if (taken !== undefined) throw usage(`${shortPath(join(folder, taken), io.cwd)} is there already; nothing was done`);

  using keys = drawKeyring(env.crypto, env.randomBytes);
  const address = { host, port: command.port ?? DEFAULT_PORT };
  writeRealm(folder, realmFiles(address, keys, new Map()));
  const shownFingerprint = fingerprint(env.crypto, keys.publicKey);
  io.stdout.write(nextSteps(folder, address, shownFingerprint));
  return EXIT.done;
}

/** A file of a realm: its path within the folder, its bytes, and its mode. */
export interface RealmFile {
  readonly path: string;
  readonly content: Uint8Array | string;
  readonly mode: number;
}

export interface RealmAddress {
  readonly host: string;
  readonly port: number;
}

/** All the files of a realm at `address`; the one with the keys is the caller's to wipe. */
export function realmFiles(address: RealmAddress, keys: Keyring, users: UserEntries): readonly RealmFile[] {
  const server = {
    version: 1,
    ...address,
    privateKey: REALM_FILES.privateKey,
    users: REALM_FILES.users,
    data: DATA,
    logLevel: "info",
    trustedProxies: [],
    metricsPort: 0,
    limits: DEFAULT_LIMITS,
  };
  // Nobody can connect to "every address"; this machine at least can to itself.
  const reachable = isWildcard(address.host) ? DEFAULT_HOST : address.host;
  const client = { version: 1, host: reachable, port: address.port, publicKey: REALM_FILES.publicKey };
  return [
    { path: REALM_FILES.privateKey, content: formatKeyring(keys), mode: 0o600 },
    { path: REALM_FILES.users, content: formatUsers(keys.realmId, users), mode: 0o600 },
    { path: REALM_FILES.publicKey, content: formatPublicKey(keys.publicKey), mode: 0o644 },
    { path: REALM_FILES.clientConfig, content: formatJson(client), mode: 0o644 },
    { path: REALM_FILES.serverConfig, content: formatJson(server), mode: 0o644 },
  ];
}

function formatJson(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

function writeRealm(folder: string, files: readonly RealmFile[]): void {
  const written: string[] = [];
  try {
    makeFolder(join(folder, "keys"));
    for (const { path, content, mode } of files) {
      replaceFile(join(folder, path), content, mode);
      written.push(path);
    }
  } catch (error) {
    for (const path of written) rmSync(join(folder, path), { force: true });
    throw error;
  } finally {
    for (const { content } of files) if (typeof content !== "string") content.fill(0);
  }
}

function makeFolder(path: string): void {
  try {
    mkdirSync(path, { recursive: true });
  } catch (error) {
    throw new CodedError("file.failed", `${path}: cannot be made: ${systemReason(error)}`, { cause: error });
  }
}

function nextSteps(folder: string, address: RealmAddress, shownFingerprint: string): string {
  const config = shellQuoted(join(folder, REALM_FILES.serverConfig));
  const lines = [
    `Made a realm in ${printable(folder)}.`,
    `Fingerprint of its public key: ${shownFingerprint}`,
    "",
    "Next:",
    `  server user add NAME --config ${config}`,
    `  server --config ${config}`,
    `Give your users ${REALM_FILES.clientConfig} and ${REALM_FILES.publicKey}, and tell them the fingerprint.`,
    `Give nobody ${REALM_FILES.privateKey} or ${REALM_FILES.users}.`,
  ];
  if (isWildcard(address.host)) {
    lines.push(`In ${REALM_FILES.clientConfig}, set "host" to the name by which clients reach this machine.`);
  }
  return `${lines.join("\n")}\n`;
}
