/**
 * Mailboxes in `store.db`: the envelopes that wait for a device, and what each mailbox holds, counted in the same transaction
 * that changes it. A mailbox into which nothing was ever put has no row.
 */
import type { Database } from "bun:sqlite";
import type { Address, DeviceId, MessageId } from "../../../core/ids.ts";
import type { UserName } from "../../../core/name.ts";
import type { ExpiredEnvelopes, KeptEnvelope, StoreAnswer } from "../../../core/peer/store.ts";
import { change, type Request, row, rows } from "./rows.ts";

interface Counts {
  readonly envelopes: number;
  readonly bytes: number;
  /** How many have expired since the device came into the list. */
  readonly expired: number;
}

interface Mailbox extends Counts {
  /** Its device, among the tables. */
  readonly device: number;
}

interface EnvelopeRow extends Omit<KeptEnvelope, "from"> {
  readonly sender: UserName;
  readonly senderDevice: DeviceId;
}

/** An envelope that was deleted. */
interface Gone {
  readonly device: number;
  readonly bytes: number;
}

export function deposit(database: Database, request: Request<"deposit">): StoreAnswer {
  const { user, device, from, message, receivedAt, envelope, limits } = request;
  const op = "deposit";
  const mailbox = mailboxOf(database, user, device);
  if (mailbox === null) return { op, outcome: "absent" };
  const room = mailbox.envelopes < limits.envelopes && mailbox.bytes + envelope.length <= limits.bytes;
  if (!room) return { op, outcome: "full" };
  change(
    database,
    `INSERT INTO envelope (device, sender, sender_device, message, received_at, envelope) VALUES (?, ?, ?, ?, ?, ?)`,
    ...[mailbox.device, from.user, from.device, message, receivedAt, envelope],
  );
  count(database, mailbox.device, { envelopes: 1, bytes: envelope.length, expired: 0 });
  return { op, outcome: "kept" };
}

/** The positions alone are put in order, so that no more than `maxEnvelopes` of a full mailbox are looked at. */
const COLLECTED = `
  SELECT position, sender, sender_device AS senderDevice, message, received_at AS receivedAt, envelope
  FROM (
    SELECT *, sum(length(envelope)) OVER in_order AS bytes, row_number() OVER in_order AS place FROM envelope
    WHERE position IN (SELECT position FROM envelope WHERE device = ?1 AND position > ?2 ORDER BY position LIMIT ?3)
    WINDOW in_order AS (ORDER BY position)
  )
  WHERE bytes <= ?4 OR place = 1 ORDER BY position`;

export function collect(database: Database, request: Request<"collect">): StoreAnswer {
  const op = "collect";
  const mailbox = mailboxOf(database, request.user, request.device);
  if (mailbox === null) return { op, envelopes: [], expired: 0 };
  const { after, maxEnvelopes, maxBytes } = request;
  const found = rows<EnvelopeRow>(database, COLLECTED, mailbox.device, after, maxEnvelopes, maxBytes);
  const envelopes = found.map(({ sender, senderDevice, ...rest }) => {
    return { ...rest, from: { user: sender, device: senderDevice } };
  });
  return { op, envelopes, expired: mailbox.expired };
}

/** @returns how many wait then */
export function discard(database: Database, { user, device, from, messages }: Request<"discard">): number {
  const mailbox = mailboxOf(database, user, device);
  if (mailbox === null) return 0;
  const gone = discarded(database, mailbox, from, messages);
  if (gone.length > 0) count(database, mailbox.device, without(gone));
  return mailbox.envelopes - gone.length;
}

function discarded(
  database: Database,
  { device }: Mailbox,
  from: Address,
  messages: readonly MessageId[],
): readonly Gone[] {
  return rows<Gone>(
    database,
    `DELETE FROM envelope
     WHERE device = ?1 AND message IN (SELECT value FROM json_each(?2)) AND sender = ?3 AND sender_device = ?4
     RETURNING device, length(envelope) AS bytes`,
    ...[device, JSON.stringify(messages), from.user, from.device],
  );
}

/** @returns which devices have lost how many */
export function expire(database: Database, request: Request<"expire">): readonly ExpiredEnvelopes[] {
  const gone = rows<Gone>(
    database,
    `DELETE FROM envelope WHERE position IN
       (SELECT position FROM envelope WHERE received_at < ? ORDER BY received_at, position LIMIT ?)
     RETURNING device, length(envelope) AS bytes`,
    ...[request.beforeMs, request.maxEnvelopes],
  );
  const byDevice = Map.groupBy(gone, ({ device }) => device);
  return Array.from(byDevice, ([device, lost]) => {
    count(database, device, { ...without(lost), expired: lost.length });
    return { ...addressOf(database, device), envelopes: lost.length };
  });
}

/** null when the device is not in its user's list. */
function mailboxOf(database: Database, user: UserName, device: DeviceId): Mailbox | null {
  return row<Mailbox>(
    database,
    `SELECT device.id AS device, ifnull(envelopes, 0) AS envelopes, ifnull(bytes, 0) AS bytes, ifnull(expired, 0) AS expired
     FROM account JOIN device ON device.account = account.id LEFT JOIN mailbox ON mailbox.device = device.id
     WHERE account.user = ? AND device.name = ?`,
    ...[user, device],
  );
}

/** Adds to what is counted of a mailbox. */
function count(database: Database, device: number, { envelopes, bytes, expired }: Counts): void {
  change(
    database,
    `INSERT INTO mailbox (device, envelopes, bytes, expired) VALUES (?1, ?2, ?3, ?4)
     ON CONFLICT DO UPDATE SET envelopes = envelopes + ?2, bytes = bytes + ?3, expired = expired + ?4`,
    ...[device, envelopes, bytes, expired],
  );
}

/** What these envelopes leave less of in their mailbox. */
function without(gone: readonly Gone[]): Counts {
  return { envelopes: -gone.length, bytes: -gone.reduce((sum, { bytes }) => sum + bytes, 0), expired: 0 };
}

/** @throws when there is no such device, which would be a bug */
function addressOf(database: Database, device: number): Address {
  const address = row<Address>(
    database,
    "SELECT user, name AS device FROM device JOIN account ON account.id = device.account WHERE device.id = ?",
    device,
  );
  if (address === null) throw new Error("store: an envelope of no device");
  return address;
}
