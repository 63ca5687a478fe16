/** The vectors of accounts, devices, prekeys, pins and state from fixed bytes: makeVectors.ts writes test/vectors/account.json. */
import { createAccount, identityWrapOf, wrapAccountKey, wrapForRecovery } from "../../core/e2ee/account.ts";
import { NO_DEVICES, signDeviceList, withDevice } from "../../core/e2ee/deviceList.ts";
import { fingerprintOf, identifierOf, safetyNumber } from "../../core/e2ee/fingerprint.ts";
import type { DeviceOwner } from "../../core/e2ee/owner.ts";
import { sealPin } from "../../core/e2ee/pin.ts";
import { drawPrekey, signPrekey } from "../../core/e2ee/prekey.ts";
import { drawRecoveryCode, formatRecoveryCode } from "../../core/e2ee/recovery.ts";
import { drawStateKey, entryName, sealEntry, wrapStateKey } from "../../core/e2ee/state.ts";
import type { DeviceId } from "../../core/ids.ts";
import { parseUserName } from "../../core/name.ts";
import { Secret } from "../../core/secret.ts";
import { fixedEnv, quickCrypto } from "./fixedEnv.ts";
import { reveal } from "./primitives.ts";

const ABOUT =
  "One account, its devices, prekeys, pins and entries of state. Bytes in hexadecimal, times in milliseconds since 1970. Whatever is wrapped or sealed begins with its 32-byte salt. pins: changed is null where no other key was seen. refused: the thing of that name (the first, where there are several) with that byte (from 0) XORed with flip is refused with that code; null: openAccount finds that the password does not open it.";

/** What test/vectors/account.json holds. */
export function accountVectors(): object {
  const crypto = quickCrypto;
  const env = fixedEnv("IMS/1 account vectors", crypto);
  const draw = (length: number): Uint8Array => env.randomBytes(length);
  const owner: DeviceOwner = { realm: draw(32), user: parseUserName("alice"), device: draw(8).toHex() as DeviceId };
  const exportKey = Secret.take(draw(64));
  const account = createAccount(env);
  const code = drawRecoveryCode(env);
  const stateKey = drawStateKey(env);
  const peer = { user: parseUserName("bob"), identityKey: crypto.signKey(draw(32)).publicKey };

  const devices = (["laptop", "borrowed"] as const).map((name, temporary) => ({
    device: name === "laptop" ? owner.device : (draw(8).toHex() as DeviceId),
    ticketKey: crypto.dhKey(draw(32)).publicKey,
    agreementKey: crypto.dhKey(draw(32)).publicKey,
    ...{ addedAt: env.nowMs() + temporary, temporary },
  }));
  const list = devices.reduce(withDevice, NO_DEVICES);
  const prekeys = (["signed", "oneTime"] as const).map((kind, at) => {
    const pair = drawPrekey(env, at + 1);
    const { prekey, signature } = signPrekey(crypto, account.identity, { ...owner, kind }, pair);
    const { id, expiresAt, dhSecret, kemSeed } = pair;
    return { kind, id, expiresAt, dhSecret: reveal(dhSecret), kemSeed: reveal(kemSeed), prekey, signature };
  });

  const note = { identityKey: peer.identityKey, verified: true, changed: null, devicesNumber: 2 };
  const notes = [
    { peer: peer.user, version: 1, note },
    { peer: parseUserName("c".repeat(32)), version: 7, note: { ...note, verified: false, changed: draw(32) } },
  ];
  const pins = notes.map(({ peer: name, version, note: value }) => {
    const pin = sealPin(env, account.key, { ...owner, peer: name, version }, value);
    return { peer: name, version, note: value, name: pin.name, sealed: pin.sealed };
  });
  const entries = [
    ["device", draw(16)],
    ["", new Uint8Array(0)],
  ] as const;
  return {
    about: ABOUT,
    inputs: {
      ...{ realm: owner.realm, user: owner.user, device: owner.device },
      ...{ exportKey: reveal(exportKey), recoveryCode: reveal(code), accountKey: reveal(account.key) },
      ...{ identitySeed: reveal(account.identitySeed), stateKey: reveal(stateKey) },
    },
    identityKey: account.identityKey,
    fingerprint: fingerprintOf(crypto, account.identityKey),
    recoveryText: formatRecoveryCode(crypto, code),
    wraps: {
      identityWrap: identityWrapOf(env, account, owner),
      accountWrap: wrapAccountKey(env, account.key, exportKey, owner),
      recoveryWrap: wrapForRecovery(env, account.key, code, owner),
      stateWrap: wrapStateKey(env, account.key, owner, stateKey),
    },
    deviceList: { number: list.number, devices, ...signDeviceList(crypto, account.identity, owner, list) },
    prekeys,
    pins,
    entries: entries.map(([name, bytes]) => ({
      ...{ name, bytes, keptAs: entryName(crypto, stateKey, name) },
      sealed: sealEntry(env, stateKey, name, bytes),
    })),
    safetyNumber: {
      peer,
      number: safetyNumber(
        crypto,
        { identityKey: account.identityKey, identifier: identifierOf(owner) },
        { identityKey: peer.identityKey, identifier: identifierOf({ realm: owner.realm, user: peer.user }) },
      ),
    },
    refused: [
      { what: "accountWrap", at: 0, flip: "01", code: null },
      { what: "accountWrap", at: 79, flip: "80", code: null },
      { what: "recoveryWrap", at: 32, flip: "01", code: "account.code" },
      { what: "identityWrap", at: 31, flip: "01", code: "account.invalid" },
      { what: "identityKey", at: 0, flip: "01", code: "account.invalid" },
      { what: "stateWrap", at: 79, flip: "01", code: "state.damaged" },
      { what: "deviceList", at: 0, flip: "02", code: "e2ee.devices" },
      { what: "deviceList", at: 5, flip: "01", code: "e2ee.devices" },
      { what: "prekey", at: 12, flip: "01", code: "e2ee.prekey" },
      { what: "prekey", at: 1236, flip: "01", code: "e2ee.prekey" },
      { what: "pin", at: 40, flip: "01", code: "account.invalid" },
      { what: "entry", at: 31, flip: "01", code: "state.damaged" },
    ],
  };
}
