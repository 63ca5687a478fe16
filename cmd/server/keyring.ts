/**
 * `keys/server.key`: everything secret that a server holds, in one line. It is refused while anybody else could have
 * read it, except for the demo key, which everybody knows and no realm of consequence may use.
 */
import { type Stats, statSync } from "node:fs";
import { concat } from "../../core/bytes.ts";
import { type CryptoProvider, DH_BYTES, HASH512_BYTES, type RandomBytes } from "../../core/crypto/provider.ts";
import { CodedError } from "../../core/errors.ts";
import { opaqueConfig } from "../../core/kdc/login.ts";
import type { ServerKeys } from "../../core/kdc/realm.ts";
import { REALM_ID_BYTES } from "../../core/limits.ts";
import { importAkeKey } from "../../core/opaque/group.ts";
import { Secret, wipe } from "../../core/secret.ts";
import { isLoopback } from "../host/addresses.ts";
import { readBytes, resolveLink, systemCode } from "../host/files.ts";
import { formatKeyLine, KEY_FILE_MAX_BYTES, parseKeyLine } from "../host/keyLine.ts";
import { shellQuoted } from "../host/printable.ts";
import type { ServerPublicKey } from "../host/publicKey.ts";

const PREFIX = "ims-server-key-1";
const SEED_BYTES = HASH512_BYTES;
const TOTAL_BYTES = REALM_ID_BYTES + 3 * DH_BYTES + SEED_BYTES;

/** SHA-256 of the checked-in key. */
const DEMO_SHA256 = "4d7db4d271cf70c4595c8a9df0ff03e13d3b80be7031cea0e558d4525008e8be";

/** Disposing wipes every secret; `realmId` and `publicKey` are public. */
export interface Keyring extends Disposable {
  /** 32 bytes. */
  readonly realmId: Uint8Array;
  /** Static X25519 private key of the channel: 32 bytes. */
  readonly staticKey: Secret;
  /** The one that will follow it: 32 bytes. */
  readonly nextStaticKey: Secret;
  /** `server_private_key` of OPAQUE, curve25519: 32 bytes. */
  readonly ake: Secret;
  /** `oprf_seed` of OPAQUE: 64 bytes. */
  readonly oprfSeed: Secret;
  readonly publicKey: ServerPublicKey;
  /** Whether this is the checked-in key. */
  readonly demo: boolean;
}

/** Fresh keys of a new realm. */
export function drawKeyring(crypto: CryptoProvider, randomBytes: RandomBytes): Keyring {
  return splitKeys(randomBytes(TOTAL_BYTES), crypto);
}

/** The keys as the protocol's machines take them; they are the caller's to dispose, before the ring is. */
export function serverKeys(keys: Keyring, crypto: CryptoProvider): ServerKeys & Disposable {
  const staticKey = keys.staticKey.use((bytes) => crypto.dhKey(bytes));
  const privateKey = importAkeKey(opaqueConfig(crypto), keys.ake);
  const dispose = (): void => wipe(staticKey, privateKey);
  return {
    realm: keys.realmId,
    staticKey,
    opaque: { privateKey, oprfSeed: keys.oprfSeed },
    [Symbol.dispose]: dispose,
  };
}

/** Takes `bytes`, which are wiped. */
function splitKeys(bytes: Uint8Array, crypto: CryptoProvider): Keyring {
  let at = 0;
  const next = (length: number): Uint8Array => {
    at += length;
    return bytes.slice(at - length, at);
  };
  const realmId = next(REALM_ID_BYTES);
  const staticKey = Secret.take(next(DH_BYTES));
  const [nextStaticKey, ake] = [Secret.take(next(DH_BYTES)), Secret.take(next(DH_BYTES))];
  const oprfSeed = Secret.take(next(SEED_BYTES));
  const demo = crypto.sha256(bytes).toHex() === DEMO_SHA256;
  bytes.fill(0);
  using handle = staticKey.use((key) => crypto.dhKey(key));
  const publicKey = { realmId, staticPublicKey: handle.publicKey.slice() };
  const dispose = (): void => wipe(staticKey, nextStaticKey, ake, oprfSeed);
  return { realmId, staticKey, nextStaticKey, ake, oprfSeed, publicKey, demo, [Symbol.dispose]: dispose };
}

/** The line of `keys/server.key` with its line end, as bytes that the caller wipes. */
export function formatKeyring(keys: Keyring): Uint8Array {
  using all = Secret.concat(keys.staticKey, keys.nextStaticKey, keys.ake, keys.oprfSeed);
  return all.use((secret) => {
    const bytes = concat(keys.realmId, secret);
    const line = formatKeyLine(PREFIX, bytes);
    bytes.fill(0);
    return line;
  });
}

/**
 * The keys in the file `path`, which the caller disposes.
 * @param file how errors call it
 * @throws config.invalid when it is not such a key; when it is missing, no file or a symbolic link, belongs to somebody
 * else or can be read by others, with what mends it
 */
export function loadKeyring(path: string, crypto: CryptoProvider, file = path): Keyring {
  let stats: Stats | undefined;
  const line = readLine(path, file, (found) => {
    stats = found;
  });
  const bytes = parseKeyLine(line, { prefix: PREFIX, bytes: TOTAL_BYTES });
  line.fill(0);
  if (bytes === null) {
    throw new CodedError(
      "config.invalid",
      `${file}: not the private key of a server: expected one line "${PREFIX}" and 256 characters of base64url`,
    );
  }
  const keys = splitKeys(bytes, crypto);
  try {
    if (!keys.demo && stats !== undefined) expectPrivate(stats, path, file);
    return keys;
  } catch (error) {
    keys[Symbol.dispose]();
    throw error;
  }
}

function readLine(path: string, file: string, inspect: (stats: Stats) => void): Uint8Array {
  try {
    return readBytes(path, { name: file, maxBytes: KEY_FILE_MAX_BYTES, noFollow: true, inspect });
  } catch (error) {
    if (!(error instanceof CodedError)) throw error;
    const system = systemCode(error.cause);
    if (system === "EACCES") expectPrivate(statSync(path), path, file);
    const what = system === "ELOOP" ? `${file}: is a symbolic link` : error.detail;
    throw new CodedError("config.invalid", `${what}; ${howToMend(system, path)}`, { cause: error.cause });
  }
}

/** @param system why the file could not be read; empty when it is none, or too long to be a key */
function howToMend(system: string, path: string): string {
  const target = resolveLink(path);
  if (system === "ELOOP" && target !== path) return `name the file itself: "privateKey": "${target}"`;
  if (system === "EACCES") return `run: chmod 600 ${shellQuoted(path)}`;
  if (system !== "ENOENT") return "put the key itself there";
  return "put the key of this realm there, for instance from a backup, or make another realm: server init DIR";
}

/**
 * Refuses a file that somebody else owns or may read. Does nothing on Windows, which has no modes.
 * @throws config.invalid with the command that mends it
 */
export function expectPrivate(stats: Stats, path: string, file: string): void {
  const own = process.geteuid?.();
  if (own === undefined) return;
  if (stats.uid !== own) {
    throw new CodedError(
      "config.invalid",
      `${file}: belongs to user ${stats.uid}, not to user ${own} who runs this; run as that user, or: ` +
        `chown ${own} ${shellQuoted(path)}`,
    );
  }
  if ((stats.mode & 0o077) !== 0) {
    const mode = (stats.mode & 0o7777).toString(8).padStart(4, "0");
    throw new CodedError(
      "config.invalid",
      `${file}: others can read it (mode ${mode}); run: chmod 600 ${shellQuoted(path)}`,
    );
  }
}

/** @throws config.invalid when a server with the key that everybody knows would be reachable from other machines */
export function expectDemoAtHome(keys: Keyring, host: string, file: string): void {
  if (!keys.demo || isLoopback(host)) return;
  throw new CodedError(
    "config.invalid",
    `${file}: host: expected a loopback address, because everybody knows the demo key; make a realm of your own: server init`,
  );
}
