/** What every store of the server does (core/peer/store.ts, cmd/server/store/store.ts). */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { Store } from "../../cmd/server/store/store.ts";
import type { StoreRequest } from "../../core/peer/store.ts";
import { deviceSuite } from "./storeDeviceSuite.ts";
import { mailboxSuite } from "./storeMailboxSuite.ts";
import { storeModel } from "./storeModel.ts";
import {
  accountKeys,
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
  sorted,
} from "./storeRequests.ts";

/** A place for one store. */
export interface StorePlace extends Disposable {
  /** A new store, or the one that was disposed of, with what it kept. */
  open(): Promise<Store>;
}

export function storeSuite(name: string, makePlace: () => StorePlace): void {
  let place: StorePlace;
  let store: Store;
  beforeEach(async () => {
    place = makePlace();
    store = await place.open();
  });
  afterEach(async () => {
    await store[Symbol.asyncDispose]();
    place[Symbol.dispose]();
  });
  const run = (request: StoreRequest) => store.run(request);
  const runAll = (all: readonly StoreRequest[]) => Promise.all(all.map(run));

  describe(`${name}: an account`, () => {
    test("of nobody is none, whatever is asked", async () => {
      const { load, putWraps, putDevices, putPrekeys, takePrekeys, putPin, seen, forget } = requests;
      expect(await run(load())).toEqual({ op: "load", account: null, pins: [] });
      expect(await run(putWraps({ accountWrap: filled(60, 9) }))).toEqual({ op: "putWraps", stored: false });
      expect(await run(putDevices(1, [1]))).toEqual({ op: "putDevices", devices: null });
      const put = putPrekeys(1, { signed: signedPrekey(1), oneTime: prekeys(2, 3) });
      expect(await run(put)).toEqual({ op: "putPrekeys", oneTimePrekeys: 0 });
      expect(await run(takePrekeys(1))).toEqual({ op: "takePrekeys", prekeys: null, oneTimePrekeys: 0 });
      expect(await run(putPin(pin(1, 1)))).toEqual({ op: "putPin", pin: null });
      expect(await run(seen(1, 5, 1))).toEqual({ op: "seen" });
      expect(await run(forget())).toEqual({ op: "forget" });
      expect(await run(load())).toEqual({ op: "load", account: null, pins: [] });
    });

    test("is made once: the first wins, and both are told", async () => {
      const first = { keys: accountKeys(1), devices: null, standings: [] };
      const [a, b] = await runAll([requests.create(), requests.create({ keys: accountKeys(2) })]);
      expect(a).toEqual({ op: "create", account: first, pins: [] });
      expect(b).toEqual({ op: "create", account: first, pins: [] });
      expect((await loaded(store)).account).toEqual(first);
    });

    test("is replaced by whoever knows its identity key, and nothing of the old one stays", async () => {
      await runAll([
        requests.create(),
        requests.putDevices(1, [1]),
        requests.putPrekeys(1, { signed: signedPrekey(1), oneTime: prekeys(2, 3) }),
        requests.putPin(pin(1, 1)),
        requests.putWraps({ accountWrap: filled(60, 7), recoveryWrap: filled(60, 8) }),
      ]);
      const before = await loaded(store);
      const keys = accountKeys(2, new Uint8Array());
      const wrong = requests.create({ keys, replaces: filled(32, 3) });
      expect(sorted(await run(wrong))).toEqual({ ...before, op: "create" });
      const answer = await run(requests.create({ keys, replaces: filled(32, 1), epoch: 2 }));
      expect(answer).toEqual({ op: "create", account: { keys, devices: null, standings: [] }, pins: [] });
      for (const epoch of [1, 2]) expect((await loaded(store, { epoch })).account?.keys).toEqual(keys);
      await run(requests.putDevices(1, [1], { identityKey: filled(32, 2) }));
      expect((await loaded(store)).account?.standings).toEqual([{ device: deviceNamed(1), ...EMPTY_STANDING }]);
    });

    test("is not replaced where there is none", async () => {
      const answer = await run(requests.create({ replaces: filled(32, 1) }));
      expect(answer).toEqual({ op: "create", account: null, pins: [] });
    });

    test("goes as a whole, and leaves the others alone", async () => {
      for (const user of [undefined, BOB]) {
        const of = user === undefined ? {} : { user };
        await runAll([
          requests.create(of),
          requests.putDevices(1, [1], of),
          requests.putPrekeys(1, { signed: signedPrekey(1), oneTime: prekeys(2, 3), ...of }),
          requests.putPin(pin(1, 1), user),
        ]);
      }
      const bobs = await loaded(store, { user: BOB });
      await run(requests.forget());
      expect(await loaded(store)).toEqual({ op: "load", account: null, pins: [] });
      expect(await loaded(store, { user: BOB })).toEqual(bobs);
      await runAll([requests.create(), requests.putDevices(1, [1])]);
      const { account, pins } = await loaded(store);
      expect([account?.standings, pins]).toEqual([[{ device: deviceNamed(1), ...EMPTY_STANDING }], []]);
    });
  });

  describe(`${name}: wraps`, () => {
    const wrapOf = async (epoch: number) => (await loaded(store, { epoch })).account?.keys.accountWrap;

    test("of the account key are kept for each password, until one is used", async () => {
      await run(requests.create());
      await run(requests.putWraps({ epoch: 2, accountWrap: filled(60, 2) }));
      await run(requests.putWraps({ epoch: 3, accountWrap: filled(60, 3) }));
      expect(await wrapOf(1)).toEqual(filled(60, 1));
      expect(await wrapOf(4)).toEqual(new Uint8Array());
      expect(await wrapOf(1)).toEqual(filled(60, 1)); // there is none for 4: nothing is deleted
      expect(await wrapOf(2)).toEqual(filled(60, 2));
      expect(await wrapOf(1)).toEqual(new Uint8Array());
      expect(await wrapOf(3)).toEqual(filled(60, 3));
      await run(requests.putWraps({ epoch: 3, accountWrap: filled(61, 4) }));
      expect(await wrapOf(3)).toEqual(filled(61, 4));
    });

    test("that are empty change nothing, and no others", async () => {
      await run(requests.create());
      const put = requests.putWraps({ epoch: 1, recoveryWrap: filled(60, 8) });
      expect(await run(put)).toEqual({ op: "putWraps", stored: true });
      const { account } = await loaded(store);
      expect(account?.keys).toEqual({ ...accountKeys(1), recoveryWrap: filled(60, 8) });
      await run(requests.putWraps({ epoch: 1 }));
      expect((await loaded(store)).account).toEqual(account);
    });

    test("for another identity key are not kept", async () => {
      await run(requests.create());
      const [accountWrap, recoveryWrap] = [filled(60, 7), filled(60, 8)];
      const put = requests.putWraps({ epoch: 1, identityKey: filled(32, 9), accountWrap, recoveryWrap });
      expect(await run(put)).toEqual({ op: "putWraps", stored: false });
      expect((await loaded(store)).account?.keys).toEqual(accountKeys(1));
    });
  });

  deviceSuite(name, () => store);
  mailboxSuite(name, () => store);

  describe(`${name}: all of it`, () => {
    test("is there when it is opened again, also what was not waited for", async () => {
      await run(requests.create());
      void run(requests.putDevices(1, [1]));
      void run(requests.putPrekeys(1, { signed: signedPrekey(1), oneTime: prekeys(2, 3) }));
      const last = run(requests.putPin(pin(1, 1)));
      await store[Symbol.asyncDispose]();
      expect(await last).toEqual({ op: "putPin", pin: pin(1, 1) });
      store = await place.open();
      const { account, pins } = await loaded(store);
      expect(account?.standings[0]).toMatchObject({ signedPrekey: 1, oneTimePrekeys: 3 });
      expect([account?.keys, account?.devices, pins]).toEqual([accountKeys(1), signedList(1), [pin(1, 1)]]);
    });

    test("belongs to the store: bytes that were given or answered may be changed", async () => {
      const keys = accountKeys(1);
      await run(requests.create({ keys }));
      keys.identityKey.fill(9);
      const { account } = await loaded(store);
      expect(account?.keys).toEqual(accountKeys(1));
      account?.keys.accountWrap.fill(9);
      expect((await loaded(store)).account?.keys).toEqual(accountKeys(1));
    });

    test("whatever is asked in whatever order is answered alike by every store", () => storeModel(makePlace), 60_000);
  });
}
