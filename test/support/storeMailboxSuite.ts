/** The part of the stores' suite (storeSuite.ts) about envelopes that wait for a device. */
import { beforeEach, describe, expect, test } from "bun:test";
import type { Store } from "../../cmd/server/store/store.ts";
import type { StoreRequest } from "../../core/peer/store.ts";
import {
  ALICE,
  accountKeys,
  addressOf,
  BOB,
  deviceNamed,
  filled,
  messageNamed,
  numberOf,
  requests,
  waiting,
} from "./storeRequests.ts";

/** Of the store that `current` is at a test. */
export function mailboxSuite(name: string, current: () => Store): void {
  const run = (request: StoreRequest) => current().run(request);
  const runAll = (all: readonly StoreRequest[]) => Promise.all(all.map(run));
  const second = { device: deviceNamed(2) };
  const numbers = async (parts: Parameters<typeof waiting>[1] = {}) => (await waiting(current(), parts)).map(numberOf);

  describe(`${name}: a mailbox`, () => {
    beforeEach(async () => {
      await runAll([requests.create(), requests.putDevices(1, [1, 2])]);
    });

    test("gives what was put into it, in that order, as it came", async () => {
      const latest = 8_640_000_000_000_000;
      const envelope = Uint8Array.from({ length: 16_384 }, (_, at) => at % 251);
      const put = [requests.deposit(3), requests.deposit(1, { receivedAt: 1 }), requests.deposit(2, { envelope })];
      for (const answer of await runAll(put)) expect(answer).toEqual({ op: "deposit", outcome: "kept" });
      await run(requests.deposit(4, { receivedAt: latest, from: addressOf(ALICE, 2) }));
      const from = addressOf(BOB, 1);
      expect(await waiting(current())).toEqual([
        { position: expect.any(Number), from, message: messageNamed(3), receivedAt: 1000, envelope: filled(300, 3) },
        { position: expect.any(Number), from, message: messageNamed(1), receivedAt: 1, envelope: filled(300, 1) },
        { position: expect.any(Number), from, message: messageNamed(2), receivedAt: 1000, envelope },
        {
          ...{ position: expect.any(Number), from: addressOf(ALICE, 2), message: messageNamed(4) },
          ...{ receivedAt: latest, envelope: filled(300, 4) },
        },
      ]);
      expect(await numbers()).toEqual([3, 1, 2, 4]); // collecting takes nothing away
    });

    test("is one device's alone", async () => {
      await runAll([requests.create({ user: BOB }), requests.putDevices(1, [1], { user: BOB })]);
      await runAll([requests.deposit(1), requests.deposit(2, second), requests.deposit(3, { user: BOB })]);
      await run(requests.discard([1, 2, 3], second));
      expect([await numbers(), await numbers(second), await numbers({ user: BOB })]).toEqual([[1], [], [3]]);
    });

    test("of a device that is not in the list, or of nobody, takes nothing and has nothing", async () => {
      const nowhere = [{ device: deviceNamed(3) }, { user: BOB }];
      for (const place of nowhere) {
        expect(await run(requests.deposit(1, place))).toEqual({ op: "deposit", outcome: "absent" });
        expect(await run(requests.collect(place))).toEqual({ op: "collect", envelopes: [], expired: 0 });
        expect(await run(requests.discard([1], place))).toEqual({ op: "discard", left: 0 });
      }
      await run(requests.putDevices(2, [1, 2, 3]));
      expect(await numbers({ device: deviceNamed(3) })).toEqual([]);
    });

    test.each([
      ["as many envelopes as it may", { envelopes: 2, bytes: 10_000 }, ["kept", "kept", "full"]],
      ["as many bytes as it may", { envelopes: 10, bytes: 600 }, ["kept", "kept", "full"]],
      ["one byte less", { envelopes: 10, bytes: 599 }, ["kept", "full", "full"]],
      ["none at all", { envelopes: 0, bytes: 600 }, ["full", "full", "full"]],
    ])("holds %s", async (_, limits, outcomes) => {
      const answers = await runAll([1, 2, 3].map((number) => requests.deposit(number, { limits })));
      expect(answers).toEqual(outcomes.map((outcome) => ({ op: "deposit", outcome }) as never));
      const kept = outcomes.flatMap((outcome, at) => (outcome === "kept" ? [at + 1] : []));
      expect(await numbers()).toEqual(kept);
      expect(await run(requests.deposit(4, { ...second, limits: { envelopes: 1, bytes: 300 } }))).toMatchObject({
        outcome: "kept",
      });
    });

    test("is collected up to the bytes asked for, also behind envelopes of none", async () => {
      await runAll([1, 2].map((number) => requests.deposit(number, { envelope: new Uint8Array(0) })));
      await run(requests.deposit(3, { envelope: filled(500, 3) }));
      expect(await numbers({ maxBytes: 100 })).toEqual([1, 2]);
    });

    test("has room again for as much as was discarded", async () => {
      const limits = { envelopes: 3, bytes: 600 };
      await runAll([1, 2].map((number) => requests.deposit(number, { limits })));
      expect(await run(requests.deposit(3, { limits, envelope: filled(1, 3) }))).toMatchObject({ outcome: "full" });
      await run(requests.discard([1]));
      expect(await run(requests.deposit(3, { limits, envelope: filled(301, 3) }))).toMatchObject({ outcome: "full" });
      expect(await run(requests.deposit(3, { limits }))).toMatchObject({ outcome: "kept" });
      expect(await numbers()).toEqual([2, 3]);
    });

    test.each([
      ["fewer bytes than the first has", { maxBytes: 0 }, [1]],
      ["bytes of the first two", { maxBytes: 600 }, [1, 2]],
      ["one less", { maxBytes: 599 }, [1]],
      ["three envelopes", { maxEnvelopes: 3 }, [1, 2, 3]],
    ])("is collected in parts: %s", async (_, part, first) => {
      await runAll(Array.from({ length: 7 }, (_value, at) => requests.deposit(at + 1)));
      await runAll([8, 9].map((number) => requests.deposit(number, second)));
      const parts: number[][] = [];
      let after = 0;
      for (;;) {
        const got = await waiting(current(), { ...part, after });
        if (got.length === 0) break;
        parts.push(got.map(numberOf));
        after = got.at(-1)?.position ?? 0;
      }
      expect(parts[0]).toEqual(first);
      expect(parts.flat()).toEqual([1, 2, 3, 4, 5, 6, 7]);
    });

    test("never gives a position again", async () => {
      await runAll([requests.deposit(1), requests.deposit(2)]);
      const last = (await waiting(current())).at(-1)?.position ?? 0;
      await run(requests.discard([1, 2]));
      await run(requests.deposit(3));
      expect(await numbers({ after: last })).toEqual([3]);
      const third = (await waiting(current())).at(-1)?.position ?? 0;
      await runAll([requests.putDevices(2, []), requests.putDevices(3, [1]), requests.deposit(4)]);
      expect(await numbers({ after: third })).toEqual([4]);
    });

    test("loses what was acknowledged, however often it was put there, and nothing of another sender", async () => {
      const others = [addressOf(BOB, 2), addressOf(ALICE, 1)];
      await runAll([1, 2, 1, 3].map((number) => requests.deposit(number)));
      await runAll(others.map((from) => requests.deposit(1, { from })));
      expect(await run(requests.discard([1, 9]))).toEqual({ op: "discard", left: 4 });
      expect(await run(requests.discard([1]))).toEqual({ op: "discard", left: 4 });
      expect(await numbers()).toEqual([2, 3, 1, 1]);
      expect((await waiting(current())).slice(2).map(({ from }) => from)).toEqual(others);
      expect(await run(requests.discard([]))).toEqual({ op: "discard", left: 4 });
      expect(await run(requests.discard([3, 2]))).toEqual({ op: "discard", left: 2 });
    });

    const expiredOf = async (parts: Parameters<typeof waiting>[1] = {}) => {
      const answer = await run(requests.collect(parts));
      return answer.op === "collect" ? answer.expired : null;
    };

    test("loses what is too old, and counts it", async () => {
      await runAll([10, 20, 30].map((receivedAt) => requests.deposit(receivedAt, { receivedAt })));
      await run(requests.deposit(15, { receivedAt: 15, ...second }));
      expect(await run(requests.expire(10))).toEqual({ op: "expire", expired: [] });
      const lost = await run(requests.expire(30));
      const expired = [
        { ...addressOf(ALICE, 1), envelopes: 2 },
        { ...addressOf(ALICE, 2), envelopes: 1 },
      ];
      expect(lost).toEqual({ op: "expire", expired: expect.arrayContaining(expired) });
      expect([await numbers(), await expiredOf(), await numbers(second), await expiredOf(second)]).toEqual([
        ...[[30], 2],
        ...[[], 1],
      ]);
      await run(requests.expire(31));
      expect([await numbers(), await expiredOf()]).toEqual([[], 3]);
      const limits = { envelopes: 1, bytes: 300 };
      expect(await run(requests.deposit(40, { limits }))).toMatchObject({ outcome: "kept" });
      await run(requests.discard([40]));
      expect(await expiredOf()).toBe(3); // what was acknowledged is not lost
    });

    test("loses no more at once than is asked for, and what was received first, also when the clock was set back", async () => {
      await runAll([30, 10, 20].map((receivedAt) => requests.deposit(receivedAt, { receivedAt })));
      expect(await run(requests.expire(100, 2))).toEqual({
        op: "expire",
        expired: [{ ...addressOf(ALICE, 1), envelopes: 2 }],
      });
      expect(await numbers()).toEqual([30]);
    });

    test.each([
      ["its device leaves the list", [requests.putDevices(2, [2]), requests.putDevices(3, [1, 2])]],
      [
        "the account is replaced",
        [
          requests.create({ keys: accountKeys(2), replaces: filled(32, 1) }),
          requests.putDevices(1, [1, 2], { identityKey: filled(32, 2) }),
        ],
      ],
      ["the user is forgotten", [requests.forget(), requests.create(), requests.putDevices(1, [1, 2])]],
    ])("goes when %s, with what was counted", async (_, ends) => {
      const limits = { envelopes: 2, bytes: 600 };
      await runAll([1, 2, 3].map((number) => requests.deposit(number, { receivedAt: number })));
      await run(requests.expire(2));
      await runAll(ends);
      expect(await run(requests.collect())).toEqual({ op: "collect", envelopes: [], expired: 0 });
      const answers = await runAll([4, 5].map((number) => requests.deposit(number, { limits })));
      expect(answers).toEqual(Array(2).fill({ op: "deposit", outcome: "kept" }));
      expect(await run(requests.expire(1))).toEqual({ op: "expire", expired: [] });
    });

    test("of another device stays when one goes", async () => {
      await runAll([requests.deposit(1), requests.deposit(2, second), requests.putDevices(2, [2])]);
      expect(await numbers(second)).toEqual([2]);
    });
  });
}
