/**
 * Every message between client and server, declared once (PROTOCOL §5). Types below 64 go from client to server, from 64
 * on from server to client; a number is never reused.
 */
import {
  DEVICES_MAX,
  ENVELOPE_MAX_BYTES,
  GUESS_SUMMARIES_MAX,
  PINS_PER_MESSAGE,
  PREFIX_MAX_BYTES,
  PREKEYS_PER_MESSAGE,
  PUZZLE_MAX_BITS,
  PUZZLE_NONCE_BYTES,
  TICKET_MAX_BYTES,
} from "../limits.ts";
import { AccountKeys, Bundle, DeviceStanding, Pin, SignedDeviceList, SignedPrekey, Wrapped } from "./account.ts";
import { bytes, fixed, list, optional, secret, struct, text, time, uint } from "./codec.ts";
import { conversationId, deviceId, displayName, messageId, userName } from "./fields.ts";
import { frames, type MessageOf } from "./frames.ts";

const address = { user: userName, device: deviceId } as const;

/** Opens a login. Padded. `ke1` is OPAQUE's KE1 (RFC 9807 §6.1). */
const LoginStart = struct({ user: userName, ke1: fixed(96) });
/** Ends a login: the last record under the channel's first keys. Padded. */
const LoginFinish = struct({ ke3: fixed(64) });
/** Begins a session as a device of the user's list. `logins` counts its sessions, this one included. */
const Attach = struct({ device: deviceId, logins: uint(4) });
/** Asks for a conversation key with one device. Answered by `Grant` or `Absent`. */
const TicketRequest = struct(address);
/** One envelope for one device. Answered by `Confirmed` when it has been taken, or `Bounced`. */
const Send = struct({ message: messageId, ...address, envelope: bytes(ENVELOPE_MAX_BYTES) });
/** The device has the message: passed on to its sender as `Confirmed`. */
const Acknowledge = struct({ message: messageId, ...address });
/** The session ends: both sides forget its key. */
const Logout = struct({});
/** Answers `Puzzle`. Padded. */
const Solution = struct({ nonce: fixed(PUZZLE_NONCE_BYTES) });
/** Makes the account, or another in the place of the one with the identity key `replaces`. Answered by `Account`. */
const CreateAccount = struct({ keys: AccountKeys, replaces: optional(fixed(32)) });
/**
 * Wraps of the account key for the password of this login, for the recovery code, or both; what is empty stays as it is.
 * Answered by `WrapsStand`.
 */
const PutWraps = struct({ identityKey: fixed(32), accountWrap: Wrapped, recoveryWrap: Wrapped });
/** The wraps are kept. */
const WrapsStand = struct({});
/** Another list of devices, numbered one above the last. Answered by `Devices`. */
const PutDevices = struct({ devices: SignedDeviceList });
/** Prekeys of a device on the list; a signed one replaces the last. */
const PutPrekeys = struct({
  device: deviceId,
  signed: optional(SignedPrekey),
  oneTime: list(SignedPrekey, PREKEYS_PER_MESSAGE),
});
/** One pin, numbered one above the last of its name. Answered by `PinStands`. */
const PutPin = struct({ pin: Pin });
/** Another password: proof of the old one (OPAQUE's KE1) and a registration request (RFC 9807 §5.1). */
const PasswordStart = struct({ ke1: fixed(96), request: fixed(32) });
/** KE3 for the old password, the record of the new one, and the account key wrapped for it; empty while there is no account. */
const PasswordFinish = struct({ ke3: fixed(64), record: fixed(192), accountWrap: Wrapped });

/** OPAQUE's KE2 (RFC 9807 §6.1), for known and unknown users alike. Padded. */
const LoginResponse = struct({ ke2: fixed(320) });
/** A registered user and the devices that are logged in, whenever they change. */
const Presence = struct({ name: displayName, devices: list(deviceId, DEVICES_MAX) });
/** A user who is no longer registered. */
const Unregistered = struct({ user: userName });
/** Follows the proof of the password. `initial`: the operator chose the password, and another has to be set first. */
const Account = struct({
  initial: uint(1, 1),
  /** The server's clock, by which it is judged who has not been seen for long. */
  nowMs: time,
  account: optional(
    struct({
      keys: AccountKeys,
      /** null until the first device is made. */
      devices: optional(SignedDeviceList),
      standings: list(DeviceStanding, DEVICES_MAX),
    }),
  ),
});
/** All pins of the user, in as many messages as it takes; before `Account`, which says that they are complete. */
const Pins = struct({ pins: list(Pin, PINS_PER_MESSAGE) });
/** The user's list of devices as it is now: the answer to `PutDevices`, and told to every other session of the user. */
const Devices = struct({ devices: SignedDeviceList });
/** A pin as it is now: the answer to `PutPin`, and told to every other session of the user. */
const PinStands = struct({ pin: Pin });
/** This device has so many one-time prekeys left: it is time for more. */
const PrekeysLow = struct({ oneTimePrekeys: uint(2) });
/** OPAQUE's KE2 for the old password, and the registration response for the new one. */
const PasswordResponse = struct({ ke2: fixed(320), response: fixed(64) });
/** Whether the password has been changed: 0, or an error's wire number and after how many seconds another try makes sense. */
const PasswordResult = struct({ reason: uint(2), waitSeconds: uint(2) });
/** The roster is complete, the device is attached. `name` is the user's own, as registered. */
const Attached = struct({ name: displayName });
/** A conversation key and its ticket for the peer. */
const Grant = struct({
  ...address,
  conversation: conversationId,
  key: secret(32),
  ticket: bytes(TICKET_MAX_BYTES),
  bundle: Bundle,
});
/** No ticket: that device is not logged in, or nobody can begin a conversation with it yet. */
const Absent = struct(address);
/** Not delivered: that device is not logged in. */
const Bounced = struct({ message: messageId, ...address });
/** An envelope from a device that the server names, with the server's stamp of receipt. */
const Delivery = struct({
  message: messageId,
  ...address,
  receivedAt: time,
  envelope: bytes(ENVELOPE_MAX_BYTES),
});
/** A device has taken the message. */
const Confirmed = struct({ message: messageId, ...address });
/** The last frame before the server closes: an error's wire number, and after how many seconds another try makes sense. */
const Goodbye = struct({ reason: uint(2), waitSeconds: uint(2) });
/** Asks for proof of work before the login is answered. Padded. */
const Puzzle = struct({ bits: uint(1, PUZZLE_MAX_BITS, 1) });
const GuessSummary = struct({ from: text(PREFIX_MAX_BYTES), count: uint(4), firstMs: time, lastMs: time });
/** The user has been shown the `Guesses` of this login: they are not told again. */
const GuessesSeen = struct({});
/** Logins of this user that failed since the user was last told; `others` from prefixes that are not in the list. */
const Guesses = struct({ prefixes: list(GuessSummary, GUESS_SUMMARIES_MAX), others: uint(4) });

/** Client to server. */
export const CLIENT_MESSAGES = {
  loginStart: { type: 1, codec: LoginStart },
  loginFinish: { type: 2, codec: LoginFinish },
  attach: { type: 3, codec: Attach },
  ticketRequest: { type: 4, codec: TicketRequest },
  send: { type: 5, codec: Send },
  acknowledge: { type: 6, codec: Acknowledge },
  logout: { type: 7, codec: Logout },
  solution: { type: 8, codec: Solution },
  guessesSeen: { type: 9, codec: GuessesSeen },
  createAccount: { type: 10, codec: CreateAccount },
  putWraps: { type: 11, codec: PutWraps },
  putDevices: { type: 12, codec: PutDevices },
  putPrekeys: { type: 13, codec: PutPrekeys },
  putPin: { type: 14, codec: PutPin },
  passwordStart: { type: 15, codec: PasswordStart },
  passwordFinish: { type: 16, codec: PasswordFinish },
} as const;

/** Server to client. */
export const SERVER_MESSAGES = {
  loginResponse: { type: 64, codec: LoginResponse },
  presence: { type: 65, codec: Presence },
  unregistered: { type: 66, codec: Unregistered },
  attached: { type: 67, codec: Attached },
  grant: { type: 68, codec: Grant },
  absent: { type: 69, codec: Absent },
  bounced: { type: 70, codec: Bounced },
  delivery: { type: 71, codec: Delivery },
  confirmed: { type: 72, codec: Confirmed },
  goodbye: { type: 73, codec: Goodbye },
  puzzle: { type: 74, codec: Puzzle },
  guesses: { type: 75, codec: Guesses },
  account: { type: 76, codec: Account },
  pins: { type: 77, codec: Pins },
  devices: { type: 78, codec: Devices },
  pinStands: { type: 79, codec: PinStands },
  prekeysLow: { type: 80, codec: PrekeysLow },
  passwordResponse: { type: 81, codec: PasswordResponse },
  passwordResult: { type: 82, codec: PasswordResult },
  wrapsStand: { type: 83, codec: WrapsStand },
} as const;

export type ClientMessage = MessageOf<typeof CLIENT_MESSAGES>;
export type ServerMessage = MessageOf<typeof SERVER_MESSAGES>;

/** What clients say, as frames. */
export const clientFrames = frames(CLIENT_MESSAGES);
/** What the server says, as frames. */
export const serverFrames = frames(SERVER_MESSAGES);
