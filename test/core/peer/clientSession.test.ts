import { beforeEach, describe, expect, test } from "bun:test";
import { parseUserName } from "../../../core/name.ts";
import { decodeAll } from "../../../core/wire/codec.ts";
import { Envelope } from "../../../core/wire/endToEnd.ts";
import type { ServerMessage } from "../../../core/wire/messages.ts";
import { START_MS } from "../../support/fixedEnv.ts";
import { address, begin, contentOf, Kdc, messageId, Party, presence, rogue } from "../../support/parties.ts";
import { SecretWatch } from "../../support/secretWatch.ts";

let kdc: Kdc;
let alice: Party;
let bob: Party;
const ATTACHED: ServerMessage = { kind: "attached", name: "Alice" };

beforeEach(() => {
  kdc = new Kdc();
  alice = new Party(kdc, "alice", "a").hear(presence("Alice", "a"), presence("Bob", "b"), ATTACHED);
  bob = new Party(kdc, "bob", "b").hear(presence("Alice", "a"), presence("Bob", "b"));
  alice.notices.length = 0;
});

/** Alice is granted a conversation with Bob. */
function granted(): void {
  alice.hear(kdc.grant(alice.local, bob.local));
}

const bobs = address("bob", "b");
const undelivered = (index: number, reason: string) => ({
  kind: "undelivered",
  id: messageId(index),
  to: "Bob",
  reason,
});

describe("a device that said nothing", () => {
  const ticketAge = 300_001;

  test("may have refused the ticket for its age: the next message asks anew and arrives", () => {
    alice.send(1, "bob", "too late");
    granted();
    bob.hear(...alice.deliveries(START_MS + ticketAge));
    expect(bob.notices.map(({ kind }) => kind)).toEqual(["unreadable"]);
    alice.giveUp(1).send(2, "bob", "again");
    expect(alice.take() as unknown[]).toEqual([{ kind: "ticketRequest", ...bobs }]);
    granted();
    bob.hear(...alice.deliveries());
    expect(bob.texts).toEqual(["again"]);
  });

  test("is told from one that confirmed", () => {
    alice.send(1, "bob", "one");
    granted();
    bob.hear(...alice.deliveries());
    alice.hear({ kind: "confirmed", message: messageId(1), ...bobs });
    alice.giveUp(1).send(2, "bob", "two");
    expect(alice.take().map(({ kind }) => kind)).toEqual(["send"]);
  });
});

describe("a message", () => {
  test("asks for a key once, and goes out with all that have waited, in order", () => {
    alice.send(1, "bob", "one").send(2, "BOB", "two");
    expect(alice.take() as unknown[]).toEqual([{ kind: "ticketRequest", ...bobs }]);
    granted();
    alice.send(3, "Bob", "three");
    bob.hear(...alice.deliveries());
    expect(bob.texts).toEqual(["one", "two", "three"]);
    expect(bob.notices[0]).toEqual({
      ...{ kind: "message", id: messageId(1), from: "Alice", device: alice.self.device, to: "Bob" },
      ...{ own: false, trust: "pinned", sentAt: START_MS, receivedAt: START_MS, text: "one" },
    });
    const acknowledge = { kind: "acknowledge", message: messageId(1), ...alice.self };
    expect(bob.take()[0] as unknown).toEqual(acknowledge);
  });

  test("is delivered at the first receipt of the recipient, and only of theirs", () => {
    alice.send(1, "bob", "one");
    granted();
    alice.hear({ kind: "confirmed", message: messageId(1), ...alice.self });
    expect(alice.notices).toEqual([]);
    for (let i = 0; i < 2; i += 1) alice.hear({ kind: "confirmed", message: messageId(1), ...bobs });
    expect(alice.notices).toEqual([{ kind: "delivered", id: messageId(1), to: "Bob" }]);
  });

  test.each(["", "plain", "\u0000\u001b[31m\u202e", "\u{1F600}", "x".repeat(8192), "\ufeffbom", "\u00e9".repeat(4096)])(
    "is shown as it was written: %#",
    (text) => {
      alice.send(1, "bob", text);
      granted();
      bob.hear(...alice.deliveries());
      expect(bob.texts).toEqual([text]);
    },
  );

  test("goes to every device of the recipient, and to the sender's others as a copy", () => {
    const [desk, mine] = [new Party(kdc, "bob", "d"), new Party(kdc, "alice", "c")];
    for (const party of [alice, bob, desk, mine]) party.hear(presence("Alice", "a", "c"), presence("Bob", "b", "d"));
    alice.take();
    alice.send(1, "bob", "hello");
    expect(alice.take()).toHaveLength(3);
    for (const peer of [bob, desk, mine]) {
      alice.hear(kdc.grant(alice.local, peer.local));
      peer.hear(...alice.deliveries());
      expect(peer.notices.at(-1)).toMatchObject({ kind: "message", from: "Alice", to: "Bob", own: peer === mine });
    }
  });

  test("to oneself goes to one's other devices", () => {
    expect(alice.send(1, "alice", "memo").notices.at(-1)).toMatchObject({ reason: "alone" });
    const mine = new Party(kdc, "alice", "c").hear(presence("Alice", "a", "c"));
    alice.hear(presence("Alice", "a", "c")).send(2, "alice", "memo");
    alice.hear(kdc.grant(alice.local, mine.local));
    mine.hear(...alice.deliveries());
    expect(mine.notices.at(-1)).toMatchObject({ own: true, to: "Alice", text: "memo" });
    alice.hear({ kind: "confirmed", message: messageId(2), ...mine.self });
    expect(alice.notices.at(-1)).toMatchObject({ kind: "delivered", to: "Alice" });
  });

  test("on its way also goes to a device that logs in meanwhile", () => {
    alice.send(1, "bob", "hello");
    alice.hear(presence("Bob", "b", "d"));
    expect(alice.take().map(({ kind }) => kind)).toEqual(["ticketRequest", "ticketRequest"]);
  });
});

describe("a message that cannot be delivered", () => {
  test.each([
    ["nobody", "unknown"],
    ["chris", "offline"],
  ])("to %s is %s at once", (to, reason) => {
    alice.hear(presence("Chris")).send(1, to, "x");
    expect(alice.notices.at(-1)).toMatchObject({ kind: "undelivered", id: messageId(1), reason });
    expect(alice.take()).toEqual([]);
  });

  test.each<readonly [string, ServerMessage]>([
    ["no key can be had", { kind: "absent", ...bobs }],
    ["it comes back", { kind: "bounced", message: messageId(1), ...bobs }],
    ["the last device leaves", presence("Bob")],
    ["the user is no longer registered", { kind: "unregistered", user: parseUserName("bob") }],
  ])("is said to be so when %s", (_, said) => {
    alice.send(1, "bob", "x").hear(said);
    const notice = alice.notices.find(({ kind }) => kind === "undelivered");
    expect(notice as unknown).toEqual(undelivered(1, "offline"));
    alice.giveUp(1).hear({ kind: "confirmed", message: messageId(1), ...bobs });
    expect(alice.notices.filter(({ kind }) => kind === "undelivered" || kind === "delivered")).toHaveLength(1);
  });

  test("is late when nobody has confirmed it, once", () => {
    alice.send(1, "bob", "x").giveUp(1).giveUp(1);
    expect(alice.notices as unknown[]).toEqual([undelivered(1, "late")]);
  });
});

describe("both begin at once", () => {
  /** Alice and Bob have each sent one message in a conversation of their own, and heard the other's. */
  function crossed(): void {
    alice.send(1, "bob", "from alice");
    bob.send(2, "alice", "from bob");
    granted();
    bob.hear(kdc.grant(bob.local, alice.local));
    const [toBob, toAlice] = [alice.deliveries(), bob.deliveries()];
    bob.hear(...toBob);
    alice.hear(...toAlice);
    bob.take();
    alice.take();
  }

  test("and both read each other, then go on in the conversation with the smaller id, without tickets", () => {
    crossed();
    expect([alice.texts, bob.texts]).toEqual([["from bob"], ["from alice"]]);
    const used = new Set<string>();
    for (let i = 10; i < 14; i += 1) {
      const [from, to] = i % 2 === 0 ? [alice, bob] : [bob, alice];
      const [delivery] = from.send(i, to.self.user, `${i}`).deliveries();
      if (delivery === undefined) throw new Error("nothing sent");
      const envelope = decodeAll(Envelope, delivery.envelope);
      used.add(envelope.conversation);
      if (i > 10) expect(envelope.opening).toHaveLength(0);
      to.hear(delivery);
      from.take();
    }
    expect(used.size).toBe(1);
    expect(alice.texts.length + bob.texts.length).toBe(6);
  });

  test("what waits goes out, in order, as soon as the peer's first envelope is here", () => {
    alice.send(1, "bob", "first");
    bob.send(2, "alice", "from bob").hear(kdc.grant(bob.local, alice.local));
    alice.take();
    alice.hear(...bob.deliveries()).send(3, "bob", "second");
    granted();
    bob.hear(...alice.deliveries());
    expect(bob.texts).toEqual(["first", "second"]);
  });

  test("a key for which nothing waits any more is not kept: its ticket would be too old later", () => {
    alice.send(1, "bob", "first").giveUp(1);
    using watch = new SecretWatch();
    const grant = kdc.grant(alice.local, bob.local);
    alice.hear(grant);
    expect(grant.key.wiped).toBe(true);
    expect(watch.alive()).toEqual([]);
    alice.take();
    alice.send(2, "bob", "later");
    expect(alice.take() as unknown[]).toEqual([{ kind: "ticketRequest", ...bobs }]);
  });
});

describe("devices that others choose the ids of", () => {
  const mallory = address("mallory", "b");

  test("do not mix with another user's device of the same id", () => {
    alice.hear(presence("Mallory", "b")).send(1, "bob", "for bob").send(2, "mallory", "for mallory");
    expect(alice.take() as unknown[]).toEqual([
      { kind: "ticketRequest", ...bobs },
      { kind: "ticketRequest", ...mallory },
    ]);
    alice.hear(presence("Mallory"), { kind: "absent", ...mallory });
    granted();
    bob.hear(...alice.deliveries());
    expect(bob.texts).toEqual(["for bob"]);
  });

  test("may leave and come back while a key is on its way: each request has one answer", () => {
    const other = new Party(kdc, "mallory", "b");
    alice.hear(presence("Mallory", "b", "c")).send(1, "mallory", "one");
    alice.hear(presence("Mallory", "c"), presence("Mallory", "b", "c")).send(2, "mallory", "two");
    const asked = alice.take().filter((frame) => frame.kind === "ticketRequest" && frame.device === mallory.device);
    expect(asked).toHaveLength(1);
    alice.hear(kdc.grant(alice.local, other.local));
    other.hear(presence("Alice", "a"), ...alice.deliveries());
    expect(other.texts).toEqual(["two"]);
  });
});

describe("an envelope that says what it should not", () => {
  const broken = Uint8Array.of(0xff, 0xfe);
  test.each([
    ["bytes that are not UTF-8", contentOf("alice", broken), "e2ee.invalid"],
    ["words to somebody else", contentOf("chris", "x"), "e2ee.invalid"],
    ["another version", Uint8Array.of(2, ...contentOf("alice", "x").slice(1)), "wire.malformed"],
    ["nothing", new Uint8Array(0), "wire.malformed"],
  ])("%s is neither shown nor acknowledged", (_, content, code) => {
    const mallory = rogue(kdc, "bob", "b");
    begin(kdc, mallory, alice.local);
    const deliver = (index: number, bytes: Uint8Array): void => {
      const envelope = mallory.conversations.seal(alice.self, messageId(index), bytes);
      alice.hear({ kind: "delivery", message: messageId(index), ...bobs, receivedAt: START_MS, envelope });
    };
    deliver(1, content);
    expect(alice.notices as unknown[]).toEqual([{ kind: "unreadable", from: "Bob", code, mending: false }]);
    expect(alice.take()).toEqual([]);
    deliver(2, contentOf("alice", "fine"));
    expect(alice.texts).toEqual(["fine"]);
    expect(alice.take()).toHaveLength(1);
  });

  test("a kind of a later version is acknowledged, or it would come again, and told as that", () => {
    const mallory = rogue(kdc, "bob", "b");
    begin(kdc, mallory, alice.local);
    const envelope = mallory.conversations.seal(alice.self, messageId(1), contentOf("alice", "x", 99));
    alice.hear({ kind: "delivery", message: messageId(1), ...bobs, receivedAt: START_MS, envelope });
    expect(alice.notices as unknown[]).toEqual([{ kind: "unsupported", from: "Bob" }]);
    expect(alice.take().map(({ kind }) => kind)).toEqual(["acknowledge"]);
  });

  test("bytes that are no envelope are unreadable, and the session goes on", () => {
    const envelope = new Uint8Array(100);
    alice.hear({ kind: "delivery", message: messageId(1), ...bobs, receivedAt: START_MS, envelope });
    expect(alice.notices as unknown[]).toEqual([
      { kind: "unreadable", from: "Bob", code: "wire.malformed", mending: false },
    ]);
  });
});

test("who comes and goes is told once the roster is complete", () => {
  alice.hear(presence("Bob", "b", "c"), presence("Zoe"), { kind: "unregistered", user: parseUserName("zoe") });
  alice.hear({ kind: "unregistered", user: parseUserName("zoe") });
  expect(alice.notices).toEqual([
    { kind: "presence", name: "Bob", before: 1, devices: 2 },
    { kind: "presence", name: "Zoe", before: 0, devices: 0 },
    { kind: "unregistered", name: "Zoe" },
  ]);
  expect(bob.notices).toEqual([]);
});

test("a session that ends leaves no key", () => {
  using watch = new SecretWatch();
  const party = new Party(kdc, "alice", "a").hear(presence("Bob", "b"), ATTACHED).send(1, "bob", "x");
  party.hear(kdc.grant(party.local, bob.local));
  expect(watch.alive().length).toBeGreaterThan(1);
  party.session[Symbol.dispose]();
  expect(watch.alive()).toEqual([]);
});
