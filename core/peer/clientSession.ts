/**
 * A client from login to logout: who is there, whom a message goes to, and what it says (PROTOCOL §8, §9).
 *
 * It owns the session key, the ticket key and the conversations, and wipes them all when it is disposed. It answers with
 * frames to send and notices for the user; transport, timers and words are not its concern.
 */
import { decodeUtf8, utf8 } from "../bytes.ts";
import type { Env } from "../env.ts";
import { CodedError } from "../errors.ts";
import { type Address, addressKey, type DeviceId, type MessageId, sameAddress } from "../ids.ts";
import { TEXT_MAX_BYTES } from "../limits.ts";
import { parseUserName, type UserName } from "../name.ts";
import { type Secret, wipe } from "../secret.ts";
import { decodeAll, encodeAll } from "../wire/codec.ts";
import { CONTENT_TEXT, Content } from "../wire/endToEnd.ts";
import type { ClientMessage, ServerMessage } from "../wire/messages.ts";
import { Conversations, type Identity } from "./conversations.ts";
import type { Notice, Undelivered } from "./notices.ts";
import { Outbox, type Pending } from "./outbox.ts";
import { Roster, type RosterView } from "./roster.ts";

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
  readonly #roster = new Roster();
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

  get roster(): RosterView {
    return this.#roster.entries;
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
      case "guesses":
        if (this.#attached) throw new CodedError("state.unexpected", "guesses after the login");
        this.#notices.push({ kind: "guesses", prefixes: message.prefixes, others: message.others });
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
      case "puzzle":
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
    const body = encodeText(text);
    if (!this.#roster.has(user)) return this.#fail(id, to, "unknown");
    if (this.#devicesOf(user).length === 0) {
      return this.#fail(id, this.#roster.nameOf(user), user === this.#start.self.user ? "alone" : "offline");
    }
    const content = encodeAll(Content, {
      version: 1,
      kind: CONTENT_TEXT,
      sentAt: this.#env.nowMs(),
      to: user,
      body,
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
    return pending.delivered ? this.#output() : this.#fail(id, this.#roster.nameOf(pending.to), "late");
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
  #devicesOf(user: UserName): readonly Address[] {
    return this.#roster.devicesOf(user).filter((address) => !this.#isSelf(address));
  }

  #isSelf(address: Address): boolean {
    return sameAddress(address, this.#start.self);
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
    const before = this.#roster.devicesOf(user).length;
    const { come, gone } = this.#roster.set(user, { name, devices });
    for (const address of gone) this.#gone(address);
    for (const address of come) {
      if (this.#isSelf(address)) continue;
      this.#outbox.addTarget(address, this.#start.self.user);
      this.#dispatchWaiting(address);
    }
    if (this.#attached) this.#notices.push({ kind: "presence", name, before, devices: devices.length });
  }

  #unregistered(user: UserName): void {
    for (const address of this.#devicesOf(user)) this.#gone(address);
    const name = this.#roster.nameOf(user);
    if (this.#roster.delete(user)) this.#notices.push({ kind: "unregistered", name });
  }

  /** A device that has gone takes its conversations with it; `only` limits which message is lost to it. */
  #gone(address: Address, only?: MessageId): void {
    const peer = { user: address.user, device: address.device };
    this.#conversations.forget(peer);
    for (const { id, to } of this.#outbox.gone(peer, only)) {
      this.#notices.push({ kind: "undelivered", id, to: this.#roster.nameOf(to), reason: "offline" });
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
    if (to !== null) this.#notices.push({ kind: "delivered", id, to: this.#roster.nameOf(to) });
  }

  /** What cannot be opened is not acknowledged: its sender hears that nobody has it. */
  #deliver({ user, device, message, receivedAt, envelope }: Delivery): void {
    const sender = { user, device };
    try {
      const content = decodeAll(Content, this.#conversations.open({ sender, message, receivedAt, envelope }));
      const notice = this.#read(content, { sender, message, receivedAt });
      this.#frames.push({ kind: "acknowledge", message, user, device });
      this.#notices.push(notice);
    } catch (error) {
      if (!(error instanceof CodedError)) throw error;
      this.#notices.push({ kind: "unreadable", from: this.#roster.nameOf(user), code: error.code });
    }
    // The sender may have begun a conversation that we have asked for as well.
    if (this.#conversations.has(sender)) this.#dispatchWaiting(sender);
  }

  /** @throws e2ee.invalid for a text that is none of ours, or no text */
  #read(content: Content, from: { sender: Address; message: MessageId; receivedAt: number }): Notice {
    const { user, device } = from.sender;
    const { self } = this.#start;
    const own = user === self.user;
    // A text that was written to somebody else is none of ours, unless we wrote it.
    if (content.to !== self.user && !own) throw new CodedError("e2ee.invalid", "written to somebody else");
    const name = this.#roster.nameOf(user);
    if (content.kind !== CONTENT_TEXT) return { kind: "unsupported", from: name };
    const text = decodeUtf8(content.body);
    if (text === null) throw new CodedError("e2ee.invalid", "not UTF-8");
    const { message: id, receivedAt } = from;
    const to = this.#roster.nameOf(content.to);
    return { kind: "message", id, from: name, device, to, own, sentAt: content.sentAt, receivedAt, text };
  }
}

/** The body of a content. @throws text.tooLong above 8 KiB of UTF-8 */
export function encodeText(text: string): Uint8Array {
  const body = utf8(text);
  if (body.length <= TEXT_MAX_BYTES) return body;
  const what = `the text has ${body.length} bytes of UTF-8; at most ${TEXT_MAX_BYTES} fit in a message`;
  throw new CodedError("text.tooLong", what);
}

type Delivery = Extract<ServerMessage, { kind: "delivery" }>;
