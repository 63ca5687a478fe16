/** `sconf.json` and `config.json`: where they are looked for and what may stand in them (README, "Files"). */
import { existsSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { CodedError } from "../../core/errors.ts";
import { parseHost, parseRange } from "./addresses.ts";
import { readTextFile, systemCode } from "./files.ts";
import { parseJson } from "./json.ts";
import { type Infer, integer, list, object, oneOf, optional, type Schema, text, version } from "./schema.ts";

const MAX_BYTES = 64 * 1024;
const host = text("a host name or an IP address without brackets", parseHost);
const path = text("a path", (found) => (found === "" || found.includes("\0") ? null : found));
const proxies = list(text("an IP address or a range such as 10.0.0.0/8", parseRange), 64);

/**
 * `frameBytes` is the longest WebSocket message that a peer may send. It never needs more than the 65,535 bytes of a
 * Noise message, of which the round number is the most that can be set, and needs at least what the longest envelope takes.
 */
const limits = object({
  connections: optional(integer(1, 1_000_000), 10_000),
  connectionsPerAddress: optional(integer(1, 100_000), 64),
  loginsInWork: optional(integer(1, 1024), 8),
  handshakeSeconds: optional(integer(1, 600), 10),
  loginSeconds: optional(integer(1, 3600), 60),
  frameBytes: optional(integer(20_480, 65_536), 65_536),
  devicesPerUser: optional(integer(1, 64), 8),
  sessionFramesPerSecond: optional(integer(10, 10_000_000), 1000),
  sessionBytesPerSecond: optional(integer(65_536, 10_000_000_000), 4_194_304),
  auditBytes: optional(integer(65_536, 1_073_741_824), 8_388_608),
});

const dataFolder = optional(path, "data");

const serverFile = object({
  version: version(1),
  host,
  port: integer(0, 65_535),
  privateKey: path,
  users: path,
  data: dataFolder,
  logLevel: optional(oneOf("debug", "info", "warn", "error"), "info"),
  trustedProxies: optional(proxies, []),
  metricsPort: optional(integer(0, 65_535), 0),
  limits: optional(limits, new Map()),
});

const clientFile = object({ version: version(1), host, port: integer(1, 65_535), publicKey: path });

/**
 * What `sconf.json` says; `privateKey`, `users` and `data` are absolute. Port 0 lets the system choose one; a
 * `metricsPort` of 0 means none.
 */
export type ServerConfig = Infer<typeof serverFile> & ConfigFile;
/** What `config.json` says; `publicKey` is absolute. */
export type ClientConfig = Infer<typeof clientFile> & ConfigFile;

interface ConfigFile {
  /** Absolute path of the file itself. */
  readonly file: string;
  /** The path as errors call it: as short as it can be from where the user stands. */
  readonly name: string;
}

export interface Flags {
  /** `--config`. */
  readonly config?: string | undefined;
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads `--config`, else what `IMS_SCONF` names, else `sconf.json` of the folder `cwd`, else that of `execDir`.
 * @throws config.invalid, one line with file, key and what is expected
 */
export function loadServerConfig(flags: Flags, env: Environment, cwd: string, execDir: string): ServerConfig {
  const file = find({ name: "sconf.json", named: flags.config ?? env.IMS_SCONF, cwd, execDir });
  const config = load(serverFile, file, cwd);
  const { privateKey, users, data } = config;
  return { ...config, privateKey: beside(file, privateKey), users: beside(file, users), data: beside(file, data) };
}

/**
 * The data folder of the same file, whatever else is wrong in it: to ask a server that runs on while the file is edited.
 * @throws config.invalid when the file cannot be read, or is no JSON object with a `data` that is a path
 */
export function loadDataFolder(flags: Flags, env: Environment, cwd: string, execDir: string): string {
  const file = find({ name: "sconf.json", named: flags.config ?? env.IMS_SCONF, cwd, execDir });
  const name = shortPath(file, cwd);
  const value = parseJson(readTextFile(file, { name, maxBytes: MAX_BYTES }), name);
  const found = value instanceof Map ? value.get("data") : undefined;
  return beside(file, dataFolder.read(found, { file: name, key: "data" }));
}

/**
 * Reads `--config`, else what `IMS_CONFIG` names, else `config.json` of the folder `cwd`, else that of `execDir`.
 * @throws config.invalid, one line with file, key and what is expected
 */
export function loadClientConfig(flags: Flags, env: Environment, cwd: string, execDir: string): ClientConfig {
  const file = find({ name: "config.json", named: flags.config ?? env.IMS_CONFIG, cwd, execDir });
  const config = load(clientFile, file, cwd);
  return { ...config, publicKey: beside(file, config.publicKey) };
}

interface Search {
  readonly name: string;
  readonly named: string | undefined;
  readonly cwd: string;
  readonly execDir: string;
}

function find({ name, named, cwd, execDir }: Search): string {
  if (named !== undefined && named !== "") return resolve(cwd, named);
  const file = [join(cwd, name), join(execDir, name)].find((candidate) => existsSync(candidate));
  if (file !== undefined) return file;
  throw new CodedError("config.invalid", `${name}: not found in ${cwd} or ${execDir}; name it with --config FILE`);
}

function load<T>(schema: Schema<T>, file: string, cwd: string): T & ConfigFile {
  const name = shortPath(file, cwd);
  const value = parseJson(readTextFile(file, { name, maxBytes: MAX_BYTES }), name);
  return { ...schema.read(value, { file: name, key: "" }), file, name };
}

/** `path` as seen from the folder `cwd`, or as it is when it lies elsewhere. */
export function shortPath(path: string, cwd: string): string {
  const short = relative(cwd, path);
  return short === "" || short.startsWith("..") || cwd === "/" ? path : short;
}

function beside(file: string, target: string): string {
  return resolve(dirname(file), target);
}

/** The limits of a file that names none. */
export const DEFAULT_LIMITS: ServerConfig["limits"] = limits.read(new Map(), { file: "", key: "" });

/** Runs `load` on the file that `key` of a configuration names; that it is not there is the configuration's error. */
export function fromKey<T>(config: ConfigFile, key: string, load: () => T): T {
  try {
    return load();
  } catch (error) {
    if (!(error instanceof CodedError) || systemCode(error.cause) !== "ENOENT") throw error;
    throw new CodedError(error.code, `${config.name}: ${key}: ${error.detail}`, { cause: error });
  }
}
