/** Random requests, at random restarts: a store answers as the one in memory does. */
import { expect } from "bun:test";
import fc from "fast-check";
import type { StoreRequest } from "../../core/peer/store.ts";
import { MemoryStore } from "./memoryStore.ts";
import {
  ALICE,
  accountKeys,
  BOB,
  deviceNamed,
  filled,
  pin,
  prekeys,
  requests,
  signedPrekey,
  sorted,
} from "./storeRequests.ts";
import type { StorePlace } from "./storeSuite.ts";

const RUNS = 30;

const small = fc.integer({ min: 0, max: 3 });
const user = fc.constantFrom(ALICE, BOB);
const wrap = fc.constantFrom(new Uint8Array(), filled(60, 5), filled(61, 6));
const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: null });

const request: fc.Arbitrary<StoreRequest> = fc.oneof(
  fc.record({ user, epoch: small }).map(requests.load),
  fc
    .record({ user, epoch: small, identity: small, accountWrap: wrap, replaces: maybe(small) })
    .map(({ identity, accountWrap, replaces, ...rest }) => {
      const old = replaces === null ? null : filled(32, replaces);
      return requests.create({ ...rest, keys: accountKeys(identity, accountWrap), replaces: old });
    }),
  fc
    .record({ user, epoch: small, identity: small, accountWrap: wrap, recoveryWrap: wrap })
    .map(({ identity, ...rest }) => requests.putWraps({ ...rest, identityKey: filled(32, identity) })),
  fc
    .record({ user, identity: small, number: fc.integer({ min: 1, max: 5 }), devices: fc.uniqueArray(small) })
    .map(({ user: of, identity, number, devices }) =>
      requests.putDevices(number, devices, { user: of, identityKey: filled(32, identity) }),
    ),
  fc
    .record({ user, device: small, signed: maybe(small), from: fc.nat(80), count: fc.nat(20) })
    .map(({ user: of, device, signed, from, count }) => {
      const oneTime = prekeys(from + 1, count);
      return requests.putPrekeys(device, {
        user: of,
        signed: signed === null ? null : signedPrekey(signed + 1),
        oneTime,
      });
    }),
  fc.record({ user, device: small }).map(({ user: of, device }) => requests.takePrekeys(device, of)),
  fc
    .record({ user, number: small, version: fc.nat(4) })
    .map(({ user: of, number, version }) => requests.putPin(pin(number, version), of)),
  fc
    .record({ user, device: small, atMs: fc.nat(), logins: maybe(fc.nat(9)) })
    .map(({ user: of, device, atMs, logins }) => requests.seen(device, atMs, logins, of)),
  user.map(requests.forget),
);

/** Of two devices and two senders, few messages and small limits, so that much is the same, and mailboxes are full. */
const sender = fc.record({ user, device: fc.constantFrom(deviceNamed(0), deviceNamed(1)) });
export const mailboxRequest: fc.Arbitrary<StoreRequest> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc
      .record({ user, device: small, from: sender, message: small, receivedAt: fc.nat(20), length: fc.nat(40) })
      .chain(({ device, message, length, ...rest }) =>
        fc.record({ envelopes: fc.integer({ min: 1, max: 12 }), bytes: fc.nat(300) }).map((limits) => {
          const envelope = filled(length, message);
          return requests.deposit(message, { ...rest, device: deviceNamed(device), envelope, limits });
        }),
      ),
  },
  fc
    .record({ user, device: small, maxEnvelopes: fc.integer({ min: 1, max: 12 }), maxBytes: fc.nat(300) })
    .map(({ device, ...rest }) => requests.collect({ ...rest, device: deviceNamed(device) })),
  fc
    .record({ user, device: small, from: sender, messages: fc.array(small, { maxLength: 3 }) })
    .map(({ device, messages, ...rest }) => requests.discard(messages, { ...rest, device: deviceNamed(device) })),
  fc
    .record({ beforeMs: fc.nat(20), max: fc.integer({ min: 1, max: 9 }) })
    .map(({ beforeMs, max }) => requests.expire(beforeMs, max)),
);

const step = fc.oneof(
  { weight: 9, arbitrary: fc.array(fc.oneof(request, mailboxRequest), { maxLength: 200 }) },
  fc.constant("reopen" as const),
);

/** Every run begins with two accounts and a device each, as little happens without. */
const BEGINNING = [ALICE, BOB].flatMap((of) => [
  requests.create({ user: of }),
  requests.putDevices(1, [0, 1], { user: of }),
]);

/** @throws (of the test) with the requests that were answered otherwise */
export async function storeModel(makePlace: () => StorePlace): Promise<void> {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 6 }), async (steps) => {
      using place = makePlace();
      let store = await place.open();
      try {
        const model = new MemoryStore();
        for (const what of [BEGINNING, ...steps]) {
          if (what === "reopen") {
            await store[Symbol.asyncDispose]();
            store = await place.open();
            continue;
          }
          const answers = await Promise.all(what.map((one) => store.run(one)));
          expect(answers.map(sorted)).toEqual(what.map((one) => sorted(model.answer(one))));
        }
      } finally {
        await store[Symbol.asyncDispose]();
      }
    }),
    { numRuns: RUNS },
  );
}
