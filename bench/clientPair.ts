/** Two devices of two users that are logged in, and a KDC between them: a client's machines, without channels or a server. */
import type { DhPrivateKey } from "../core/crypto/provider.ts";
import { createAccount } from "../core/e2ee/account.ts";
import { NO_DEVICES, signDeviceList, withDevice } from "../core/e2ee/deviceList.ts";
import { drawStateKey } from "../core/e2ee/state.ts";
import type { Env } from "../core/env.ts";
import { type Address, newDeviceId, newMessageId } from "../core/ids.ts";
import { grant } from "../core/kdc/granting.ts";
import { REALM_ID_BYTES } from "../core/limits.ts";
import { parseUserName } from "../core/name.ts";
import { ClientSession } from "../core/peer/clientSession.ts";
import { Contacts } from "../core/peer/contacts.ts";
import { DeviceKeys } from "../core/peer/deviceKeys.ts";
import type { LocalDevice } from "../core/peer/localDevice.ts";
import { type Output, SavedState } from "../core/peer/savedState.ts";
import { Secret, wipe } from "../core/secret.ts";
import type { Bundle, SignedDeviceList } from "../core/wire/account.ts";
import type { ClientMessage, ServerMessage } from "../core/wire/messages.ts";

type Grant = Extract<ServerMessage, { kind: "grant" }>;
export type Delivery = Extract<ServerMessage, { kind: "delivery" }>;

/** A client's session; what it saves stays in memory, sealed. */
export class ClientDevice implements Disposable {
  readonly self: Address;
  readonly identityKey: Uint8Array;
  readonly ticketKey: Uint8Array;
  /** What the server gives to those who ask for this device. */
  readonly bundle: Bundle;
  readonly #name: string;
  readonly #env: Env;
  readonly #session: ClientSession;
  readonly #saved = new Map<string, Uint8Array>();
  #frames: ClientMessage[] = [];

  constructor(env: Env, known: Pick<LocalDevice, "serverPublicKey"> & { readonly realm: Uint8Array }, name: string) {
    const { realm, serverPublicKey } = known;
    const user = parseUserName(name);
    this.#env = env;
    this.#name = name;
    this.self = { user, device: newDeviceId(env) };
    const owner = { realm, user };
    const account = createAccount(env);
    const device = DeviceKeys.draw(env, this.self.device, false);
    const state = new SavedState(env, drawStateKey(env));
    const contacts = new Contacts({ env, owner, account, state });
    const list = withDevice(NO_DEVICES, device.entry);
    const devices: SignedDeviceList = signDeviceList(env.crypto, account.identity, owner, list);
    contacts.takeOwn(list, devices);
    const signer = { owner, identity: account.identity };
    const [put] = device.replenish(env, state, signer, { signedPrekey: 0, oneTimePrekeys: 0 });
    const [oneTime] = put?.oneTime ?? [];
    if (put?.signed == null || oneTime === undefined) throw new Error("bench: no prekeys");
    this.identityKey = account.identityKey;
    this.ticketKey = device.ticketKey.publicKey;
    this.bundle = { identityKey: account.identityKey, devices, signed: put.signed, oneTime };
    const local = { env, owner, self: this.self, serverPublicKey, account, device, state, contacts };
    const sessionKey = Secret.take(env.randomBytes(64));
    this.#session = new ClientSession({ local, sessionKey, loaded: new Map(), restored: false, seen: new Map() });
    this.#keep();
  }

  /** The server says who else is there. */
  meet(other: ClientDevice): void {
    this.hear({ kind: "presence", name: other.#name, devices: [other.self.device] });
  }

  hear(message: ServerMessage): void {
    this.#session.receive(message);
    this.#keep();
  }

  say(to: ClientDevice, text: string): void {
    this.#session.ask({ kind: "send", id: newMessageId(this.#env), to: to.#name, text });
    this.#keep();
  }

  /** The envelopes that it has sent since the last time, as the server delivers them. */
  deliveries(): readonly Delivery[] {
    const receivedAt = this.#env.nowMs();
    return this.take().flatMap((frame) =>
      frame.kind === "send"
        ? [{ kind: "delivery", message: frame.message, ...this.self, receivedAt, envelope: frame.envelope } as const]
        : [],
    );
  }

  /** What it has asked the server since the last time. */
  take(): readonly ClientMessage[] {
    const frames = this.#frames;
    this.#frames = [];
    return frames;
  }

  /** As a client does it: what there is to save is saved before anything leaves. */
  #keep(): void {
    const { writes, frames, notices }: Output = this.#session.takeOutput();
    for (const [name, bytes] of writes) {
      if (bytes === null) this.#saved.delete(name);
      else this.#saved.set(name, bytes);
    }
    this.#frames.push(...frames);
    for (const notice of notices) {
      const failed = notice.kind === "unreadable" || notice.kind === "undelivered";
      if (failed) throw new Error(`bench: ${notice.kind}`);
    }
  }

  [Symbol.dispose](): void {
    wipe(this.#session);
  }
}

/** One who asks for a conversation, and the one it is asked for with. */
export class ClientPair implements Disposable {
  readonly asker: ClientDevice;
  readonly peer: ClientDevice;
  readonly #env: Env;
  readonly #key: DhPrivateKey;

  constructor(env: Env, [asker, peer]: readonly [string, string] = ["asker", "peer"]) {
    this.#env = env;
    this.#key = env.crypto.dhKey(env.randomBytes(32));
    const known = { realm: env.randomBytes(REALM_ID_BYTES), serverPublicKey: this.#key.publicKey };
    this.asker = new ClientDevice(env, known, asker);
    this.peer = new ClientDevice(env, known, peer);
    this.asker.meet(this.peer);
    this.peer.meet(this.asker);
  }

  /** What the server says to the asker. */
  grant(): Grant {
    const { self, identityKey, ticketKey, bundle } = this.peer;
    const asker = { ...this.asker.self, identityKey: this.asker.identityKey };
    const granted = grant(this.#env, this.#key, asker, { ...self, identityKey, ticketKey });
    return { kind: "grant", ...self, ...granted, bundle };
  }

  [Symbol.dispose](): void {
    wipe(this.asker, this.peer, this.#key);
  }
}
