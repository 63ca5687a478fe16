import { expect, test } from "bun:test";
import { Pace } from "../../../cmd/server/pace.ts";

const RATES = { sessionFramesPerSecond: 100, sessionBytesPerSecond: 1000 };

test("two seconds' worth at once, then as time passes", () => {
  const pace = new Pace();
  pace.charge({ frames: 200 }, RATES, 0);
  expect(pace.waitMs(0)).toBe(0);
  pace.charge({ frames: 1 }, RATES, 0);
  expect(pace.waitMs(0)).toBe(10);
  expect(pace.waitMs(9)).toBe(1);
  expect(pace.waitMs(10)).toBe(0);
});

test("bytes by their own rate, and a ticket as ten frames", () => {
  const bytes = new Pace();
  bytes.charge({ bytes: 2500 }, RATES, 0);
  expect(bytes.waitMs(0)).toBe(500);
  const tickets = new Pace();
  tickets.charge({ frames: 21, tickets: 21 }, RATES, 0);
  expect(tickets.waitMs(0)).toBeWithin(100, 102);
});

test("over a long time no more than the rate, and never more than the burst after a rest", () => {
  const pace = new Pace();
  let [now, served] = [0, 0];
  while (now < 60_000) {
    const wait = pace.waitMs(now);
    now += wait;
    pace.charge({ frames: 64 }, RATES, now);
    served += 64;
  }
  expect(served).toBeWithin(6000, 6000 + 200 + 128);
  pace.charge({ frames: 200 }, RATES, now + 3_600_000);
  expect(pace.waitMs(now + 3_600_000)).toBe(0);
  pace.charge({ frames: 1 }, RATES, now + 3_600_000);
  expect(pace.waitMs(now + 3_600_000)).toBe(10);
});

test("a clock that goes back gives nothing", () => {
  const pace = new Pace();
  pace.charge({ frames: 300 }, RATES, 1000);
  expect(pace.waitMs(500)).toBe(1000);
});
