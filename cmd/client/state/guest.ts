/** A session through the client that owns the device, over the socket in its state folder. */
import { join } from "node:path";
import type { Socket } from "bun";
import type { Env } from "../../../core/env.ts";
import { CodedError } from "../../../core/errors.ts";
import { newMessageId } from "../../../core/ids.ts";
import { DELIVERY_MS } from "../../../core/limits.ts";
import { parseUserName, type UserName } from "../../../core/name.ts";
import type { Comparison } from "../../../core/peer/clientSession.ts";
import type { RosterEntry, RosterView } from "../../../core/peer/roster.ts";
import { encodeText } from "../../../core/peer/sending.ts";
import type { Session, SessionEvents } from "../session.ts";
import { foreignState, type StateOwner } from "./inspect.ts";
import { type GuestLine, LineReader, LineWriter, type OwnerLine } from "./lines.ts";
import { SOCKET_NAME } from "./stateFiles.ts";

/** How long an owner may take to say who is there. */
const HELLO_MS = 3000;
/** How long what was said last may take to be read by an owner that is busy. */
const CLOSE_MS = 1000;

type Hello = Extract<OwnerLine, { readonly self: string }>;

export interface GuestOptions {
  readonly env: Env;
  readonly events: SessionEvents;
  /** A message that nobody has confirmed by then is undelivered; 10 s by default. */
  readonly deliveryMs?: number;
  /** 3 s by default. */
  readonly helloMs?: number;
}

export class GuestSession implements Session {
  readonly #options: GuestOptions;
  readonly #opened = Promise.withResolvers<void>();
  readonly #closed = Promise.withResolvers<void>();
  readonly #comparisons: ((comparison: Comparison | null) => void)[] = [];
  readonly #writer = new LineWriter<GuestLine>();
  readonly #roster = new Map<UserName, RosterEntry>();
  #socket: Socket | null = null;
  #hello: Hello | null = null;
  #leaving = false;
  #over = true;

  private constructor(options: GuestOptions) {
    this.#options = options;
  }

  /** Null when nobody takes guests there. @throws state.foreign when the device there is not of `owner` */
  static async open(folder: string, owner: StateOwner, options: GuestOptions): Promise<GuestSession | null> {
    const session = new GuestSession(options);
    const reader = new LineReader((value) => session.#line(value as OwnerLine | null));
    const gone = (): void => session.#gone();
    try {
      session.#socket = await Bun.connect({
        unix: join(folder, SOCKET_NAME),
        socket: {
          data: (socket, bytes) => session.#guarded(() => reader.push(bytes) || socket.end()),
          drain: (socket) => session.#flush(socket),
          close: gone,
          error: gone,
        },
      });
    } catch {
      return null; // nobody listens
    }
    const late = setTimeout(session.#opened.resolve, options.helloMs ?? HELLO_MS);
    await session.#opened.promise;
    clearTimeout(late);
    return session.#expectOwner(folder, owner);
  }

  get roster(): RosterView {
    return this.#roster;
  }

  get self(): string {
    return this.#hello?.self ?? "";
  }

  get over(): boolean {
    return this.#over;
  }

  send(to: string, text: string, id = newMessageId(this.#options.env)): void {
    if (this.#over) throw new CodedError("connection.lost");
    parseUserName(to);
    encodeText(text);
    this.#say({ do: "send", id, to, text, deliveryMs: this.#options.deliveryMs ?? DELIVERY_MS });
  }

  accept(user: UserName, key: string): void {
    this.#say({ do: "accept", user, key });
  }

  verify(user: UserName, key: string, verified: boolean): void {
    this.#say({ do: "verify", user, key, verified });
  }

  async comparisonOf(user: UserName): Promise<Comparison | null> {
    if (this.#over) return null;
    const { promise, resolve } = Promise.withResolvers<Comparison | null>();
    this.#comparisons.push(resolve);
    this.#say({ do: "compare", user });
    return await promise;
  }

  /** The owner's user is told. */
  sawGuesses(): void {}

  /** The device stays logged in: its owner is. */
  async logout(): Promise<void> {
    if (this.#over) return;
    this.#leaving = true;
    if (this.#writer.idle) this.#socket?.end();
    await Promise.race([this.#closed.promise, Bun.sleep(CLOSE_MS)]);
    this.#socket?.end();
    this.#end(null);
  }

  /** Itself; null when no owner has said hello. */
  #expectOwner(folder: string, owner: StateOwner): GuestSession | null {
    if (this.#hello !== null && !this.#over) {
      const { realm, user } = this.#hello.owner;
      if (user === owner.user && realm === owner.realm.toHex()) return this;
    }
    this.#over = true;
    this.#socket?.end();
    if (this.#hello === null) return null;
    throw foreignState(folder, this.#hello.owner.user, owner);
  }

  #line(line: OwnerLine | null): boolean {
    if (typeof line !== "object" || line === null) return false;
    if ("user" in line) {
      if (line.entry === null) this.#roster.delete(line.user);
      else this.#roster.set(line.user, line.entry);
    } else if ("self" in line) {
      this.#hello = line;
      this.#over = false;
      this.#opened.resolve();
    } else if ("comparison" in line) {
      this.#comparisons.shift()?.(line.comparison);
    } else if ("notice" in line && !this.#over) {
      this.#options.events.notice(line.notice);
    }
    return true; // what another version says besides is not for us
  }

  #say(line: GuestLine): void {
    if (this.#over || this.#socket === null) return;
    if (!this.#writer.say(this.#socket, line)) this.#socket.end();
  }

  #flush(socket: Socket): void {
    this.#writer.flush(socket);
    if (this.#leaving && this.#writer.idle) socket.end();
  }

  #gone(): void {
    this.#opened.resolve();
    this.#closed.resolve();
    const why = "the client that holds this device has ended";
    this.#end(this.#leaving ? null : new CodedError("connection.lost", why));
  }

  /** A socket would keep a fault of ours to itself. */
  #guarded(run: () => unknown): void {
    try {
      run();
    } catch (error) {
      this.#end(error instanceof Error ? error : new Error("not an error"));
      this.#socket?.end();
    }
  }

  #end(error: Error | null): void {
    if (this.#over) return;
    this.#over = true;
    for (const answer of this.#comparisons.splice(0)) answer(null);
    this.#options.events.ended(error);
  }
}
