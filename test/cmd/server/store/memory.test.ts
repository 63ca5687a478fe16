import { describe, expect, test } from "bun:test";
import { MemoryStore } from "../../../support/memoryStore.ts";
import { accountKeys, filled, loaded, requests, signedPrekey } from "../../../support/storeRequests.ts";
import { storeSuite } from "../../../support/storeSuite.ts";

storeSuite("in memory", () => {
  const store = new MemoryStore();
  return { open: () => Promise.resolve(store), [Symbol.dispose]: () => {} };
});

describe("a snapshot", () => {
  test("is what was there, whatever comes after, however often it is restored", async () => {
    const store = new MemoryStore();
    for (const request of [requests.create(), requests.putDevices(1, [1])]) store.answer(request);
    store.answer(requests.putPrekeys(1, { signed: signedPrekey(1), oneTime: [signedPrekey(2)] }));
    const snapshot = store.snapshot();
    const then = await loaded(store);
    for (let time = 0; time < 2; time += 1) {
      expect(store.answer(requests.takePrekeys(1))).toMatchObject({ prekeys: { oneTime: signedPrekey(2) } });
      store.answer(requests.putWraps({ epoch: 1, accountWrap: filled(60, 9) }));
      store.answer(requests.seen(1, 100, 1));
      expect(await loaded(store)).not.toEqual(then);
      store.restore(snapshot);
      expect(await loaded(store)).toEqual(then);
    }
    store.answer(requests.forget());
    store.restore(snapshot);
    expect((await loaded(store)).account?.keys).toEqual(accountKeys(1));
  });
});
