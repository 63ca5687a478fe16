/** The client's side of the wire against servers that do as a script says. Sessions: connectionSession.test.ts. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { createServer } from "node:net";
import { Connection } from "../../../cmd/client/connection.ts";
import type { DeviceState } from "../../../cmd/client/state/deviceState.ts";
import { EXIT, endingOf } from "../../../cmd/host/exit.ts";
import type { CryptoProvider } from "../../../core/crypto/provider.ts";
import { CodedError } from "../../../core/errors.ts";
import { Secret } from "../../../core/secret.ts";
import { rejection } from "../../support/codes.ts";
import { quickCrypto } from "../../support/fixedEnv.ts";
import { freePort } from "../../support/freePort.ts";
import { Heard, LocalRealm, type Try } from "../../support/localRealm.ts";
import { type Line, type Script, ScriptedListener } from "../../support/scriptedListener.ts";

let realm: LocalRealm;
beforeAll(async () => {
  realm = await LocalRealm.start("Alice", "Bob");
});
afterAll(() => realm[Symbol.asyncDispose]());
afterEach(() => realm.forget("Alice"));

/** How a login ends at a server that does as `script` says, and otherwise as a server should. */
async function endAt(script: Script, options: Try = {}): Promise<CodedError> {
  await using listener = new ScriptedListener(script, realm.rig.driver);
  return await rejection(realm.open({ ...options, port: listener.port }));
}

describe("the server is not there", () => {
  test("nobody listens", async () => {
    const error = await rejection(realm.open({ port: await freePort() }));
    expect([error.code, error.detail]).toEqual(["server.unreachable", ""]);
  });

  test("an IPv6 address is an address", async () => {
    const error = await rejection(realm.open({ host: "::1", port: await freePort() }));
    expect(error.code).toBe("server.unreachable");
  });

  test.each([
    [429, "the server has too many connections from your address; try again later"],
    [503, "the server takes no more connections now: it is full, or it is stopping; try again later"],
    [404, "what answers there is not an IMS server"],
    [200, "what answers there is not an IMS server"],
  ])("an upgrade refused with %i", async (status, detail) => {
    const error = await endAt({ refuse: () => new Response("no", { status }) });
    expect([error.code, error.detail]).toEqual(["server.unreachable", detail]);
  });

  test("something that takes the connection and says nothing", async () => {
    const mute = createServer(() => {});
    const port = await new Promise<number>((resolve) => {
      mute.listen(0, "127.0.0.1", () => resolve((mute.address() as { port: number }).port));
    });
    const begun = performance.now();
    const error = await rejection(realm.open({ port, silenceMs: 60 }));
    expect(error.code).toBe("server.unreachable");
    expect(performance.now() - begun).toBeGreaterThan(50);
    mute.close();
  });
});

describe("a server that falls silent", () => {
  test("before it has said anything is unreachable", async () => {
    const begun = performance.now();
    const error = await endAt({ message: () => true }, { silenceMs: 60 });
    expect(error.code).toBe("server.unreachable");
    expect(performance.now() - begun).toBeGreaterThan(50);
  });

  test.each([1, 2, 3, 4, 5, 6, 7])("after message %i of the login ends with exit code 4 all the same", async (from) => {
    const error = await endAt({ message: (_line, index) => index >= from }, { silenceMs: 60 });
    expect(endingOf(error).code).toBe(EXIT.unreachable);
  });

  test("each step has the time anew", async () => {
    const slow = (line: Line, bytes: Uint8Array): null => {
      setTimeout(() => line.sendBinary(bytes), 100);
      return null;
    };
    await using listener = new ScriptedListener({ answer: slow }, realm.rig.driver);
    const begun = performance.now();
    const connection = await realm.open({ port: listener.port, silenceMs: 250 });
    expect(performance.now() - begun).toBeGreaterThan(280);
    await connection.logout();
  });

  test("the time for the password is our own", async () => {
    const run: CryptoProvider["run"] = async (job, randomBytes) => {
      if (job.op === "stretch") await Bun.sleep(350);
      return quickCrypto.run(job, randomBytes);
    };
    const connection = await realm.open({ env: { ...realm.env(), crypto: { ...quickCrypto, run } }, silenceMs: 250 });
    await connection.logout();
  });
});

test("a state that cannot be read is given back, and the password is wiped", async () => {
  const login = realm.configOf("Alice");
  using held = Secret.copy(new Uint8Array(1)); // whether it was disposed
  const state: DeviceState = {
    get stored(): never {
      throw new CodedError("state.damaged", "the disk");
    },
    ...{ temporary: false, save: () => {}, [Symbol.dispose]: () => held[Symbol.dispose]() },
  };
  const options = { state, interactive: false, events: new Heard() };
  const opening = Connection.open(realm.env(), { host: "127.0.0.1", port: 9 }, login, options);
  expect((await rejection(opening)).code).toBe("state.damaged");
  expect([login.password.wiped, held.wiped]).toEqual([true, true]);
});

test("no compression is offered: what is sealed does not shrink, and lengths would tell", async () => {
  await using listener = new ScriptedListener({}, realm.rig.driver);
  const connection = await realm.open({ port: listener.port });
  await connection.logout();
  expect(listener.heads.map((head) => head.get("upgrade"))).toEqual(["websocket"]);
  expect(listener.heads[0]?.get("sec-websocket-extensions")).toBeNull();
});

/** What a close code means while the channel does not stand. */
const CLOSES = [
  [1000, "connection.lost"],
  [1001, "connection.lost"],
  [1012, "server.stopping"],
  [4103, "wire.version"],
  [4201, "channel.handshake"],
  [4301, "auth.rejected"],
  [4999, "connection.lost"],
] as const;

describe("the server closes the connection", () => {
  test.each(CLOSES)("at once with %i: %s", async (closeCode, code) => {
    expect((await endAt({ open: (line) => line.close(closeCode) })).code).toBe(code);
  });

  test.each(CLOSES)("in the handshake with %i: %s", async (closeCode, code) => {
    const message = (line: Line): true => {
      line.close(closeCode);
      return true;
    };
    expect((await endAt({ message })).code).toBe(code);
  });

  test.each(CLOSES)("instead of an answer to the login with %i: that is nobody's word", async (closeCode) => {
    const message = (line: Line, index: number): boolean => {
      if (index === 1) line.close(closeCode);
      return index === 1;
    };
    expect((await endAt({ message })).code).toBe("connection.lost");
  });

  test.each(CLOSES)("in a session with %i: that is nobody's word", async (closeCode) => {
    await using listener = new ScriptedListener({}, realm.rig.driver);
    const events = new Heard();
    const connection = await realm.open({ port: listener.port, events });
    listener.lines[0]?.close(closeCode);
    expect(await events.end()).toEqual(new CodedError("connection.lost"));
    expect(connection.over).toBe(true);
    expect(connection.roster.size).toBe(0);
  });

  test("without a word", async () => {
    const message = (line: Line): true => {
      line.terminate();
      return true;
    };
    expect((await endAt({ message })).code).toBe("connection.lost");
  });
});

/** Whatever is not a record ends the connection; where there is no key yet it is not the server we know. */
const NO_RECORDS = [
  ["a text", "channel.record", (line: Line) => line.sendText("hello")],
  ["an empty text", "channel.record", (line: Line) => line.sendText("")],
  ["nothing", "channel.record", (line: Line) => line.sendBinary(new Uint8Array(0))],
  ["a byte", "channel.record", (line: Line) => line.sendBinary(new Uint8Array(1))],
  ["as many bytes as an answer has", "channel.record", (line: Line) => line.sendBinary(new Uint8Array(1168).fill(7))],
  ["too much", "wire.tooLong", (line: Line) => line.sendBinary(new Uint8Array(65_536))],
] as const;

describe("the server says what is no record", () => {
  test.each(NO_RECORDS)("in the place of its first answer: %s", async (_what, _code, say) => {
    const answer = (line: Line): null => {
      say(line);
      return null;
    };
    expect((await endAt({ answer })).code).toBe("channel.handshake");
  });

  test.each(NO_RECORDS)("before it has heard anything: %s", async (_what, _code, say) => {
    expect((await endAt({ open: (line) => void say(line), message: () => true })).code).toBeString();
  });

  test.each(NO_RECORDS)("in the place of its answer to the login: %s", async (_what, code, say) => {
    let count = 0;
    const answer = (line: Line, bytes: Uint8Array): Uint8Array | null => {
      count += 1;
      if (count === 1) return bytes;
      say(line);
      return null;
    };
    expect((await endAt({ answer })).code).toBe(code);
  });

  test.each(NO_RECORDS)("in a session: %s", async (_what, code, say) => {
    await using listener = new ScriptedListener({}, realm.rig.driver);
    const events = new Heard();
    const connection = await realm.open({ port: listener.port, events });
    for (const line of listener.lines) say(line);
    expect(await events.end()).toEqual(new CodedError(code));
    expect(events.ends).toHaveLength(1);
    expect(() => connection.send("Bob", "hi")).toThrow(new CodedError("connection.lost"));
  });
});
