/**
 * What this user writes, on its way to every device that it is for (PROTOCOL §9.6, §10.2): it asks for tickets, begins
 * conversations and seals. It also begins a new conversation where a peer's envelopes can no longer be read.
 */
import { utf8 } from "../bytes.ts";
import { fingerprintOf } from "../e2ee/fingerprint.ts";
import { CodedError } from "../errors.ts";
import { type Address, addressKey, type MessageId, newMessageId, sameAddress } from "../ids.ts";
import { DELIVERY_MS, REPAIR_MS, TEXT_MAX_BYTES } from "../limits.ts";
import { parseUserName, type UserName } from "../name.ts";
import { SignedDeviceList } from "../wire/account.ts";
import { encodeAll } from "../wire/codec.ts";
import { CONTENT_DEVICES, CONTENT_RENEWAL, CONTENT_TEXT, Content } from "../wire/endToEnd.ts";
import type { ServerMessage } from "../wire/messages.ts";
import type { Introduction, Met } from "./contacts.ts";
import type { Conversations } from "./conversations.ts";
import type { LocalDevice } from "./localDevice.ts";
import type { Undelivered } from "./notices.ts";
import { Outbox, type Pending } from "./outbox.ts";
import type { Roster } from "./roster.ts";
import type { Output } from "./savedState.ts";

type Grant = Extract<ServerMessage, { kind: "grant" }>;

export interface SendingParts {
  readonly local: LocalDevice;
  readonly conversations: Conversations;
  readonly roster: Roster;
  /** Where frames and notices go. */
  readonly output: () => Pick<Output, "frames" | "notices">;
}

export class Sending {
  readonly #parts: SendingParts;
  readonly #outbox = new Outbox();
  /** Addresses that a ticket has been asked for, until the one answer to it. */
  readonly #asked = new Set<string>();
  /** Devices that are to hear that their last conversation cannot be read, and when each was last told. */
  readonly #renewing = new Set<string>();
  readonly #renewedMs = new Map<string, number>();
  /** The number of this user's list of devices that a device was told last. */
  readonly #toldDevices = new Map<string, number>();

  constructor(parts: SendingParts) {
    this.#parts = parts;
  }

  /**
   * Sends `text` to every device of `to` and every other device of this user, under an id that has not been used.
   * @throws text.tooLong above 8 KiB of UTF-8, name.invalid
   */
  send(id: MessageId, to: string, text: string): void {
    const { roster, local } = this.#parts;
    const user = parseUserName(to);
    const body = encodeText(text);
    const own = local.self.user;
    if (!roster.has(user)) this.#fail(id, to, "unknown");
    else if (this.devicesOf(user).length === 0) this.#fail(id, roster.nameOf(user), user === own ? "alone" : "offline");
    else {
      const targets = [...new Set([user, own])].flatMap((name) => this.devicesOf(name));
      const pending = this.#outbox.add(id, user, this.#content(CONTENT_TEXT, user, body), targets);
      for (const { address } of [...pending.targets.values()]) this.#dispatch(pending, address);
    }
  }

  /**
   * The time of `id` is up: it is dropped, and undelivered unless somebody has confirmed it. A device that got it and said
   * nothing may have refused the ticket, for its age: the next message asks for a new one.
   */
  giveUp(id: MessageId): void {
    const pending = this.#outbox.drop(id);
    if (pending === null) return;
    for (const { address, state } of pending.targets.values()) {
      if (state === "sent") this.#parts.conversations.retire(address);
    }
    if (!pending.delivered) this.#fail(id, this.#parts.roster.nameOf(pending.to), "late");
  }

  /** The devices of a user that a message can go to: never this one. */
  devicesOf(user: UserName): readonly Address[] {
    return this.#parts.roster.devicesOf(user).filter((address) => !sameAddress(address, this.#parts.local.self));
  }

  /** A device has come: what is on its way to its user goes to it too. */
  come(address: Address): void {
    this.#outbox.addTarget(address, this.#parts.local.self.user);
    this.dispatchWaiting(address);
  }

  /** A device has gone; `only` limits which message is lost to it. */
  gone(address: Address, reason: Undelivered = "offline", only?: MessageId): void {
    for (const { id, to } of this.#outbox.gone(address, only)) this.#fail(id, this.#parts.roster.nameOf(to), reason);
  }

  absent(address: Address): void {
    this.#asked.delete(addressKey(address));
    this.#renewing.delete(addressKey(address));
    this.gone(address);
  }

  confirmed(id: MessageId, by: Address): void {
    const to = this.#outbox.confirm(id, by);
    const { roster } = this.#parts;
    if (to !== null) this.#output.notices.push({ kind: "delivered", id, to: roster.nameOf(to) });
  }

  /** @throws state.unexpected for a grant that was not asked for */
  granted(grant: Grant): void {
    const peer = { user: grant.user, device: grant.device };
    const key = addressKey(peer);
    if (!this.#asked.delete(key)) throw new CodedError("state.unexpected", "a grant that was not asked for");
    const renewing = this.#renewing.delete(key);
    try {
      if (this.#begin(peer, grant, renewing)) this.dispatchWaiting(peer);
    } catch (error) {
      if (!(error instanceof CodedError)) throw error;
      this.#output.notices.push({
        kind: "unreadable",
        from: this.#parts.roster.nameOf(peer.user),
        code: error.code,
        mending: false,
      });
      this.gone(peer, "keys");
    }
  }

  /** Sends what has waited for a conversation with `peer`, in order, now that there is one. */
  dispatchWaiting(peer: Address): void {
    for (const pending of this.#outbox.waitingFor(peer)) this.#dispatch(pending, peer);
  }

  /** What was sent to `peer` and not confirmed could not be read there: it is sent again, in another conversation. */
  resend(peer: Address): void {
    this.#outbox.unsend(peer);
    this.dispatchWaiting(peer);
  }

  /**
   * An envelope of `peer` cannot be read: a new conversation is asked for, and `peer` will send again what it has not heard
   * of. False when that was done some time ago and has not helped.
   */
  renew(peer: Address): boolean {
    const key = addressKey(peer);
    const nowMs = this.#parts.local.env.nowMs();
    const last = this.#renewedMs.get(key);
    if (last !== undefined && Math.abs(nowMs - last) < REPAIR_MS) return nowMs - last < DELIVERY_MS;
    this.#renewedMs.set(key, nowMs);
    this.#renewing.add(key);
    this.#ask(peer);
    return true;
  }

  /** `peer` has an older list of this user's devices, or is told of a new one. */
  tellDevices(peer: Address): void {
    const { local, conversations } = this.#parts;
    const own = local.contacts.get(local.self.user);
    const key = addressKey(peer);
    if (own?.devices == null || this.#toldDevices.get(key) === own.devicesNumber || !conversations.canSend(peer))
      return;
    this.#toldDevices.set(key, own.devicesNumber);
    this.#sendAside(peer, CONTENT_DEVICES, encodeAll(SignedDeviceList, own.devices.signed));
  }

  /** Tells the user what an introduction has brought, and forgets devices that are no longer on the list. */
  tellMet({ user, identityKey }: Introduction, met: Met): void {
    const { local, roster, conversations } = this.#parts;
    const name = roster.nameOf(user);
    const own = user === local.self.user;
    if (met.news) {
      const { crypto } = local.env;
      const before = fingerprintOf(crypto, local.contacts.get(user)?.identityKey ?? identityKey);
      this.#output.notices.push({ kind: "identityChanged", name, before, now: fingerprintOf(crypto, identityKey) });
    }
    for (const { device } of met.added) {
      if (!sameAddress({ user, device }, local.self)) {
        this.#output.notices.push({ kind: "newDevice", name, own, device });
      }
    }
    for (const device of met.removed) {
      conversations.forget({ user, device });
      this.gone({ user, device });
    }
  }

  /** False when nothing can be sent in it. @throws e2ee.* */
  #begin(peer: Address, grant: Grant, renewing: boolean): boolean {
    const { local, conversations, roster } = this.#parts;
    const { identityKey, devices } = grant.bundle;
    const introduction = { user: peer.user, identityKey, devices };
    const met = local.contacts.judge(introduction);
    const device = met.list.devices.find((entry) => entry.device === peer.device);
    if (device === undefined) throw new CodedError("e2ee.devices", "the peer is not on its list");
    local.contacts.keep(introduction, met);
    this.tellMet(introduction, met);
    roster.setTrust(peer.user, local.contacts.trustOf(peer.user));
    if (met.trust === "changed") {
      for (const { id, to } of this.#outbox.dropFor(peer.user)) this.#fail(id, roster.nameOf(to), "changed");
      return false;
    }
    // A ticket that is not used now would be too old later.
    if (!renewing && this.#outbox.waitingFor(peer).length === 0) return false;
    conversations.begin(peer, device, grant);
    if (grant.bundle.oneTime === null && peer.user !== local.self.user) {
      this.#output.notices.push({ kind: "noOneTimePrekey", name: roster.nameOf(peer.user) });
    }
    if (renewing) this.#sendAside(peer, CONTENT_RENEWAL, new Uint8Array(0));
    return true;
  }

  #dispatch(pending: Pending, peer: Address): void {
    const { conversations } = this.#parts;
    if (!conversations.canSend(peer)) {
      this.#ask(peer);
      return;
    }
    const envelope = conversations.seal(peer, pending.id, pending.content);
    this.#output.frames.push({ kind: "send", message: pending.id, ...peer, envelope });
    this.#outbox.markSent(pending, peer);
  }

  #ask(peer: Address): void {
    if (this.#asked.has(addressKey(peer))) return;
    this.#asked.add(addressKey(peer));
    this.#output.frames.push({ kind: "ticketRequest", user: peer.user, device: peer.device });
  }

  /** Something that the user does not see, and that nobody waits for. */
  #sendAside(peer: Address, kind: number, body: Uint8Array): void {
    const message = newMessageId(this.#parts.local.env);
    const envelope = this.#parts.conversations.seal(peer, message, this.#content(kind, peer.user, body));
    this.#output.frames.push({ kind: "send", message, ...peer, envelope });
  }

  #content(kind: number, to: UserName, body: Uint8Array): Uint8Array {
    return encodeAll(Content, { version: 1, kind, sentAt: this.#parts.local.env.nowMs(), to, body });
  }

  #fail(id: MessageId, to: string, reason: Undelivered): void {
    this.#output.notices.push({ kind: "undelivered", id, to, reason });
  }

  get #output(): Pick<Output, "frames" | "notices"> {
    return this.#parts.output();
  }
}

/** The body of a content. @throws text.tooLong above 8 KiB of UTF-8 */
export function encodeText(text: string): Uint8Array {
  const body = utf8(text);
  if (body.length <= TEXT_MAX_BYTES) return body;
  const what = `the text has ${body.length} bytes of UTF-8; at most ${TEXT_MAX_BYTES} fit in a message`;
  throw new CodedError("text.tooLong", what);
}
