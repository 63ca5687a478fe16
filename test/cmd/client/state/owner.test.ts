/** How it ends between an owner and its guests, and who is cut off. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { LINE_MAX_BYTES, UNREAD_MAX_BYTES } from "../../../../cmd/client/state/lines.ts";
import { CodedError } from "../../../../core/errors.ts";
import { failure } from "../../../support/codes.ts";
import { temporaryFolder } from "../../../support/folder.ts";
import { message, type PlayedGuest, PlayedOwner, visit } from "../../../support/guests.ts";

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

describe("the end", () => {
  test("of the owner: guests hear that the connection is lost, and the socket is gone", async () => {
    owner[Symbol.dispose]();
    expect(existsSync(join(path, "client.sock"))).toBe(false);
    const error = await guest.heard.end();
    expect(error).toEqual(new CodedError("connection.lost", "the client that holds this device has ended"));
    expect(guest.session.over).toBe(true);
    expect(failure(() => guest.session.send("bob", "hi")).code).toBe("connection.lost");
    await guest.session.logout();
    expect(guest.heard.ends).toHaveLength(1);
  });

  test("of a guest: one end without an error, and the owner goes on", async () => {
    await Promise.all([guest.session.logout(), guest.session.logout()]);
    await guest.session.logout();
    expect(guest.heard.ends).toEqual([null]);
    expect((await visit(path, "next")).session.self).toBe("Alice");
  });

  test("of a guest with much unsaid: the owner hears all of it first", async () => {
    for (let count = 0; count < 60; count += 1) guest.session.send("bob", "\u0001".repeat(8192));
    await guest.session.logout();
    expect(await owner.sentTexts(60)).toHaveLength(60);
  });

  test("a fault of whoever is told ends the session with it", async () => {
    const fault = new RangeError("ours");
    guest.heard.onNotice = () => {
      throw fault;
    };
    owner.owner.notice(message("hi"));
    expect(await guest.heard.end()).toBe(fault);
    expect(guest.session.over).toBe(true);
  });
});

describe("a guest that does not keep to the rules is cut, and nobody else", () => {
  const text = { do: "send", id: "ab".repeat(16), to: "bob", text: "x", deliveryMs: 1000 };
  const lines = (...values: readonly unknown[]) => values.map((value) => `${JSON.stringify(value)}\n`).join("");
  test.each<readonly [string, string, number]>([
    ["no JSON", "hello\n", 0],
    ["nothing that a guest says", lines({ do: "shutdown" }), 0],
    ["a line that is too long", "x".repeat(LINE_MAX_BYTES + 1), 0],
    ["what follows is not read", lines(text, { do: "?" }, { ...text, id: "cd".repeat(16) }), 1],
    ["an id twice", lines(text, text), 1],
  ])("%s", async (_what, bytes, sent) => {
    await cutAfter(bytes);
    expect(owner.session.sent).toHaveLength(sent);
    owner.owner.notice(message("still here"));
    await guest.heard.until(() => guest.heard.texts.length > 0, "a sign");
  });

  test("one that reads nothing", async () => {
    const closed = Promise.withResolvers<void>();
    const deaf = await Bun.connect({
      unix: join(path, "client.sock"),
      socket: { data: () => {}, close: () => closed.resolve() },
    });
    deaf.pause();
    await Bun.sleep(20);
    const notice = message("x".repeat(8192));
    for (let bytes = 0; bytes < 2 * UNREAD_MAX_BYTES; bytes += 8192) {
      owner.owner.notice(notice);
      await Bun.sleep(0); // the others keep up
    }
    deaf.resume();
    await closed.promise;
    await guest.heard.until(() => guest.heard.texts.length === (2 * UNREAD_MAX_BYTES) / 8192, "all of it");
  });

  /** Says that over a connection of its own, and waits until it is cut. */
  async function cutAfter(bytes: string): Promise<void> {
    const closed = Promise.withResolvers<void>();
    const socket = await Bun.connect({
      unix: join(path, "client.sock"),
      socket: { data: () => {}, close: () => closed.resolve() },
    });
    socket.write(bytes);
    await closed.promise;
  }
});
