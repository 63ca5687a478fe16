import type { CryptoProvider } from "../../core/crypto/provider.ts";
import { type Flags, fromKey, loadServerConfig, type ServerConfig, shortPath } from "../host/config.ts";
import type { Io } from "../host/io.ts";
import { expectDemoAtHome, type Keyring, loadKeyring } from "./keyring.ts";
import type { UsersFile } from "./users.ts";

/** A configuration and what it names. Disposing wipes the keys. */
export interface Realm extends Disposable {
  readonly config: ServerConfig;
  readonly keys: Keyring;
  readonly usersFile: UsersFile;
}

type Where = Pick<Io, "env" | "cwd" | "execDir">;

/** Loads configuration and keys, not yet the users. @throws config.invalid */
export function openRealm(flags: Flags, io: Where, crypto: CryptoProvider): Realm {
  const config = loadServerConfig(flags, io.env, io.cwd, io.execDir);
  const { privateKey } = config;
  const keys = fromKey(config, "privateKey", () => loadKeyring(privateKey, crypto, shortPath(privateKey, io.cwd)));
  const dispose = (): void => keys[Symbol.dispose]();
  return { config, keys, usersFile: usersFileOf(config, keys, io.cwd, crypto), [Symbol.dispose]: dispose };
}

/** @throws config.invalid when the demo key would serve other machines */
export function expectSafeHost({ config, keys }: Pick<Realm, "config" | "keys">): void {
  expectDemoAtHome(keys, config.host, config.name);
}

function usersFileOf(config: ServerConfig, keys: Keyring, cwd: string, crypto: CryptoProvider): UsersFile {
  const name = shortPath(config.users, cwd);
  return { path: config.users, name, realmId: keys.realmId, demo: keys.demo, crypto };
}
