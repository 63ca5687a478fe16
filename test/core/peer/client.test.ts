import { describe, expect, test } from "bun:test";
import type { ErrorCode } from "../../../core/errors.ts";
import type { ConversationId, DeviceId, MessageId } from "../../../core/ids.ts";
import { parseUserName } from "../../../core/name.ts";
import { Secret } from "../../../core/secret.ts";
import { serverFrames } from "../../../core/wire/messages.ts";
import { Duo, type DuoOptions, STAGES, type Stage } from "../../support/duo.ts";
import { quickCrypto } from "../../support/fixedEnv.ts";
import { bundle } from "../../support/frozenFrames.ts";
import { registerAll, testRealm } from "../../support/realm.ts";
import { SecretWatch } from "../../support/secretWatch.ts";

const realm = testRealm();
const users = await registerAll(realm, ["Alice", "Bob"]);
const at = (stage: Stage, options?: DuoOptions) => Duo.at(stage, realm.keys, users, options);
const bob = { user: parseUserName("bob"), device: "0123456789abcdef" as DeviceId };
const message = "0123456789abcdef0123456789abcdef" as MessageId;

function grant(fill: number) {
  const key = Secret.take(new Uint8Array(32).fill(fill));
  const conversation = fill.toString(16).padStart(32, "0") as ConversationId;
  return { kind: "grant", ...bob, conversation, key, ticket: new Uint8Array(300), bundle } as const;
}

/** The frame with one more byte in its body. */
function lengthened(frame: Uint8Array): Uint8Array {
  const body = frame.length - 2;
  return Uint8Array.of(frame[0] ?? 0, body >> 8, body & 255, ...frame.subarray(3), 0);
}

describe("a login", () => {
  test("passes its stages, and the password is wiped as soon as it has been blinded", () => {
    const duo = at("channel");
    expect(duo.password.wiped).toBe(false);
    duo.compute();
    expect(duo.password.wiped).toBe(true);
    expect(duo.stretching).toBe(0);
    duo.frame(duo.serve());
    expect(duo.stretching).toBe(1);
    duo.compute();
    expect(duo.client.attached).toBe(false);
    duo.attach({ kind: "presence", name: "Bob", devices: [] });
    expect(duo.client.attached).toBe(true);
    expect([...duo.client.roster]).toEqual([[bob.user, { name: "Bob", devices: [], trust: "unknown" }]]);
    expect(duo.notices.map(({ kind }) => kind)).toEqual(["opened", "attached"]);
  });

  test("sends two records of 1,024 bytes, whatever the name", () => {
    for (const user of ["Alice", "a-name-of-thirty-two-characters-"]) {
      const duo = at("login", { user });
      expect(duo.toServer.map(({ length }) => length)).toEqual([1024]);
    }
    expect(at("roster").toServer[0]).toHaveLength(1024);
  });

  test("with the key of another server ends at its answer", () => {
    const serverPublicKey = quickCrypto.dhKey(new Uint8Array(32).fill(9)).publicKey;
    const duo = at("answer", { serverPublicKey });
    expect(() => duo.serve()).toThrow("channel.handshake");
    duo.handle({ kind: "disconnected", code: "channel.handshake" });
    expect(duo.ended).toBe("channel.handshake");
  });

  test.each(["wrong", "password of bob"])("with the password %s ends before the proof", (password) => {
    using watch = new SecretWatch();
    const duo = at("stretching", { password });
    watch.forget();
    duo.compute();
    expect(duo.ended).toBe("auth.rejected");
    expect(duo.toServer).toEqual([]);
    expect(watch.alive()).toEqual([]);
  });

  test.each(["", "x".repeat(1025)])("with a password that cannot be ends, and leaves nothing: %#", (password) => {
    const duo = at("channel", { password });
    using watch = new SecretWatch();
    duo.compute();
    expect(duo.ended).toBe("password.invalid");
    expect(watch.alive()).toEqual([]);
  });

  test("is refused an answer that is no KE2 of this server", () => {
    const duo = at("login");
    const bytes = duo.serve();
    duo.frame(bytes.map((byte, i) => (i === 500 ? byte ^ 1 : byte)));
    expect(duo.ended).toBe("channel.record");
  });
});

describe("a logout", () => {
  test.each(STAGES)("while it waits for %s leaves no key", (stage) => {
    using watch = new SecretWatch();
    const duo = watch.as("client", () => at(stage));
    watch.as("server", () => duo.connection.end(null));
    duo.handle({ kind: "logout" });
    expect(duo.ended).toBeNull();
    if (duo.job !== null) duo.handle({ kind: "failed", error: new Error("too late") });
    expect(duo.password.wiped).toBe(true);
    expect(watch.alive()).toEqual([]);
    expect(duo.client.attached).toBe(false);
  });

  test("is said to the server from a session only", () => {
    for (const stage of STAGES) {
      const duo = at(stage);
      duo.toServer.length = 0;
      duo.handle({ kind: "logout" });
      expect(duo.toServer.length).toBe(stage === "nothing" || stage === "roster" ? 1 : 0);
    }
  });
});

describe("an end of the transport", () => {
  const heard: Record<Stage, ErrorCode> = {
    connection: "channel.busy",
    key: "channel.busy",
    answer: "channel.busy",
    channel: "channel.busy",
    login: "connection.lost",
    stretching: "channel.busy",
    roster: "channel.busy",
    nothing: "connection.lost",
  };
  test.each(STAGES)("with a reason is believed only where the server cannot seal one: %s", (stage) => {
    const duo = at(stage);
    duo.handle({ kind: "disconnected", code: "channel.busy" });
    expect(duo.ended).toBe(heard[stage]);
  });

  test.each(STAGES)("without a reason is a lost connection: %s", (stage) => {
    const duo = at(stage);
    duo.handle({ kind: "disconnected", code: null });
    expect(duo.ended).toBe("connection.lost");
  });
});

describe("a goodbye", () => {
  test.each(["channel", "login", "roster", "nothing"] as const)("is heard while it waits for %s", (stage) => {
    const duo = at(stage);
    if (stage === "roster") duo.serve();
    const { goodbye } = duo.connection.end("server.stopping");
    if (goodbye === null) throw new Error("a goodbye was expected");
    duo.frame(goodbye);
    if (stage === "channel") duo.compute();
    expect(duo.ended).toBe("server.stopping");
  });

  test("of a server that awaits the proof is not sealed: the client may have changed its keys", () => {
    for (const stage of ["stretching", "roster"] as const) {
      expect(at(stage).connection.end("server.stopping").goodbye).toBeNull();
    }
  });

  test.each([
    [303, "auth.ended"],
    [0, "connection.lost"],
    [65535, "connection.lost"],
  ] as const)("with the reason %d is %s", (reason, code) => {
    const duo = at("nothing");
    duo.say({ kind: "goodbye", reason, waitSeconds: 0 });
    expect(duo.ended).toBe(code);
  });

  test("is the last word: what follows it is not heard", () => {
    const duo = at("nothing");
    duo.say({ kind: "goodbye", reason: 303, waitSeconds: 0 }, { kind: "presence", name: "Bob", devices: [bob.device] });
    expect(duo.notices.map(({ kind }) => kind)).toEqual(["opened", "attached"]);
  });
});

describe("a server that does what it should not", () => {
  test.each(["key", "stretching", "nothing"] as const)("junk while it waits for %s ends the connection", (stage) => {
    const duo = at(stage);
    duo.frame(new Uint8Array(100));
    expect(duo.ended).toBe(stage === "key" ? "state.unexpected" : "channel.record");
  });

  test("a frame before the transport is said to be open ends the connection", () => {
    const duo = at("connection");
    duo.frame(new Uint8Array(100));
    expect(duo.ended).toBe("state.unexpected");
    expect(duo.password.wiped).toBe(true);
  });

  test("two records before the channel is computed are one too many", () => {
    const duo = at("channel");
    duo.frame(new Uint8Array(100));
    expect(duo.ended).toBeUndefined();
    duo.frame(new Uint8Array(100));
    expect(duo.ended).toBe("state.unexpected");
  });

  test.each([
    ["attached twice", { kind: "attached", name: "Alice" }],
    ["a login answer in a session", { kind: "loginResponse", ke2: new Uint8Array(320) }],
    ["a grant that was not asked for", grant(1)],
  ] as const)("%s", (_, said) => {
    const duo = at("nothing");
    duo.say(said);
    expect(duo.ended).toBe("state.unexpected");
  });

  test.each([
    ["two grants, neither asked for", [serverFrames.encode(grant(1)), serverFrames.encode(grant(2))]],
    ["a grant, then an unknown frame", [serverFrames.encode(grant(1)), Uint8Array.of(200, 0, 0)]],
    ["a grant with a byte too many", [lengthened(serverFrames.encode(grant(1)))]],
  ])("%s: no key of a refused record is left", (_, frames) => {
    const duo = at("nothing");
    using watch = new SecretWatch();
    duo.sealed(...frames);
    expect(watch.count).toBeGreaterThan(0);
    expect(["state.unexpected", "wire.malformed"]).toContain(String(duo.ended));
    expect(watch.alive()).toEqual([]);
  });
});

describe("the driver", () => {
  test("hears of its own bugs as plain errors", () => {
    expect(() => at("answer").handle({ kind: "connected" })).toThrow("connected twice");
    expect(() => at("login").handle({ kind: "send", id: message, to: "bob", text: "" })).toThrow("not logged in");
    const result = { op: "stretch" as const, output: Secret.take(new Uint8Array(64)) };
    expect(() => at("login").handle({ kind: "computed", result })).toThrow("nobody asked");
    expect(() => at("stretching").handle({ kind: "failed", error: new Error("no memory") })).toThrow("no memory");
  });

  test.each([
    ["text.tooLong", "bob", "x".repeat(8193)],
    ["text.tooLong", "bob", "é".repeat(4097)],
    ["name.invalid", "no name", "x"],
    ["name.invalid", "", "x"],
  ] as const)("is told %s, and the session goes on", (code, to, text) => {
    const duo = at("nothing");
    expect(() => duo.handle({ kind: "send", id: message, to, text })).toThrow(code);
    duo.handle({ kind: "send", id: message, to: "bob", text: "x".repeat(8192) });
    expect(duo.notices.at(-1)).toEqual({ kind: "undelivered", id: message, to: "bob", reason: "unknown" });
  });

  test("may go on talking to a client that is over: nothing happens, and results are wiped", () => {
    const duo = at("channel");
    duo.handle({ kind: "logout" });
    const result = { op: "kemDecapsulate" as const, sharedSecret: Secret.take(new Uint8Array(32)) };
    expect(duo.handle({ kind: "computed", result })).toEqual([]);
    expect(result.sharedSecret.wiped).toBe(true);
    for (const kind of ["connected", "logout"] as const) expect(duo.handle({ kind })).toEqual([]);
    expect(duo.handle({ kind: "frame", bytes: new Uint8Array(9) })).toEqual([]);
    expect(duo.handle({ kind: "disconnected", code: "auth.ended" })).toEqual([]);
    expect(duo.handle({ kind: "send", id: message, to: "bob", text: "x" })).toEqual([]);
    expect(duo.handle({ kind: "giveUp", id: message })).toEqual([]);
  });
});
