/**
 * The tables of `store.db`, one migration for each version of them; the last is what this program works with. A migration
 * that has been released is never changed.
 *
 * A one-time prekey is 1.3 KB, and a device has up to 48 of them: rows in the order of their arrival, three to a page. What
 * belongs to an account goes with it.
 *
 * Envelopes are rows in the order of their arrival too, so that those which come together fill the same pages; what is found
 * by device or by age is found in indexes, which are small. A position is never given again (AUTOINCREMENT). What a mailbox
 * holds is counted in rows of its own: those of `device` are as long as a prekey, and each change writes the whole page.
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

const MAILBOXES = `
  CREATE TABLE mailbox (
    device INTEGER PRIMARY KEY REFERENCES device ON DELETE CASCADE,
    envelopes INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    expired INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE envelope (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    device INTEGER NOT NULL REFERENCES device ON DELETE CASCADE,
    sender TEXT NOT NULL,
    sender_device TEXT NOT NULL,
    message TEXT NOT NULL,
    received_at INTEGER NOT NULL,
    envelope BLOB NOT NULL
  ) STRICT;
  CREATE INDEX envelope_of ON envelope (device, message);
  CREATE INDEX envelope_at ON envelope (received_at);`;

export const STORE_MIGRATIONS: Migrations = [ACCOUNTS, MAILBOXES];
