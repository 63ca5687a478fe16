/** What a server could do by giving back what is old, or by saying numbers and times that are not so. */
import { describe, expect, test } from "bun:test";
import { NO_DEVICES, signDeviceList, withDevice } from "../../../core/e2ee/deviceList.ts";
import { sealPin } from "../../../core/e2ee/pin.ts";
import {
  ONE_TIME_PREKEYS,
  ONE_TIME_PREKEYS_KEPT,
  RECENT_MESSAGES,
  RESENT_MAX,
  TICKET_LIFETIME_MS,
} from "../../../core/limits.ts";
import { parseUserName } from "../../../core/name.ts";
import type { LocalDevice } from "../../../core/peer/localDevice.ts";
import type { Pin } from "../../../core/wire/account.ts";
import { START_MS } from "../../support/fixedEnv.ts";
import { address, Kdc, localDevice, Party, presence } from "../../support/parties.ts";
import { open, RoguePair } from "../../support/roguePair.ts";

const bob = parseUserName("bob");

describe("pins", () => {
  const [old, now] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)];

  /** Alice's device, which has seen how the key `old` was verified and `now` accepted in its place, and all those pins. */
  function history(): { readonly local: LocalDevice; readonly pins: readonly Pin[] } {
    const local = localDevice(new Kdc(), "alice", "a");
    const { env, account, owner, contacts } = local;
    const note = (version: number, identityKey: Uint8Array, verified: boolean, changed: Uint8Array | null) =>
      sealPin(env, account.key, { ...owner, peer: bob, version }, { identityKey, verified, changed, devicesNumber: 1 });
    const pins = [
      note(1, old, false, null),
      note(2, old, true, null),
      note(3, old, true, now),
      note(4, now, false, null),
    ];
    for (const pin of pins) contacts.take(pin);
    expect(contacts.takeFrames()).toEqual([]);
    return { local, pins };
  }

  test("that are given back one after the other bring no key back that was replaced", () => {
    const { local, pins } = history();
    for (const pin of [...pins, ...pins]) {
      local.contacts.take(pin);
      expect(local.contacts.get(bob)).toMatchObject({ identityKey: now, verified: false, changed: null, version: 4 });
    }
  });

  test("of an honest server that was restored from a backup are brought up to date, step by step", () => {
    const { local, pins } = history();
    let [stands] = pins;
    for (let steps = 0; stands !== undefined && steps < 10; steps += 1) {
      local.contacts.take(stands);
      const put = local.contacts.takeFrames()[0];
      if (put?.kind !== "putPin") break;
      expect(put.pin.version).toBe(stands.version + 1);
      stands = put.pin;
    }
    expect(stands?.version).toBe(4);
    const fresh = localDevice(new Kdc(), "alice", "a"); // the same account: its environment is fixed
    if (stands !== undefined) fresh.contacts.take(stands);
    expect(fresh.contacts.get(bob)?.identityKey).toEqual(now);
  });
});

describe("a ticket", () => {
  test("does not open a conversation again after the server has stamped something else with a time to come", () => {
    const pair = new RoguePair();
    const { alice, bob, kdc } = pair;
    const kept = kdc.prekeys.get(`bob/${bob.local.self.device}`);
    if (kept !== undefined) kept.oneTime = []; // the server says that there are none left
    pair.begin();
    const first = pair.sealed(alice, bob, 1);
    expect(open(bob, first)).toBe("opened");
    pair.begin();
    const second = pair.sealed(alice, bob, 2, START_MS + 10 * TICKET_LIFETIME_MS);
    expect(open(bob, second)).toBe("ticket.expired");
    bob.conversations.forget(alice.local.self);
    expect(open(bob, first)).not.toBe("opened");
    kdc.env.now += 10 * TICKET_LIFETIME_MS;
    expect(open(bob, second)).toBe("ticket.expired");
    expect(open(bob, first)).not.toBe("opened");
  });
});

describe("one-time prekeys", () => {
  test("that somebody takes and never uses do not pile up on the device", () => {
    const party = new Party(new Kdc(), "alice", "a");
    const handedIn: number[] = [];
    for (let round = 0; round < 2 * (ONE_TIME_PREKEYS_KEPT / ONE_TIME_PREKEYS); round += 1) {
      party.hear({ kind: "prekeysLow", oneTimePrekeys: 0 });
      for (const frame of party.take()) {
        if (frame.kind === "putPrekeys") handedIn.push(...frame.oneTime.map(({ id }) => id));
      }
    }
    const kept = handedIn.filter((id) => party.local.device.prekey(id, "oneTime") !== null);
    expect(kept).toEqual(handedIn.slice(-ONE_TIME_PREKEYS_KEPT));
    expect(party.saved.size).toBeLessThan(ONE_TIME_PREKEYS_KEPT + 10);
  }, 60_000);
});

describe("a list of devices", () => {
  test("that was made of an old one brings nobody back to those who have seen the newer of that number", () => {
    const kdc = new Kdc();
    const alice = localDevice(kdc, "alice", "a");
    const lost = localDevice(kdc, "bob", "b");
    const { account, self } = lost;
    const { identityKey } = account;
    const listed = kdc.users.get(bob)?.list ?? NO_DEVICES;
    const removed = kdc.remove(bob, self.device);
    const before = { user: bob, identityKey, devices: removed };
    alice.contacts.keep(before, alice.contacts.judge(before));
    const entry = { ...lost.device.entry, device: address("bob", "c").device };
    const forged = signDeviceList(
      kdc.env.crypto,
      account.identity,
      { ...alice.owner, user: bob },
      withDevice(listed, entry),
    );
    const met = alice.contacts.judge({ ...before, devices: forged });
    expect(met).toMatchObject({ list: { number: listed.number + 1, devices: [] }, added: [], removed: [] });
  });
});

describe("a message", () => {
  test("is not shown twice when confirmations are held back and a later one is spoilt", () => {
    const kdc = new Kdc();
    const [alice, bobs] = [new Party(kdc, "alice", "a"), new Party(kdc, "bob", "b")];
    for (const party of [alice, bobs]) party.hear(presence("Alice", "a"), presence("Bob", "b"));
    alice.send(1, "bob", "text 1").granted(bobs);
    const count = RECENT_MESSAGES + RESENT_MAX;
    for (let index = 2; index <= count; index += 1) alice.send(index, "bob", `text ${index}`);
    bobs.hear(...alice.deliveries());
    const [spoilt] = alice.send(count + 1, "bob", `text ${count + 1}`).deliveries();
    if (spoilt === undefined) throw new Error("nothing was sent");
    spoilt.envelope.set([1, 2, 3], spoilt.envelope.length - 3);
    bobs.hear(spoilt).granted(alice);
    alice.hear(...bobs.deliveries());
    const again = alice.deliveries();
    expect(again.length).toBe(RESENT_MAX);
    bobs.hear(...again.toReversed());
    expect(bobs.texts.toSorted()).toEqual(Array.from({ length: count + 1 }, (_, at) => `text ${at + 1}`).toSorted());
  });
});
