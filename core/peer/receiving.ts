/** What peers send, as it comes to this user: opened, acknowledged and told, or mended (PROTOCOL §9.4, §9.6). */
import { decodeUtf8 } from "../bytes.ts";
import { equalBytes } from "../crypto/compare.ts";
import { CodedError, type ErrorCode } from "../errors.ts";
import type { Address } from "../ids.ts";
import type { UserName } from "../name.ts";
import { SignedDeviceList } from "../wire/account.ts";
import { decodeAll } from "../wire/codec.ts";
import { CONTENT_DEVICES, CONTENT_RENEWAL, CONTENT_TEXT, Content } from "../wire/endToEnd.ts";
import type { ServerMessage } from "../wire/messages.ts";
import type { Opened } from "./conversations.ts";
import type { Notice } from "./notices.ts";
import type { Sending, SendingParts } from "./sending.ts";

type Delivery = Extract<ServerMessage, { kind: "delivery" }>;

/** Whoever sent it has lost a state, or this device has: a new conversation mends it. */
const REPAIRABLE: readonly ErrorCode[] = [
  "e2ee.noConversation",
  "e2ee.devices",
  "e2ee.prekey",
  "e2ee.invalid",
  "e2ee.gap",
  "e2ee.replay",
  "ticket.expired",
  "ticket.early",
  "ticket.reused",
];

export class Receiving {
  readonly #parts: SendingParts & { readonly sending: Sending };

  constructor(parts: SendingParts & { readonly sending: Sending }) {
    this.#parts = parts;
  }

  /** What cannot be opened is not acknowledged: its sender hears that nobody has it, or sends it again. */
  deliver(delivery: Delivery): void {
    const { local, conversations, sending, output } = this.#parts;
    const { user, device, message } = delivery;
    const sender = { user, device };
    const acknowledgement = { kind: "acknowledge", message, user, device } as const;
    if (conversations.hasRead(sender, message)) {
      output().frames.push(acknowledgement);
      return;
    }
    const opened = this.#open(delivery, sender);
    if (opened !== null) {
      try {
        const notice = this.#read(opened, delivery);
        output().frames.push(acknowledgement);
        if (notice !== null) output().notices.push(notice);
      } catch (error) {
        this.#unreadable(sender, error, false);
      } finally {
        opened.content.fill(0); // what was read of it is a copy
      }
      const own = local.contacts.get(local.self.user)?.devicesNumber ?? 0;
      if (opened.recipientDevices < own) sending.tellDevices(sender);
    }
    // The sender may have begun a conversation that we have asked for as well.
    if (conversations.canSend(sender)) sending.dispatchWaiting(sender);
  }

  /** null when it cannot be opened: then a new conversation is begun, if that can mend it. */
  #open(delivery: Delivery, sender: Address): Opened | null {
    const { local, conversations, roster, sending } = this.#parts;
    try {
      const opened = conversations.open({ ...delivery, sender });
      if (opened.introduced !== null) sending.tellMet(opened.introduced.by, opened.introduced.met);
      roster.setTrust(sender.user, local.contacts.trustOf(sender.user));
      return opened;
    } catch (error) {
      const mends = error instanceof CodedError && REPAIRABLE.includes(error.code) && sending.renew(sender);
      this.#unreadable(sender, error, mends);
      return null;
    }
  }

  #unreadable({ user }: Address, error: unknown, mending: boolean): void {
    const { roster, output } = this.#parts;
    if (!(error instanceof CodedError)) throw error;
    output().notices.push({ kind: "unreadable", from: roster.nameOf(user), code: error.code, mending });
  }

  /** @throws e2ee.invalid for a text that is none of ours, or no text */
  #read(opened: Opened, { user, device, message: id, receivedAt }: Delivery): Notice | null {
    const { local, conversations, roster, sending } = this.#parts;
    const content = decodeAll(Content, opened.content);
    const own = user === local.self.user;
    // A text that was written to somebody else is none of ours, unless we wrote it.
    if (content.to !== local.self.user && !own) throw new CodedError("e2ee.invalid", "written to somebody else");
    const name = roster.nameOf(user);
    switch (content.kind) {
      case CONTENT_RENEWAL:
        conversations.prefer({ user, device }, opened.conversation);
        sending.resend({ user, device });
        return null;
      case CONTENT_DEVICES:
        this.#meet(user, opened.peerIdentity, decodeAll(SignedDeviceList, content.body));
        return null;
      case CONTENT_TEXT: {
        const text = decodeUtf8(content.body);
        if (text === null) throw new CodedError("e2ee.invalid", "not UTF-8");
        const to = roster.nameOf(content.to);
        const trust = opened.trust === "changed" ? "changed" : local.contacts.trustOf(user);
        const { sentAt } = content;
        return { kind: "message", id, from: name, device, to, own, trust, sentAt, receivedAt, text };
      }
      default:
        return { kind: "unsupported", from: name };
    }
  }

  /** A list of devices that its user has sent. */
  #meet(user: UserName, identityKey: Uint8Array, devices: SignedDeviceList): void {
    const { local, sending } = this.#parts;
    const introduction = { user, identityKey, devices };
    const met = local.contacts.judge(introduction);
    local.contacts.keep(introduction, met);
    sending.tellMet(introduction, met);
  }

  /** This user's list has changed: peers with whom there are conversations hear of it from us. */
  ownDevices(devices: SignedDeviceList): void {
    const { local, roster, sending } = this.#parts;
    const { user } = local.self;
    const before = local.contacts.get(user)?.devices?.signed.list;
    this.#meet(user, local.account.identityKey, devices);
    if (before !== undefined && equalBytes(before, devices.list)) return;
    for (const other of roster.entries.keys()) {
      for (const peer of sending.devicesOf(other)) sending.tellDevices(peer);
    }
  }
}
