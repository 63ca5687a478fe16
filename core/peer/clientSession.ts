/**
 * A client from the moment its device may attach to the logout: who is there, what they say, and what this user asks for
 * (PROTOCOL §9, §10). It owns the session key, the account, the keys of the device and the conversations, and wipes them all
 * when it is disposed. It answers with what to save, frames to send and notices for the user; transport, timers and words are
 * not its concern.
 */
import { EMPTY } from "../bytes.ts";
import { signDeviceList, withoutDevices } from "../e2ee/deviceList.ts";
import { fingerprintOf, identifierOf, safetyNumber } from "../e2ee/fingerprint.ts";
import { CodedError } from "../errors.ts";
import { type Address, type DeviceId, type MessageId, sameAddress } from "../ids.ts";
import { ONE_TIME_PREKEYS } from "../limits.ts";
import { parseUserName, type UserName } from "../name.ts";
import { type Secret, wipe } from "../secret.ts";
import type { ServerMessage } from "../wire/messages.ts";
import type { SessionRequest } from "./clientEvents.ts";
import { Conversations } from "./conversations.ts";
import type { LocalDevice, OwnDevices } from "./localDevice.ts";
import { newRecoveryCode } from "./newRecoveryCode.ts";
import type { AccountNotice, Trust } from "./notices.ts";
import { Receiving } from "./receiving.ts";
import { Roster, type RosterView } from "./roster.ts";
import { type LoadedState, type Output, outputOf, wipeLoaded } from "./savedState.ts";
import { Sending } from "./sending.ts";

export interface SessionStart {
  /** Taken over, with all that it lends. */
  readonly local: LocalDevice;
  readonly sessionKey: Secret;
  /** What was saved; wiped. */
  readonly loaded: LoadedState;
  /** What was saved is older than what the server has seen of this device: its conversations do not go on. */
  readonly restored: boolean;
  /** When the user's devices were last connected. */
  readonly seen: ReadonlyMap<DeviceId, number>;
}

/** What is shown of a peer to compare it with the peer. */
export interface Comparison {
  readonly name: string;
  readonly trust: Trust;
  /** 60 digits, the same on both sides. */
  readonly safetyNumber: string;
  readonly fingerprint: string;
  /** Of the key in the place of the pinned one; null when there is none. */
  readonly changed: string | null;
}

export class ClientSession implements Disposable {
  readonly #local: LocalDevice;
  readonly #sessionKey: Secret;
  readonly #conversations: Conversations;
  readonly #roster = new Roster();
  readonly #sending: Sending;
  readonly #receiving: Receiving;
  readonly #seen: Map<DeviceId, number>;
  #attached = false;
  /** Recovery codes that count, and are shown, when the server has their wraps. */
  readonly #codes: AccountNotice[] = [];
  #output = outputOf();

  /** Wipes all that it was given when it throws. @throws state.damaged */
  constructor({ local, sessionKey, loaded, restored, seen }: SessionStart) {
    this.#local = local;
    this.#seen = new Map(seen);
    this.#sessionKey = sessionKey;
    this.#conversations = new Conversations(local);
    try {
      this.#conversations.restore(loaded, restored);
    } catch (error) {
      wipe(this);
      throw error;
    } finally {
      wipeLoaded(loaded);
    }
    const parts = { local, conversations: this.#conversations, roster: this.#roster, output: () => this.#output };
    this.#sending = new Sending(parts);
    this.#receiving = new Receiving({ ...parts, sending: this.#sending });
  }

  get attached(): boolean {
    return this.#attached;
  }

  get roster(): RosterView {
    return this.#roster.entries;
  }

  get self(): Address {
    return this.#local.self;
  }

  /** This user's devices. */
  get devices(): OwnDevices {
    const { user, device: self } = this.#local.self;
    const list = this.#local.contacts.get(user)?.devices?.list.devices ?? [];
    return { list, seen: this.#seen, online: new Set(this.#roster.entries.get(user)?.devices), self };
  }

  /** Lent. */
  get accountKey(): Secret {
    return this.#local.account.key;
  }

  /** What there is to save, send and tell since the last time. */
  takeOutput(): Output {
    const { contacts, state } = this.#local;
    if (this.#attached) this.#output.frames.push(...contacts.takeFrames()); // before that few messages may wait
    this.#output.writes = state.takeWrites();
    const output = this.#output;
    this.#output = outputOf();
    return output;
  }

  /** @throws state.unexpected for a message that has no place here; e2ee.*, account.invalid for one about this account */
  receive(message: ServerMessage): void {
    switch (message.kind) {
      case "presence":
        this.#presence(message.name, message.devices);
        break;
      case "unregistered":
        this.#unregistered(message.user);
        break;
      case "guesses":
        if (this.#attached) throw new CodedError("state.unexpected", "guesses after the login");
        this.#output.notices.push({ kind: "guesses", prefixes: message.prefixes, others: message.others });
        break;
      case "attached":
        if (this.#attached) throw new CodedError("state.unexpected", "attached twice");
        this.#attached = true;
        this.#output.notices.push({ kind: "attached", name: message.name, device: this.self.device });
        break;
      case "grant": {
        using _key = message.key;
        this.#sending.granted(message);
        break;
      }
      case "absent":
        this.#sending.absent(addressOf(message));
        break;
      case "bounced":
        this.#sending.gone(addressOf(message), "offline", message.message);
        break;
      case "delivery":
        this.#receiving.deliver(message);
        break;
      case "confirmed":
        this.#sending.confirmed(message.message, addressOf(message));
        break;
      case "devices":
        this.#receiving.ownDevices(message.devices);
        break;
      case "pinStands":
        this.#local.contacts.take(message.pin);
        this.#markAll();
        break;
      case "wrapsStand":
        this.#codeStands();
        break;
      case "prekeysLow":
        this.#replenish(message.oneTimePrekeys);
        break;
      default:
        throw new CodedError("state.unexpected", "out of place in a session");
    }
    this.#renewPrekeys();
  }

  /** What the user asks for. @throws text.tooLong, name.invalid, channel.exhausted, and only for a `send` */
  ask(event: SessionRequest): void {
    switch (event.kind) {
      case "send":
        this.#sending.send(event.id, event.to, event.text);
        break;
      case "accept":
        this.#accept(event.user, event.key);
        break;
      case "verify":
        if (this.#local.contacts.verify(event.user, event.key, event.verified)) this.#markAll();
        break;
      case "newRecoveryCode":
        this.#newRecoveryCode();
        break;
      case "sawGuesses":
        this.#output.frames.push({ kind: "guessesSeen" });
    }
  }

  giveUp(id: MessageId): void {
    this.#sending.giveUp(id);
  }

  /** What the user compares with a peer; null when the peer's key has not been seen. */
  comparisonOf(user: UserName): Comparison | null {
    const { contacts, env, owner, account } = this.#local;
    const contact = contacts.get(user);
    if (contact === null) return null;
    const own = { identityKey: account.identityKey, identifier: identifierOf(owner) };
    const theirs = { identityKey: contact.identityKey, identifier: identifierOf({ realm: owner.realm, user }) };
    return {
      name: this.#roster.nameOf(user),
      trust: contacts.trustOf(user),
      safetyNumber: safetyNumber(env.crypto, own, theirs),
      fingerprint: fingerprintOf(env.crypto, contact.identityKey),
      changed: contact.changed && fingerprintOf(env.crypto, contact.changed),
    };
  }

  /** Takes devices off this user's list; this one too, at the end of a temporary one. */
  removeDevices(ids: readonly DeviceId[]): void {
    const { env, owner, account, contacts } = this.#local;
    const list = contacts.get(owner.user)?.devices?.list;
    if (list === undefined) return;
    const signed = signDeviceList(env.crypto, account.identity, owner, withoutDevices(list, ids));
    this.#output.frames.push({ kind: "putDevices", devices: signed });
  }

  logout(): void {
    if (this.#local.device.temporary) this.removeDevices([this.self.device]);
    this.#output.frames.push({ kind: "logout" });
  }

  /** Wipes every key of the session. */
  [Symbol.dispose](): void {
    const { account, device, state } = this.#local;
    wipe(this.#sessionKey, this.#conversations, account, device, state);
  }

  /** The key in the place of a user's pinned one is accepted, if it is the one that was shown: another may be there by now. */
  #accept(user: UserName, shown: string): void {
    const { contacts, env } = this.#local;
    const changed = contacts.get(user)?.changed ?? null;
    if (changed === null || fingerprintOf(env.crypto, changed) !== shown || !contacts.accept(user)) return;
    for (const peer of this.#conversations.devicesOf(user)) this.#conversations.keepOnlyOf(peer, changed);
    this.#markAll();
  }

  /** Another recovery code, shown once, in the place of the last one. */
  #newRecoveryCode(): void {
    const { env, owner, account } = this.#local;
    const { notice, recoveryWrap } = newRecoveryCode(env, account, owner);
    const { identityKey } = account;
    this.#output.frames.push({ kind: "putWraps", identityKey, accountWrap: EMPTY, recoveryWrap });
    this.#codes.push(notice);
  }

  #codeStands(): void {
    const code = this.#codes.shift();
    if (code === undefined) throw new CodedError("state.unexpected", "wraps that nobody put there");
    this.#output.notices.push(code);
  }

  #presence(name: string, devices: readonly DeviceId[]): void {
    const user = parseUserName(name);
    const before = this.#roster.devicesOf(user).length;
    const { come, gone } = this.#roster.set(user, { name, devices, trust: this.#local.contacts.trustOf(user) });
    for (const address of gone) this.#sending.gone(address);
    const { contacts, env } = this.#local;
    for (const { device } of gone) {
      if (user === this.self.user && contacts.deviceOf({ user, device }) !== null) this.#seen.set(device, env.nowMs());
    }
    for (const address of come) if (!sameAddress(address, this.self)) this.#sending.come(address);
    if (this.#attached) this.#output.notices.push({ kind: "presence", name, before, devices: devices.length });
  }

  #unregistered(user: UserName): void {
    for (const address of this.#sending.devicesOf(user)) this.#sending.gone(address);
    const name = this.#roster.nameOf(user);
    if (this.#roster.delete(user)) this.#output.notices.push({ kind: "unregistered", name });
  }

  /** Once a week; a client may run for months. */
  #renewPrekeys(): void {
    const { env, state, device } = this.#local;
    const nowMs = env.nowMs();
    if (!device.signedPrekeyIsOld(nowMs)) return;
    device.forgetOldPrekeys(state, nowMs);
    this.#replenish(ONE_TIME_PREKEYS);
  }

  #replenish(oneTimePrekeys: number): void {
    const { env, state, device, owner, account } = this.#local;
    const signer = { owner, identity: account.identity };
    const standing = { signedPrekey: device.signedPrekey, oneTimePrekeys };
    this.#output.frames.push(...device.replenish(env, state, signer, standing));
  }

  #markAll(): void {
    for (const user of this.#roster.entries.keys()) this.#roster.setTrust(user, this.#local.contacts.trustOf(user));
  }
}

function addressOf({ user, device }: Address): Address {
  return { user, device };
}
