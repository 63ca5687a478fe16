/** Every size, count and duration of the protocol, with its unit and its reason (PROTOCOL §13). */

/** A text is at most 8 KiB of UTF-8: a page, so that one envelope always fits one record. */
export const TEXT_MAX_BYTES = 8192;
/** A user name: `[A-Za-z0-9][A-Za-z0-9._-]{0,31}`. */
export const NAME_MAX_BYTES = 32;
/** A realm id: random, and as long as the keys it stands beside. */
export const REALM_ID_BYTES = 32;
/** A device id: random, unique within its user, whose devices the server keeps apart. */
export const DEVICE_ID_BYTES = 8;
/** A conversation id: random, and so unique wherever it is drawn. */
export const CONVERSATION_ID_BYTES = 16;
/** A message id: likewise. */
export const MESSAGE_ID_BYTES = 16;
/** Devices of one user that a roster may show; the server's own limit is lower. */
export const DEVICES_MAX = 64;

/** A sealed record, and so a WebSocket message: the longest message of Noise (rev 34 §3). */
export const RECORD_MAX_BYTES = 65535;
/** Frames share a record up to this much plaintext; a frame that is longer has one to itself. */
export const RECORD_PACK_BYTES = 16384;
/** Frames in one record: what one record can ask for is bounded, and whoever else is there has a turn. */
export const RECORD_FRAMES_MAX = 64;
/** Every record of the login phase has this length on the wire, so that it tells nothing of the name. */
export const LOGIN_RECORD_BYTES = 1024;
/** Records under one key and direction before it is replaced (Noise §11.3). */
export const REKEY_RECORDS = 2 ** 16;
/** Plaintext bytes under one key and direction before it is replaced. */
export const REKEY_BYTES = 2 ** 30;
/** The last counter a direction may use; far below the 2^64 - 2 of Noise §5.1 and exact in a double. */
export const COUNTER_MAX = Number.MAX_SAFE_INTEGER - 1;

/** A sealed ticket: what it holds with the longest names, and room to grow. */
export const TICKET_MAX_BYTES = 512;
/** An envelope: a padded text, a ticket and a header, with room for the agreement of a later version. */
export const ENVELOPE_MAX_BYTES = 16384;
/** The sealed content in an envelope: what a ticket and 64 bytes for the header leave of it. */
export const SEALED_MAX_BYTES = ENVELOPE_MAX_BYTES - TICKET_MAX_BYTES - 64;
/** Every padded content is at least this long: short answers look alike. */
export const CONTENT_MIN_BYTES = 64;
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

/** Failed logins of one name from one prefix that cost nothing: a person mistypes. */
export const GUESSES_FREE = 5;
/** Logins of one name that may be under way without counting, where anybody has logged in: with the free ones, 16 at once. */
export const LOGINS_UNDER_WAY_MAX = 11;
/** The longest wait between two guesses: whoever waits for it all day has 96 of them. */
export const GUESS_WAIT_MAX_SECONDS = 900;
/** Failed logins of one name in an hour, from anywhere, before only prefixes that its owner has used are served. */
export const GUESSES_PER_HOUR = 100;
/** Failed logins from one prefix in a day, of whatever names, before it is served only users who have logged in from there. */
export const PREFIX_GUESSES_PER_DAY = 500;
/** A failed login counts against its prefix for a day. */
export const GUESS_MEMORY_MS = 24 * 3_600_000;
/** A prefix is the owner's for this long after a login from it. */
export const KNOWN_PREFIX_MS = 90 * 24 * 3_600_000;
/** Prefixes that a user is told of at a login: those that guessed last. */
export const GUESS_SUMMARIES_MAX = 16;
/** A prefix as text: the longest is `ffff:ffff:ffff::/48`, and there is room to grow. */
export const PREFIX_MAX_BYTES = 48;
/** The nonce that solves a puzzle. */
export const PUZZLE_NONCE_BYTES = 8;
/** The easiest puzzle: 65,536 hashes on average, a tenth of a second of a client. */
export const PUZZLE_MIN_BITS = 16;
/** The hardest, of a million hashes: one or two seconds, and on a slow machine still within the time for a login. */
export const PUZZLE_MAX_BITS = 20;

/** Frames of a stranger that are under way at once: hello, login, proof and attach are all that one has to say. */
export const WAITING_FRAMES_MAX = 4;
/** Bytes of them: a login takes 4 KiB, and an envelope may follow it before it is answered. */
export const WAITING_MAX_BYTES = 32 * 1024;
/** Bytes that wait for a peer who does not read, before it is cut. */
export const BACKLOG_MAX_BYTES = 4 * 1024 * 1024;
/** Likewise for all peers together, and again for what waits of all sessions: a small machine has 512 MiB. */
export const BACKLOGS_MAX_BYTES = 64 * 1024 * 1024;
/** Without any movement for this long, pings included, a connection is dead. */
export const IDLE_SECONDS = 60;
/** Changes of presence within this time are told together: no person notices, and a crowd that logs in costs less. */
export const PRESENCE_MS = 50;
/** With many sessions they wait longer: telling so many of them in a millisecond takes about a tenth of a core. */
export const PRESENCE_SESSIONS_PER_MS = 10;
/** A server that is told to stop serves sessions for this long, so that what is on its way is still routed. */
export const DRAIN_MS = 500;
