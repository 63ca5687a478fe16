import { afterAll, beforeAll, expect, test } from "bun:test";
import type { UsersCommand } from "../../../cmd/client/commandLine.ts";
import { users } from "../../../cmd/client/users.ts";
import { EXIT } from "../../../cmd/host/exit.ts";
import { rejection } from "../../support/codes.ts";
import { type LocalClient, LocalRealm } from "../../support/localRealm.ts";

const COMMAND: UsersCommand = {
  kind: "users",
  config: undefined,
  user: undefined,
  state: undefined,
  password: {},
  json: false,
};

let realm: LocalRealm;
let others: readonly LocalClient[];
beforeAll(async () => {
  realm = await LocalRealm.start("Alice", "bob", "Chris", "Dana");
  others = [await realm.connect("Chris"), await realm.connect("Chris")];
});
afterAll(async () => {
  await Promise.all(others.map(({ connection }) => connection.logout()));
  await realm[Symbol.asyncDispose]();
});

test("who is registered, those online first", async () => {
  const world = realm.world("bob");
  expect(await users(COMMAND, world)).toBe(EXIT.done);
  expect(world.io.out()).toBe("bob    online (you)\nChris  online, 2 devices\nAlice  offline\nDana   offline\n");
  expect(world.io.err()).toBe("");
});

test("in JSON, with exactly these fields in this order, one object a line", async () => {
  const world = realm.world("BOB");
  expect(await users({ ...COMMAND, json: true }, world)).toBe(EXIT.done);
  expect(world.io.out()).toBe(
    '{"type":"user","name":"bob","online":true,"devices":1,"you":true,"identity":"verified"}\n' +
      '{"type":"user","name":"Chris","online":true,"devices":2,"you":false,"identity":"unknown"}\n' +
      '{"type":"user","name":"Alice","online":false,"devices":0,"you":false,"identity":"unknown"}\n' +
      '{"type":"user","name":"Dana","online":false,"devices":0,"you":false,"identity":"unknown"}\n',
  );
});

test("a login that is refused prints nothing", async () => {
  const world = realm.world("bob", { env: { IMS_PASSWORD_FILE: realm.passwordFile("wrong", "not it") } });
  expect((await rejection(users(COMMAND, world))).code).toBe("auth.rejected");
  expect([world.io.out(), world.io.err()]).toEqual(["", ""]);
});
