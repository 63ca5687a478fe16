import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import type { PasswdCommand } from "../../../cmd/client/commandLine.ts";
import { passwd } from "../../../cmd/client/passwd.ts";
import { EXIT, endingOf } from "../../../cmd/host/exit.ts";
import { rejection } from "../../support/codes.ts";
import { holdDevice } from "../../support/household.ts";
import { LocalRealm, worldOf } from "../../support/localRealm.ts";
import { type PersonIo, personIo } from "../../support/personIo.ts";
import { passwordOf } from "../../support/realm.ts";
import { ScriptedListener } from "../../support/scriptedListener.ts";

const STRONG = "three tame walruses";
const CHANGED = "Your password has been changed; your other sessions have ended.\n";
const COMMAND: PasswdCommand = {
  ...{ kind: "passwd", config: undefined, user: undefined, state: undefined, password: {} },
  newPasswordFile: null,
};

let realm: LocalRealm;
beforeEach(async () => {
  realm = await LocalRealm.start("Alice");
});
afterEach(() => realm[Symbol.asyncDispose]());

const person = (): PersonIo => personIo(realm.folder.path, { env: { IMS_STATE: "none", IMS_USER: "Alice" } });

/** Which of the two passwords is Alice's. */
async function works(): Promise<readonly string[]> {
  const found: string[] = [];
  for (const password of [passwordOf("Alice"), STRONG]) {
    const opened = await realm.open({ config: realm.configOf("Alice", password), attach: false }).catch(() => null);
    if (opened !== null) found.push(password);
    await opened?.logout();
  }
  return found;
}

const identity = (): string => {
  const [account] = realm.rig.store.snapshot().accounts.values();
  return account?.identityKey.toHex() ?? "none";
};

/** A script, whose new password is in a file. */
function script(next = STRONG) {
  writeFileSync(realm.folder.at("next"), `${next}\n`);
  return { command: { ...COMMAND, newPasswordFile: "next" }, world: realm.world("Alice") };
}

describe("a script", () => {
  test("changes it with two files, and says so on stderr; the device and its identity stay", async () => {
    const place = realm.folder.at("state");
    const before = await holdDevice(realm, "Alice", place);
    const identityBefore = identity();
    const { command, world } = script();
    expect(await passwd(command, world)).toBe(EXIT.done);
    expect([world.io.out(), world.io.err()]).toEqual(["", CHANGED]);
    expect(await before.heard.end()).toMatchObject({ code: "auth.ended" }); // the other session
    expect(await works()).toEqual([STRONG]);
    expect(identity()).toBe(identityBefore);
    const after = await holdDevice(realm, "Alice", place, STRONG);
    expect(after.connection.device).toBe(before.connection.device);
    await after.connection.logout();
  });

  test.each([
    ["lamps", "password.weak", "; take a longer one, such as a few words"],
    ["password1234", "password.weak", "; take another"],
    ["", "password.invalid", ""],
  ])("%p is refused, and nothing is changed", async (next, code, advice) => {
    const { command, world } = script(next);
    const error = await rejection(passwd(command, world));
    expect(error.code as string).toBe(code);
    expect(error.detail).toEndWith(advice);
    expect(await works()).toEqual([passwordOf("Alice")]);
  });

  test("a file that is not there, and a wrong password", async () => {
    const missing = { ...COMMAND, newPasswordFile: "missing" };
    expect((await rejection(passwd(missing, realm.world("Alice")))).code).toBe("config.invalid");
    const { command } = script();
    const wrong = realm.world("Alice", { env: { IMS_PASSWORD_FILE: realm.passwordFile("wrong", "not it") } });
    expect((await rejection(passwd(command, wrong))).code).toBe("auth.rejected");
    expect(await works()).toEqual([passwordOf("Alice")]);
    expect(realm.rig.driver.online.devices).toBe(0);
  });
});

describe("a person", () => {
  test("types the old one once and the new one twice, and none is shown", async () => {
    const io = person();
    io.type(`${passwordOf("Alice")}\r${STRONG}\r${STRONG}\r`);
    expect(await passwd(COMMAND, worldOf(io, realm.env()))).toBe(EXIT.done);
    expect(io.err()).toContain("New password for alice: ");
    expect(io.err()).toEndWith(CHANGED);
    expect(io.err()).not.toContain("walrus");
    expect(io.err()).not.toContain(passwordOf("Alice"));
    expect(io.raw.at(-1)).toBe(false);
    expect(await works()).toEqual([STRONG]);
  });

  test.each([
    [`${STRONG}\rsomething else\r`.repeat(3), "password.invalid", "the two passwords differ; nothing was changed"],
    ["\u0003", "host.interrupted", ""],
    ["\u0004", "password.invalid", "no password given"],
  ])("%j changes nothing", async (typed, code, detail) => {
    const io = person();
    io.type(`${passwordOf("Alice")}\r${typed}`);
    const error = await rejection(passwd(COMMAND, worldOf(io, realm.env())));
    expect([error.code as string, error.detail]).toEqual([code, detail]);
    expect(await works()).toEqual([passwordOf("Alice")]);
    expect(io.raw.at(-1)).toBe(false);
  });
});

describe("a server that does not do it", () => {
  test("because somebody else was faster: nothing was changed", async () => {
    realm.rig.changePassword = () => Promise.resolve(null);
    const { command, world } = script();
    const error = await rejection(passwd(command, world));
    expect([error.code, endingOf(error).code]).toEqual(["server.fault", EXIT.failed]);
    expect(error.detail).toStartWith("your password was not changed: ");
    expect(world.io.err()).not.toContain("has been changed");
    expect(await works()).toEqual([passwordOf("Alice")]);
  });

  test("because it has gone: an error, and one of the two works", async () => {
    await using listener = new ScriptedListener({}, realm.rig.driver);
    realm.writeConfig({ port: listener.port });
    const { changePassword } = realm.rig;
    realm.rig.changePassword = (...change) => {
      for (const line of listener.lines) line.terminate();
      return changePassword(...change);
    };
    const { command, world } = script();
    const error = await rejection(passwd(command, world));
    expect([error.code, endingOf(error).code]).toEqual(["connection.lost", EXIT.unreachable]);
    expect(await works()).toHaveLength(1);
  });
});
