/** Every size, count and duration of the protocol, with its unit and its reason (PROTOCOL §13). */

/** A text is at most 8 KiB of UTF-8: a page, so that one envelope always fits one record. */
export const TEXT_MAX_BYTES = 8192;
/** A user name: `[A-Za-z0-9][A-Za-z0-9._-]{0,31}`. */
export const NAME_MAX_BYTES = 32;
/** A WebSocket message, and so a sealed record: the Noise limit of 65,535 rounded to what `frameBytes` allows. */
export const RECORD_MAX_BYTES = 65535;
/** Frames share a record up to this much plaintext; a frame that is longer has one to itself. */
export const RECORD_PACK_BYTES = 16384;
/** Every record of the login phase has this length on the wire, so that it tells nothing of the name. */
export const LOGIN_RECORD_BYTES = 1024;
/** Records under one key and direction before it is replaced (Noise §11.3). */
export const REKEY_RECORDS = 2 ** 16;
/** Plaintext bytes under one key and direction before it is replaced. */
export const REKEY_BYTES = 2 ** 30;
/** The last counter a direction may use; far below the 2^64 - 2 of Noise §5.1 and exact in a double. */
export const COUNTER_MAX = Number.MAX_SAFE_INTEGER - 1;

/** A ticket is accepted this long after its issue: a conversation is opened at once or not at all. */
export const TICKET_LIFETIME_MS = 5 * 60_000;
/** How far the stamp of receipt may lie before the stamp of issue: both are the server's, whose clock may be set. */
export const TICKET_SKEW_MS = 30_000;
/** Message keys that a receiver may pass over at once: the cost of a hostile number is bounded. */
export const GAP_MAX = 1000;
/** Messages in one direction of one conversation. */
export const MESSAGE_NUMBER_MAX = 2 ** 31 - 1;
/** Conversations kept with one device: two when both sides start at once, and as many again while they change over. */
export const CONVERSATIONS_PER_DEVICE = 4;
/** A message that no device of the recipient has confirmed in this time has not been delivered. */
export const DELIVERY_MS = 10_000;

/** Argon2id, RFC 9106 §4 second choice; the same for every user. */
export const STRETCH = { memoryKiB: 65536, passes: 3, lanes: 4, outputBytes: 64 } as const;
/** A password, as NFKC and UTF-8: long enough for any phrase, short enough that hashing it costs nothing. */
export const PASSWORD_MAX_BYTES = 1024;
