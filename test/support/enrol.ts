/**
 * What a device says between the proof of the password and its session, as a client does it: it makes the account or opens it,
 * joins the list of the user's devices, hands in prekeys and attaches. The account is wrapped as a client wraps it, so that
 * simulated peers and clients can be devices of one user.
 */
import { DEFAULT_LIMITS } from "../../cmd/host/config.ts";
import { utf8 } from "../../core/bytes.ts";
import { equalBytes } from "../../core/crypto/compare.ts";
import type { DhPrivateKey } from "../../core/crypto/provider.ts";
import { type Account, createAccount, identityWrapOf, openAccount, wrapAccountKey } from "../../core/e2ee/account.ts";
import {
  NO_DEVICES,
  signDeviceList,
  verifyDeviceList,
  withDevice,
  withoutDevices,
} from "../../core/e2ee/deviceList.ts";
import { drawPrekey, signPrekey, wipePrekey } from "../../core/e2ee/prekey.ts";
import type { Env } from "../../core/env.ts";
import { type Address, addressKey, type DeviceId } from "../../core/ids.ts";
import { type Secret, wipe } from "../../core/secret.ts";
import type {
  AccountKeys,
  DeviceList,
  DeviceStanding,
  SignedDeviceList,
  SignedPrekey,
} from "../../core/wire/account.ts";
import type { ClientMessage, ServerMessage } from "../../core/wire/messages.ts";
import { quickCrypto } from "./fixedEnv.ts";

/** What a device keeps from one session to the next. */
export interface TestDevice {
  readonly self: Address;
  /** The realm id: 32 bytes. */
  readonly realm: Uint8Array;
  readonly ticketKey: DhPrivateKey;
  readonly agreementKey: DhPrivateKey;
}

/** A device with keys that are the same whenever it comes back. */
export function testDevice(realm: Uint8Array, self: Address): TestDevice {
  const keyOf = (use: string) =>
    quickCrypto.dhKey(quickCrypto.sha256(realm, utf8(`${use} key of ${addressKey(self)}`)));
  return { self, realm, ticketKey: keyOf("ticket"), agreementKey: keyOf("agreement") };
}

export class Enrolment implements Disposable {
  readonly #env: Env;
  readonly #device: TestDevice;
  readonly #exportKey: Secret;
  readonly #oneTime: number;
  #account: Account | null = null;
  /** The list as the server has it. */
  list: DeviceList = NO_DEVICES;
  /** How many devices a list may have: a new one takes the place of those that are away. */
  devicesMax = DEFAULT_LIMITS.devicesPerUser;
  #standings: readonly DeviceStanding[] = [];
  /** Devices that were not connected when the account was shown: they make room for this one where the list is full. */
  #away = new Set<DeviceId>();

  /**
   * @param exportKey of the login: taken over
   * @param oneTime how many one-time prekeys the device hands in beside the signed one
   */
  constructor(env: Env, device: TestDevice, exportKey: Secret, oneTime = 1) {
    this.#env = env;
    this.#device = device;
    this.#exportKey = exportKey;
    this.#oneTime = oneTime;
  }

  /** The account, once it is open: lent. */
  get account(): Account {
    if (this.#account === null) throw new Error("enrolment: no account yet");
    return this.#account;
  }

  /** What the device answers; the last of it is `attach`. */
  hear(message: ServerMessage): readonly ClientMessage[] {
    if (message.kind === "devices") return this.#join(message.devices);
    if (message.kind !== "account") return [];
    if (message.initial === 1) throw new Error("enrolment: the password is an initial one");
    if (message.account === null) return [{ kind: "createAccount", keys: this.#made(), replaces: null }];
    const { keys, devices, standings } = message.account;
    this.#standings = standings;
    this.#away = new Set(standings.filter(({ seenAt }) => seenAt < message.nowMs).map(({ device }) => device));
    // Another device of the same user may have been faster to make the account.
    if (this.#account === null || !equalBytes(this.#account.identityKey, keys.identityKey)) {
      wipe(this.#account);
      this.#account = openAccount(this.#env.crypto, keys, this.#exportKey, this.#owner);
    }
    return this.#join(devices);
  }

  /** `list`, signed. */
  sign(list: DeviceList): SignedDeviceList {
    return signDeviceList(this.#env.crypto, this.account.identity, this.#owner, list);
  }

  /** New prekeys of this device: a signed one with the number `first`, and one-time ones after it. */
  prekeys(first: number, oneTime: number): Extract<ClientMessage, { kind: "putPrekeys" }> {
    const sign = (id: number, kind: "signed" | "oneTime"): SignedPrekey => {
      const pair = drawPrekey(this.#env, id);
      const use = { ...this.#owner, ...this.#device.self, kind };
      const signed = signPrekey(this.#env.crypto, this.account.identity, use, pair);
      wipePrekey(pair);
      return signed;
    };
    return {
      kind: "putPrekeys",
      device: this.#device.self.device,
      signed: sign(first, "signed"),
      oneTime: Array.from({ length: oneTime }, (_, at) => sign(first + 1 + at, "oneTime")),
    };
  }

  [Symbol.dispose](): void {
    wipe(this.#exportKey, this.#account);
  }

  get #owner() {
    return { realm: this.#device.realm, user: this.#device.self.user };
  }

  #made(): AccountKeys {
    const [env, owner] = [this.#env, this.#owner];
    wipe(this.#account);
    this.#account = createAccount(env);
    const { key, identityKey } = this.#account;
    const identityWrap = identityWrapOf(env, this.#account, owner);
    const accountWrap = wrapAccountKey(env, key, this.#exportKey, owner);
    return { identityKey, identityWrap, accountWrap, recoveryWrap: new Uint8Array(0) };
  }

  #join(signed: SignedDeviceList | null): readonly ClientMessage[] {
    const { crypto } = this.#env;
    const { self, ticketKey, agreementKey } = this.#device;
    if (signed !== null) this.list = verifyDeviceList(crypto, this.account.identityKey, this.#owner, signed);
    if (this.list.devices.some(({ device }) => device === self.device)) {
      const { signedPrekey = 0, logins = 0 } = this.#standings.find(({ device }) => device === self.device) ?? {};
      const attach = { kind: "attach", device: self.device, logins: logins + 1 } as const;
      return signedPrekey === 0 ? [this.prekeys(1, this.#oneTime), attach] : [attach];
    }
    const isFull = this.list.devices.length >= this.devicesMax;
    const list = isFull ? { ...withoutDevices(this.list, this.#away), number: this.list.number } : this.list;
    const keys = { ticketKey: ticketKey.publicKey, agreementKey: agreementKey.publicKey };
    const entry = { device: self.device, ...keys, addedAt: this.#env.nowMs(), temporary: 0 };
    return [{ kind: "putDevices", devices: this.sign(withDevice(list, entry)) }];
  }
}
