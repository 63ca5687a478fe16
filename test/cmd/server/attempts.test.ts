import { Database } from "bun:sqlite";
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { Attempts, type Guesser } from "../../../cmd/server/attempts.ts";
import { GUESS_MEMORY_MS, GUESS_SUMMARIES_MAX, KNOWN_PREFIX_MS, PREFIX_GUESSES_PER_DAY } from "../../../core/limits.ts";
import { parseUserName } from "../../../core/name.ts";
import { failure } from "../../support/codes.ts";
import { temporaryFolder } from "../../support/folder.ts";

const NOW = 1_800_000_000_000;
const HOUR = 3_600_000;
const by = (name: string, prefix = "192.0.2.0/24"): Guesser => ({ name, prefix });
const prove = (guesser: Guesser, atMs: number) =>
  attempts.prove(parseUserName(guesser.name), guesser.prefix, attempts.count(guesser, true, atMs), atMs);

let folder: ReturnType<typeof temporaryFolder>;
let attempts: Attempts;
beforeEach(() => {
  folder = temporaryFolder();
  attempts = Attempts.open(folder.path);
});
afterEach(() => {
  attempts[Symbol.dispose]();
  folder[Symbol.dispose]();
});

const fail = (guesser: Guesser, times: number, atMs = NOW, registered = true): void => {
  for (let time = 0; time < times; time += 1) attempts.count(guesser, registered, atMs);
};

describe("what is counted", () => {
  test("a name that nobody has tried", () => {
    expect(attempts.historyOf(by("alice"), NOW)).toEqual({
      here: 0,
      lastHereMs: 0,
      inHour: 0,
      fromPrefix: 0,
      known: false,
    });
  });

  test("by name and prefix, and by name from anywhere", () => {
    fail(by("alice"), 3, NOW - 2);
    fail(by("alice", "198.51.100.0/24"), 2, NOW - 1);
    fail(by("bob"), 1);
    expect(attempts.historyOf(by("alice"), NOW)).toMatchObject({ here: 3, lastHereMs: NOW - 2, inHour: 5 });
    expect(attempts.historyOf(by("alice", "2001:db8::/48"), NOW)).toMatchObject({ here: 0, inHour: 5 });
  });

  test("by prefix, at any names, as far as it matters", () => {
    fail(by("alice"), 3);
    fail(by("bob"), 2);
    fail(by("bob", "198.51.100.0/24"), 1);
    expect(attempts.historyOf(by("chris"), NOW)).toMatchObject({ here: 0, inHour: 0, fromPrefix: 5 });
    for (let at = 0; at < PREFIX_GUESSES_PER_DAY; at += 1) fail(by(`n${at}`), 1, NOW, false);
    expect(attempts.historyOf(by("chris"), NOW).fromPrefix).toBe(PREFIX_GUESSES_PER_DAY);
    expect(attempts.historyOf(by("chris"), NOW + GUESS_MEMORY_MS).fromPrefix).toBe(0);
  });

  test("known and unknown names alike", () => {
    fail(by("alice"), 6, NOW, true);
    fail(by("zoe"), 6, NOW, false);
    expect(attempts.historyOf(by("zoe"), NOW)).toEqual(attempts.historyOf(by("alice"), NOW));
  });

  test.each([
    ["within an hour", NOW - HOUR + 1, { here: 1, inHour: 1 }],
    ["an hour ago", NOW - HOUR, { here: 1, inHour: 0 }],
    ["within a day", NOW - GUESS_MEMORY_MS + 1, { here: 1, inHour: 0 }],
    ["a day ago", NOW - GUESS_MEMORY_MS, { here: 0, inHour: 0 }],
    ["in the future, as the clock was set back", NOW + HOUR, { here: 1, inHour: 1 }],
  ])("%s", (_what, atMs, expected) => {
    fail(by("alice"), 1, atMs);
    expect(attempts.historyOf(by("alice"), NOW)).toMatchObject(expected);
  });

  test("a guess that was the password is none", () => {
    fail(by("alice"), 2);
    prove(by("alice"), NOW);
    expect(attempts.historyOf(by("alice"), NOW)).toMatchObject({ here: 2, inHour: 2 });
  });

  test("everything is there after a restart, a killed one too", () => {
    fail(by("alice"), 4);
    using other = Attempts.open(folder.path); // the first has not been closed
    expect(other.historyOf(by("alice"), NOW)).toMatchObject({ here: 4 });
  });
});

describe("where users log in from", () => {
  const login = prove;

  test("is theirs for 90 days, and for nobody else", () => {
    login(by("alice"), NOW);
    const known = (guesser: Guesser, atMs: number) => attempts.historyOf(guesser, atMs).known;
    expect([known(by("alice"), NOW + KNOWN_PREFIX_MS - 1), known(by("alice"), NOW + KNOWN_PREFIX_MS)]).toEqual([
      true,
      false,
    ]);
    expect([known(by("bob"), NOW), known(by("alice", "192.0.3.0/24"), NOW)]).toEqual([false, false]);
    login(by("alice"), NOW + 5);
    login(by("alice"), NOW + 2); // a clock that goes back takes nothing away
    expect(known(by("alice"), NOW + KNOWN_PREFIX_MS + 4)).toBe(true);
  });

  test("makes the prefix known, whatever the name", () => {
    expect(attempts.isKnown("192.0.2.0/24", NOW)).toBe(false);
    login(by("alice"), NOW);
    expect([attempts.isKnown("192.0.2.0/24", NOW), attempts.isKnown("192.0.3.0/24", NOW)]).toEqual([true, false]);
    expect(attempts.isKnown("192.0.2.0/24", NOW + KNOWN_PREFIX_MS)).toBe(false);
  });

  test("a login reports what failed since the user was last told, by prefix, latest first", () => {
    const report = (atMs: number) => login(by("alice"), atMs);
    expect(report(NOW)).toEqual({ prefixes: [], others: 0 });
    fail(by("alice", "a"), 2, NOW + 10);
    fail(by("alice", "b"), 1, NOW + 20);
    fail(by("alice", "a"), 1, NOW + 15);
    fail(by("bob", "c"), 1, NOW + 30);
    for (const atMs of [NOW + 90, NOW + 100])
      expect(report(atMs)).toEqual({
        prefixes: [
          { from: "b", count: 1, firstMs: NOW + 20, lastMs: NOW + 20 },
          { from: "a", count: 3, firstMs: NOW + 10, lastMs: NOW + 15 },
        ],
        others: 0,
      });
    fail(by("alice", "d"), 1, NOW + 101);
    attempts.told(parseUserName("alice"), by("alice").prefix, NOW + 100);
    attempts.told(parseUserName("alice"), by("alice").prefix, NOW + 50); // an older login whose user looked later
    const late = { from: "d", count: 1, firstMs: NOW + 101, lastMs: NOW + 101 };
    expect(report(NOW + 200)).toEqual({ prefixes: [late], others: 0 });
  });

  test("somebody else who has found out the password does not silence it", () => {
    fail(by("alice", "thief"), 3, NOW);
    expect(login(by("alice", "thief"), NOW + 1).prefixes).toHaveLength(1);
    attempts.told(parseUserName("alice"), "thief", NOW + 1);
    expect(login(by("alice", "thief"), NOW + 2).prefixes).toEqual([]);
    expect(login(by("alice", "home"), NOW + 3).prefixes).toMatchObject([{ from: "thief", count: 3 }]);
  });

  test("of more prefixes than are told, the number of guesses is", () => {
    for (let at = 0; at < GUESS_SUMMARIES_MAX + 3; at += 1) fail(by("alice", `prefix ${at}`), 2, NOW + at);
    const { prefixes, others } = login(by("alice"), NOW + 1000);
    expect(prefixes.map(({ from }) => from)).toContain(`prefix ${GUESS_SUMMARIES_MAX + 2}`);
    expect([prefixes.length, others]).toEqual([GUESS_SUMMARIES_MAX, 6]);
  });
});

describe("what an operator sees and does", () => {
  test("failures of a day and of the hour, and the last one", () => {
    expect(attempts.guessesOf(parseUserName("alice"), NOW)).toEqual({ failed: 0, inHour: 0, last: null });
    fail(by("alice", "a"), 2, NOW - 2 * HOUR);
    fail(by("alice", "b"), 1, NOW - 1);
    expect(attempts.guessesOf(parseUserName("alice"), NOW)).toEqual({
      ...{ failed: 3, inHour: 1 },
      last: { prefix: "b", atMs: NOW - 1 },
    });
  });

  test("what is cleared is told all the same", () => {
    fail(by("alice"), 3, NOW);
    attempts.clear(parseUserName("alice"));
    expect(attempts.guessesOf(parseUserName("alice"), NOW)).toEqual({ failed: 0, inHour: 0, last: null });
    expect(prove(by("alice"), NOW + 1).prefixes).toMatchObject([{ count: 3 }]);
  });

  test("clearing one user leaves the others, and where users log in from", () => {
    prove(by("alice"), NOW);
    fail(by("alice"), 9, NOW + 1);
    fail(by("bob"), 9, NOW + 1);
    attempts.clear(parseUserName("alice"));
    expect(attempts.historyOf(by("alice"), NOW + 1)).toEqual({
      ...{ here: 0, lastHereMs: 0, inHour: 0, known: true },
      fromPrefix: 9, // Bob's
    });
    expect(attempts.historyOf(by("bob"), NOW + 1).here).toBe(9);
  });
});

describe("however many guesses there are", () => {
  const rows = (): number => {
    using database = new Database(folder.at("attempts.db"), { readonly: true });
    return database.query<{ count: number }, []>("SELECT count(*) AS count FROM guess").get()?.count ?? 0;
  };

  test("at one user: a thousand are kept, and those that are clear are gone", () => {
    fail(by("alice"), 4100);
    expect(rows()).toBeLessThanOrEqual(2001);
    expect(attempts.historyOf(by("alice"), NOW).here).toBeGreaterThanOrEqual(1000);
  });

  test("and logins: those of 90 days", () => {
    prove(by("alice"), NOW);
    prove(by("bob"), NOW + 1);
    for (let at = 0; at < 1100; at += 1) attempts.count(by(`n${at}`), false, NOW + KNOWN_PREFIX_MS);
    using database = new Database(folder.at("attempts.db"), { readonly: true });
    expect(database.query("SELECT user FROM login").all()).toEqual([{ user: "bob" }]);
  });

  test("at names that nobody has: those of a day", () => {
    for (let at = 0; at < 1500; at += 1) attempts.count(by(`n${at}`), false, NOW);
    for (let at = 0; at < 1500; at += 1) attempts.count(by(`m${at}`), false, NOW + GUESS_MEMORY_MS);
    expect(rows()).toBeLessThanOrEqual(2500);
    expect(attempts.historyOf(by("m1499"), NOW + GUESS_MEMORY_MS).here).toBe(1);
  });
});

describe("the file", () => {
  test("is its owner's, and a look makes none", () => {
    expect(statSync(folder.at("attempts.db")).mode & 0o777).toBe(0o600);
    using empty = temporaryFolder();
    expect(Attempts.openExisting(empty.path)).toBeNull();
    expect(existsSync(empty.at("attempts.db"))).toBe(false);
    using seen = Attempts.openExisting(folder.path);
    expect(seen).not.toBeNull();
  });

  test("that is damaged: one line that names it and says what to do, and it stays as it is", () => {
    using broken = temporaryFolder();
    writeFileSync(broken.at("attempts.db"), "not a database, but long enough to be taken for one ".repeat(50));
    const { code, detail } = failure(() => Attempts.open(broken.path));
    expect([code, detail]).toEqual([
      "config.invalid",
      `${broken.at("attempts.db")}: cannot be used (it is damaged); move it away, and the counts begin again`,
    ]);
    expect(statSync(broken.at("attempts.db")).size).toBe(2600);
  });

  test("that is damaged somewhere in the middle is found out at the start", () => {
    using broken = temporaryFolder();
    {
      using some = Attempts.open(broken.path);
      for (let at = 0; at < 400; at += 1) some.count(by(`n${at}`), false, NOW);
    }
    const bytes = readFileSync(broken.at("attempts.db"));
    bytes.fill(0xee, 4200, bytes.length - 100);
    writeFileSync(broken.at("attempts.db"), bytes);
    expect(failure(() => Attempts.open(broken.path))).toMatchObject({
      code: "config.invalid",
      detail: expect.stringContaining("cannot be used (it is damaged)"),
    });
  });

  test("of a newer version is refused", () => {
    using newer = temporaryFolder();
    using database = new Database(newer.at("attempts.db"));
    database.run("PRAGMA user_version = 2");
    expect(failure(() => Attempts.open(newer.path)).detail).toEndWith("written by a newer version of this program");
  });

  test("that cannot be written: the guess is not counted, and that is an error", () => {
    using database = new Database(folder.at("attempts.db"));
    database.run("CREATE TRIGGER full BEFORE INSERT ON guess BEGIN SELECT RAISE(ABORT, 'secret text'); END");
    const { code, detail } = failure(() => attempts.count(by("alice"), true, NOW));
    expect(code).toBe("file.failed");
    expect(detail).not.toContain("secret text");
  });
});
