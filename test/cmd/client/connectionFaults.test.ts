/** What the client's connection leaves behind when a login is refused, or when it is our own fault. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { CryptoProvider, Job } from "../../../core/crypto/provider.ts";
import type { Env } from "../../../core/env.ts";
import { rejection } from "../../support/codes.ts";
import { quickCrypto } from "../../support/fixedEnv.ts";
import { liveTimers } from "../../support/liveTimers.ts";
import { Heard, LocalRealm } from "../../support/localRealm.ts";
import { type Line, ScriptedListener } from "../../support/scriptedListener.ts";

let realm: LocalRealm;
beforeAll(async () => {
  realm = await LocalRealm.start("Alice", "Bob");
});
afterAll(() => realm[Symbol.asyncDispose]());

/** An environment where something happens before each job. */
function envWith(before: (op: Job["op"]) => Promise<void> | void): Env {
  const run: CryptoProvider["run"] = async (job, randomBytes) => {
    await before(job.op);
    return quickCrypto.run(job, randomBytes);
  };
  return { ...realm.env(), crypto: { ...quickCrypto, run } };
}

describe("a login that is refused", () => {
  test("a wrong password is found out by the client", async () => {
    const events = new Heard();
    const config = realm.configOf("Alice", "wrong");
    expect((await rejection(realm.open({ config, events }))).code).toBe("auth.rejected");
    expect([events.stretchings, events.notices, events.ends]).toEqual([1, [], []]);
    expect(config.password.wiped).toBe(true);
  });

  test("nobody of that name: the same", async () => {
    const events = new Heard();
    const error = await rejection(realm.open({ config: realm.configOf("nobody"), events }));
    expect([error.code, events.stretchings]).toEqual(["auth.rejected", 1]);
  });

  test("a server with another key is not the server we know, and learns no name", async () => {
    const { publicKey } = quickCrypto.dhKey(new Uint8Array(32).fill(9));
    const config = { ...realm.configOf("Alice"), serverPublicKey: publicKey };
    expect((await rejection(realm.open({ config }))).code).toBe("channel.handshake");
    expect(realm.rig.log.at(-1)).not.toHaveProperty("user");
    expect(config.password.wiped).toBe(true);
  });

  test("another realm with the same key refuses it", async () => {
    const config = { ...realm.configOf("Alice"), realm: new Uint8Array(32) };
    expect((await rejection(realm.open({ config }))).code).toBe("auth.rejected");
  });
});

describe("a fault of ours", () => {
  const fault = new RangeError("ours");

  test.each(["kemGenerate", "kemDecapsulate", "stretch"])("in the job %s is what the login fails with", async (op) => {
    const env = envWith((job) => {
      if (job === op) throw fault;
    });
    const config = realm.configOf("Alice");
    expect(await realm.open({ env, config }).catch((error) => error)).toBe(fault);
    expect(config.password.wiped).toBe(true);
  });

  test("in the sign of life is what the login fails with", async () => {
    const events = Object.assign(new Heard(), {
      stretching() {
        throw fault;
      },
    });
    expect(await realm.open({ events }).catch((error) => error)).toBe(fault);
  });
});

describe("timers", () => {
  const [silenceMs, deliveryMs] = [43_210, 43_211];

  test("none is left when a login succeeds, nor when the session ends", async () => {
    using timers = liveTimers();
    const events = new Heard();
    const connection = await realm.open({ events, silenceMs, deliveryMs });
    expect(timers.count(silenceMs)).toBe(0);
    const bob = await realm.connect("Bob");
    await events.until(() => events.of("presence").length > 0, "Bob");
    connection.send("Bob", "on its way when we leave");
    expect(timers.count(deliveryMs)).toBe(1);
    await connection.logout();
    expect([timers.count(silenceMs), timers.count(deliveryMs)]).toEqual([0, 0]);
    expect(await events.end()).toBeNull();
    await bob.connection.logout();
  });

  test("one runs while the server has to answer", async () => {
    using timers = liveTimers();
    const counts: [string, number][] = [];
    const env = envWith((op) => void counts.push([op, timers.count(silenceMs)]));
    const connection = await realm.open({ env, silenceMs });
    expect(counts).toEqual([
      ["kemGenerate", 1],
      ["kemDecapsulate", 1],
      ["stretch", 0],
    ]);
    await connection.logout();
  });

  test.each([
    ["is refused", { answer: () => new Uint8Array(3) }],
    ["is cut", { open: (line: Line) => line.terminate() }],
    ["is not heard out", { refuse: () => new Response("no", { status: 503 }) }],
  ] as const)("none is left when a login %s", async (_how, script) => {
    using timers = liveTimers();
    await using listener = new ScriptedListener(script, realm.rig.driver);
    await rejection(realm.open({ port: listener.port, silenceMs }));
    expect(timers.count(silenceMs)).toBe(0);
  });

  test("none is set by a password that is ready when the connection has gone", async () => {
    using timers = liveTimers();
    await using listener = new ScriptedListener({}, realm.rig.driver);
    const stretched = Promise.withResolvers<void>();
    const env = envWith((op) => {
      if (op !== "stretch") return;
      for (const line of listener.lines) line.close(1000);
      return stretched.promise;
    });
    expect((await rejection(realm.open({ env, port: listener.port, silenceMs }))).code).toBe("connection.lost");
    stretched.resolve();
    await Bun.sleep(5);
    expect(timers.count(silenceMs)).toBe(0);
  });

  test("a text that cannot be sent leaves none", async () => {
    using timers = liveTimers();
    const connection = await realm.open({ deliveryMs });
    expect(() => connection.send("Bob", "x".repeat(8193))).toThrow("8193 bytes");
    expect(() => connection.send("no name", "x")).toThrow("user name");
    connection.send("Bob", "to somebody who is not there");
    expect(timers.count(deliveryMs)).toBe(0);
    await connection.logout();
  });
});
