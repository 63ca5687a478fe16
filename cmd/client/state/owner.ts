/**
 * The client that owns a device lets others of the same account on this machine use it, over a socket in the state folder:
 * so `client send` beside an open chat is the same device. Whoever may open the socket may do what the owner's user may;
 * what is for one person alone (a recovery code, failed logins, the password) goes to the owner's user and no guest.
 */
import { rmSync } from "node:fs";
import { join } from "node:path";
import type { Socket } from "bun";
import { CodedError } from "../../../core/errors.ts";
import type { MessageId } from "../../../core/ids.ts";
import type { UserName } from "../../../core/name.ts";
import type { MessageNotice, Notice } from "../../../core/peer/notices.ts";
import type { RosterEntry } from "../../../core/peer/roster.ts";
import type { StateHeader } from "../../../core/peer/savedState.ts";
import type { Connection } from "../connection.ts";
import type { StateFolder } from "./folder.ts";
import { type GuestLine, LineReader, LineWriter, type OwnerLine, parseGuestLine } from "./lines.ts";
import { SOCKET_NAME } from "./stateFiles.ts";

/** Takes away all but reading and writing by the owner. */
const UMASK = 0o177;
/** At a time. Ours: each may have `UNREAD_MAX_BYTES` waiting. */
export const GUESTS_MAX = 16;
/** What guests hear too. */
const SHARED: readonly Notice["kind"][] = [
  ...(["message", "presence", "unregistered", "unreadable", "unsupported"] as const),
  ...(["identityChanged", "newDevice", "noOneTimePrekey"] as const),
];

/** What an owner needs of its connection. */
export type OwnedSession = Pick<
  Connection,
  "roster" | "self" | "device" | "send" | "accept" | "verify" | "comparisonOf" | "giveUp"
>;

interface Guest {
  readonly reader: LineReader;
  readonly writer: LineWriter<OwnerLine>;
}

type GuestSocket = Socket<Guest>;

/** A guest's message, until somebody has it or nobody will. */
interface Sent {
  readonly guest: GuestSocket;
  readonly text: string;
  readonly at: number;
}

export class Owner implements Disposable {
  readonly #folder: StateFolder;
  readonly #session: OwnedSession;
  /** What its own user sees. */
  readonly #shown: (notice: Notice) => void;
  readonly #nowMs: () => number;
  readonly #guests = new Set<GuestSocket>();
  readonly #sent = new Map<MessageId, Sent>();
  /** The roster as guests have it. */
  readonly #told = new Map<UserName, RosterEntry>();
  #listener: { stop(closeActive?: boolean): void } | null = null;

  /** Ends by itself before `folder` is given back. */
  constructor(folder: StateFolder, session: OwnedSession, shown: (notice: Notice) => void, nowMs: () => number) {
    [this.#folder, this.#session, this.#shown, this.#nowMs] = [folder, session, shown, nowMs];
    folder.beforeRelease(() => this[Symbol.dispose]());
  }

  /** Listens; false where it cannot be: then there are no guests, and the folder is this process's alone. */
  listen(): boolean {
    const path = join(this.#folder.path, SOCKET_NAME);
    const umask = process.umask(UMASK);
    try {
      rmSync(path, { force: true }); // the folder is ours, so it is a dead client's
      this.#listener = Bun.listen<Guest>({
        unix: path,
        socket: {
          open: (socket) => this.#open(socket),
          data: (socket, bytes) => this.#guarded(() => socket.data.reader.push(bytes) || this.#cut(socket)),
          drain: (socket) => socket.data.writer.flush(socket),
          close: (socket) => void this.#guests.delete(socket),
          error: (socket) => this.#cut(socket),
        },
      });
      return true;
    } catch {
      return false;
    } finally {
      process.umask(umask);
    }
  }

  /** Tells guests what they are to hear of a notice. True when it is not for the owner's own user. */
  notice(notice: Notice): boolean {
    this.#tellRoster();
    if (notice.kind === "delivered" || notice.kind === "undelivered") {
      const sent = this.#sent.get(notice.id);
      if (sent === undefined) return false;
      this.#sent.delete(notice.id);
      this.#say(sent.guest, { notice });
      if (notice.kind === "delivered") this.#showSent(notice, sent);
      return true;
    }
    if (SHARED.includes(notice.kind)) for (const guest of this.#guests) this.#say(guest, { notice });
    return false;
  }

  /** Guests are cut off, and the socket goes. */
  [Symbol.dispose](): void {
    this.#listener?.stop(true); // removes the file too
    this.#listener = null;
  }

  #open(socket: GuestSocket): void {
    const reader = new LineReader((value) => this.#line(socket, parseGuestLine(value)));
    socket.data = { reader, writer: new LineWriter() };
    if (this.#guests.size >= GUESTS_MAX) {
      socket.end();
      return;
    }
    this.#tellRoster();
    this.#guests.add(socket);
    const roster = [...this.#told].map(([user, entry]) => ({ user, entry }));
    const { realm, user } = this.#header();
    this.#say(socket, ...roster, { self: this.#session.self, owner: { realm: realm.toHex(), user } });
  }

  #header(): StateHeader {
    const { header } = this.#folder;
    if (header === null) throw new Error("owner: a session without a saved state");
    return header;
  }

  #line(guest: GuestSocket, line: GuestLine | null): boolean {
    if (line === null || !this.#guests.has(guest)) return false;
    switch (line.do) {
      case "send":
        return this.#send(guest, line);
      case "accept":
        this.#session.accept(line.user, line.key);
        this.#tellRoster();
        return true;
      case "verify":
        this.#session.verify(line.user, line.key, line.verified);
        this.#tellRoster();
        return true;
      case "compare":
        void this.#session.comparisonOf(line.user).then((comparison) => this.#say(guest, { comparison }));
        return true;
    }
  }

  #send(guest: GuestSocket, { id, to, text, deliveryMs }: Extract<GuestLine, { do: "send" }>): boolean {
    if (this.#sent.has(id)) return false;
    this.#sent.set(id, { guest, text, at: this.#nowMs() });
    try {
      this.#session.send(to, text, id, deliveryMs);
    } catch (error) {
      if (!(error instanceof CodedError)) throw error;
      this.#sent.delete(id); // the guest had checked it, so it is the connection that has gone
      this.#say(guest, { notice: { kind: "undelivered", id, to, reason: "late" } });
    }
    return true;
  }

  /** The owner's user and the other guests see it as what another device of the user has sent. */
  #showSent({ id, to }: Extract<Notice, { kind: "delivered" }>, { guest, text, at }: Sent): void {
    const { self, device } = this.#session;
    const notice: MessageNotice = {
      ...{ kind: "message", id, from: self, device, to, own: true, trust: "verified", text },
      ...{ sentAt: at, receivedAt: at },
    };
    for (const other of this.#guests) if (other !== guest) this.#say(other, { notice });
    this.#shown(notice);
  }

  /** What has changed in the roster since guests were told last. Entries are replaced, never changed. */
  #tellRoster(): void {
    const { roster } = this.#session;
    for (const [user, entry] of roster) {
      if (this.#told.get(user) === entry) continue;
      this.#told.set(user, entry);
      for (const guest of this.#guests) this.#say(guest, { user, entry });
    }
    for (const user of [...this.#told.keys()].filter((told) => !roster.has(told))) {
      this.#told.delete(user);
      for (const guest of this.#guests) this.#say(guest, { user, entry: null });
    }
  }

  #say(guest: GuestSocket, ...lines: readonly OwnerLine[]): void {
    if (this.#guests.has(guest) && !guest.data.writer.say(guest, ...lines)) this.#cut(guest);
  }

  #cut(guest: GuestSocket): void {
    this.#guests.delete(guest);
    guest.end();
  }

  /** A socket would keep a fault of ours to itself. */
  #guarded(run: () => unknown): void {
    try {
      run();
    } catch (error) {
      this.#session.giveUp(error instanceof Error ? error : new Error("not an error"));
    }
  }
}
