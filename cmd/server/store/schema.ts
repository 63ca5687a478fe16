/**
 * The tables of `store.db`, one migration for each version of them; the last is what this program works with. A migration
 * that has been released is never changed.
 *
 * A one-time prekey is 1.3 KB, and a device has up to 48 of them: rows in the order of their arrival, three to a page. What
 * belongs to an account goes with it.
 */
import type { Migrations } from "./migrate.ts";

const ACCOUNTS = `
  CREATE TABLE account (
    id INTEGER PRIMARY KEY,
    user TEXT NOT NULL UNIQUE,
    identity_key BLOB NOT NULL,
    identity_wrap BLOB NOT NULL,
    recovery_wrap BLOB NOT NULL,
    list_number INTEGER NOT NULL DEFAULT 0,
    list BLOB,
    list_signature BLOB
  ) STRICT;
  CREATE TABLE account_wrap (
    account INTEGER NOT NULL REFERENCES account ON DELETE CASCADE,
    epoch INTEGER NOT NULL,
    wrap BLOB NOT NULL,
    PRIMARY KEY (account, epoch)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE device (
    id INTEGER PRIMARY KEY,
    account INTEGER NOT NULL REFERENCES account ON DELETE CASCADE,
    name TEXT NOT NULL,
    seen_at INTEGER NOT NULL DEFAULT 0,
    logins INTEGER NOT NULL DEFAULT 0,
    signed_id INTEGER NOT NULL DEFAULT 0,
    signed_prekey BLOB,
    signed_signature BLOB,
    UNIQUE (account, name)
  ) STRICT;
  CREATE TABLE one_time_prekey (
    position INTEGER PRIMARY KEY,
    device INTEGER NOT NULL REFERENCES device ON DELETE CASCADE,
    id INTEGER NOT NULL,
    prekey BLOB NOT NULL,
    signature BLOB NOT NULL,
    UNIQUE (device, id)
  ) STRICT;
  CREATE TABLE pin (
    account INTEGER NOT NULL REFERENCES account ON DELETE CASCADE,
    name TEXT NOT NULL,
    version INTEGER NOT NULL,
    sealed BLOB NOT NULL,
    PRIMARY KEY (account, name)
  ) STRICT, WITHOUT ROWID;`;

export const STORE_MIGRATIONS: Migrations = [ACCOUNTS];
