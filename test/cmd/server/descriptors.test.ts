import { beforeEach, describe, expect, test } from "bun:test";
import type { LogFields } from "../../../cmd/host/log.ts";
import { DescriptorGuard, type Descriptors, type GuardOptions, warnOfFew } from "../../../cmd/server/descriptors.ts";
import { failure } from "../../support/codes.ts";

/** A process that may have `limit` descriptors, of which strangers hold some. */
class Pool implements Descriptors {
  readonly held = new Set<number>();
  strangers = 0;
  readonly #limit: number;
  #last = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  open(): number {
    if (this.held.size + this.strangers >= this.#limit) throw Object.assign(new Error("EMFILE"), { code: "EMFILE" });
    this.#last += 1;
    this.held.add(this.#last);
    return this.#last;
  }

  close(descriptor: number): void {
    expect(this.held.delete(descriptor)).toBe(true);
  }

  get free(): number {
    return this.#limit - this.held.size - this.strangers;
  }
}

type Line = readonly [event: string, fields: LogFields | undefined];
let log: Line[];
let nowMs: number;
let isOpen: boolean;
let portIsTaken: boolean;
let metricsOpen: boolean;
beforeEach(() => {
  log = [];
  nowMs = 0;
  isOpen = true;
  portIsTaken = false;
  metricsOpen = true;
});

function guardOf(pool: Pool): DescriptorGuard {
  const note = (event: string, fields?: LogFields): void => void log.push([event, fields]);
  const options: GuardOptions = {
    listener: {
      get isOpen() {
        return isOpen;
      },
      connections: 3,
      close: () => {
        isOpen = false;
      },
      reopen: () => {
        if (portIsTaken) throw Object.assign(new Error("taken"), { code: "EADDRINUSE" });
        isOpen = true;
      },
    },
    metrics: {
      close: () => {
        metricsOpen = false;
      },
      reopen: () => {
        metricsOpen = true;
      },
    },
    log: { error: note, warn: note, info: note },
    nowMs: () => nowMs,
    descriptors: pool,
  };
  return new DescriptorGuard(options);
}

const events = (): readonly string[] => log.map(([event]) => event);

describe("a guard of the descriptors", () => {
  test("holds a reserve, leaves the port alone while there are enough, and gives all back", () => {
    const pool = new Pool(200);
    using guard = guardOf(pool);
    expect(pool.free).toBe(200 - 24);
    pool.strangers = 200 - 24 - 8;
    guard.look();
    expect([isOpen, pool.free, log]).toEqual([true, 8, []]);
    guard[Symbol.dispose]();
    expect(pool.held.size).toBe(0);
  });

  test("closes the port when hardly any are left, and lets the reserve go", () => {
    const pool = new Pool(200);
    using guard = guardOf(pool);
    pool.strangers = 200 - 24 - 7;
    guard.look();
    expect([isOpen, pool.free]).toEqual([false, 24 + 7]);
    expect(log).toEqual([["descriptors.low", { connections: 3, note: "no newcomers for now; sessions go on" }]]);
  });

  test("opens it again once there are enough for the reserve and some more, and takes that back", () => {
    const pool = new Pool(200);
    using guard = guardOf(pool);
    pool.strangers = 200 - 24;
    guard.look();
    nowMs = 200;
    pool.strangers = 200 - 63;
    guard.look();
    expect(isOpen).toBe(false);
    pool.strangers = 200 - 64;
    nowMs = 199;
    guard.look();
    expect(isOpen).toBe(false); // it was closed only just now
    nowMs = 200;
    guard.look();
    expect([isOpen, pool.free]).toEqual([true, 64 - 24]);
  });

  test("closes the port of the metrics, too, when it is there that descriptors go", () => {
    const pool = new Pool(200);
    using guard = guardOf(pool);
    pool.strangers = 200 - 24;
    guard.look();
    expect([isOpen, metricsOpen]).toEqual([false, true]);
    pool.strangers = 200;
    guard.look();
    expect([isOpen, metricsOpen]).toEqual([false, false]);
    pool.strangers = 100;
    nowMs = 200;
    guard.look();
    expect([isOpen, metricsOpen]).toEqual([true, true]);
  });

  test("tries again while the port cannot be had, and says so once", () => {
    const pool = new Pool(200);
    using guard = guardOf(pool);
    isOpen = false;
    portIsTaken = true;
    for (let times = 0; times < 3; times += 1) guard.look();
    expect(isOpen).toBe(false);
    portIsTaken = false;
    guard.look();
    expect([isOpen, pool.free]).toEqual([true, 200 - 24]);
    expect(log).toEqual([
      ["port.lost", { reason: "another program has it", note: "nobody can connect; it is tried again" }],
      ["port.back", undefined],
    ]);
  });

  test("writes one line when trouble begins and one when it is over, however often the port was closed", () => {
    const pool = new Pool(200);
    using guard = guardOf(pool);
    for (let times = 0; times < 5; times += 1) {
      pool.strangers = 200 - 24;
      guard.look();
      nowMs += 1000;
      pool.strangers = 0;
      guard.look();
      nowMs += 1000;
      guard.look();
    }
    expect(events()).toEqual(["descriptors.low"]);
    nowMs += 3999;
    guard.look();
    expect(events()).toEqual(["descriptors.low"]);
    nowMs += 1;
    guard.look();
    expect(log.slice(1)).toEqual([["descriptors.recovered", { connections: 3, count: 5, ms: 9000 }]]);
    nowMs += 10_000;
    guard.look();
    expect(log).toHaveLength(2);
  });

  test("is refused where there are too few to begin with, and holds none then", () => {
    const pool = new Pool(63);
    expect(failure(() => guardOf(pool))).toMatchObject({ code: "file.failed" });
    expect(pool.held.size).toBe(0);
  });

  test("looks by itself", async () => {
    const pool = new Pool(200);
    using _guard = guardOf(pool);
    pool.strangers = 200;
    pool.strangers = 200 - 24;
    for (let tries = 0; isOpen && tries < 100; tries += 1) await Bun.sleep(20);
    expect(isOpen).toBe(false);
    pool.strangers = 0;
    nowMs = 200;
    for (let tries = 0; !isOpen && tries < 100; tries += 1) await Bun.sleep(20);
    expect(isOpen).toBe(true);
  });
});

test.each([
  [1000, 1064, []],
  [1000, 1063, ["descriptors.few"]],
  [1000, null, []],
])("%d connections where %p descriptors are allowed", (connections, allowed, expected) => {
  warnOfFew({ warn: (event, fields) => log.push([event, fields]) }, connections, allowed);
  expect(events()).toEqual(expected);
});

test("what the system allows is known where it tells", () => {
  warnOfFew({ warn: (event, fields) => log.push([event, fields]) }, 1e9);
  expect(log).toMatchObject([["descriptors.few", { allowed: expect.any(Number), needed: 1e9 + 64 }]]);
});
