import { describe, expect, test } from "bun:test";
import { Errands, type ErrandsOptions } from "../../../cmd/server/errands.ts";
import { CodedError } from "../../../core/errors.ts";
import type { Users } from "../../../core/kdc/realm.ts";
import type { ConnectionId } from "../../../core/peer/online.ts";
import type { ServerEvent } from "../../../core/peer/serverEvents.ts";
import { fixedEnv, quickCrypto } from "../../support/fixedEnv.ts";
import { MemoryStore } from "../../support/memoryStore.ts";
import { ALICE, requests } from "../../support/storeRequests.ts";

const CONNECTION = 7 as ConnectionId;
const BROKEN = new CodedError("file.failed", "the disk is full");
const USERS: Users = new Map();
const refuse = () => Promise.reject(BROKEN);

/** Errands with what they told, in order. */
function errandsWith(options: Partial<ErrandsOptions> = {}) {
  const events: ServerEvent[] = [];
  const faults: (readonly [ConnectionId | null, unknown])[] = [];
  const errands = new Errands({
    env: fixedEnv("errands", quickCrypto),
    store: new MemoryStore(),
    changePassword: () => Promise.resolve(USERS),
    dispatch: (event) => void events.push(event),
    fail: (connection, error) => void faults.push([connection, error]),
    ...options,
  });
  return { errands, events, faults };
}

const passwordOf = (epoch: number) => ({
  ...{ kind: "setPassword" as const, connection: CONNECTION, id: 3, user: ALICE, epoch },
  record: new Uint8Array(192).fill(1),
});

describe("a request to the store", () => {
  test("is answered with its id, on its connection, in the order of the requests", async () => {
    const { errands, events, faults } = errandsWith();
    const all = [requests.create(), requests.load(), requests.putDevices(1, [1])];
    const store = { connection: CONNECTION, kind: "store" } as const;
    await Promise.all(all.map((request, at) => errands.store({ ...store, id: at + 1, request })));
    expect(events).toMatchObject([
      { kind: "stored", connection: CONNECTION, id: 1, answer: { op: "create" } },
      { kind: "stored", connection: CONNECTION, id: 2, answer: { op: "load" } },
      { kind: "stored", connection: CONNECTION, id: 3, answer: { op: "putDevices" } },
    ]);
    expect(faults).toEqual([]);
  });

  test("of no connection is done, and nobody is told", async () => {
    const store = new MemoryStore();
    const { errands, events, faults } = errandsWith({ store });
    store.answer(requests.create());
    await errands.store({ kind: "store", connection: null, id: 0, request: requests.forget() });
    expect([store.answer(requests.load()), events, faults]).toMatchObject([{ account: null }, [], []]);
  });

  test.each([CONNECTION, null])("that fails is a fault of ours, on connection %p", async (connection) => {
    const { errands, events, faults } = errandsWith({ store: { run: refuse } });
    await errands.store({ kind: "store", connection, id: 1, request: requests.load() });
    expect([events, faults]).toEqual([[], [[connection, BROKEN]]]);
  });
});

describe("a new password", () => {
  test.each([USERS, null])("is answered with the users, or with null: %p", async (users) => {
    const asked: unknown[] = [];
    const changePassword = (...change: readonly unknown[]) => {
      asked.push(change);
      return Promise.resolve(users);
    };
    const { errands, events } = errandsWith({ changePassword });
    await errands.setPassword(passwordOf(2));
    expect(asked).toEqual([[ALICE, 2, new Uint8Array(192).fill(1)]]);
    expect(events).toEqual([{ kind: "passwordSet", connection: CONNECTION, id: 3, users }]);
  });

  test("that cannot be kept is a fault of ours", async () => {
    const { errands, events, faults } = errandsWith({ changePassword: refuse });
    await errands.setPassword(passwordOf(2));
    expect([events, faults]).toEqual([[], [[CONNECTION, BROKEN]]]);
  });
});

describe("a job", () => {
  const job = { op: "kemGenerate" } as const;

  test("is answered with its result", async () => {
    const { errands, events } = errandsWith();
    await errands.compute({ kind: "compute", connection: CONNECTION, job });
    expect(events).toMatchObject([{ kind: "computed", connection: CONNECTION, result: { op: "kemGenerate" } }]);
  });

  test.each([
    [BROKEN, [{ kind: "failed", connection: CONNECTION, error: BROKEN }], []],
    [new TypeError("a bug"), [], [[CONNECTION, expect.any(TypeError)]]],
  ] as const)("that fails is told to the machine, or is a fault of ours", async (error, told, faulty) => {
    const env = { ...fixedEnv("errands", quickCrypto), crypto: { ...quickCrypto, run: () => Promise.reject(error) } };
    const { errands, events, faults } = errandsWith({ env });
    await errands.compute({ kind: "compute", connection: CONNECTION, job });
    expect<unknown>([events, faults]).toEqual([told, faulty]);
  });
});
