import { beforeEach, describe, expect, test } from "bun:test";
import type { ConversationId } from "../../../core/ids.ts";
import { RECENT_MESSAGES, TICKET_LIFETIME_MS, TICKET_SKEW_MS } from "../../../core/limits.ts";
import type { Received } from "../../../core/peer/conversations.ts";
import { decodeAll } from "../../../core/wire/codec.ts";
import { Envelope, Opening } from "../../../core/wire/endToEnd.ts";
import { codeOr } from "../../support/codes.ts";
import { START_MS } from "../../support/fixedEnv.ts";
import { begin as beginWith, messageId, type Rogue, rogue } from "../../support/parties.ts";
import { changed, open, RoguePair, reopened } from "../../support/roguePair.ts";
import { SecretWatch } from "../../support/secretWatch.ts";

let pair: RoguePair;
let alice: Rogue;
let bob: Rogue;
const begin: RoguePair["begin"] = (from, to) => pair.begin(from, to);
const sealed: RoguePair["sealed"] = (from, to, index, receivedAt) => pair.sealed(from, to, index, receivedAt);

beforeEach(() => {
  pair = new RoguePair();
  ({ alice, bob } = pair);
});

describe("a ticket", () => {
  test("travels with every envelope until the peer has answered", () => {
    begin();
    const openingBytes = ({ envelope }: Received) => decodeAll(Envelope, envelope).opening.length;
    const [one, two] = [sealed(alice, bob, 1), sealed(alice, bob, 2)];
    expect(openingBytes(one)).toBeGreaterThan(0);
    expect(openingBytes(two)).toBe(openingBytes(one));
    expect([open(bob, one), open(bob, two)]).toEqual(["opened", "opened"]);
    const answer = sealed(bob, alice, 3);
    expect(openingBytes(answer)).toBe(0);
    expect(open(alice, answer)).toBe("opened");
    expect(openingBytes(sealed(alice, bob, 4))).toBe(0);
  });

  test.each([
    [-TICKET_SKEW_MS - 1, "ticket.early"],
    [-TICKET_SKEW_MS, "opened"],
    [TICKET_LIFETIME_MS - 1, "opened"],
    [TICKET_LIFETIME_MS, "ticket.expired"],
  ])("received %d ms after its issue: %s", (after, expected) => {
    begin();
    expect(open(bob, sealed(alice, bob, 1, START_MS + after))).toBe(expected);
  });

  test("of a conversation that stands is not judged again", () => {
    begin();
    expect(open(bob, sealed(alice, bob, 1))).toBe("opened");
    expect(open(bob, sealed(alice, bob, 2, START_MS + 10 * TICKET_LIFETIME_MS))).toBe("opened");
  });

  test("opens a conversation once, also when that has been forgotten", () => {
    begin();
    const first = sealed(alice, bob, 1);
    expect(open(bob, first)).toBe("opened");
    expect(open(bob, first)).toBe("e2ee.replay");
    bob.conversations.forget(alice.local.self);
    expect(open(bob, first)).toBe("ticket.reused");
    expect(open(bob, sealed(alice, bob, 2))).toBe("ticket.reused");
    const late = { ...first, receivedAt: START_MS + TICKET_LIFETIME_MS };
    expect(open(bob, late)).toBe("ticket.reused"); // by the stamp alone nothing is forgotten
    pair.kdc.env.now += TICKET_LIFETIME_MS;
    expect(open(bob, late)).toBe("ticket.expired");
  });

  test("is for one sender, one recipient and one conversation", () => {
    const [mallory, chris] = [rogue(pair.kdc, "mallory", "c"), rogue(pair.kdc, "chris", "d")];
    begin();
    begin(mallory, bob);
    const good = sealed(alice, bob, 1);
    const mallorys = sealed(mallory, bob, 1);
    const { ticket } = decodeAll(Opening, decodeAll(Envelope, mallorys.envelope).opening);
    const { device } = mallory.local.self;
    expect(open(bob, { ...good, sender: mallory.local.self })).toBe("ticket.foreign");
    expect(open(bob, { ...good, sender: { ...good.sender, device } })).toBe("ticket.foreign");
    expect(open(chris, good)).toBe("ticket.invalid");
    expect(
      open(
        bob,
        reopened(good, () => ({ ticket })),
      ),
    ).toBe("ticket.foreign");
    expect(
      open(
        bob,
        changed(good, () => ({ opening: new Uint8Array(0) })),
      ),
    ).toBe("e2ee.noConversation");
    const conversation = "00".repeat(16) as ConversationId;
    expect(
      open(
        bob,
        changed(mallorys, () => ({ conversation })),
      ),
    ).toBe("ticket.invalid");
    expect(open(bob, good)).toBe("opened");
  });
});

describe("an opening", () => {
  test("is refused with the code of what is wrong with it, and changes nothing", () => {
    begin();
    const good = sealed(alice, bob, 1);
    const mallory = rogue(pair.kdc, "mallory", "c");
    const identityKey = mallory.local.account.identityKey;
    const devices = pair.kdc.users.get(mallory.local.self.user)?.signed;
    if (devices === undefined) throw new Error("no devices");
    const ephemeral = new Uint8Array(32);
    for (const [change, code] of [
      [{ identityKey }, "ticket.foreign"],
      [{ devices }, "e2ee.devices"],
      [{ signedPrekey: 99 }, "e2ee.prekey"],
      [{ oneTimePrekey: 99 }, "e2ee.prekey"],
      [{ oneTimePrekey: 0 }, "e2ee.invalid"],
      [{ ephemeral }, "e2ee.invalid"],
      [{ kemCiphertext: new Uint8Array(1088) }, "e2ee.invalid"],
    ] as const) {
      expect([
        change,
        open(
          bob,
          reopened(good, () => change),
        ),
      ]).toEqual([change, code]);
    }
    expect(bob.local.contacts.trustOf(alice.local.self.user)).toBe("unknown");
    expect(open(bob, good)).toBe("opened");
    expect(bob.local.contacts.trustOf(alice.local.self.user)).toBe("pinned");
  });

  test("with another in its place does not join a conversation that stands", () => {
    begin();
    expect(open(bob, sealed(alice, bob, 1))).toBe("opened");
    const second = sealed(alice, bob, 2);
    expect(
      open(
        bob,
        reopened(second, () => ({ ephemeral: new Uint8Array(32).fill(9) })),
      ),
    ).toBe("e2ee.invalid");
    expect(open(bob, second)).toBe("opened");
  });

  test("uses up its one-time prekey, and only that", () => {
    begin();
    const { oneTimePrekey, signedPrekey } = decodeAll(
      Opening,
      decodeAll(Envelope, sealed(alice, bob, 1).envelope).opening,
    );
    const { device } = bob.local;
    expect(device.prekey(oneTimePrekey, "oneTime")).not.toBeNull();
    expect(open(bob, sealed(alice, bob, 2))).toBe("opened");
    expect(device.prekey(oneTimePrekey, "oneTime")).toBeNull();
    expect(device.prekey(signedPrekey, "signed")).not.toBeNull();
  });

  test("goes without a one-time prekey when none is left", () => {
    pair.kdc.prekeys.get("bob/bbbbbbbbbbbbbbbb")?.oneTime.splice(0);
    begin();
    const first = sealed(alice, bob, 1);
    expect(decodeAll(Opening, decodeAll(Envelope, first.envelope).opening).oneTimePrekey).toBe(0);
    expect(open(bob, first)).toBe("opened");
  });
});

test("whatever is refused leaves no key and changes nothing", () => {
  begin();
  const good = sealed(alice, bob, 1);
  using watch = new SecretWatch();
  for (let at = 0; at < good.envelope.length; at += 3) {
    const envelope = good.envelope.slice();
    envelope[at] = (envelope[at] ?? 0) ^ (1 << (at % 8));
    expect(open(bob, { ...good, envelope })).not.toBe("opened");
  }
  for (let length = 0; length < good.envelope.length; length += 97) {
    expect(open(bob, { ...good, envelope: good.envelope.slice(0, length) })).toBe("wire.malformed");
  }
  expect(open(bob, { ...good, message: messageId(2) })).toBe("e2ee.invalid");
  expect(watch.count).toBeGreaterThan(500);
  expect(watch.alive()).toEqual([]);
  expect(bob.conversations.canSend(alice.local.self)).toBe(false);
  expect(open(bob, good)).toBe("opened");
});

test("an envelope of one conversation does not open in another, whoever carries it", () => {
  const chris = rogue(pair.kdc, "chris", "c");
  const [withBob, withChris] = [begin(), begin(alice, chris)];
  expect(open(bob, sealed(alice, bob, 1))).toBe("opened");
  expect(open(chris, sealed(alice, chris, 1))).toBe("opened");
  const stray = changed(sealed(alice, bob, 2), () => ({ conversation: withChris }));
  expect(open(chris, stray)).toBe("e2ee.invalid");
  expect(withBob).not.toBe(withChris);
});

test("messages that were read are remembered, the last of them", () => {
  begin();
  for (let i = 0; i <= RECENT_MESSAGES; i += 1) expect(open(bob, sealed(alice, bob, i))).toBe("opened");
  const read = (index: number) => bob.conversations.hasRead(alice.local.self, messageId(index));
  expect([read(0), read(1), read(RECENT_MESSAGES), read(RECENT_MESSAGES + 1)]).toEqual([false, true, true, false]);
});

test("there is nothing to seal in without a conversation", () => {
  expect(codeOr(() => alice.conversations.seal(bob.local.self, messageId(1), new Uint8Array(1)))).toBe(
    "e2ee.noConversation",
  );
});

test("an id that is taken is refused: its keys would be lost", () => {
  const grant = beginWith(pair.kdc, alice, bob.local);
  const device = alice.local.contacts.deviceOf(bob.local.self);
  if (device === null) throw new Error("no device");
  expect(codeOr(() => alice.conversations.begin(bob.local.self, device, grant))).toBe("e2ee.invalid");
});

test("a long talk holds a bounded number of keys, and disposing wipes them all", () => {
  using watch = new SecretWatch();
  begin();
  for (let i = 0; i < 20; i += 1) {
    expect(open(bob, sealed(alice, bob, 2 * i))).toBe("opened");
    expect(open(alice, sealed(bob, alice, 2 * i + 1))).toBe("opened");
    expect(watch.alive().length).toBeLessThanOrEqual(8);
  }
  alice.conversations[Symbol.dispose]();
  bob.conversations[Symbol.dispose]();
  expect(watch.alive()).toEqual([]);
});
