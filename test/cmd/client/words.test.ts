import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { noticeText, rosterLines, rosterOrder, undeliveredText } from "../../../cmd/client/words.ts";
import type { DeviceId, MessageId } from "../../../core/ids.ts";
import { parseUserName } from "../../../core/name.ts";
import type { StatusNotice, Undelivered } from "../../../core/peer/notices.ts";
import type { RosterView } from "../../../core/peer/roster.ts";

const device = "00".repeat(8) as DeviceId;
const id = "00".repeat(16) as MessageId;

/** Names, each with how many devices are logged in. */
function rosterOf(entries: readonly (readonly [name: string, devices: number])[]): RosterView {
  return new Map(
    entries.map(([name, count]) => {
      const devices = new Array<DeviceId>(count).fill(device);
      return [parseUserName(name), { name, devices, trust: "pinned" as const }];
    }),
  );
}

describe("the roster", () => {
  const roster = rosterOf([
    ["Zoe", 1],
    ["bob", 0],
    ["Alice", 2],
    ["Chris", 0],
    ["dana", 1],
  ]);

  test("has those who are online first, each group by name, whatever the case", () => {
    expect(rosterOrder(roster).map(([user]) => user as string)).toEqual(["alice", "dana", "zoe", "bob", "chris"]);
  });

  test("is one line for each, names as registered", () => {
    expect(rosterLines(roster, "Zoe")).toEqual([
      "Alice  online, 2 devices",
      "dana   online",
      "Zoe    online (you)",
      "bob    offline",
      "Chris  offline",
    ]);
  });

  test.each(["alice", "ALICE", "Alice"])("knows who you are as %s", (self) => {
    expect(rosterLines(roster, self).filter((line) => line.endsWith("(you)"))).toEqual([
      "Alice  online, 2 devices (you)",
    ]);
  });

  test("of one with a short name", () => {
    expect(rosterLines(rosterOf([["a", 1]]), "a")).toEqual(["a     online (you)"]);
  });

  test("of one with the longest name", () => {
    const name = "x".repeat(32);
    const lines = rosterLines(
      rosterOf([
        [name, 0],
        ["bo", 1],
      ]),
      "bo",
    );
    expect(lines).toEqual([`bo${" ".repeat(30)}  online (you)`, `${name}  offline`]);
  });

  test("of nobody is empty", () => {
    expect(rosterLines(new Map(), "alice")).toEqual([]);
  });

  test("is in the same order however it came", () => {
    const names = fc.uniqueArray(fc.stringMatching(/^[a-z0-9][a-zA-Z0-9._-]{0,6}$/), {
      selector: (name) => name.toLowerCase(),
      maxLength: 8,
    });
    fc.assert(
      fc.property(names, fc.array(fc.nat(2), { minLength: 8, maxLength: 8 }), fc.nat(7), (list, devices, turn) => {
        const entries = list.map((name, index) => [name, devices[index] ?? 0] as const);
        const other = [...entries.slice(turn), ...entries.slice(0, turn)].reverse();
        expect(rosterLines(rosterOf(other), "me")).toEqual(rosterLines(rosterOf(entries), "me"));
        const online = rosterOrder(rosterOf(entries)).map(([, entry]) => entry.devices.length > 0);
        expect(online).toEqual([...online].sort().reverse());
      }),
    );
  });
});

const EVIL = "B\u001b[31m\u202eob";
const HARMLESS = "B\\u{1b}[31m\\u{202e}ob";

describe("a notice in words", () => {
  const presence = (before: number, devices: number): StatusNotice => ({
    kind: "presence",
    name: "Bob",
    before,
    devices,
  });
  const undelivered = (reason: Undelivered): StatusNotice => ({
    ...{ kind: "undelivered", id, to: "Bob" },
    reason,
  });

  test.each([
    [presence(0, 1), "Bob is online"],
    [presence(0, 3), "Bob is online"],
    [presence(1, 0), "Bob is offline"],
    [presence(2, 0), "Bob is offline"],
    [presence(1, 2), null],
    [presence(2, 1), null],
    [presence(0, 0), null],
    [{ kind: "unregistered", name: "Bob" }, "Bob is no longer a user here"],
    [
      { kind: "unreadable", from: "Bob", code: "e2ee.replay", mending: false },
      "a message from Bob could not be read; it was not confirmed (e2ee.replay)",
    ],
    [{ kind: "unreadable", from: "Bob", code: "e2ee.replay", mending: true }, null],
    [{ kind: "unsupported", from: "Bob" }, "Bob sent something that this version of the client cannot show"],
    [{ kind: "newDevice", name: "Bob", own: false, device }, "Bob has a new device"],
    [
      { kind: "newDevice", name: "Alice", own: true, device },
      `you have a new device, ${device}; /devices lists them and removes one`,
    ],
    [
      { kind: "noOneTimePrekey", name: "Bob" },
      "Bob is out of one-time keys: keep what is most secret until Bob has answered",
    ],
    [undelivered("unknown"), "there is no user Bob"],
    [undelivered("offline"), "Bob is not logged in; the message was not delivered and is dropped"],
    [undelivered("alone"), "you are not logged in anywhere else; the message to yourself is dropped"],
    [undelivered("late"), "Bob has not confirmed the message in time; it is dropped"],
    [{ kind: "attached", name: "Bob", device }, null],
    [{ kind: "delivered", id, to: "Bob" }, null],
  ] satisfies [StatusNotice, string | null][])("%j", (notice, text) => {
    expect(noticeText(notice)).toBe(text);
  });

  test.each([
    { kind: "presence", name: EVIL, before: 0, devices: 1 },
    { kind: "presence", name: EVIL, before: 1, devices: 0 },
    { kind: "unregistered", name: EVIL },
    { kind: "unreadable", from: EVIL, code: "e2ee.replay", mending: false },
    { kind: "unsupported", from: EVIL },
    { kind: "newDevice", name: EVIL, own: false, device },
    { kind: "noOneTimePrekey", name: EVIL },
    { kind: "identityChanged", name: EVIL, before: "SHA256:a", now: "SHA256:b" },
    { kind: "undelivered", id, to: EVIL, reason: "unknown" },
    { kind: "undelivered", id, to: EVIL, reason: "offline" },
    { kind: "undelivered", id, to: EVIL, reason: "late" },
  ] satisfies StatusNotice[])("whatever the name holds is harmless: %#", (notice) => {
    const text = noticeText(notice) ?? "";
    expect(text).toContain(HARMLESS);
    expect(text).not.toContain(EVIL);
  });

  test("what is not delivered is said the same everywhere", () => {
    expect(undeliveredText({ kind: "undelivered", id, to: "Bob", reason: "late" })).toBe(
      noticeText(undelivered("late")) ?? "",
    );
  });
});
