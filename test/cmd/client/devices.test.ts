import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { DevicesCommand } from "../../../cmd/client/commandLine.ts";
import { deviceLines, devices, findDevice } from "../../../cmd/client/devices.ts";
import { EXIT } from "../../../cmd/host/exit.ts";
import type { DeviceId } from "../../../core/ids.ts";
import type { OwnDevices } from "../../../core/peer/localDevice.ts";
import { failure, rejection } from "../../support/codes.ts";
import { START_MS } from "../../support/fixedEnv.ts";
import { holdDevice } from "../../support/household.ts";
import { LocalRealm } from "../../support/localRealm.ts";
import { ScriptedListener } from "../../support/scriptedListener.ts";

const [ONE, TWO, THREE] = ["0123456789abcdef", "0123ffffffffffff", "abcdef0123456789"] as const as readonly [
  ...[DeviceId, DeviceId, DeviceId],
];
const key = new Uint8Array(32);
const entry = (device: DeviceId, temporary: 0 | 1 = 0) => ({
  ...{ device, addedAt: START_MS, temporary, ticketKey: key, agreementKey: key },
});
const OWN: OwnDevices = {
  list: [entry(ONE), entry(TWO, 1), entry(THREE)],
  seen: new Map([[ONE, START_MS + 86_400_000]]),
  online: new Set([THREE]),
  self: THREE,
};

describe("one line for each device", () => {
  test("with what is known of it", () => {
    expect(deviceLines(OWN)).toEqual([
      `${ONE}  since 2026-01-02, last seen 2026-01-03`,
      `${TWO}  since 2026-01-02, temporary`,
      `${THREE}  since 2026-01-02, online (this one)`,
    ]);
  });

  test("a day that nobody lives to see is one too", () => {
    const far = { ...entry(ONE), addedAt: Number.MAX_SAFE_INTEGER };
    expect(deviceLines({ list: [far], seen: new Map(), online: new Set(), self: null })).toEqual([
      `${ONE}  since +275760-09`,
    ]);
  });
});

describe("a device is found by the beginning of its name", () => {
  test.each([
    [ONE, ONE],
    ["01234", ONE],
    ["0123F", TWO],
  ])("%s", (text, device) => {
    expect(findDevice(OWN, text)).toBe(device as DeviceId);
  });

  test.each([
    ["", "no device of yours has that name"],
    ["99", "no device of yours has that name"],
    [`${ONE}0`, "no device of yours has that name"],
    ["0123", "several devices begin like that; give more of the name"],
    ["ab", "that is the device you are at; take it away from another one"],
  ])("%p is none", (text, detail) => {
    const error = failure(() => findDevice(OWN, text));
    expect([error.code, error.detail]).toEqual(["usage.invalid", detail]);
  });
});

describe("the command", () => {
  const COMMAND: DevicesCommand = {
    ...{ kind: "devices", config: undefined, user: undefined, state: undefined, password: {} },
    ...{ json: false, remove: null },
  };
  let realm: LocalRealm;
  beforeEach(async () => {
    realm = await LocalRealm.start("Alice");
  });
  afterEach(() => realm[Symbol.asyncDispose]());

  test("lists them without being one, also while another client holds the device", async () => {
    const { connection } = await holdDevice(realm, "Alice", realm.folder.at("state"));
    const world = realm.world("Alice", { env: { IMS_STATE: realm.folder.at("state") } });
    expect(await devices(COMMAND, world)).toBe(EXIT.done);
    expect(world.io.out()).toBe(`${connection.device}  since 2026-01-02, online\n`);
    expect(world.io.err()).toBe("");
    expect(connection.over).toBe(false);
    await connection.logout();
  });

  test("in JSON, with exactly these fields in this order, one object a line", async () => {
    const { connection } = await holdDevice(realm, "Alice", realm.folder.at("state"));
    const world = realm.world("Alice");
    expect(await devices({ ...COMMAND, json: true }, world)).toBe(EXIT.done);
    const at = new Date(START_MS).toISOString();
    expect(world.io.out()).toBe(
      `{"type":"device","device":"${connection.device}","addedAt":"${at}","seenAt":"${at}","temporary":false,"online":true}\n`,
    );
    await connection.logout();
    realm.rig.env.now += 1;
    const after = realm.world("Alice");
    await devices(COMMAND, after);
    expect(after.io.out()).toBe(`${connection.device}  since 2026-01-02, last seen 2026-01-02\n`);
  });

  test("there are none before the first login", async () => {
    const world = realm.world("Alice");
    expect(await devices(COMMAND, world)).toBe(EXIT.done);
    expect(world.io.out()).toBe("");
  });

  test("removes one, whose session ends and who does not come back", async () => {
    const place = realm.folder.at("state");
    const { connection, heard } = await holdDevice(realm, "Alice", place);
    const world = realm.world("Alice");
    const remove = connection.device.slice(0, 6);
    expect(await devices({ ...COMMAND, remove }, world)).toBe(EXIT.done);
    expect(world.io.err()).toBe(`${connection.device} is removed from your devices\n`);
    expect(await heard.end()).toMatchObject({ code: "auth.removed" });
    const after = realm.world("Alice");
    await devices(COMMAND, after);
    expect(after.io.out()).toBe("");
    expect((await rejection(holdDevice(realm, "Alice", place))).code).toBe("auth.removed");
  });

  test("helps when there are too many", async () => {
    const lost: string[] = [];
    for (let count = 0; count < 8; count += 1) {
      await using listener = new ScriptedListener({}, realm.rig.driver);
      const { device } = await realm.open({ port: listener.port });
      lost.push(device);
    }
    expect((await rejection(realm.open())).code).toBe("auth.tooManyDevices");
    expect(await devices({ ...COMMAND, remove: lost[3] ?? "" }, realm.world("Alice"))).toBe(EXIT.done);
    const { connection } = await realm.connect("Alice");
    await connection.logout();
  });

  test.each(["99", ""])("a device that is not there is refused: %p", async (remove) => {
    const { connection } = await holdDevice(realm, "Alice", realm.folder.at("state"));
    const error = await rejection(devices({ ...COMMAND, remove }, realm.world("Alice")));
    expect([error.code, error.detail]).toEqual(["usage.invalid", "no device of yours has that name"]);
    await connection.logout();
    expect(realm.rig.driver.online.devices).toBe(0);
  });

  test("a connection that ends before the server has removed it is an error", async () => {
    const { connection } = await holdDevice(realm, "Alice", realm.folder.at("state"));
    const answered = (): number => realm.rig.store.snapshot().accounts.size;
    expect(answered()).toBe(1);
    let messages = 0;
    const listener = new ScriptedListener(
      {
        message: (line) => {
          messages += 1;
          if (messages > 3) line.terminate(); // what follows the proof is the list without the device
          return messages > 3;
        },
      },
      realm.rig.driver,
    );
    realm.writeConfig({ port: listener.port });
    const error = await rejection(devices({ ...COMMAND, remove: connection.device }, realm.world("Alice")));
    expect(error.code).toBe("connection.lost");
    await listener[Symbol.asyncDispose]();
    await connection.logout();
  });

  test("a login that is refused prints nothing; an interruption ends it", async () => {
    const world = realm.world("Alice", { env: { IMS_PASSWORD_FILE: realm.passwordFile("wrong", "not it") } });
    expect((await rejection(devices(COMMAND, world))).code).toBe("auth.rejected");
    expect([world.io.out(), world.io.err()]).toEqual(["", ""]);
    const other = realm.world("Alice", { env: { IMS_USER: undefined } });
    const asking = devices(COMMAND, { ...other, io: { ...other.io, isTTY: true } });
    other.interrupt.fire();
    expect((await rejection(asking)).code).toBe("host.interrupted");
  });
});
