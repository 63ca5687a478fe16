/** The part of the stores' suite (storeSuite.ts) about what an account has: devices, their prekeys, and pins. */
import { beforeEach, describe, expect, test } from "bun:test";
import type { Store } from "../../cmd/server/store/store.ts";
import { ONE_TIME_PREKEYS, PINS_MAX } from "../../core/limits.ts";
import type { StoreRequest } from "../../core/peer/store.ts";
import {
  BOB,
  deviceNamed,
  EMPTY_STANDING,
  filled,
  loaded,
  pin,
  prekeys,
  requests,
  signedList,
  signedPrekey,
} from "./storeRequests.ts";

/** Of the store that `current` is at a test. */
/** What is put in turn, by number, and which one stands then: of a list of devices as of a pin. */
const NUMBERED = [
  ["the first is number 1", [1], 1],
  ["not 0", [0], null],
  ["not 2", [2], null],
  ["the next is one above", [1, 2], 2],
  ["not the same again", [1, 1], 1],
  ["not two above", [1, 3], 1],
  ["nor an older one", [1, 2, 1], 2],
] as const;

export function deviceSuite(name: string, current: () => Store): void {
  const run = (request: StoreRequest) => current().run(request);
  const runAll = (all: readonly StoreRequest[]) => Promise.all(all.map(run));

  describe(`${name}: devices`, () => {
    const listOf = async () => (await loaded(current())).account?.devices ?? null;

    test.each(NUMBERED)("%s", async (_, numbers, stands) => {
      await run(requests.create());
      const answers = await runAll(numbers.map((number) => requests.putDevices(number, [1])));
      const devices = stands === null ? null : signedList(stands);
      expect(answers.at(-1)).toEqual({ op: "putDevices", devices });
      expect(await listOf()).toEqual(devices);
    });

    test("of two lists with one number the first stands", async () => {
      await run(requests.create());
      const other = { list: filled(168, 9), signature: filled(64, 9) };
      await runAll([requests.putDevices(1, [1]), requests.putDevices(1, [2, 3], { devices: other })]);
      const { account } = await loaded(current());
      expect(account?.devices).toEqual(signedList(1));
      expect(account?.standings.map(({ device }) => device)).toEqual([deviceNamed(1)]);
    });

    test("under another identity key are not taken", async () => {
      await run(requests.create());
      expect(await run(requests.putDevices(1, [1], { identityKey: filled(32, 9) }))).toMatchObject({ devices: null });
    });

    test("that stay keep what is kept of them, and those that go lose it", async () => {
      const stock = (device: number) =>
        requests.putPrekeys(device, { signed: signedPrekey(device), oneTime: prekeys(10, 3) });
      await runAll([requests.create(), requests.putDevices(1, [1, 2]), stock(1), stock(2), requests.seen(1, 500, 4)]);
      await run(requests.putDevices(2, [1, 3]));
      const kept = { device: deviceNamed(1), seenAt: 500, logins: 4, signedPrekey: 1, oneTimePrekeys: 3 };
      const { account } = await loaded(current());
      expect(account?.standings).toEqual([kept, { device: deviceNamed(3), ...EMPTY_STANDING }]);
      expect(await run(requests.takePrekeys(2))).toMatchObject({ prekeys: null, oneTimePrekeys: 0 });
      await run(requests.putDevices(3, [1, 2, 3]));
      expect(await run(requests.takePrekeys(2))).toMatchObject({ prekeys: null, oneTimePrekeys: 0 });
      await run(requests.putDevices(4, []));
      expect((await loaded(current())).account?.standings).toEqual([]);
    });

    test("are seen, and counted when they attach", async () => {
      await runAll([requests.create(), requests.putDevices(1, [1, 2])]);
      await runAll([requests.seen(1, 100, 1), requests.seen(1, 200), requests.seen(3, 200, 1)]);
      const [first, second, ...others] = (await loaded(current())).account?.standings ?? [];
      expect(first).toEqual({ ...EMPTY_STANDING, device: deviceNamed(1), seenAt: 200, logins: 1 });
      expect([second?.seenAt, others]).toEqual([0, []]);
      await run(requests.seen(1, 150, 9)); // the clock was set back
      expect((await loaded(current())).account?.standings[0]).toMatchObject({ seenAt: 150, logins: 9 });
      const latest = 8_640_000_000_000_000;
      await run(requests.seen(1, latest, 0xffffffff));
      expect((await loaded(current())).account?.standings[0]).toMatchObject({ seenAt: latest, logins: 0xffffffff });
    });
  });

  describe(`${name}: prekeys`, () => {
    beforeEach(async () => {
      await runAll([requests.create(), requests.putDevices(1, [1, 2])]);
    });
    const taken = async (device = 1) => {
      const answer = await run(requests.takePrekeys(device));
      if (answer.op !== "takePrekeys") throw new Error(answer.op);
      return [answer.prekeys?.signed.id ?? null, answer.prekeys?.oneTime?.id ?? null, answer.oneTimePrekeys];
    };

    test("are taken one by one, the oldest first, and then the signed one serves alone", async () => {
      const put = requests.putPrekeys(1, {
        signed: signedPrekey(7),
        oneTime: [9, 8, 10].map((id) => signedPrekey(id)),
      });
      expect(await run(put)).toEqual({ op: "putPrekeys", oneTimePrekeys: 3 });
      const first = await run(requests.takePrekeys(1));
      const pair = { signed: signedPrekey(7), oneTime: signedPrekey(9) };
      expect(first).toEqual({ op: "takePrekeys", prekeys: pair, oneTimePrekeys: 2 });
      expect([await taken(), await taken(), await taken(), await taken()]).toEqual([
        [7, 8, 1],
        [7, 10, 0],
        [7, null, 0],
        [7, null, 0],
      ]);
    });

    test("no two who ask at once get the same", async () => {
      await run(requests.putPrekeys(1, { signed: signedPrekey(1), oneTime: prekeys(2, 40) }));
      const ids = (await Promise.all(Array.from({ length: 40 }, () => taken()))).map(([, id]) => id);
      expect(ids).toEqual(Array.from({ length: 40 }, (_, at) => at + 2));
    });

    test("without a signed one nothing is taken", async () => {
      await run(requests.putPrekeys(1, { oneTime: prekeys(2, 3) }));
      expect(await taken()).toEqual([null, null, 3]);
      await run(requests.putPrekeys(1, { signed: signedPrekey(9) }));
      await run(requests.putPrekeys(1, { signed: signedPrekey(10) }));
      expect(await taken()).toEqual([10, 2, 2]);
      expect((await loaded(current())).account?.standings[0]).toMatchObject({ signedPrekey: 10, oneTimePrekeys: 2 });
    });

    test("are kept up to the limit: the newest", async () => {
      const put = (from: number, count: number) => run(requests.putPrekeys(1, { oneTime: prekeys(from, count) }));
      await run(requests.putPrekeys(1, { signed: signedPrekey(1000) }));
      expect(await put(1, ONE_TIME_PREKEYS - 1)).toMatchObject({ oneTimePrekeys: ONE_TIME_PREKEYS - 1 });
      expect(await put(101, 1)).toMatchObject({ oneTimePrekeys: ONE_TIME_PREKEYS });
      expect(await put(102, 2)).toMatchObject({ oneTimePrekeys: ONE_TIME_PREKEYS });
      expect(await taken()).toEqual([1000, 3, ONE_TIME_PREKEYS - 1]);
    });

    test("none is there twice: what comes again is another key, and the newest", async () => {
      await run(requests.putPrekeys(1, { signed: signedPrekey(1), oneTime: prekeys(2, 3) }));
      const again = await run(requests.putPrekeys(1, { oneTime: [signedPrekey(2, 99)] }));
      expect(again).toMatchObject({ oneTimePrekeys: 3 });
      expect([await taken(), await taken()]).toEqual([
        [1, 3, 2],
        [1, 4, 1],
      ]);
      expect(await run(requests.takePrekeys(1))).toMatchObject({ prekeys: { oneTime: signedPrekey(2, 99) } });
    });

    test("of one device are not another's, also not with the same ids", async () => {
      for (const device of [1, 2]) {
        const oneTime = [signedPrekey(5, device)];
        await run(requests.putPrekeys(device, { signed: signedPrekey(1), oneTime }));
      }
      expect(await run(requests.takePrekeys(2))).toMatchObject({ prekeys: { oneTime: signedPrekey(5, 2) } });
      expect(await run(requests.takePrekeys(1))).toMatchObject({ prekeys: { oneTime: signedPrekey(5, 1) } });
      expect(await run(requests.takePrekeys(1, BOB))).toMatchObject({ prekeys: null });
      expect(await run(requests.putPrekeys(3, { oneTime: prekeys(2, 3) }))).toMatchObject({ oneTimePrekeys: 0 });
    });
  });

  describe(`${name}: pins`, () => {
    beforeEach(async () => {
      await run(requests.create());
    });

    test.each(NUMBERED)("%s", async (_, versions, stands) => {
      const answers = await runAll(versions.map((version) => requests.putPin(pin(1, version))));
      const standing = stands === null ? null : pin(1, stands);
      expect(answers.at(-1)).toEqual({ op: "putPin", pin: standing });
      expect((await loaded(current())).pins).toEqual(standing === null ? [] : [standing]);
    });

    test("of one user are not another's", async () => {
      await run(requests.create({ user: BOB }));
      await runAll([requests.putPin(pin(1, 1)), requests.putPin(pin(2, 1)), requests.putPin(pin(1, 1), BOB)]);
      expect((await loaded(current())).pins).toEqual([pin(1, 1), pin(2, 1)]);
      expect((await loaded(current(), { user: BOB })).pins).toEqual([pin(1, 1)]);
    });

    test("are kept up to the limit; then those that are there can still change", async () => {
      const all = Array.from({ length: PINS_MAX }, (_, at) => requests.putPin(pin(at, 1)));
      expect((await runAll(all)).every((answer) => answer.op === "putPin" && answer.pin !== null)).toBe(true);
      expect(await run(requests.putPin(pin(PINS_MAX, 1)))).toEqual({ op: "putPin", pin: null });
      expect(await run(requests.putPin(pin(5, 2)))).toEqual({ op: "putPin", pin: pin(5, 2) });
      expect((await loaded(current())).pins.length).toBe(PINS_MAX);
    }, 60_000);
  });
}
