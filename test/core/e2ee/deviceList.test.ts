import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { concat, EMPTY } from "../../../core/bytes.ts";
import { nativeCrypto } from "../../../core/crypto/native.ts";
import {
  NO_DEVICES,
  signDeviceList,
  staleDevices,
  verifyDeviceList,
  withDevice,
  withoutDevices,
} from "../../../core/e2ee/deviceList.ts";
import type { DeviceId } from "../../../core/ids.ts";
import { DEVICE_LIST_MAX_BYTES, DEVICE_UNSEEN_MS, DEVICES_MAX, TEMPORARY_UNSEEN_MS } from "../../../core/limits.ts";
import { type Device, DeviceList, type DeviceStanding, type SignedDeviceList } from "../../../core/wire/account.ts";
import { encodeAll } from "../../../core/wire/codec.ts";
import { BAD_PUBLIC_KEYS } from "../../support/badKeys.ts";
import { codeOr, failure } from "../../support/codes.ts";
import { START_MS } from "../../support/fixedEnv.ts";
import { owner, signedByHand } from "../../support/owners.ts";
import { filled, PROVIDERS } from "../../support/primitives.ts";
import { flip } from "../../support/queued.ts";

const ALICE = owner("alice");

const idOf = (index: number): DeviceId => index.toString(16).padStart(16, "0") as DeviceId;

/** Any device: of these 32 bytes as keys everything below 2^255 - 19 will do. */
function device(index: number, more: Partial<Device> = {}): Device {
  const key = (seed: number): Uint8Array => {
    const bytes = filled(32, seed);
    bytes[31] = 5;
    return bytes;
  };
  return {
    ...{ device: idOf(index), ticketKey: key(2 * index), agreementKey: key(2 * index + 1) },
    ...{ addedAt: START_MS, temporary: 0, ...more },
  };
}

function listOf(count: number, number = 1): DeviceList {
  return { version: 1, number, devices: Array.from({ length: count }, (_, index) => device(index)) };
}

describe.each(PROVIDERS)("on %s", (_, crypto) => {
  const identity = crypto.signKey(filled(32, 1));
  const other = crypto.signKey(filled(32, 2));
  const sign = (list: DeviceList): SignedDeviceList => signDeviceList(crypto, identity, ALICE, list);
  const verify = (signed: SignedDeviceList, key = identity.publicKey, whose = ALICE) =>
    codeOr(() => verifyDeviceList(crypto, key, whose, signed));
  /** Signed by hand, whatever the bytes are. */
  const signedOf = (list: Uint8Array, label = "IMS/1 device list"): SignedDeviceList => ({
    list,
    signature: crypto.sign(identity, signedByHand(label, ALICE, list)),
  });

  test.each([0, 1, 2, DEVICES_MAX])("a list of %d devices is verified as it was signed", (count) => {
    for (const number of [1, 2, 0xffffffff]) {
      const list = listOf(count, number);
      expect(verify(sign(list))).toEqual(list);
      expect(sign(list).list.length).toBeLessThanOrEqual(DEVICE_LIST_MAX_BYTES);
    }
  });

  test("the signature covers label, realm, user and the encoded list", () => {
    const list = listOf(2);
    expect(sign(list)).toEqual(signedOf(encodeAll(DeviceList, list)));
  });

  test("of another identity, user or realm: e2ee.devices", () => {
    const signed = sign(listOf(1));
    expect(verify(signed, other.publicKey)).toBe("e2ee.devices");
    expect(verify(signed, EMPTY)).toBe("e2ee.devices");
    expect(verify(signed, identity.publicKey, owner("alicf"))).toBe("e2ee.devices");
    expect(verify(signed, identity.publicKey, owner("alice", 2))).toBe("e2ee.devices");
    expect(verify({ ...signed, signature: sign(listOf(2)).signature })).toBe("e2ee.devices");
  });

  test("a bit flipped in any byte, or cut: e2ee.devices", () => {
    const signed = sign(listOf(1));
    for (let at = 0; at < signed.list.length; at += 1) {
      expect(verify({ ...signed, list: flip(signed.list, at) })).toBe("e2ee.devices");
    }
    for (let at = 0; at < 64; at += 1) {
      expect(verify({ ...signed, signature: flip(signed.signature, at) })).toBe("e2ee.devices");
    }
    for (const length of [0, 1, 5, 6, signed.list.length - 1]) {
      expect(verify({ ...signed, list: signed.list.subarray(0, length) })).toBe("e2ee.devices");
    }
    expect(verify({ ...signed, signature: signed.signature.subarray(0, 63) })).toBe("e2ee.devices");
    expect(verify({ ...signed, signature: EMPTY })).toBe("e2ee.devices");
  });

  const encoded = encodeAll(DeviceList, listOf(2));
  test.each([
    ["no bytes", signedOf(EMPTY)],
    ["a byte too many", signedOf(concat(encoded, Uint8Array.of(0)))],
    ["a byte too few", signedOf(encoded.subarray(0, -1))],
    ["another version", signedOf(concat(Uint8Array.of(2), encoded.subarray(1)))],
    ["number 0", signedOf(encodeAll(DeviceList, listOf(2, 0)))],
    ["a flag that is none", signedOf(concat(encoded.subarray(0, -1), Uint8Array.of(2)))],
    [
      "one device twice",
      signedOf(
        encodeAll(DeviceList, { ...listOf(0), devices: [device(1), device(2), { ...device(3), device: idOf(1) }] }),
      ),
    ],
    ["the label of another thing", signedOf(encoded, "IMS/1 signed prekey")],
    ["no label", signedOf(encoded, "")],
  ])("signed, but with %s: e2ee.devices", (_, signed) => {
    expect(verify(signed)).toBe("e2ee.devices");
  });

  test.each(BAD_PUBLIC_KEYS.curve25519)("signed, but with a key that is %s: e2ee.devices", (_, bad) => {
    expect(verify(sign({ ...listOf(1), devices: [device(1, { ticketKey: bad })] }))).toBe("e2ee.devices");
    const last = device(2, { agreementKey: bad });
    expect(verify(sign({ ...listOf(1), devices: [device(1), last] }))).toBe("e2ee.devices");
  });
});

describe("the next list", () => {
  test("has one device more, at its end, and the next number", () => {
    const one = withDevice(NO_DEVICES, device(1));
    expect(one).toEqual({ version: 1, number: 1, devices: [device(1)] });
    expect(withDevice(one, device(2))).toEqual({ version: 1, number: 2, devices: [device(1), device(2)] });
    expect(NO_DEVICES.devices).toEqual([]);
  });

  test("has the new keys of a device that is there already", () => {
    const fresh = device(1, { ticketKey: filled(32, 99), addedAt: START_MS + 1 });
    const list = withDevice(listOf(3), fresh);
    expect(list).toEqual({ version: 1, number: 2, devices: [device(0), device(2), fresh] });
    expect(withDevice(listOf(DEVICES_MAX), fresh).devices).toHaveLength(DEVICES_MAX);
  });

  test("has at most 64 devices", () => {
    expect(withDevice(listOf(DEVICES_MAX - 1), device(900)).devices).toHaveLength(DEVICES_MAX);
    expect(failure(() => withDevice(listOf(DEVICES_MAX), device(900))).code).toBe("auth.tooManyDevices");
  });

  test("has some fewer, and those that are left in their order", () => {
    const list = withoutDevices(listOf(4), [idOf(2), idOf(0), idOf(77)]);
    expect(list).toEqual({ version: 1, number: 2, devices: [device(1), device(3)] });
    expect(withoutDevices(listOf(1), []).number).toBe(2);
    expect(withoutDevices(listOf(2), [idOf(0), idOf(1)]).devices).toEqual([]);
  });

  test("does not go above 2^32 - 1", () => {
    const last = listOf(1, 0xffffffff);
    expect(withDevice(listOf(1, 0xfffffffe), device(9)).number).toBe(0xffffffff);
    expect(failure(() => withDevice(last, device(9))).code).toBe("e2ee.devices");
    expect(failure(() => withoutDevices(last, [])).code).toBe("e2ee.devices");
  });

  test("after any changes is verified, and its number counts them", () => {
    const identity = nativeCrypto.signKey(filled(32, 1));
    const change = fc.record({ add: fc.boolean(), index: fc.integer({ min: 0, max: 9 }) });
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 20 }), (changes) => {
        let list = NO_DEVICES;
        const there = new Set<DeviceId>();
        for (const { add, index } of changes) {
          list = add ? withDevice(list, device(index)) : withoutDevices(list, [idOf(index)]);
          if (add) there.add(idOf(index));
          else there.delete(idOf(index));
        }
        const signed = signDeviceList(nativeCrypto, identity, ALICE, list);
        const read = verifyDeviceList(nativeCrypto, identity.publicKey, ALICE, signed);
        expect(read.number).toBe(changes.length);
        expect(new Set(read.devices.map((entry) => entry.device))).toEqual(there);
      }),
      { numRuns: 30 },
    );
  });
});

describe("a device is stale", () => {
  const standing = (index: number, seenAt: number): DeviceStanding => ({
    ...{ device: idOf(index), seenAt, logins: 1, signedPrekey: 1, oneTimePrekeys: 1 },
  });
  const SELF = idOf(0);
  const later = START_MS + 1000 * DEVICE_UNSEEN_MS;

  test.each<readonly [string, number, number | null, number, boolean]>([
    ["seen 60 days ago", 0, later - DEVICE_UNSEEN_MS, START_MS, true],
    ["seen a moment less ago", 0, later - DEVICE_UNSEEN_MS + 1, START_MS, false],
    ["seen now", 0, later, START_MS, false],
    ["seen in the future", 0, later + 1, START_MS, false],
    ["temporary, seen an hour ago", 1, later - TEMPORARY_UNSEEN_MS, START_MS, true],
    ["temporary, seen a moment less ago", 1, later - TEMPORARY_UNSEEN_MS + 1, START_MS, false],
    ["not temporary, seen an hour ago", 0, later - TEMPORARY_UNSEEN_MS, START_MS, false],
    ["never seen, added 60 days ago", 0, null, later - DEVICE_UNSEEN_MS, true],
    ["never seen, just added", 0, null, later, false],
    ["just added, seen at 0 by the server's word", 0, 0, later, false],
    ["temporary, never seen, added an hour ago", 1, null, later - TEMPORARY_UNSEEN_MS, true],
  ])("%s", (_, temporary, seenAt, addedAt, expected) => {
    const list = { ...listOf(0), devices: [device(0), device(1, { temporary, addedAt })] };
    const standings = seenAt === null ? [] : [standing(1, seenAt)];
    expect(staleDevices(list, standings, SELF, later)).toEqual(expected ? [idOf(1)] : []);
    // Never oneself, whatever the server says.
    expect(staleDevices(list, [...standings, standing(0, 0)], SELF, later)).toEqual(expected ? [idOf(1)] : []);
    expect(staleDevices(list, standings, idOf(1), later)).toEqual([SELF]);
  });

  test("only those of the list, in its order", () => {
    const standings = [standing(3, later), standing(9, 0), standing(2, 0), standing(1, 0)];
    expect(staleDevices(listOf(4), standings, SELF, later)).toEqual([idOf(1), idOf(2)]);
    expect(staleDevices(NO_DEVICES, standings, SELF, later)).toEqual([]);
  });
});
