/** Which conversations with a device are sent in, kept, saved and dropped (PROTOCOL §9.5). */
import { beforeEach, describe, expect, test } from "bun:test";
import type { ConversationId } from "../../../core/ids.ts";
import {
  AGREEMENT_MESSAGES,
  AGREEMENT_MS,
  CONVERSATIONS_PER_DEVICE,
  TICKET_LIFETIME_MS,
} from "../../../core/limits.ts";
import { Conversations } from "../../../core/peer/conversations.ts";
import { Kdc, messageId, type Rogue } from "../../support/parties.ts";
import { changed, conversationOf, open, RoguePair } from "../../support/roguePair.ts";

let pair: RoguePair;
let alice: Rogue;
let bob: Rogue;
const begin: RoguePair["begin"] = (from, to) => pair.begin(from, to);
const sealed: RoguePair["sealed"] = (from, to, index, receivedAt) => pair.sealed(from, to, index, receivedAt);

beforeEach(() => {
  pair = new RoguePair();
  ({ alice, bob } = pair);
});

describe("which one is sent in", () => {
  test("when both begin at once: the one with the lower id, on both sides, and the other is gone a while after both have sent in it", () => {
    for (let round = 0; round < 8; round += 1) {
      const ids = [begin(), begin(bob, alice)];
      const winner = ids.toSorted()[0] as ConversationId;
      const [toBob, toAlice] = [sealed(alice, bob, 1), sealed(bob, alice, 2)];
      expect([open(bob, toBob), open(alice, toAlice)]).toEqual(["opened", "opened"]);
      for (let i = 3; i < 7; i += 1) {
        const [from, to] = i % 2 === 0 ? [alice, bob] : [bob, alice];
        const received = sealed(from, to, i);
        expect(conversationOf(received)).toBe(winner);
        expect(open(to, received)).toBe("opened");
      }
      const loser = ids.find((id) => id !== winner);
      const late = changed(toBob, () => ({ conversation: loser as ConversationId, opening: new Uint8Array(0) }));
      expect(open(bob, late)).not.toBe("e2ee.noConversation"); // something may still be on its way in it
      pair.kdc.env.now += TICKET_LIFETIME_MS;
      expect(open(bob, sealed(alice, bob, 7))).toBe("opened");
      expect(open(bob, late)).toBe("e2ee.noConversation");
      alice.conversations.forget(bob.local.self);
      bob.conversations.forget(alice.local.self);
    }
  });

  test("a new agreement takes the place of the last one, whatever its id; what was on its way in that is read", () => {
    for (let round = 0; round < 8; round += 1) {
      begin();
      const late = sealed(alice, bob, 20 * round + 1);
      const second = begin(bob, alice);
      const answer = sealed(bob, alice, 20 * round + 2);
      expect(open(alice, answer)).toMatch("opened");
      expect(open(bob, late)).toBe("opened");
      expect([conversationOf(sealed(bob, alice, 20 * round + 3)), second]).toContain(second);
    }
  });

  test("one that is a week old, or has a thousand messages, is not sent in, and still read", () => {
    begin();
    expect(open(bob, sealed(alice, bob, 1))).toBe("opened");
    const late = sealed(alice, bob, 2);
    pair.kdc.env.now += AGREEMENT_MS - 1;
    expect(alice.conversations.canSend(bob.local.self)).toBe(true);
    pair.kdc.env.now += 1;
    expect(alice.conversations.canSend(bob.local.self)).toBe(false);
    expect(open(bob, late)).toBe("opened");
    begin();
    for (let i = 0; i < AGREEMENT_MESSAGES - 1; i += 1) sealed(alice, bob, 10 + i);
    expect(alice.conversations.canSend(bob.local.self)).toBe(true);
    sealed(alice, bob, 9);
    expect(alice.conversations.canSend(bob.local.self)).toBe(false);
  });

  test("none that was retired, until the peer says something in it", () => {
    begin();
    open(bob, sealed(alice, bob, 1));
    alice.conversations.retire(bob.local.self);
    expect(alice.conversations.canSend(bob.local.self)).toBe(false);
    expect(open(alice, sealed(bob, alice, 2))).toBe("opened");
    expect(alice.conversations.canSend(bob.local.self)).toBe(true);
  });

  test("none under an identity key that is not the pinned one", () => {
    begin();
    open(bob, sealed(alice, bob, 1));
    const { user } = bob.local.self;
    const other = new Kdc();
    const { signed, account } = other.renew(user);
    const introduction = { user, identityKey: account.identityKey, devices: signed };
    const met = alice.local.contacts.judge(introduction);
    alice.local.contacts.keep(introduction, met);
    expect(met.trust).toBe("changed");
    expect(alice.conversations.canSend(bob.local.self)).toBe(false);
  });
});

test(`more than ${CONVERSATIONS_PER_DEVICE} with one device are not kept: the one goes that was used longest ago`, () => {
  const first = begin();
  const early = sealed(alice, bob, 1);
  expect(open(bob, early)).toBe("opened");
  for (let i = 0; i < CONVERSATIONS_PER_DEVICE; i += 1) {
    begin();
    expect(open(bob, sealed(alice, bob, i + 2))).toBe("opened");
  }
  expect(conversationOf(early)).toBe(first);
  expect(open(bob, early)).toBe("ticket.reused");
});

describe("what was saved", () => {
  /** Bob's conversations as another run of his client finds them. */
  function resumed(restored = false): Rogue {
    const { state } = bob.local;
    const saved = new Map<string, Uint8Array>();
    for (const [name, bytes] of writes) if (bytes !== null) saved.set(name, bytes);
    const conversations = new Conversations(bob.local);
    conversations.restore(state.load(saved), restored);
    return { local: bob.local, conversations };
  }
  const writes = new Map<string, Uint8Array | null>();

  test("goes on, skipped messages and used tickets included", () => {
    begin();
    const first = sealed(alice, bob, 1);
    const [second, third] = [sealed(alice, bob, 2), sealed(alice, bob, 3)];
    expect(open(bob, first)).toBe("opened");
    expect(open(bob, third)).toBe("opened");
    writes.clear();
    for (const [name, bytes] of bob.local.state.takeWrites()) writes.set(name, bytes);
    const again = resumed();
    expect(again.conversations.hasRead(alice.local.self, messageId(3))).toBe(true);
    expect(open(again, second)).toBe("opened");
    expect(open(again, second)).toBe("e2ee.replay");
    expect(open(alice, sealed(again, alice, 4))).toBe("opened");
  });

  test("does not go on when it is older than what the server has seen; its tickets stay used", () => {
    begin();
    const first = sealed(alice, bob, 1);
    expect(open(bob, first)).toBe("opened");
    writes.clear();
    for (const [name, bytes] of bob.local.state.takeWrites()) writes.set(name, bytes);
    const again = resumed(true);
    expect(again.conversations.canSend(alice.local.self)).toBe(false);
    expect(open(again, first)).toBe("ticket.reused");
    expect(open(again, sealed(alice, bob, 2))).toBe("ticket.reused");
  });
});
