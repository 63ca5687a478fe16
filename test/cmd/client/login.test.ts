/** What happens between the password and the session, when the account wants something of its user. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import type { SignInOptions } from "../../../cmd/client/commandLine.ts";
import { openPrompter, signIn, withSession } from "../../../cmd/client/signIn.ts";
import { EXIT, endingOf } from "../../../cmd/host/exit.ts";
import type { Io } from "../../../cmd/host/io.ts";
import { rejection } from "../../support/codes.ts";
import { beGuest, holdDevice } from "../../support/household.ts";
import { Heard, LocalRealm, worldOf } from "../../support/localRealm.ts";
import { type PersonIo, personIo } from "../../support/personIo.ts";
import { passwordOf } from "../../support/realm.ts";

const OPTIONS: SignInOptions = { config: undefined, user: undefined, state: undefined, password: {} };
const STRONG = "three tame walruses";

let realm: LocalRealm;
beforeEach(async () => {
  realm = await LocalRealm.start("Alice", "Bob");
});
afterEach(() => realm[Symbol.asyncDispose]());

const person = (state = "none"): PersonIo =>
  personIo(realm.folder.path, { env: { IMS_STATE: state, IMS_USER: "Alice" } });

/** Somebody who can be asked logs in, and out again. */
async function logIn(io: Io, interactive = true) {
  const heard = new Heard();
  const prompter = openPrompter(io, () => {});
  try {
    const never = new Promise<never>(() => {});
    const how = { events: heard, questions: () => prompter, interactive, serves: true, interrupted: never };
    const session = await signIn(OPTIONS, io, realm.env(), how);
    await session.logout();
    return heard;
  } finally {
    prompter.close();
  }
}

/** The code that was shown. */
const codeIn = (text: string): string => /^ {4}((?:[0-9A-Z]{4}-){6}[0-9A-Z]{4})$/m.exec(text)?.[1] ?? "none";
const identity = (): string => {
  const [account] = realm.rig.store.snapshot().accounts.values();
  return account?.identityKey.toHex() ?? "none";
};

/** Alice's first login; the recovery code that it shows. */
async function firstLogin(): Promise<string> {
  const io = person();
  io.type(`${passwordOf("Alice")}\r`);
  await logIn(io);
  expect(codeIn(io.err())).not.toBe("none");
  return codeIn(io.err());
}

describe("a recovery code", () => {
  test("is shown at the first login of a person, and never again", async () => {
    await firstLogin();
    const again = person();
    again.type(`${passwordOf("Alice")}\r`);
    await logIn(again);
    expect(codeIn(again.err())).toBe("none");
  });

  test("does not stand in the way of a command that does one thing, and comes with the next chat", async () => {
    const world = realm.world("Alice");
    expect(await withSession(OPTIONS, world, { mayAsk: true, events: new Heard() }, () => EXIT.done)).toBe(EXIT.done);
    expect([world.io.out(), world.io.err()]).toEqual(["", ""]);
    await firstLogin();
  });
});

describe("after the operator has set another password", () => {
  test("the code brings the identity back, and is asked for once", async () => {
    const code = await firstLogin();
    const before = identity();
    await realm.setPassword("Alice", STRONG);
    const io = person();
    io.type(`${STRONG}\r${code.toLowerCase().replaceAll("-", " ")}\r`);
    await logIn(io);
    expect(io.err()).toContain("The operator has reset your password. Your recovery code opens your account again.\n");
    expect(identity()).toBe(before);
    const again = person();
    again.type(`${STRONG}\r`);
    await logIn(again);
    expect(again.err()).not.toContain("recovery code, or NEW");
  });

  test("the code of another account is told from a slip of the pen, and is asked for again", async () => {
    const code = await firstLogin();
    const io = personIo(realm.folder.path, { env: { IMS_STATE: "none", IMS_USER: "Bob" } });
    io.type(`${passwordOf("Bob")}\r`);
    await logIn(io);
    await realm.setPassword("Alice", STRONG);
    const asked = person();
    asked.type(`${STRONG}\r${codeIn(io.err())}\r${code}\r`);
    await logIn(asked);
    expect(asked.err()).toContain("That is not the recovery code of this account.\n");
  });

  test("NEW makes another identity, with a code of its own, and none of the old devices", async () => {
    const code = await firstLogin();
    const { connection } = await holdDevice(realm, "Alice", realm.folder.at("old"));
    await connection.logout();
    const before = identity();
    await realm.setPassword("Alice", STRONG);
    const io = person();
    io.type(`${STRONG}\rNEW\ryes\r`);
    await logIn(io);
    expect(identity()).not.toBe(before);
    expect(codeIn(io.err())).not.toBe("none");
    expect(codeIn(io.err())).not.toBe(code);
    const listed = await realm.open({ config: realm.configOf("Alice", STRONG), attach: false });
    expect(listed.devices.list).toEqual([]);
    await listed.logout();
  });

  test("a script cannot answer: exit code 3 and one line", async () => {
    await firstLogin();
    await realm.setPassword("Alice", STRONG);
    realm.passwordFile("Alice", STRONG);
    const io = { ...realm.world("Alice").io };
    realm.passwordFile("Alice", STRONG);
    const never = new Promise<never>(() => {});
    const how = { events: new Heard(), questions: null, interactive: false, serves: false, interrupted: never };
    const error = await rejection(signIn(OPTIONS, io, realm.env(), how));
    const { code, line } = endingOf(error);
    expect([error.code, code, line?.split("\n").length]).toEqual(["account.recovery", EXIT.refused, 1]);
  });

  test("whoever gives up changes nothing", async () => {
    await firstLogin();
    const before = identity();
    await realm.setPassword("Alice", STRONG);
    const io = person();
    io.type(`${STRONG}\r\u0003`);
    expect((await rejection(logIn(io))).code).toBe("host.interrupted");
    expect(identity()).toBe(before);
  });
});

describe("a password that the operator chose", () => {
  test("is replaced before anything else, and the login goes on with the new one", async () => {
    await realm.setPassword("Alice", "chosen by the operator", true);
    const io = person();
    io.type(`chosen by the operator\r${STRONG}\r${STRONG}\r`);
    const heard = await logIn(io);
    expect(heard.of("attached")).toHaveLength(1);
    expect(io.err()).toContain("Set one of your own.\n");
    expect(codeIn(io.err())).not.toBe("none");
    const again = person();
    again.type(`${STRONG}\r`);
    await logIn(again);
  });

  test("stays when the user gives up", async () => {
    await realm.setPassword("Alice", "chosen by the operator", true);
    const io = person();
    io.type("chosen by the operator\r\u0003");
    expect((await rejection(logIn(io))).code).toBe("host.interrupted");
    const again = person();
    again.type(`chosen by the operator\r${STRONG}\r${STRONG}\r`);
    await logIn(again);
  });

  test("ends a command that does one thing: exit code 3", async () => {
    await realm.setPassword("Alice", "chosen by the operator", true);
    const world = realm.world("Alice");
    realm.passwordFile("Alice", "chosen by the operator");
    const error = await rejection(withSession(OPTIONS, world, { mayAsk: true, events: new Heard() }, () => EXIT.done));
    expect([error.code, endingOf(error).code]).toEqual(["account.initial", EXIT.refused]);
  });
});

describe("the state of the device", () => {
  test("is one folder that is used again; a wrong name leaves none behind", async () => {
    const place = realm.folder.at("state");
    const first = await holdDevice(realm, "Alice", place);
    await first.connection.logout();
    const second = await holdDevice(realm, "Alice", place);
    expect(second.connection.device).toBe(first.connection.device);
    await second.connection.logout();
    const io = personIo(realm.folder.path, { env: { IMS_STATE: "typo" } });
    io.type(`Alise\r${passwordOf("Alice")}\rAlise\rx\rAlise\rx\r`);
    expect((await rejection(logIn(io))).code).toBe("auth.rejected");
    expect(readdirSync(realm.folder.path)).not.toContain("typo");
  });

  test("with `none` the device is gone with its logout", async () => {
    await firstLogin();
    const listed = await realm.open({ attach: false });
    expect(listed.devices.list).toEqual([]);
    await listed.logout();
  });

  test("of another user is refused before a password is asked for", async () => {
    const place = realm.folder.at("state");
    const { connection } = await holdDevice(realm, "Bob", place);
    await connection.logout();
    const io = person(place);
    const error = await rejection(logIn(io));
    expect([error.code, endingOf(error).code]).toEqual(["state.foreign", EXIT.usage]);
    expect(io.err()).not.toContain("Password");
  });

  test("held by an open chat makes a guest of the next, who is asked nothing and waits for nobody", async () => {
    const place = realm.folder.at("state");
    const { connection } = await holdDevice(realm, "Alice", place);
    const { session } = await beGuest(realm, "Alice", place);
    const world = realm.world("Alice", { env: { IMS_STATE: place, IMS_PASSWORD_FILE: undefined } });
    const run = withSession(OPTIONS, world, { mayAsk: true, events: new Heard() }, ({ self }) => {
      expect(self).toBe("Alice");
      return EXIT.done;
    });
    expect(await run).toBe(EXIT.done);
    expect(world.io.err()).toBe("");
    await Promise.all([session.logout(), connection.logout()]);
  });

  test("that does not open is said in one line: another account has the name", async () => {
    const place = realm.folder.at("state");
    const { connection } = await holdDevice(realm, "Alice", place);
    await connection.logout();
    realm.forget("Alice");
    const error = await rejection(holdDevice(realm, "Alice", place));
    const { code, line } = endingOf(error);
    expect([code, line?.split("\n").length]).toEqual([EXIT.usage, 1]);
    expect(readdirSync(place).sort()).toEqual(["state.db", "state.lock"]);
  });

  test("is given back when the login fails", async () => {
    const place = realm.folder.at("state");
    const io = personIo(realm.folder.path, { env: { IMS_STATE: place, IMS_USER: "Alice" } });
    io.type("wrong\rwrong\rwrong\r");
    expect((await rejection(logIn(io))).code).toBe("auth.rejected");
    const { connection } = await holdDevice(realm, "Alice", place);
    await connection.logout();
    expect(worldOf(io, realm.env()).io).toBe(io);
  });
});
