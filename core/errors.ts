/**
 * The one table of error codes and the one error class (PROTOCOL §13).
 *
 * Branch on `code`, never on a message. `wire` is the number a peer is told (0: never sent) and nothing else of an
 * error ever reaches it; before the channel stands it travels as the WebSocket close code `4000 + wire`. Append only;
 * a number is never reused. `detail` is for our own log: no peer bytes, no secrets, no text of a dependency.
 *
 * Bugs are plain `Error`s and are not in this table.
 */
export const ERRORS = {
  // Bytes that do not say what they should.
  "wire.malformed": { wire: 101, blame: "peer" },
  "wire.tooLong": { wire: 102, blame: "peer" },
  "wire.version": { wire: 103, blame: "peer" },
  // The channel.
  "channel.handshake": { wire: 201, blame: "peer" },
  "channel.record": { wire: 202, blame: "peer" },
  "channel.exhausted": { wire: 203, blame: "us" },
  "channel.deadline": { wire: 204, blame: "peer" },
  "channel.busy": { wire: 205, blame: "peer" },
  "channel.puzzle": { wire: 206, blame: "peer" },
  // Login. Unknown user, locked user and wrong password are alike in code, bytes and time.
  "auth.rejected": { wire: 301, blame: "peer" },
  "auth.tooManyDevices": { wire: 302, blame: "peer" },
  "auth.ended": { wire: 303, blame: "peer" },
  "auth.device": { wire: 304, blame: "peer" },
  "auth.tooManyAttempts": { wire: 305, blame: "peer" },
  "auth.removed": { wire: 306, blame: "peer" },
  // A message that is not expected in this state.
  "state.unexpected": { wire: 401, blame: "peer" },
  // The server goes away, or drops a connection that does not keep up.
  "server.stopping": { wire: 501, blame: "us" },
  "server.slowReader": { wire: 502, blame: "peer" },
  "server.fault": { wire: 503, blame: "us" },
  // The transport ended without a reason: judged by the client, never sent.
  "connection.lost": { wire: 0, blame: "peer" },
  "server.unreachable": { wire: 0, blame: "operator" },
  // A message that nobody took.
  "message.undelivered": { wire: 0, blame: "peer" },
  // Tickets and conversations: judged by the client, never sent.
  "ticket.invalid": { wire: 0, blame: "peer" },
  "ticket.expired": { wire: 0, blame: "peer" },
  "ticket.early": { wire: 0, blame: "peer" },
  "ticket.foreign": { wire: 0, blame: "peer" },
  "ticket.reused": { wire: 0, blame: "peer" },
  "e2ee.replay": { wire: 0, blame: "peer" },
  "e2ee.gap": { wire: 0, blame: "peer" },
  "e2ee.invalid": { wire: 0, blame: "peer" },
  "e2ee.noConversation": { wire: 0, blame: "peer" },
  "e2ee.identity": { wire: 0, blame: "peer" },
  "e2ee.devices": { wire: 0, blame: "peer" },
  "e2ee.prekey": { wire: 0, blame: "peer" },
  // The account: what the password, the recovery code or the state folder does not open.
  "account.initial": { wire: 0, blame: "operator" },
  "account.recovery": { wire: 0, blame: "operator" },
  "account.code": { wire: 0, blame: "operator" },
  "account.invalid": { wire: 0, blame: "peer" },
  "account.conflict": { wire: 0, blame: "peer" },
  "state.foreign": { wire: 0, blame: "operator" },
  "state.damaged": { wire: 0, blame: "operator" },
  // Primitives: a tag that does not verify, a key or point that is not one.
  "crypto.open": { wire: 0, blame: "peer" },
  "crypto.badKey": { wire: 0, blame: "peer" },
  // Files and configuration: exit 2, one line.
  "config.invalid": { wire: 0, blame: "operator" },
  "text.tooLong": { wire: 0, blame: "operator" },
  "name.invalid": { wire: 0, blame: "operator" },
  "password.invalid": { wire: 0, blame: "operator" },
  "password.weak": { wire: 0, blame: "operator" },
  "usage.invalid": { wire: 0, blame: "operator" },
  // The machine we run on: a disk, a lock, a user who pressed Ctrl-C.
  "file.failed": { wire: 0, blame: "operator" },
  "file.locked": { wire: 0, blame: "operator" },
  "port.busy": { wire: 0, blame: "operator" },
  "server.notRunning": { wire: 0, blame: "operator" },
  "user.unknown": { wire: 0, blame: "operator" },
  "user.exists": { wire: 0, blame: "operator" },
  "host.interrupted": { wire: 0, blame: "operator" },
  "host.terminated": { wire: 0, blame: "operator" },
} as const satisfies Record<string, { wire: number; blame: "peer" | "operator" | "us" }>;

export type ErrorCode = keyof typeof ERRORS;

/** The code that is told by this number; `connection.lost` for one that this version does not know, and for 0, which tells none. */
export function codeOfWire(wire: number): ErrorCode {
  const codes = Object.keys(ERRORS) as ErrorCode[];
  return codes.find((code) => wire !== 0 && ERRORS[code].wire === wire) ?? "connection.lost";
}

const CLOSE_OWN = 4000;
/** "Service restart" (RFC 6455 §7.4.2's registry): a server that stops. */
const CLOSE_RESTART = 1012;

/** The WebSocket close code that says `code` where it cannot be sealed (PROTOCOL §10.3). */
export function closeCodeOf(code: ErrorCode): number {
  return code === "server.stopping" ? CLOSE_RESTART : CLOSE_OWN + ERRORS[code].wire;
}

/** What a close code says; null when it is none of ours. */
export function codeOfClose(closeCode: number): ErrorCode | null {
  if (closeCode === CLOSE_RESTART) return "server.stopping";
  return closeCode > CLOSE_OWN ? codeOfWire(closeCode - CLOSE_OWN) : null;
}

/** An expected failure: something a peer, an operator or the world did. */
export class CodedError extends Error {
  override readonly name = "CodedError";
  readonly code: ErrorCode;
  readonly detail: string;
  /** After how many seconds another try makes sense, when a server said so; else 0. */
  readonly waitSeconds: number;

  constructor(code: ErrorCode, detail = "", options: ErrorOptions & { readonly waitSeconds?: number } = {}) {
    super(detail === "" ? code : `${code}: ${detail}`, options);
    this.code = code;
    this.detail = detail;
    this.waitSeconds = options.waitSeconds ?? 0;
  }
}
