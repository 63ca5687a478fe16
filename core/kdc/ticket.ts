/**
 * Tickets: a conversation key sealed by the server for one device (PROTOCOL §8.2).
 *
 * A ticket is one Noise message of pattern K from the server's static key to the device's ticket key, so only the
 * server can have made it and only that device can read it. Not its concern: remembering which were used; the
 * conversations that they opened do that.
 */
import { LABELS } from "../crypto/labels.ts";
import type { CryptoProvider, DhPrivateKey } from "../crypto/provider.ts";
import { CodedError } from "../errors.ts";
import { type Address, sameAddress } from "../ids.ts";
import { TICKET_SKEW_MS } from "../limits.ts";
import { runSync } from "../noise/drive.ts";
import { discard, readMessage, startHandshake, wipeHandshake, writeMessage } from "../noise/handshake.ts";
import { K } from "../noise/patterns.ts";
import { aesGcmSha256 } from "../noise/suite.ts";
import { Secret, wipe } from "../secret.ts";
import { decodeAll, encodeAll } from "../wire/codec.ts";
import { TicketBody } from "../wire/endToEnd.ts";

const TICKET = { pattern: K, prologue: LABELS.ticketPrologue } as const;

function noRandomness(): never {
  throw new Error("ticket: the pattern draws nothing");
}

/**
 * Seals `body` for the device whose ticket key is `deviceKey` (32 bytes).
 * @param ephemeral 32 fresh random bytes, taken over
 * @throws channel.handshake when `deviceKey` is not a key
 */
export function sealTicket(
  crypto: CryptoProvider,
  serverKey: DhPrivateKey,
  deviceKey: Uint8Array,
  body: TicketBody,
  ephemeral: Secret,
): Uint8Array {
  const handshake = startHandshake({
    ...TICKET,
    suite: aesGcmSha256(crypto),
    role: "initiator",
    s: serverKey,
    rs: deviceKey,
    ephemeralSecret: ephemeral,
  });
  try {
    using plaintext = Secret.take(encodeAll(TicketBody, body));
    const written = plaintext.use((bytes) => runSync(writeMessage(handshake, bytes), crypto, noRandomness));
    discard(handshake, written);
    return written.message;
  } finally {
    wipeHandshake(handshake);
  }
}

/** What a device compares a ticket with; the sender and the stamp are the server's word on the envelope. */
export interface TicketUse {
  readonly sender: Address;
  readonly self: Address;
  readonly receivedAt: number;
}

/**
 * Opens a ticket and judges it. The caller owns the key in the body.
 * @throws ticket.invalid, ticket.foreign, ticket.early, ticket.expired
 */
export function acceptTicket(
  crypto: CryptoProvider,
  keys: { readonly device: DhPrivateKey; readonly server: Uint8Array },
  ticket: Uint8Array,
  use: TicketUse,
): TicketBody {
  const handshake = startHandshake({
    ...TICKET,
    suite: aesGcmSha256(crypto),
    role: "responder",
    s: keys.device,
    rs: keys.server,
  });
  let body: TicketBody;
  try {
    const read = runSync(readMessage(handshake, ticket), crypto, noRandomness);
    discard(handshake, read);
    try {
      body = decodeAll(TicketBody, read.payload);
    } finally {
      read.payload.fill(0);
    }
  } catch (cause) {
    if (!(cause instanceof CodedError)) throw cause;
    throw new CodedError("ticket.invalid", "", { cause });
  } finally {
    wipeHandshake(handshake);
  }
  try {
    judge(body, use);
    return body;
  } catch (error) {
    wipe(body.key);
    throw error;
  }
}

/** The limits are exact: accepted from `issuedAt - TICKET_SKEW_MS` on, and before `expiresAt`. */
function judge(body: TicketBody, use: TicketUse): void {
  const sender = { user: body.asker, device: body.askerDevice };
  const recipient = { user: body.peer, device: body.peerDevice };
  if (!sameAddress(sender, use.sender) || !sameAddress(recipient, use.self)) throw new CodedError("ticket.foreign");
  if (use.receivedAt < body.issuedAt - TICKET_SKEW_MS) throw new CodedError("ticket.early");
  if (use.receivedAt >= body.expiresAt) throw new CodedError("ticket.expired");
}
