/**
 * JSON, one value a line, over a local socket: what the client that owns a device and its guests say to each other. Both are
 * programs of one account, perhaps of two versions; what is not understood from a guest cuts it off.
 */
import { decodeUtf8, utf8 } from "../../../core/bytes.ts";
import type { MessageId } from "../../../core/ids.ts";
import { MESSAGE_ID_BYTES } from "../../../core/limits.ts";
import { parseUserName, type UserName } from "../../../core/name.ts";
import type { Comparison } from "../../../core/peer/clientSession.ts";
import type { Notice } from "../../../core/peer/notices.ts";
import type { RosterEntry } from "../../../core/peer/roster.ts";

/** What a guest asks for. */
export type GuestLine =
  | {
      readonly do: "send";
      readonly id: MessageId;
      readonly to: string;
      readonly text: string;
      readonly deliveryMs: number;
    }
  | { readonly do: "accept"; readonly user: UserName; readonly key: string }
  | { readonly do: "verify"; readonly user: UserName; readonly key: string; readonly verified: boolean }
  | { readonly do: "compare"; readonly user: UserName };

/** What the owner says. */
export type OwnerLine =
  /** A user, as the roster has them now; null for one who is no longer registered. */
  | { readonly user: UserName; readonly entry: RosterEntry | null }
  /** The roster is complete. `self` is the user's own name, as registered; `owner` says whose state it is, the realm as hex. */
  | { readonly self: string; readonly owner: { readonly realm: string; readonly user: string } }
  | { readonly notice: Notice }
  /** Answers `compare`, in order. */
  | { readonly comparison: Comparison | null };

/** Without its end, in bytes: a text of 8 KiB, each byte of it escaped, and what goes beside it. Ours. */
export const LINE_MAX_BYTES = 64 * 1024;
/** What may wait for a reader that is behind, in bytes: a roster of some ten thousand users. Ours. */
export const UNREAD_MAX_BYTES = 4 * 1024 * 1024;
/** What a timer can hold. */
const TIMER_MAX_MS = 2 ** 31 - 1;
const LINE_END = 10;

/** Splits what arrives into lines, and reads them. */
export class LineReader {
  readonly #line: (value: unknown) => boolean;
  #rest: Uint8Array = new Uint8Array();

  /** `line` is given each value; when it returns false nothing more is read. */
  constructor(line: (value: unknown) => boolean) {
    this.#line = line;
  }

  /** False when the other side does not keep to the rules: then it is to be cut. `bytes` are borrowed. */
  push(bytes: Uint8Array): boolean {
    const all = Buffer.concat([this.#rest, bytes]);
    let start = 0;
    for (let end = all.indexOf(LINE_END); end !== -1; end = all.indexOf(LINE_END, start)) {
      if (end - start > LINE_MAX_BYTES || !this.#read(all.subarray(start, end))) return false;
      start = end + 1;
    }
    this.#rest = all.subarray(start);
    return this.#rest.length <= LINE_MAX_BYTES;
  }

  #read(line: Uint8Array): boolean {
    const text = decodeUtf8(line);
    if (text === null) return false;
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      return false;
    }
    return this.#line(value);
  }
}

/** Writes lines to a socket that takes as much as it can and says how much that was. */
export class LineWriter<T extends GuestLine | OwnerLine> {
  #unsent: Uint8Array[] = [];
  #unsentBytes = 0;

  get idle(): boolean {
    return this.#unsentBytes === 0;
  }

  /** False when the other side leaves too much unread: then it is to be cut. */
  say(socket: LineSocket, ...lines: readonly T[]): boolean {
    const bytes = utf8(lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
    const behind = !this.idle;
    this.#unsent.push(bytes);
    this.#unsentBytes += bytes.length;
    if (!behind) this.flush(socket);
    return this.#unsentBytes <= UNREAD_MAX_BYTES;
  }

  /** Whenever the socket takes more. */
  flush(socket: LineSocket): void {
    if (this.idle) return;
    const all = Buffer.concat(this.#unsent);
    const rest = all.subarray(Math.max(socket.write(all), 0));
    [this.#unsent, this.#unsentBytes] = [[rest], rest.length];
  }
}

export interface LineSocket {
  /** How many of the bytes it has taken; -1 when it is closed. */
  write(bytes: Uint8Array): number;
}

/** null when it is nothing that a guest may say. */
export function parseGuestLine(value: unknown): GuestLine | null {
  const line = value as Readonly<Record<string, unknown>> | null;
  if (typeof line !== "object" || line === null) return null;
  switch (line.do) {
    case "send": {
      const { id, to, text, deliveryMs } = line;
      if (!isMessageId(id) || !isName(to) || typeof text !== "string" || !isTime(deliveryMs)) return null;
      return { do: "send", id, to, text, deliveryMs };
    }
    case "verify": {
      const { user, key, verified } = line;
      if (!isUser(user) || typeof key !== "string" || typeof verified !== "boolean") return null;
      return { do: "verify", user, key, verified };
    }
    case "accept": {
      const { user, key } = line;
      return isUser(user) && typeof key === "string" ? { do: "accept", user, key } : null;
    }
    case "compare":
      return isUser(line.user) ? { do: "compare", user: line.user } : null;
    default:
      return null;
  }
}

function isMessageId(value: unknown): value is MessageId {
  return typeof value === "string" && value.length === 2 * MESSAGE_ID_BYTES && /^[0-9a-f]*$/.test(value);
}

function isTime(value: unknown): value is number {
  return typeof value === "number" && value > 0 && value <= TIMER_MAX_MS;
}

function isName(value: unknown): value is string {
  if (typeof value !== "string") return false;
  try {
    parseUserName(value);
    return true;
  } catch {
    return false;
  }
}

function isUser(value: unknown): value is UserName {
  return isName(value) && value === value.toLowerCase();
}
