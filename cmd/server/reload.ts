/**
 * `sconf.json` read again while the server runs: the whole of it takes effect, or nothing does and one line of the log
 * says why.
 */
import { equalBytes } from "../../core/crypto/compare.ts";
import { CodedError } from "../../core/errors.ts";
import type { ServerConfig } from "../host/config.ts";
import { faultPlace } from "../host/fault.ts";
import type { LogFields } from "../host/log.ts";
import { type Prepare, prepareAll } from "./change.ts";
import { formatKeyring, type Keyring } from "./keyring.ts";
import { expectSafeHost, type Realm } from "./realm.ts";

export interface ReloadOptions {
  /** Reads the file, and the key that it names, again. @throws config.invalid */
  readonly load: () => Realm;
  /** Who follows, in this order: what is hard to take back comes last. */
  readonly parts: readonly Prepare<Realm>[];
  readonly loaded: (fields: LogFields) => void;
  readonly refused: (fields: LogFields) => void;
}

/** What reads the configuration of a running server again. */
export function reloader(running: Realm, { load, parts, loaded, refused }: ReloadOptions): () => void {
  let { config } = running;
  return () => {
    try {
      using next = load();
      expectSafeHost(next);
      expectSameRealm(running, next);
      prepareAll(parts, next).commit();
      const changed = changedKeys(config, next.config).join(", ");
      config = next.config;
      loaded({ file: config.name, changed: changed === "" ? "nothing" : changed });
    } catch (error) {
      const reason = error instanceof CodedError ? error.detail : faultPlace(error);
      refused({ file: config.name, reason, note: "the configuration before it stays in force" });
    }
  };
}

/** @throws config.invalid for what a running server holds on to */
function expectSameRealm(running: Realm, next: Realm): void {
  const refuse = (key: string, what: string): never => {
    throw new CodedError("config.invalid", `${next.config.name}: ${key}: ${what}`);
  };
  for (const key of ["privateKey", "data"] as const) {
    if (next.config[key] !== running.config[key]) refuse(key, "cannot change while the server runs; restart it");
  }
  if (!sameKeys(running.keys, next.keys))
    refuse("privateKey", "the file holds another key; restart the server to use it");
}

function sameKeys(a: Keyring, b: Keyring): boolean {
  const [one, other] = [formatKeyring(a), formatKeyring(b)];
  const same = equalBytes(one, other);
  one.fill(0);
  other.fill(0);
  return same;
}

/** The keys whose values differ, as the file has them: `port`, `limits.connections`. */
function changedKeys(before: ServerConfig, after: ServerConfig): readonly string[] {
  const values = ({ file: _file, name: _name, limits, ...rest }: ServerConfig): ReadonlyMap<string, string> => {
    const inner = Object.entries(limits).map(([key, value]) => [`limits.${key}`, value] as const);
    return new Map([...Object.entries(rest), ...inner].map(([key, value]) => [key, JSON.stringify(value)]));
  };
  const old = values(before);
  return Array.from(values(after)).flatMap(([key, value]) => (old.get(key) === value ? [] : [key]));
}
