import { afterAll, beforeAll, expect, test } from "bun:test";
import type { SignInOptions } from "../../../cmd/client/commandLine.ts";
import { withSession } from "../../../cmd/client/signIn.ts";
import { rejection } from "../../support/codes.ts";
import { Heard, LocalRealm, worldOf } from "../../support/localRealm.ts";
import { type PersonIo, personIo } from "../../support/personIo.ts";
import { passwordOf } from "../../support/realm.ts";

let realm: LocalRealm;
beforeAll(async () => {
  realm = await LocalRealm.start("Alice", "Bob");
});
afterAll(() => realm[Symbol.asyncDispose]());

const NOTHING: SignInOptions = { config: undefined, user: undefined, state: "none", password: {} };
const person = (): PersonIo => personIo(realm.folder.path);
const how = (mayAsk = true) => ({ mayAsk, events: new Heard() });
const loggedOut = (): boolean => realm.rig.driver.online.devices === 0;

test("leaves stdin alone when nothing has to be asked, and logs out", async () => {
  const world = realm.world("Bob", { typed: "not for us" });
  let inside = 0;
  const code = await withSession(NOTHING, world, how(), () => {
    inside = realm.rig.driver.online.devices;
    return 0;
  });
  expect([code, inside, loggedOut()]).toEqual([0, 1, true]);
  expect([world.io.stdin.readableFlowing, world.io.stdin.listenerCount("data")]).toEqual([null, 0]);
  expect(world.io.stdin.read().toString()).toBe("not for us");
});

test("gives the terminal back before it begins", async () => {
  const io = person();
  io.type(`Bob\r${passwordOf("Bob")}\r`);
  const raw = await new Promise((resolve) => {
    void withSession(NOTHING, worldOf(io, realm.env()), how(), () => {
      resolve([...io.raw]);
      return 0;
    });
  });
  expect(raw).toEqual([true, false]);
  expect(io.stdin.listenerCount("data")).toBe(0);
});

test("logs out when it fails", async () => {
  const fault = new RangeError("ours");
  const failing = withSession(NOTHING, realm.world("Bob"), how(), () => Promise.reject(fault));
  expect(await failing.catch((error) => error)).toBe(fault);
  expect(loggedOut()).toBe(true);
});

test("is interrupted while it works, and logs out", async () => {
  const world = realm.world("Bob");
  const error = await rejection(
    withSession(NOTHING, world, how(), () => {
      world.interrupt.fire();
      return new Promise(() => {});
    }),
  );
  expect([error.code, loggedOut()]).toEqual(["host.interrupted", true]);
});

test("is interrupted while a question is open, and gives the terminal back", async () => {
  const io = person();
  const world = worldOf(io, realm.env());
  const failing = withSession(NOTHING, world, how(), () => 0);
  await io.asked("Name: ");
  world.interrupt.fire();
  expect((await rejection(failing)).code).toBe("host.interrupted");
  expect(io.raw.at(-1)).toBe(false);
});
