import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { closeSync, openSync } from "node:fs";
import type { SignInOptions } from "../../../cmd/client/commandLine.ts";
import type { LoginOptions } from "../../../cmd/client/login.ts";
import { openPrompter, signIn } from "../../../cmd/client/signIn.ts";
import type { Io } from "../../../cmd/host/io.ts";
import type { Prompter } from "../../../cmd/host/prompt.ts";
import { CodedError } from "../../../core/errors.ts";
import { rejection } from "../../support/codes.ts";
import { freePort } from "../../support/freePort.ts";
import { recordedIo } from "../../support/io.ts";
import { Heard, LocalRealm } from "../../support/localRealm.ts";
import { personIo } from "../../support/personIo.ts";
import { passwordOf } from "../../support/realm.ts";
import { type Line, ScriptedListener } from "../../support/scriptedListener.ts";

let realm: LocalRealm;
beforeAll(async () => {
  realm = await LocalRealm.start("Alice", "Bob");
});
afterAll(() => realm[Symbol.asyncDispose]());
afterEach(() => realm.writeConfig({}));

const NOTHING: SignInOptions = { config: undefined, user: undefined, state: "none", password: {} };

const QUIETLY = { interactive: false, serves: false, interrupted: new Promise<never>(() => {}) };

/** A sign-in whose questions, if any, are asked at `io`; whoever is logged in, is logged out. */
async function signInAt(io: Io, options: Partial<SignInOptions> = {}, more: Partial<LoginOptions> = {}) {
  const events = new Heard();
  let prompter: Prompter | null = null;
  const questions = (): Prompter => {
    prompter ??= openPrompter(io, () => {});
    return prompter;
  };
  try {
    const how = { ...QUIETLY, events, questions, ...more };
    const session = await signIn({ ...NOTHING, ...options }, io, realm.env(), how);
    await session.logout();
    return { name: events.of("attached")[0]?.name, asked: prompter !== null };
  } finally {
    (prompter as Prompter | null)?.close();
  }
}

const pipe = (options: Parameters<typeof recordedIo>[1] = {}) => recordedIo(realm.folder.path, options);
const person = (env: Io["env"] = {}) => personIo(realm.folder.path, { env });
const right = (user: string): string => `${user}\r${passwordOf(user)}\r`;

describe("who logs in", () => {
  const passwordFile = (user: string) => ({ "password-file": realm.passwordFile(user) });

  test("as the options say", async () => {
    const options = { user: "Bob", password: passwordFile("Bob") };
    expect(await signInAt(pipe(), options)).toEqual({ name: "Bob", asked: false });
  });

  test("as the environment says", async () => {
    const env = { IMS_USER: "alice", IMS_PASSWORD_FILE: realm.passwordFile("Alice") };
    expect(await signInAt(pipe({ env }))).toEqual({ name: "Alice", asked: false });
  });

  test("options win over the environment, each on its own", async () => {
    const wrong = realm.passwordFile("wrong", "not it");
    const both = { IMS_USER: "Alice", IMS_PASSWORD_FILE: wrong };
    expect((await signInAt(pipe({ env: both }), { user: "Bob", password: passwordFile("Bob") })).name).toBe("Bob");
    const file = { IMS_USER: "Alice", IMS_PASSWORD_FILE: realm.passwordFile("Bob") };
    expect((await signInAt(pipe({ env: file }), { user: "Bob" })).name).toBe("Bob");
    const name = { IMS_USER: "Alice", IMS_PASSWORD_FILE: wrong };
    expect((await signInAt(pipe({ env: name }), { password: passwordFile("Alice") })).name).toBe("Alice");
  });

  test("the password may come from an open descriptor, which wins over the environment's file", async () => {
    const fd = openSync(realm.passwordFile("Bob"), "r");
    const env = { IMS_PASSWORD_FILE: "/nonexistent" };
    const options = { user: "Bob", password: { "password-fd": String(fd) } };
    expect((await signInAt(pipe({ env }), options)).name).toBe("Bob");
    closeSync(fd);
  });

  test("a path of a password file is seen from the current folder", async () => {
    realm.passwordFile("Bob");
    expect((await signInAt(pipe(), { user: "Bob", password: { "password-file": "Bob.password" } })).name).toBe("Bob");
  });

  test("spaces around a name do not count, nor does its case", async () => {
    expect((await signInAt(pipe(), { user: "  bOB ", password: passwordFile("Bob") })).name).toBe("Bob");
  });

  test.each([
    [
      "both kinds of password",
      { user: "Bob", password: { "password-file": "x", "password-fd": "3" } },
      "usage.invalid",
    ],
    ["a name that is none", { user: "no name", password: { "password-file": "x" } }, "name.invalid"],
    ["no name", { user: "", password: { "password-file": "x" } }, "name.invalid"],
    ["a file that is not there", { user: "Bob", password: { "password-file": "x" } }, "config.invalid"],
    ["a configuration that is not there", { config: "x.json" }, "config.invalid"],
  ] as const)("%s is refused before anybody is asked or called", async (_what, options, code) => {
    const before = realm.rig.log.length;
    const io = pipe();
    expect((await rejection(signInAt(io, options))).code).toBe(code);
    expect([io.err(), realm.rig.log.length]).toEqual(["", before]);
  });
});

describe("from a pipe", () => {
  test("name and password are the first two lines, and the questions are on stderr", async () => {
    const io = pipe({ typed: `Bob\n${passwordOf("Bob")}\nmore\n` });
    expect(await signInAt(io)).toEqual({ name: "Bob", asked: true });
    expect([io.out(), io.err()]).toEqual(["", "Name: \nPassword: \n"]);
  });

  test("only what is missing is asked for", async () => {
    const io = pipe({ typed: `${passwordOf("Bob")}\n`, env: { IMS_USER: "Bob" } });
    expect((await signInAt(io)).name).toBe("Bob");
    expect(io.err()).toBe("Password: \n");
    const other = pipe({ typed: "Bob\n", env: { IMS_PASSWORD_FILE: realm.passwordFile("Bob") } });
    expect((await signInAt(other)).name).toBe("Bob");
    expect(other.err()).toBe("Name: \n");
  });

  test("there is one try, and no sign of life", async () => {
    const io = pipe({ typed: `Bob\nwrong\nBob\n${passwordOf("Bob")}\n` });
    expect((await rejection(signInAt(io))).code).toBe("auth.rejected");
    expect(io.err()).toBe("Name: \nPassword: \n");
  });

  test.each([
    ["", "no name was given"],
    ["Bob\n", "no password was given"],
  ])("%j is not enough", async (typed, detail) => {
    const error = await rejection(signInAt(pipe({ typed })));
    expect([error.code, error.detail]).toEqual(["usage.invalid", detail]);
  });

  test.each([
    ["no name\npizza\n", "name.invalid"],
    ["\npizza\n", "name.invalid"],
    ["Bob\n\n", "password.invalid"],
  ] as const)("%j is refused, and not asked again", async (typed, code) => {
    expect((await rejection(signInAt(pipe({ typed })))).code).toBe(code);
  });

  test("that holds the text, nothing is asked", async () => {
    for (const env of [{}, { IMS_USER: "Bob" }]) {
      const io = pipe({ typed: "the text", env });
      const error = await rejection(signInAt(io, {}, { questions: null }));
      expect(error.detail).toBe("stdin holds the text, so give --user and --password-file or --password-fd");
      expect([io.err(), io.stdin.readableFlowing]).toEqual(["", null]);
    }
  });
});

const AGAIN = "Name or password not accepted. Please try again.\n";
const count = (text: string, part: string): number => text.split(part).length - 1;

describe("at a terminal", () => {
  test("both are asked for, with a sign of life, and the password is not shown", async () => {
    const io = person();
    const signed = signInAt(io);
    await io.asked("Name: ");
    io.type("Bob\r");
    await io.asked("Password: ");
    io.type(`${passwordOf("Bob")}\r`);
    expect(await signed).toEqual({ name: "Bob", asked: true });
    expect(io.err()).toContain("Connecting ...\n");
    expect(io.err()).toEndWith("Checking the password ...\n");
    expect(io.err()).not.toContain("password of");
    expect(io.out()).toBe("");
  });

  test.each([1, 2])("a person may mistype %i times", async (times) => {
    const io = person();
    io.type(`Bob\rwrong\r`.repeat(times) + right("Bob"));
    expect((await signInAt(io)).name).toBe("Bob");
    expect(count(io.err(), AGAIN)).toBe(times);
  });

  test("three times is too often, and a fourth question is not asked", async () => {
    const io = person();
    io.type(`Bob\rwrong\r`.repeat(3) + right("Bob"));
    expect((await rejection(signInAt(io))).code).toBe("auth.rejected");
    expect([count(io.err(), AGAIN), count(io.err(), "Password: ")]).toEqual([2, 3]);
  });

  test("a name that is given is not asked again", async () => {
    const io = person({ IMS_USER: "Bob" });
    io.type(`wrong\r${passwordOf("Bob")}\r`);
    expect((await signInAt(io)).name).toBe("Bob");
    expect([count(io.err(), "Name: "), count(io.err(), "Password: ")]).toEqual([0, 2]);
  });

  test("what cannot be a name or a password is said, asked again, and no try", async () => {
    const io = person();
    io.type(`no name\r\r  Bob \r\r${"x".repeat(1025)}\rwrong\rBob\rwrong\r${right("Bob")}`);
    expect((await signInAt(io)).name).toBe("Bob");
    expect(count(io.err(), "a user name is 1 to 32 of")).toBe(2);
    expect(count(io.err(), AGAIN)).toBe(2);
  });

  test("a password from a file has one try, and shows no sign of life", async () => {
    const io = person({ IMS_USER: "Bob", IMS_PASSWORD_FILE: realm.passwordFile("wrong", "not it") });
    expect((await rejection(signInAt(io))).code).toBe("auth.rejected");
    expect(io.err()).toBe("");
  });

  test("another failure is not for trying again", async () => {
    realm.writeConfig({ port: await freePort() });
    const io = person();
    io.type(right("Bob").repeat(2));
    expect((await rejection(signInAt(io))).code).toBe("server.unreachable");
    expect(count(io.err(), "Password: ")).toBe(1);
    expect(io.err()).toEndWith("Connecting ...\n");
  });

  test("the sign of life ends when the user gives up", async () => {
    const called = Promise.withResolvers<Line>();
    await using mute = new ScriptedListener({ open: called.resolve });
    realm.writeConfig({ port: mute.port });
    const io = person();
    const interrupted = Promise.withResolvers<never>();
    io.type(right("Bob"));
    const signed = signInAt(io, {}, { interrupted: interrupted.promise });
    await io.asked("Connecting ...");
    interrupted.reject(new CodedError("host.interrupted"));
    await io.asked("Connecting ...\n");
    (await called.promise).terminate();
    expect((await rejection(signed)).code).toBe("connection.lost");
    expect(io.err()).toEndWith("Connecting ...\n");
  });

  test("Ctrl-C and Ctrl-D end it", async () => {
    const stopped = person();
    stopped.type("Bo");
    const signed = signInAt(stopped);
    await stopped.asked("Bo");
    stopped.type("\u0003");
    expect((await rejection(signed)).code).toBe("host.interrupted");
    const left = person();
    const asked = signInAt(left);
    await left.asked("Name: ");
    left.type("\u0004");
    expect((await rejection(asked)).detail).toBe("no name was given");
  });
});

describe("no server", () => {
  test("says where it was looked for, and which file says so", async () => {
    const port = await freePort();
    realm.writeConfig({ port });
    const options = { user: "Bob", password: { "password-file": realm.passwordFile("Bob") } };
    expect((await rejection(signInAt(pipe(), options))).detail).toBe(
      `no server answers at 127.0.0.1 port ${port}; is it running, and are host and port in config.json right?`,
    );
  });

  test("but something else says that", async () => {
    using other = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response("hello") });
    realm.writeConfig({ port: other.port });
    const options = { user: "Bob", password: { "password-file": realm.passwordFile("Bob") } };
    expect((await rejection(signInAt(pipe(), options))).detail).toBe(
      `127.0.0.1 port ${other.port}: what answers there is not an IMS server`,
    );
  });
});
