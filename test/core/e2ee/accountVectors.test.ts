import { describe, expect, test } from "bun:test";
import { nativeCrypto } from "../../../core/crypto/native.ts";
import { nobleCrypto } from "../../../core/crypto/noble.ts";
import {
  createAccount,
  identityWrapOf,
  openAccount,
  recoverAccount,
  wrapAccountKey,
  wrapForRecovery,
} from "../../../core/e2ee/account.ts";
import { signDeviceList, verifyDeviceList } from "../../../core/e2ee/deviceList.ts";
import { fingerprintOf, identifierOf, safetyNumber } from "../../../core/e2ee/fingerprint.ts";
import type { DeviceOwner } from "../../../core/e2ee/owner.ts";
import { openPin, sealPin } from "../../../core/e2ee/pin.ts";
import { drawPrekey, signPrekey, verifyPrekey } from "../../../core/e2ee/prekey.ts";
import { formatRecoveryCode, parseRecoveryCode } from "../../../core/e2ee/recovery.ts";
import { entryName, openEntry, sealEntry, unwrapStateKey, wrapStateKey } from "../../../core/e2ee/state.ts";
import type { DeviceId } from "../../../core/ids.ts";
import { PREKEY_LIFETIME_MS } from "../../../core/limits.ts";
import { parseUserName } from "../../../core/name.ts";
import { Secret } from "../../../core/secret.ts";
import type { Device, PinName } from "../../../core/wire/account.ts";
import { codeOr } from "../../support/codes.ts";
import { accountVectors } from "../../support/makeAccountVectors.ts";
import { reveal } from "../../support/primitives.ts";
import { queuedEnv } from "../../support/queued.ts";
import vector from "../../vectors/account.json";

const unhex = (hex: string): Uint8Array => Uint8Array.fromHex(hex);
const key = (hex: string): Secret => Secret.take(unhex(hex));
const { inputs, wraps } = vector;
const owner: DeviceOwner = {
  ...{ realm: unhex(inputs.realm), user: parseUserName(inputs.user), device: inputs.device as DeviceId },
};
const accountKey = key(inputs.accountKey);
const stateKey = key(inputs.stateKey);
const exportKey = key(inputs.exportKey);
const code = key(inputs.recoveryCode);
const prekeys = vector.prekeys.map((entry) => ({ ...entry, kind: entry.kind as "signed" | "oneTime" }));
const devices: readonly Device[] = vector.deviceList.devices.map((entry) => ({
  ...{ ...entry, device: entry.device as DeviceId },
  ...{ ticketKey: unhex(entry.ticketKey), agreementKey: unhex(entry.agreementKey) },
}));
const pins = vector.pins.map(({ peer, version, note, name, sealed }) => ({
  peer: parseUserName(peer),
  note: {
    ...note,
    identityKey: unhex(note.identityKey),
    changed: note.changed === null ? null : unhex(note.changed),
  },
  pin: { name: name as PinName, version, sealed: unhex(sealed) },
}));

test("the file has just the fields that are checked here", () => {
  const fields = ["about", "inputs", "identityKey", "fingerprint", "recoveryText", "wraps", "deviceList", "prekeys"];
  expect(Object.keys(vector)).toEqual([...fields, "pins", "entries", "safetyNumber", "refused"]);
  const given = ["realm", "user", "device", "exportKey", "recoveryCode", "accountKey", "identitySeed", "stateKey"];
  expect(Object.keys(inputs)).toEqual(given);
  expect(Object.keys(wraps)).toEqual(["identityWrap", "accountWrap", "recoveryWrap", "stateWrap"]);
});

test("the maker makes the same file again", () => {
  const hex = (_: string, value: unknown): unknown => (value instanceof Uint8Array ? value.toHex() : value);
  expect(JSON.parse(JSON.stringify(accountVectors(), hex))).toEqual(vector);
});

describe.each([nobleCrypto, nativeCrypto])("account.json by $name", (crypto) => {
  /** Draws the salt that is in front of `sealed`, and nothing else. */
  const saltOf = (sealed: string) => queuedEnv(crypto, [unhex(sealed).subarray(0, 32)]);
  const identity = crypto.signKey(unhex(inputs.identitySeed));
  const keys = {
    identityKey: unhex(vector.identityKey),
    ...{ identityWrap: unhex(wraps.identityWrap), accountWrap: unhex(wraps.accountWrap) },
    recoveryWrap: unhex(wraps.recoveryWrap),
  };

  test("the account is made and wrapped as it is there", () => {
    const drawn = [unhex(inputs.accountKey), unhex(inputs.identitySeed)];
    const account = createAccount(queuedEnv(crypto, drawn));
    expect(account.identityKey.toHex()).toBe(vector.identityKey);
    expect(identityWrapOf(saltOf(wraps.identityWrap), account, owner).toHex()).toBe(wraps.identityWrap);
    expect(wrapAccountKey(saltOf(wraps.accountWrap), account.key, exportKey, owner).toHex()).toBe(wraps.accountWrap);
    expect(wrapForRecovery(saltOf(wraps.recoveryWrap), account.key, code, owner).toHex()).toBe(wraps.recoveryWrap);
    expect(wrapStateKey(saltOf(wraps.stateWrap), account.key, owner, stateKey).toHex()).toBe(wraps.stateWrap);
  });

  test("the wraps open, and the recovery code is written as it is there", () => {
    for (const opened of [openAccount(crypto, keys, exportKey, owner), recoverAccount(crypto, keys, code, owner)]) {
      if (opened === null) throw new Error("does not open");
      expect(reveal(opened.key).toHex()).toBe(inputs.accountKey);
      expect(reveal(opened.identitySeed).toHex()).toBe(inputs.identitySeed);
    }
    const state = unwrapStateKey(crypto, accountKey, owner, unhex(wraps.stateWrap));
    expect(reveal(state).toHex()).toBe(inputs.stateKey);
    expect(formatRecoveryCode(crypto, code)).toBe(vector.recoveryText);
    expect(reveal(parseRecoveryCode(crypto, vector.recoveryText)).toHex()).toBe(inputs.recoveryCode);
  });

  test("the list of devices, signed and verified", () => {
    const { number, list, signature } = vector.deviceList;
    const made = signDeviceList(crypto, identity, owner, { version: 1, number, devices });
    expect([made.list.toHex(), made.signature.toHex()]).toEqual([list, signature]);
    expect(verifyDeviceList(crypto, keys.identityKey, owner, made)).toEqual({ version: 1, number, devices });
  });

  test.each(prekeys)("the prekey that is $kind", (entry) => {
    const drawn = [unhex(entry.dhSecret), unhex(entry.kemSeed)];
    const pair = drawPrekey(queuedEnv(crypto, drawn, entry.expiresAt - PREKEY_LIFETIME_MS), entry.id);
    const use = { ...owner, kind: entry.kind };
    const made = signPrekey(crypto, identity, use, pair);
    expect([made.prekey.toHex(), made.signature.toHex()]).toEqual([entry.prekey, entry.signature]);
    const read = verifyPrekey(crypto, keys.identityKey, { ...use, nowMs: entry.expiresAt - 1 }, made);
    expect(read).toMatchObject({ device: owner.device, id: entry.id, expiresAt: entry.expiresAt });
  });

  test.each(pins)("the pin of $peer", ({ peer, note, pin }) => {
    const env = saltOf(pin.sealed.toHex());
    expect(sealPin(env, accountKey, { ...owner, peer, version: pin.version }, note)).toEqual(pin);
    expect(openPin(crypto, accountKey, owner, pin)).toEqual({ peer, note });
  });

  test.each(vector.entries)("the entry $name", ({ name, bytes, keptAs, sealed }) => {
    expect(entryName(crypto, stateKey, name)).toBe(keptAs);
    expect(sealEntry(saltOf(sealed), stateKey, name, unhex(bytes)).toHex()).toBe(sealed);
    expect(openEntry(crypto, stateKey, keptAs, unhex(sealed))).toEqual({ name, bytes: unhex(bytes) });
  });

  test("the safety number and the fingerprint", () => {
    const { peer, number } = vector.safetyNumber;
    const bob = { realm: owner.realm, user: parseUserName(peer.user) };
    const sides = [
      { identityKey: keys.identityKey, identifier: identifierOf(owner) },
      { identityKey: unhex(peer.identityKey), identifier: identifierOf(bob) },
    ] as const;
    expect(safetyNumber(crypto, sides[0], sides[1])).toBe(number);
    expect(safetyNumber(crypto, sides[1], sides[0])).toBe(number);
    expect(fingerprintOf(crypto, keys.identityKey)).toBe(vector.fingerprint);
  });

  const [prekey] = prekeys;
  const [pin] = pins;
  const [entry] = vector.entries;
  if (prekey === undefined || pin === undefined || entry === undefined) throw new Error("something is missing");
  const byPassword = (more: Partial<typeof keys>) => openAccount(crypto, { ...keys, ...more }, exportKey, owner);
  /** Each thing, and how it is read. */
  const readers: Readonly<Record<string, readonly [string, (bytes: Uint8Array) => unknown]>> = {
    identityKey: [vector.identityKey, (identityKey) => byPassword({ identityKey })],
    identityWrap: [wraps.identityWrap, (identityWrap) => byPassword({ identityWrap })],
    accountWrap: [wraps.accountWrap, (accountWrap) => byPassword({ accountWrap })],
    recoveryWrap: [wraps.recoveryWrap, (wrap) => recoverAccount(crypto, { ...keys, recoveryWrap: wrap }, code, owner)],
    stateWrap: [wraps.stateWrap, (wrap) => unwrapStateKey(crypto, accountKey, owner, wrap)],
    deviceList: [
      vector.deviceList.list,
      (list) => {
        const signed = { list, signature: unhex(vector.deviceList.signature) };
        return verifyDeviceList(crypto, keys.identityKey, owner, signed);
      },
    ],
    prekey: [
      prekey.prekey,
      (bytes) => {
        const signed = { id: prekey.id, prekey: bytes, signature: unhex(prekey.signature) };
        return verifyPrekey(crypto, keys.identityKey, { ...owner, kind: prekey.kind, nowMs: 0 }, signed);
      },
    ],
    pin: [pin.pin.sealed.toHex(), (sealed) => openPin(crypto, accountKey, owner, { ...pin.pin, sealed })],
    entry: [entry.sealed, (sealed) => openEntry(crypto, stateKey, entry.keptAs, sealed)],
  };

  test.each(vector.refused)("$what with byte $at altered: $code", ({ what, at, flip, code: expected }) => {
    const [whole, read] = readers[what] ?? [];
    if (whole === undefined || read === undefined) throw new Error(`nothing reads ${what}`);
    expect(typeof codeOr(() => read(unhex(whole)))).toBe("object");
    const altered = unhex(whole);
    altered[at] = (altered[at] ?? 0) ^ Number.parseInt(flip, 16);
    expect<unknown>(codeOr(() => read(altered))).toBe(expected);
  });
});
