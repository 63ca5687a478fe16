/**
 * A client from login to logout: who is there, whom a message goes to, and what it says (PROTOCOL §8, §9).
 *
 * It owns the session key, the ticket key and the conversations, and wipes them all when it is disposed. It answers with
 * frames to send and notices for the user; transport, timers and words are not its concern.
 */
import type { Env } from "../env.ts";
import { CodedError, type ErrorCode } from "../errors.ts";
import { type Address, addressKey, type DeviceId, type MessageId, sameAddress } from "../ids.ts";
import { TEXT_MAX_BYTES } from "../limits.ts";
import { parseUserName, type UserName } from "../name.ts";
import { type Secret, wipe } from "../secret.ts";
import { decodeAll, encodeAll } from "../wire/codec.ts";
import { type ClientMessage, CONTENT_TEXT, Content, type ServerMessage } from "../wire/messages.ts";
import { Conversations, type Identity } from "./conversations.ts";
import { Outbox, type Pending } from "./outbox.ts";
import type { Roster, RosterEntry } from "./roster.ts";

/** A text for this user, or a copy of one that this user wrote on another device. */
export interface MessageNotice {
  readonly kind: "message";
  readonly id: MessageId;
  readonly from: string;
  readonly device: DeviceId;
  readonly to: string;
  /** Written by this user on another device. */
  readonly own: boolean;
  /** By the sender's clock, milliseconds since 1970: any number. */
  readonly sentAt: number;
  /** By the server's clock. */
  readonly receivedAt: number;
  readonly text: string;
}

/** Nobody has it, and nobody will. */
export interface UndeliveredNotice {
  readonly kind: "undelivered";
  readonly id: MessageId;
  readonly to: string;
  readonly reason: Undelivered;
}

export type StatusNotice =
  /** The roster is complete. */
  | { readonly kind: "attached"; readonly name: string; readonly device: DeviceId }
  /** A user came or went, or changed devices. */
  | { readonly kind: "presence"; readonly name: string; readonly before: number; readonly devices: number }
  | { readonly kind: "unregistered"; readonly name: string }
  /** An envelope that could not be opened; it is not acknowledged. */
  | { readonly kind: "unreadable"; readonly from: string; readonly code: ErrorCode }
  /** The first device of the recipient has it. */
  | { readonly kind: "delivered"; readonly id: MessageId; readonly to: string }
  | UndeliveredNotice;

/** What the user is told. Names are as registered. */
export type Notice = MessageNotice | StatusNotice;

export type Undelivered = "unknown" | "offline" | "late";

export interface Output {
  readonly frames: readonly ClientMessage[];
  readonly notices: readonly Notice[];
}

export interface SessionStart extends Identity {
  readonly sessionKey: Secret;
}

export class ClientSession implements Disposable {
  readonly #env: Env;
  readonly #start: SessionStart;
  readonly #conversations: Conversations;
  readonly #outbox = new Outbox();
  readonly #roster = new Map<UserName, RosterEntry>();
  /** Addresses that a ticket has been asked for, until the one answer to it. */
  readonly #asked = new Set<string>();
  #attached = false;
  #frames: ClientMessage[] = [];
  #notices: Notice[] = [];

  constructor(env: Env, start: SessionStart) {
    this.#env = env;
    this.#start = start;
    this.#conversations = new Conversations(start);
  }

  get attached(): boolean {
    return this.#attached;
  }

  get roster(): Roster {
    return this.#roster;
  }

  /** @throws state.unexpected for a message that has no place here */
  receive(message: ServerMessage): Output {
    switch (message.kind) {
      case "presence":
        this.#presence(message.name, message.devices);
        break;
      case "unregistered":
        this.#unregistered(message.user);
        break;
      case "attached":
        if (this.#attached) throw new CodedError("state.unexpected", "attached twice");
        this.#attached = true;
        this.#notices.push({ kind: "attached", name: message.name, device: this.#start.self.device });
        break;
      case "grant":
        this.#granted(message);
        break;
      case "absent":
        this.#asked.delete(addressKey(message));
        this.#gone(message);
        break;
      case "bounced":
        this.#gone(message, message.message);
        break;
      case "delivery":
        this.#deliver(message);
        break;
      case "confirmed":
        this.#confirmed(message.message, message);
        break;
      case "loginResponse":
      case "goodbye":
        throw new CodedError("state.unexpected", "out of place in a session");
    }
    return this.#output();
  }

  /**
   * Sends `text` to every device of `to` and every other device of this user, under an id that has not been used.
   * @throws text.tooLong above 8 KiB of UTF-8, name.invalid
   */
  send(id: MessageId, to: string, text: string): Output {
    const user = parseUserName(to);
    if (new TextEncoder().encode(text).length > TEXT_MAX_BYTES) throw new CodedError("text.tooLong");
    const entry = this.#roster.get(user);
    if (entry === undefined) return this.#fail(id, to, "unknown");
    if (this.#devicesOf(user).length === 0) return this.#fail(id, entry.name, "offline");
    const content = encodeAll(Content, {
      version: 1,
      kind: CONTENT_TEXT,
      sentAt: this.#env.nowMs(),
      to: user,
      body: new TextEncoder().encode(text),
    });
    const users = new Set([user, this.#start.self.user]);
    const pending = this.#outbox.add(
      id,
      user,
      content,
      [...users].flatMap((name) => this.#devicesOf(name)),
    );
    for (const target of [...pending.targets.values()]) this.#dispatch(pending, target.address);
    return this.#output();
  }

  /**
   * The time of `id` is up: it is dropped, and undelivered unless somebody has confirmed it. A device that got it and said
   * nothing may have refused the ticket, for its age: the next message asks for a new one.
   */
  giveUp(id: MessageId): Output {
    const pending = this.#outbox.drop(id);
    if (pending === null) return this.#output();
    for (const { address, state } of pending.targets.values()) {
      if (state === "sent") this.#conversations.retire(address);
    }
    return pending.delivered ? this.#output() : this.#fail(id, this.#nameOf(pending.to), "late");
  }

  /** Wipes every key of the session. */
  [Symbol.dispose](): void {
    wipe(this.#start.sessionKey, this.#start.ticketKey, this.#conversations);
  }

  #output(): Output {
    const output = { frames: this.#frames, notices: this.#notices };
    this.#frames = [];
    this.#notices = [];
    return output;
  }

  #fail(id: MessageId, to: string, reason: Undelivered): Output {
    this.#notices.push({ kind: "undelivered", id, to, reason });
    return this.#output();
  }

  /** The devices of a user that a message can go to: never this one. */
  #devicesOf(user: UserName): Address[] {
    const devices = this.#roster.get(user)?.devices ?? [];
    return devices.map((device) => ({ user, device })).filter((address) => !sameAddress(address, this.#start.self));
  }

  #nameOf(user: UserName): string {
    return this.#roster.get(user)?.name ?? user;
  }

  #dispatch(pending: Pending, peer: Address): void {
    if (this.#conversations.has(peer)) {
      const envelope = this.#conversations.seal(peer, pending.id, pending.content);
      this.#frames.push({ kind: "send", message: pending.id, ...peer, envelope });
      this.#outbox.markSent(pending, peer);
    } else if (!this.#asked.has(addressKey(peer))) {
      this.#asked.add(addressKey(peer));
      this.#frames.push({ kind: "ticketRequest", ...peer });
    }
  }

  /** Sends what has waited for a conversation with `peer`, in order, now that there is one. */
  #dispatchWaiting(peer: Address): void {
    for (const pending of this.#outbox.waitingFor(peer)) this.#dispatch(pending, peer);
  }

  #presence(name: string, devices: readonly DeviceId[]): void {
    const user = parseUserName(name);
    const before = this.#roster.get(user)?.devices ?? [];
    this.#roster.set(user, { name, devices });
    for (const device of before) if (!devices.includes(device)) this.#gone({ user, device });
    for (const device of devices) {
      const address = { user, device };
      if (before.includes(device) || sameAddress(address, this.#start.self)) continue;
      this.#outbox.addTarget(address, this.#start.self.user);
      this.#dispatchWaiting(address);
    }
    if (this.#attached) {
      this.#notices.push({ kind: "presence", name, before: before.length, devices: devices.length });
    }
  }

  #unregistered(user: UserName): void {
    for (const address of this.#devicesOf(user)) this.#gone(address);
    const name = this.#nameOf(user);
    if (this.#roster.delete(user)) this.#notices.push({ kind: "unregistered", name });
  }

  /** A device that has gone takes its conversations with it, unless the server only bounced one message. */
  #gone(address: Address, only?: MessageId): void {
    const peer = { user: address.user, device: address.device };
    this.#conversations.forget(peer);
    for (const { id, to } of this.#outbox.gone(peer, only)) {
      this.#notices.push({ kind: "undelivered", id, to: this.#nameOf(to), reason: "offline" });
    }
  }

  #granted(grant: Extract<ServerMessage, { kind: "grant" }>): void {
    using key = grant.key;
    const peer = { user: grant.user, device: grant.device };
    if (!this.#asked.delete(addressKey(peer))) {
      throw new CodedError("state.unexpected", "a grant that was not asked for");
    }
    // A ticket that is not used now would be too old later.
    if (this.#outbox.waitingFor(peer).length === 0) return;
    this.#conversations.startGranted(peer, { conversation: grant.conversation, key, ticket: grant.ticket });
    this.#dispatchWaiting(peer);
  }

  #confirmed(id: MessageId, by: Address): void {
    const to = this.#outbox.confirm(id, by);
    if (to !== null) this.#notices.push({ kind: "delivered", id, to: this.#nameOf(to) });
  }

  #deliver(delivery: Extract<ServerMessage, { kind: "delivery" }>): void {
    const { user, device, message, receivedAt, envelope } = delivery;
    const sender = { user, device };
    const { self } = this.#start;
    try {
      const content = decodeAll(Content, this.#conversations.open({ sender, message, receivedAt, envelope }));
      const own = user === self.user;
      // A text that was written to somebody else is none of ours, unless we wrote it.
      if (content.to !== self.user && !own) throw new CodedError("e2ee.invalid", "written to somebody else");
      const read = textOf(content);
      this.#frames.push({ kind: "acknowledge", message, user, device });
      this.#notices.push({
        kind: "message",
        id: message,
        from: this.#nameOf(user),
        device,
        to: this.#nameOf(content.to),
        own,
        sentAt: content.sentAt,
        receivedAt,
        text: read,
      });
    } catch (error) {
      if (!(error instanceof CodedError)) throw error;
      this.#notices.push({ kind: "unreadable", from: this.#nameOf(user), code: error.code });
    }
    // The sender may have begun a conversation that we have asked for as well.
    if (this.#conversations.has(sender)) this.#dispatchWaiting(sender);
  }
}

/** The text of a content. @throws e2ee.invalid for a kind that this version does not know, and for broken UTF-8 */
function textOf(content: Content): string {
  if (content.kind !== CONTENT_TEXT) throw new CodedError("e2ee.invalid", "content of an unknown kind");
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(content.body);
  } catch (cause) {
    throw new CodedError("e2ee.invalid", "not UTF-8", { cause });
  }
}
