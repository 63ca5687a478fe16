/** Devices with accounts and conversations, and a KDC between them, without channels or a server machine. */
import type { DhPrivateKey } from "../../core/crypto/provider.ts";
import { type Account, createAccount } from "../../core/e2ee/account.ts";
import { NO_DEVICES, signDeviceList, withDevice, withoutDevices } from "../../core/e2ee/deviceList.ts";
import type { Address, DeviceId, MessageId } from "../../core/ids.ts";
import { grant } from "../../core/kdc/granting.ts";
import { parseUserName, type UserName } from "../../core/name.ts";
import { ClientSession } from "../../core/peer/clientSession.ts";
import { Contacts } from "../../core/peer/contacts.ts";
import { Conversations } from "../../core/peer/conversations.ts";
import { DeviceKeys } from "../../core/peer/deviceKeys.ts";
import type { LocalDevice } from "../../core/peer/localDevice.ts";
import type { Notice } from "../../core/peer/notices.ts";
import { type LoadedState, type Output, SavedState } from "../../core/peer/savedState.ts";
import { Secret } from "../../core/secret.ts";
import type { DeviceList, SignedDeviceList, SignedPrekey } from "../../core/wire/account.ts";
import { encodeAll } from "../../core/wire/codec.ts";
import { Content } from "../../core/wire/endToEnd.ts";
import type { ClientMessage, ServerMessage } from "../../core/wire/messages.ts";
import { type FixedEnv, fixedEnv, quickCrypto, START_MS } from "./fixedEnv.ts";

const REALM = new Uint8Array(32).fill(1);

export type Grant = Extract<ServerMessage, { kind: "grant" }>;

interface KeptUser {
  /** The secrets of it, for the next device. */
  readonly key: Uint8Array;
  readonly seed: Uint8Array;
  account: Account;
  list: DeviceList;
  signed: SignedDeviceList;
}

/** A KDC with a fixed key, which keeps everybody's accounts, devices and prekeys as a server does, and signs their lists. */
export class Kdc {
  readonly env: FixedEnv = { ...fixedEnv("kdc", quickCrypto) };
  readonly key: DhPrivateKey = quickCrypto.dhKey(new Uint8Array(32).fill(2));
  readonly users = new Map<UserName, KeptUser>();
  readonly prekeys = new Map<string, { signed: SignedPrekey | null; oneTime: SignedPrekey[] }>();

  /** A copy of the account of a user, who gets one if there is none. */
  accountOf(user: UserName): Account {
    const { key, seed } = this.users.get(user) ?? this.renew(user);
    const identity = quickCrypto.signKey(seed);
    const [copy, identitySeed] = [Secret.copy(key), Secret.copy(seed)];
    return {
      ...{ key: copy, identitySeed, identity, identityKey: identity.publicKey },
      [Symbol.dispose]() {
        copy[Symbol.dispose]();
        identitySeed[Symbol.dispose]();
        identity[Symbol.dispose]();
      },
    };
  }

  /** Another account in the place of the one that a user had. */
  renew(user: UserName): KeptUser {
    const account = createAccount(this.env);
    const bytes = (secret: Secret) => secret.use((found) => found.slice());
    const signed = signDeviceList(quickCrypto, account.identity, { realm: REALM, user }, { ...NO_DEVICES, number: 1 });
    const kept = { key: bytes(account.key), seed: bytes(account.identitySeed), account, list: NO_DEVICES, signed };
    this.users.set(user, kept);
    return kept;
  }

  /** The list of a user's devices, changed and signed. */
  sign(user: UserName, change: (list: DeviceList) => DeviceList): SignedDeviceList {
    const kept = this.users.get(user) ?? this.renew(user);
    kept.list = change(kept.list);
    kept.signed = signDeviceList(quickCrypto, kept.account.identity, { realm: REALM, user }, kept.list);
    return kept.signed;
  }

  enrol(user: UserName, device: DeviceKeys): SignedDeviceList {
    return this.sign(user, (list) => withDevice(list, device.entry));
  }

  remove(user: UserName, device: DeviceId): SignedDeviceList {
    return this.sign(user, (list) => withoutDevices(list, [device]));
  }

  keep(user: UserName, { device, signed, oneTime }: Extract<ClientMessage, { kind: "putPrekeys" }>): void {
    const key = `${user}/${device}`;
    const kept = this.prekeys.get(key) ?? { signed: null, oneTime: [] };
    this.prekeys.set(key, { signed: signed ?? kept.signed, oneTime: [...kept.oneTime, ...oneTime] });
  }

  /** What the server says to `asker`. */
  grant(asker: LocalDevice, peer: LocalDevice): Grant {
    const { identityKey } = this.users.get(peer.self.user)?.account ?? peer.account;
    const prekeys = this.prekeys.get(`${peer.self.user}/${peer.self.device}`);
    if (prekeys?.signed == null) throw new Error("kdc: no prekeys");
    const granted = grant(
      this.env,
      this.key,
      { ...asker.self, identityKey: asker.account.identityKey },
      { ...peer.self, identityKey, ticketKey: peer.device.ticketKey.publicKey },
    );
    const devices = this.users.get(peer.self.user)?.signed;
    if (devices === undefined) throw new Error("kdc: no devices");
    const bundle = { identityKey, devices, signed: prekeys.signed, oneTime: prekeys.oneTime.shift() ?? null };
    return { kind: "grant", ...peer.self, ...granted, bundle };
  }
}

/** `device` is one hexadecimal digit, repeated. */
export function address(user: string, device: string): Address {
  return { user: parseUserName(user), device: device.repeat(16) as DeviceId };
}

export function messageId(index: number): MessageId {
  return index.toString(16).padStart(32, "0") as MessageId;
}

/** A content as a client makes it, or with something changed. */
export function contentOf(to: string, body: string | Uint8Array, kind = 1): Uint8Array {
  const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
  return encodeAll(Content, { version: 1, kind, sentAt: START_MS, to: parseUserName(to), body: bytes });
}

/** A device of a user, with prekeys at the KDC. `env` is the KDC's: one clock for all. */
export function localDevice(kdc: Kdc, user: string, device: string): LocalDevice {
  const self = address(user, device);
  const owner = { realm: REALM, user: self.user };
  const { env } = kdc;
  const account = kdc.accountOf(self.user);
  const keys = DeviceKeys.draw(env, self.device, false);
  const state = new SavedState(env, Secret.take(env.randomBytes(32)));
  const contacts = new Contacts({ env, owner, account, state });
  const signed = kdc.enrol(self.user, keys);
  contacts.takeOwn(kdc.users.get(self.user)?.list ?? NO_DEVICES, signed);
  const signer = { owner, identity: account.identity };
  for (const message of keys.replenish(env, state, signer, { signedPrekey: 0, oneTimePrekeys: 44 })) {
    kdc.keep(self.user, message);
  }
  return { env, owner, self, serverPublicKey: kdc.key.publicKey, account, device: keys, state, contacts };
}

/** A logged-in client, fed by hand with what its server says. */
export class Party {
  readonly local: LocalDevice;
  readonly session: ClientSession;
  readonly frames: ClientMessage[] = [];
  readonly notices: Notice[] = [];
  /** What it has saved, sealed. */
  readonly saved = new Map<string, Uint8Array>();
  readonly #kdc: Kdc;

  constructor(kdc: Kdc, user: string, device: string) {
    this.#kdc = kdc;
    this.local = localDevice(kdc, user, device);
    const sessionKey = Secret.take(new Uint8Array(64).fill(3));
    const loaded: LoadedState = new Map();
    this.session = new ClientSession({ local: this.local, sessionKey, loaded, restored: false, seen: new Map() });
    this.#keep();
  }

  get self(): Address {
    return this.local.self;
  }

  /** The server says `messages`. */
  hear(...messages: ServerMessage[]): this {
    for (const message of messages) {
      this.session.receive(message);
      this.#keep();
    }
    return this;
  }

  send(index: number, to: string, text: string): this {
    this.session.ask({ kind: "send", id: messageId(index), to, text });
    return this.#keep();
  }

  giveUp(index: number): this {
    this.session.giveUp(messageId(index));
    return this.#keep();
  }

  /** It is granted a conversation with `peer`. */
  granted(peer: Party): this {
    return this.hear(this.#kdc.grant(this.local, peer.local));
  }

  /** What it has asked the server since the last time, but for its pins. */
  take(): ClientMessage[] {
    return this.frames.splice(0).filter(({ kind }) => kind !== "putPin");
  }

  /** Its envelopes of those, as the server delivers them; those for one device when that is named. */
  deliveries(receivedAt = this.#kdc.env.now, to?: Party): Extract<ServerMessage, { kind: "delivery" }>[] {
    return this.take().flatMap((frame) => {
      if (frame.kind !== "send" || (to !== undefined && frame.device !== to.self.device)) return [];
      const { message, envelope } = frame;
      return [{ kind: "delivery", message, ...this.self, receivedAt, envelope }];
    });
  }

  /** The texts that its user was shown. */
  get texts(): readonly string[] {
    return this.notices.flatMap((notice) => (notice.kind === "message" ? [notice.text] : []));
  }

  #keep(): this {
    const { writes, frames, notices }: Output = this.session.takeOutput();
    for (const [name, bytes] of writes) {
      if (bytes === null) this.saved.delete(name);
      else this.saved.set(name, bytes);
    }
    this.frames.push(...frames);
    this.notices.push(...notices);
    return this;
  }
}

/** A device that speaks end to end as it likes. */
export interface Rogue {
  readonly local: LocalDevice;
  readonly conversations: Conversations;
}

export function rogue(kdc: Kdc, user: string, device: string): Rogue {
  const local = localDevice(kdc, user, device);
  return { local, conversations: new Conversations(local) };
}

/** `from` is granted a conversation with `to`, and takes it. */
export function begin(kdc: Kdc, from: Rogue, to: LocalDevice): Grant {
  const grant = kdc.grant(from.local, to);
  const introduction = { user: to.self.user, ...grant.bundle };
  const met = from.local.contacts.judge(introduction);
  from.local.contacts.keep(introduction, met);
  const device = met.list.devices.find((entry) => entry.device === to.self.device);
  if (device === undefined) throw new Error("begin: the device is not on the list");
  from.conversations.begin(to.self, device, grant);
  return grant;
}

/** The roster entry of a user with these devices. */
export function presence(name: string, ...devices: readonly string[]): Extract<ServerMessage, { kind: "presence" }> {
  return { kind: "presence", name, devices: devices.map((device) => device.repeat(16) as DeviceId) };
}
