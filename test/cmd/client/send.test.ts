import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import type { SendCommand } from "../../../cmd/client/commandLine.ts";
import { send } from "../../../cmd/client/send.ts";
import { EXIT, endingOf } from "../../../cmd/host/exit.ts";
import { rejection } from "../../support/codes.ts";
import { START_MS } from "../../support/fixedEnv.ts";
import { type LocalClient, LocalRealm, worldOf } from "../../support/localRealm.ts";
import { personIo } from "../../support/personIo.ts";
import { type Line, ScriptedListener } from "../../support/scriptedListener.ts";

const COMMAND: SendCommand = {
  ...{ kind: "send", config: undefined, user: undefined, state: undefined, password: {} },
  ...{ to: "bob", text: "hi", timeoutSeconds: 5, json: false },
};

let realm: LocalRealm;
let bob: LocalClient;
beforeAll(async () => {
  realm = await LocalRealm.start("Alice", "Bob", "Chris");
  bob = await realm.connect("Bob");
});
afterAll(async () => {
  await bob.connection.logout();
  await realm[Symbol.asyncDispose]();
});
beforeEach(() => {
  bob.heard.notices.splice(0);
});

describe("delivered", () => {
  test("says nothing, and leaves stdin alone", async () => {
    const world = realm.world("Alice", { typed: "not for us" });
    expect(await send(COMMAND, world)).toBe(EXIT.done);
    expect(bob.heard.texts).toEqual(["hi"]);
    expect([world.io.out(), world.io.err(), world.io.stdin.readableFlowing]).toEqual(["", "", null]);
  });

  test("in JSON has exactly these fields in this order, names as registered", async () => {
    const world = realm.world("Alice");
    expect(await send({ ...COMMAND, json: true }, world)).toBe(EXIT.done);
    const id = bob.heard.of("message")[0]?.id;
    const at = new Date(START_MS).toISOString();
    expect(world.io.out()).toBe(`{"type":"delivered","id":"${id}","to":"Bob","at":"${at}"}\n`);
  });

  test.each([
    ["one line", "one line"],
    ["one line\n", "one line"],
    ["one line\r\n", "one line"],
    ["two\nlines\n\n", "two\nlines\n"],
    ["  spaces \t", "  spaces \t"],
    ["x".repeat(8192), "x".repeat(8192)],
    [`${"\u00e9".repeat(4096)}\n`, "\u00e9".repeat(4096)],
    ["\u0000\u001b\u202e", "\u0000\u001b\u202e"],
  ])("from stdin: %j", async (typed, text) => {
    const world = realm.world("Alice", { typed });
    expect(await send({ ...COMMAND, text: null }, world)).toBe(EXIT.done);
    expect(bob.heard.texts).toEqual([text]);
  });

  test("a text that comes in pieces, in the middle of a character", async () => {
    const io = { ...personIo(realm.folder.path, { terminal: false }), env: realm.world("Alice").io.env };
    const sending = send({ ...COMMAND, text: null }, worldOf(io, realm.env()));
    for (const byte of new TextEncoder().encode("h\u00e9llo \u{1f600}")) io.stdin.write(Uint8Array.of(byte));
    io.stdin.end();
    expect(await sending).toBe(EXIT.done);
    expect(bob.heard.texts).toEqual(["h\u00e9llo \u{1f600}"]);
  });
});

describe("refused before anybody logs in", () => {
  const LONG = "the text has 8193 bytes of UTF-8; at most 8192 fit in a message";
  test.each([
    [{ to: "no name" }, "", "name.invalid", "a user name is 1 to 32 of"],
    [{ text: "" }, "", "usage.invalid", "there is no text to send"],
    [{ text: null }, "", "usage.invalid", "there is no text to send"],
    [{ text: null }, "\n", "usage.invalid", "there is no text to send"],
    [{ text: "x".repeat(8193) }, "", "text.tooLong", LONG],
    [{ text: null }, "x".repeat(8193), "text.tooLong", LONG],
    [{ text: null }, "x".repeat(40_000), "text.tooLong", "the text is longer than 8192 bytes of UTF-8"],
  ] as const)("%#", async (change, typed, code, detail) => {
    const before = realm.rig.log.length;
    const error = await rejection(send({ ...COMMAND, ...change }, realm.world("Alice", { typed })));
    expect(error.code).toBe(code);
    expect(error.detail).toStartWith(detail);
    expect(endingOf(error).code).toBe(EXIT.usage);
    expect(realm.rig.log).toHaveLength(before);
  });

  test("a text on stdin that is not UTF-8", async () => {
    const io = { ...personIo(realm.folder.path, { terminal: false }), env: realm.world("Alice").io.env };
    io.stdin.end(Uint8Array.of(0x61, 0xff));
    const error = await rejection(send({ ...COMMAND, text: null }, worldOf(io, realm.env())));
    expect([error.code, error.detail]).toEqual(["usage.invalid", "the text on stdin is not UTF-8"]);
  });

  test("a text on stdin and a question", async () => {
    const world = realm.world("Alice", { typed: "hi", env: { IMS_USER: undefined } });
    const error = await rejection(send({ ...COMMAND, text: null }, world));
    expect(error.detail).toStartWith("stdin holds the text");
  });
});

describe("not delivered", () => {
  test.each([
    ["nobody", "user.unknown", EXIT.failed, "there is no user nobody"],
    ["chris", "message.undelivered", EXIT.undelivered, "Chris is not logged in; the message was not delivered"],
  ] as const)("%s", async (to, code, exit, detail) => {
    const world = realm.world("Alice");
    const error = await rejection(send({ ...COMMAND, to, json: true }, world));
    expect([error.code, endingOf(error).code, world.io.out()]).toEqual([code, exit, ""]);
    expect(error.detail).toStartWith(detail);
  });

  test("in time", async () => {
    await using _deaf = await realm.deaf("Chris");
    const begun = performance.now();
    const error = await rejection(send({ ...COMMAND, to: "chris", timeoutSeconds: 0.1 }, realm.world("Alice")));
    expect(error.detail).toBe("Chris has not confirmed the message in time; it is dropped");
    expect(endingOf(error).code).toBe(EXIT.undelivered);
    expect(performance.now() - begun).toBeGreaterThan(90);
  });

  test("because the server goes away in between", async () => {
    const logins = () => realm.rig.log.filter(({ event }) => event === "user.login").length;
    const before = logins();
    const message = (line: Line): boolean => {
      const said = logins() > before; // it is in the session, and asks for a ticket
      if (said) line.close(1012);
      return said;
    };
    await using listener = new ScriptedListener({ message }, realm.rig.driver);
    realm.writeConfig({ port: listener.port });
    const error = await rejection(send(COMMAND, realm.world("Alice")));
    expect([error.code, endingOf(error).code]).toEqual(["connection.lost", EXIT.unreachable]);
    realm.writeConfig({});
  });
});

test("to oneself goes to the other devices", async () => {
  expect(await send({ ...COMMAND, to: "Bob" }, realm.world("Bob"))).toBe(EXIT.done);
  expect(bob.heard.of("message")[0]).toMatchObject({ own: true, from: "Bob", to: "Bob", text: "hi" });
});
