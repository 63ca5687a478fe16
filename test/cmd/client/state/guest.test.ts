/** An owner and its guests over the real socket; the connection to the server is played. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Socket } from "bun";
import { GuestSession } from "../../../../cmd/client/state/guest.ts";
import { GUESTS_MAX } from "../../../../cmd/client/state/owner.ts";
import { CodedError } from "../../../../core/errors.ts";
import type { DeviceId, MessageId } from "../../../../core/ids.ts";
import { parseUserName } from "../../../../core/name.ts";
import type { Notice } from "../../../../core/peer/notices.ts";
import { failure, rejection } from "../../../support/codes.ts";
import { fixedEnv, quickCrypto } from "../../../support/fixedEnv.ts";
import { temporaryFolder } from "../../../support/folder.ts";
import { BOB, message, NOW_MS, type PlayedGuest, PlayedOwner, user, visit } from "../../../support/guests.ts";
import { Heard } from "../../../support/localRealm.ts";
import { Watched } from "../../../support/programs.ts";
import { ALICE, HEADER } from "../../../support/stateFolders.ts";

let folder: ReturnType<typeof temporaryFolder>;
let path: string;
let owner: PlayedOwner;
let guest: PlayedGuest;
beforeEach(async () => {
  folder = temporaryFolder();
  path = folder.at("state");
  owner = new PlayedOwner(path);
  guest = await visit(path);
});
afterEach(() => {
  owner[Symbol.dispose]();
  folder[Symbol.dispose]();
});

const delivered = (id: MessageId): Notice => ({ kind: "delivered", id, to: "Bob" });
const openWith = (change: object) =>
  GuestSession.open(path, ALICE, { env: fixedEnv("x", quickCrypto), events: new Heard(), ...change });

describe("the beginning", () => {
  test("a guest knows who it is and who there is", () => {
    expect([guest.session.self, guest.session.over]).toEqual(["Alice", false]);
    expect(guest.session.roster).toEqual(owner.session.roster);
  });

  test("the socket is for this account alone", () => {
    expect(statSync(join(path, "client.sock")).mode & 0o777).toBe(0o600);
  });

  test("a socket or a file that a dead client has left is no obstacle", async () => {
    owner[Symbol.dispose]();
    writeFileSync(join(path, "client.sock"), "");
    owner = new PlayedOwner(path);
    expect((await visit(path)).session.self).toBe("Alice");
  });

  test.each([
    ["user", { ...ALICE, user: BOB }, "belongs to alice; name another with --state"],
    ["realm", { ...ALICE, realm: new Uint8Array(32) }, "belongs to alice at another server; name another with --state"],
  ])("a guest of another %s is told so, and nothing else", async (_what, other, words) => {
    const heard = new Heard();
    const opening = GuestSession.open(path, other, { env: fixedEnv("x", quickCrypto), events: heard });
    const error = await rejection(opening);
    expect([error.code, error.detail]).toEqual(["state.foreign", `${path}: ${words}`]);
    owner.owner.notice(message("not for them"));
    await Bun.sleep(20);
    expect([heard.notices, heard.ends]).toEqual([[], []]);
  });

  test("nobody there: null", async () => {
    owner[Symbol.dispose]();
    expect(await openWith({})).toBeNull();
  });

  test("somebody who says nothing, or ends at once: null, and no end is told", async () => {
    owner[Symbol.dispose]();
    let end = false;
    const open = (socket: Socket): void => {
      if (end) socket.end();
    };
    const silent = Bun.listen({ unix: join(path, "client.sock"), socket: { data: () => {}, open } });
    const events = new Heard();
    expect(await openWith({ helloMs: 50, events })).toBeNull();
    end = true;
    expect(await openWith({ events })).toBeNull();
    expect(events.ends).toEqual([]);
    silent.stop(true);
  });

  test("a roster of thousands comes whole", async () => {
    for (let index = 0; index < 10_000; index += 1) owner.session.roster.set(...user(`user${index}`));
    const other = await visit(path, "other");
    expect(other.session.roster).toEqual(owner.session.roster);
  });

  test("more guests than there may be: null, until one leaves", async () => {
    const others = await Promise.all(Array.from({ length: GUESTS_MAX - 1 }, (_, index) => visit(path, `g${index}`)));
    expect(await openWith({})).toBeNull();
    await others[0]?.session.logout();
    await Bun.sleep(20);
    expect(await openWith({})).not.toBeNull();
  });
});

describe("a text", () => {
  test("goes through the owner, and its sender hears what became of it", async () => {
    guest.session.send("Bob", "hi ☃");
    const [sent] = await owner.sentTexts(1);
    if (sent === undefined) throw new Error("nothing was sent");
    expect(sent).toMatchObject({ to: "Bob", text: "hi ☃", deliveryMs: 10_000 });
    expect(owner.owner.notice(delivered(sent.id))).toBe(true);
    await guest.heard.until(() => guest.heard.of("delivered").length === 1, "the confirmation");
    expect(guest.heard.notices).toEqual([delivered(sent.id)]);
  });

  test("is shown to the owner and the other guests once somebody has it, as their own", async () => {
    const other = await visit(path, "other");
    guest.session.send("bob", "hi");
    const [sent] = await owner.sentTexts(1);
    expect(owner.shown).toEqual([]);
    owner.owner.notice(delivered(sent?.id ?? ("" as MessageId)));
    await other.heard.until(() => other.heard.notices.length > 0, "the copy");
    const own = { from: "Alice", device: HEADER.device, to: "Bob", own: true, trust: "verified", text: "hi" };
    const copy = { kind: "message", id: sent?.id, sentAt: NOW_MS, receivedAt: NOW_MS, ...own };
    expect<unknown>([owner.shown, other.heard.notices]).toEqual([[copy], [copy]]);
    expect(guest.heard.of("message")).toEqual([]);
  });

  test("that nobody has is told to its sender alone", async () => {
    const other = await visit(path, "other");
    guest.session.send("bob", "hi");
    const [sent] = await owner.sentTexts(1);
    const notice = { kind: "undelivered", id: sent?.id ?? ("" as MessageId), to: "Bob", reason: "offline" } as const;
    expect(owner.owner.notice(notice)).toBe(true);
    await guest.heard.until(() => guest.heard.notices.length > 0, "the news");
    expect([guest.heard.notices, other.heard.notices, owner.shown]).toEqual([[notice], [], []]);
  });

  test("of the owner is the owner's own: no guest hears of it", async () => {
    expect(owner.owner.notice(delivered("cd".repeat(16) as MessageId))).toBe(false);
    owner.owner.notice(message("a sign"));
    await guest.heard.until(() => guest.heard.texts.length > 0, "a sign");
    expect(guest.heard.of("delivered")).toEqual([]);
  });

  test("of a guest who has left is delivered, and disturbs nobody", async () => {
    guest.session.send("bob", "last words");
    const [sent] = await owner.sentTexts(1);
    await guest.session.logout();
    await Bun.sleep(20);
    expect(owner.owner.notice(delivered(sent?.id ?? ("" as MessageId)))).toBe(true);
    expect(owner.shown).toHaveLength(1);
  });

  test("waits as long as its sender says", async () => {
    const patient = await visit(path, "patient", 60_000);
    patient.session.send("bob", "hi");
    expect((await owner.sentTexts(1))[0]?.deliveryMs).toBe(60_000);
  });

  test.each([
    ["a name that is none", "B b", "x", "name.invalid"],
    ["a text that is too long", "Bob", "x".repeat(8193), "text.tooLong"],
  ] as const)("%s is the caller's", (_what, to, text, code) => {
    expect(failure(() => guest.session.send(to, text)).code).toBe(code);
  });

  test("the longest, of letters that are escaped, comes whole, many times", async () => {
    const text = "\u0001".repeat(8192);
    for (let count = 0; count < 60; count += 1) guest.session.send("bob", text); // more than a socket holds
    const sent = await owner.sentTexts(60);
    expect(new Set(sent.map((each) => each.text))).toEqual(new Set([text]));
    expect(new Set(sent.map(({ id }) => id)).size).toBe(60);
  });

  test("that the connection does not take is undelivered", async () => {
    owner.session.failure = new CodedError("connection.lost");
    guest.session.send("bob", "hi");
    await guest.heard.until(() => guest.heard.of("undelivered").length === 1, "the news");
    expect(guest.session.over).toBe(false);
  });

  test("a fault of ours ends the owner's connection with it", async () => {
    owner.session.failure = new RangeError("ours");
    guest.session.send("bob", "hi");
    await new Watched().until(
      () => owner.session.faults.length > 0,
      () => "the fault",
    );
    expect(owner.session.faults).toEqual([owner.session.failure]);
  });
});

describe("what is told", () => {
  const about = { name: "Bob", device: "00".repeat(8) as DeviceId };
  test.each<Notice>([
    message("héllo"),
    { kind: "presence", name: "Bob", before: 0, devices: 1 },
    { kind: "unregistered", name: "Bob" },
    { kind: "unreadable", from: "Bob", code: "e2ee.invalid", mending: true },
    { kind: "unsupported", from: "Bob" },
    { kind: "identityChanged", name: "Bob", before: "a", now: "b" },
    { kind: "newDevice", own: false, ...about },
  ])("guests hear of $kind, and so does the owner", async (notice) => {
    expect(owner.owner.notice(notice)).toBe(false);
    await guest.heard.until(() => guest.heard.notices.length > 0, notice.kind);
    expect(guest.heard.notices).toEqual([notice]);
  });

  test.each<Notice>([
    { kind: "recoveryCode", code: "secret" },
    { kind: "recoveryNeeded" },
    { kind: "initialPassword" },
    { kind: "passwordChanged", code: null, waitSeconds: 0 },
  ])("$kind is for the owner's user", async (notice) => {
    expect(owner.owner.notice(notice)).toBe(false);
    owner.owner.notice(message("a sign"));
    await guest.heard.until(() => guest.heard.texts.length > 0, "a sign");
    expect(guest.heard.notices.map(({ kind }) => kind)).toEqual(["message"]);
  });

  test("the roster of a guest has changed when it is told of the change", async () => {
    const seen: unknown[] = [];
    guest.heard.onNotice = () => seen.push(new Map(guest.session.roster));
    owner.session.roster.set(...user("Bob", { devices: ["11".repeat(8) as DeviceId] }));
    owner.owner.notice({ kind: "presence", name: "Bob", before: 0, devices: 1 });
    await guest.heard.until(() => seen.length === 1, "Bob's coming");
    expect(seen[0]).toEqual(owner.session.roster);
    owner.session.roster.delete(BOB);
    owner.owner.notice({ kind: "unregistered", name: "Bob" });
    await guest.heard.until(() => seen.length === 2, "Bob's going");
    expect(seen[1]).toEqual(owner.session.roster);
    expect([...guest.session.roster.keys()]).toEqual([ALICE.user]);
  });
});

describe("keys", () => {
  test("are compared, verified and accepted through the owner, and all guests see the marks", async () => {
    const other = await visit(path, "other");
    const trust = (): unknown => other.session.roster.get(BOB)?.trust;
    owner.session.comparison = {
      ...{ name: "Bob", trust: "pinned", safetyNumber: "1".repeat(60), fingerprint: "f", changed: null },
    };
    const asked = await Promise.all([
      guest.session.comparisonOf(BOB),
      guest.session.comparisonOf(parseUserName("eve")),
      guest.session.comparisonOf(BOB),
    ]);
    expect(asked).toEqual([owner.session.comparison, null, owner.session.comparison]);
    guest.session.verify(BOB, "f", true);
    await other.heard.until(() => trust() === "verified", "the mark");
    guest.session.verify(BOB, "f", false);
    await other.heard.until(() => trust() === "pinned", "its end");
    owner.session.comparison = { ...owner.session.comparison, trust: "changed", changed: "g" };
    owner.session.roster.set(...user("Bob", { trust: "changed" }));
    guest.session.accept(BOB, "f");
    expect((await guest.session.comparisonOf(BOB))?.trust).toBe("changed");
    guest.session.accept(BOB, "g");
    await other.heard.until(() => trust() === "pinned", "the acceptance");
  });

  test("an owner who ends with a question open: no answer", async () => {
    owner.session.comparisonOf = () => new Promise(() => {});
    const asked = guest.session.comparisonOf(BOB);
    await Bun.sleep(20);
    owner[Symbol.dispose]();
    expect(await asked).toBeNull();
    expect(await guest.session.comparisonOf(BOB)).toBeNull();
  });
});
