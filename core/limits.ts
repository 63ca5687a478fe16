/** Every size, count and duration of the protocol, with its unit and its reason (PROTOCOL §14). */

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
/** Devices of one user; the server's own limit is lower. */
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
/** An envelope: a padded text, a header, and the opening of a conversation with the longest list of devices. */
export const ENVELOPE_MAX_BYTES = 16384;
/** What opens a conversation: a ticket, a KEM ciphertext, keys, and the sender's list of devices. */
export const OPENING_MAX_BYTES = 7168;
/** The sealed content in an envelope: what the opening and 128 bytes for the header leave of it. */
export const SEALED_MAX_BYTES = ENVELOPE_MAX_BYTES - OPENING_MAX_BYTES - 128;
/** Every padded content is at least this long: short answers look alike. */
export const CONTENT_MIN_BYTES = 64;
/** A ticket is accepted this long after its issue: a conversation is opened at once or not at all. */
export const TICKET_LIFETIME_MS = 5 * 60_000;
/** How far the stamp of receipt may lie before the stamp of issue: both are the server's, whose clock may be set. */
export const TICKET_SKEW_MS = 30_000;
/** Message keys that a receiver may pass over in one chain: the cost of a hostile number is bounded. */
export const SKIP_MAX = 1000;
/** Skipped message keys that are kept for one conversation; the oldest go first. */
export const SKIPPED_MAX = 2000;
/** Messages in one direction of one conversation. */
export const MESSAGE_NUMBER_MAX = 2 ** 31 - 1;
/** Conversations kept with one device: two when both sides start at once, and as many again while they change over. */
export const CONVERSATIONS_PER_DEVICE = 4;
/** The agreement is run again after this time, so that a stolen state opens no more than a week and what follows. */
export const AGREEMENT_MS = 7 * 24 * 3_600_000;
/** And after as many messages, of both directions together. */
export const AGREEMENT_MESSAGES = 1000;
/** A new agreement with a device whose envelopes cannot be read is asked for at most this often. */
export const REPAIR_MS = 60_000;
/** Ids of messages from one device that are remembered, so that one which is sent again is shown once. */
export const RECENT_MESSAGES = 64;
/**
 * What a device could not read is sent again when it is among the last so many that were sent to it: half of what it remembers,
 * as what it reads anew takes a place too.
 */
export const RESENT_MAX = 32;

/** A wrapped key: salt, key and tag, and room to grow. */
export const WRAP_MAX_BYTES = 128;
/** A signed list of devices. */
export const DEVICE_LIST_MAX_BYTES = 6 + DEVICES_MAX * 81;
/** A prekey as it is signed: header, X25519 key, ML-KEM-768 key, expiry. */
export const PREKEY_BYTES = 1237;
/** One-time prekeys in one message: a record of the packing size. */
export const PREKEYS_PER_MESSAGE = 12;
/** One-time prekeys that a device keeps at the server: as many agreements while it is away keep all of their promise. */
export const ONE_TIME_PREKEYS = 48;
/** Below this many a connected device makes new ones. */
export const ONE_TIME_PREKEYS_LOW = 24;
/**
 * One-time prekeys whose private halves a device keeps: more than can be given out while a ticket is good, at 48 in every 10
 * seconds. Older ones were taken by somebody who never used them, and would pile up.
 */
export const ONE_TIME_PREKEYS_KEPT = 32 * ONE_TIME_PREKEYS;
/** Logins of a device that are counted: the server says how many there were, and may say anything. */
export const LOGINS_MAX = 0xffffffff;
/** A device is told that its prekeys run low at most this often: making new ones is work. */
export const PREKEYS_LOW_MS = 10_000;
/** A signed prekey is replaced after a week. */
export const SIGNED_PREKEY_MS = 7 * 24 * 3_600_000;
/** A prekey is accepted this long after it was made; then its private half goes. */
export const PREKEY_LIFETIME_MS = 38 * 24 * 3_600_000;
/** A device that has not been seen for this long is dropped from its user's list. */
export const DEVICE_UNSEEN_MS = 60 * 24 * 3_600_000;
/** And a temporary one, whose client did not end in order, after this long. */
export const TEMPORARY_UNSEEN_MS = 3_600_000;
/** The name of a pin at the server: tells nothing of whom it is for. */
export const PIN_NAME_BYTES = 16;
/** A sealed pin. */
export const PIN_MAX_BYTES = 192;
/** Pins in one message. */
export const PINS_PER_MESSAGE = 64;
/** Pins of one user. */
export const PINS_MAX = 10_000;
/** The random bytes of a recovery code. */
export const RECOVERY_CODE_BYTES = 16;

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

/** Messages that wait for the store before a device is attached: wraps, four times prekeys and `attach` may come at once. */
export const HELD_MESSAGES_MAX = 8;
/** Frames of a stranger that are under way at once: hello, login, proof and attach are all that one has to say. */
export const WAITING_FRAMES_MAX = 4;
/** Bytes of them: a login takes 4 KiB, and an envelope may follow it before it is answered. */
export const WAITING_MAX_BYTES = 32 * 1024;
/** From the proof of the password to the session: a person may have to find a recovery code first. */
export const ACCOUNT_SECONDS = 600;
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
