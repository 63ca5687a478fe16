/** Strangers who guess passwords, over many connections, addresses and lives of the server. */
import { expect, setDefaultTimeout, test } from "bun:test";
import { CodedError } from "../../../core/errors.ts";
import { GUESS_WAIT_MAX_SECONDS, GUESSES_FREE, GUESSES_PER_HOUR, LOGINS_UNDER_WAY_MAX } from "../../../core/limits.ts";
import { rejection } from "../../support/codes.ts";
import { loopback } from "../../support/crowd.ts";
import { processCost, reportFigures } from "../../support/figures.ts";
import { accountIn, addQuickUsers, quickEnv } from "../../support/quickUsers.ts";
import { type Account, begin, logIn } from "../../support/remotePeer.ts";
import { RealmFolder, RunningRealm } from "../../support/runningRealm.ts";
import { dial } from "../../support/stranger.ts";

setDefaultTimeout(60_000);

/** What a guesser does with the answer: leaves, sends a proof that is none, or finds that the password is wrong. */
const ENDINGS = ["leave", "fail", "prove"] as const;

/** One guess. @returns 0 when it was answered, else how many seconds it has to wait */
async function guess(port: number, account: Account, from: string, ending: (typeof ENDINGS)[number] = "leave") {
  using transport = await dial(port, from);
  try {
    const begun = await begin(quickEnv, transport, account);
    if (ending === "prove") expect((await rejection(begun.prove())).code).toBe("auth.rejected");
    if (ending !== "fail") return 0;
    begun.fail();
    expect((await rejection(transport.receive())).code).toBe("auth.rejected");
    return 0;
  } catch (error) {
    if (!(error instanceof CodedError)) throw error;
    expect([error.code, error.waitSeconds > 0]).toEqual(["auth.tooManyAttempts", true]);
    return error.waitSeconds;
  }
}

/** What `server user list --json` says of a user. */
async function counts(folder: RealmFolder, name: string): Promise<Record<string, unknown>> {
  const lines = (await folder.admin("user", "list", "--json")).trim().split("\n");
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>).find((user) => user.name === name) ?? {};
}

async function realmWith(...names: readonly string[]): Promise<RunningRealm> {
  // Strangers are asked for no puzzle: here it is the count alone that stops them.
  const folder = new RealmFolder({ limits: { loginsInWork: 1024 } });
  await addQuickUsers(folder, names);
  return await RunningRealm.start({}, folder);
}

const AT_ONCE = 30;

/** A name under attack from one /24, and how the server has kept it. */
class Siege {
  readonly #realm: RunningRealm;
  readonly #account: Account;
  answered = 0;
  tries = 0;
  /** The longest wait that was told. */
  toldSeconds = 0;
  /** When the last guess that was answered had been sent, by our clock. */
  #sentAtMs = 0;
  /** When the next one is answered, by what was told. */
  #dueMs = Number.POSITIVE_INFINITY;

  constructor(realm: RunningRealm, name: string) {
    this.#realm = realm;
    this.#account = accountIn(realm.folder, name, "wrong");
  }

  /** Many guesses at the same moment, each from another address and with another ending. */
  async storm(): Promise<void> {
    this.#sentAtMs = performance.now();
    await Promise.all(Array.from({ length: AT_ONCE }, () => this.#try()));
  }

  /** Guesses until one is answered; fails when that is before the rule allows it, which is `seconds` after the last. */
  async persist(seconds: number): Promise<void> {
    const [before, lastMs] = [this.answered, this.#sentAtMs];
    this.toldSeconds = 0;
    while (this.answered === before) {
      this.#sentAtMs = performance.now();
      await this.#try();
      if (this.answered === before) await Bun.sleep(50);
    }
    expect(this.answered).toBe(before + 1);
    expect(performance.now() - lastMs).toBeGreaterThanOrEqual(seconds * 1000);
    expect(this.toldSeconds).toBeLessThanOrEqual(seconds);
  }

  /** One more guess, which has to wait. */
  async refused(seconds: number): Promise<void> {
    this.toldSeconds = 0;
    await this.#try();
    expect(this.toldSeconds).toBeGreaterThan(seconds / 2);
    expect(this.toldSeconds).toBeLessThanOrEqual(seconds);
  }

  async #try(): Promise<void> {
    const [turn, sentAtMs] = [this.tries, performance.now()];
    this.tries += 1;
    const from = `127.0.5.${1 + (turn % 200)}`;
    const seconds = await guess(this.#realm.port, this.#account, from, ENDINGS[turn % ENDINGS.length]);
    if (seconds === 0) this.answered += 1;
    else expect(sentAtMs).toBeLessThan(this.#dueMs);
    this.#dueMs = seconds === 0 ? Number.POSITIVE_INFINITY : Math.min(this.#dueMs, performance.now() + seconds * 1000);
    this.toldSeconds = Math.max(this.toldSeconds, seconds);
  }
}

test("guesses over many connections and addresses of one network, and over a restart: one count", async () => {
  await using realm = await realmWith("Victim");
  const memory = processCost(realm.server.pid).memoryMiB;
  const [victim, nobody] = [new Siege(realm, "Victim"), new Siege(realm, "nobody")];
  const sieges = [victim, nobody];
  await Promise.all(sieges.map((siege) => siege.storm()));
  expect(sieges.map(({ answered }) => answered)).toEqual([GUESSES_FREE, GUESSES_FREE]);
  expect(await counts(realm.folder, "Victim")).toMatchObject({
    ...{ failedInDay: GUESSES_FREE, failedInHour: GUESSES_FREE, underFire: false },
    lastFailedFrom: "127.0.5.0/24",
  });
  await Promise.all(sieges.map((siege) => siege.persist(2)));
  const held = processCost(realm.server.pid).memoryMiB;
  await realm.stop("SIGKILL");
  await realm.startAgain();
  await Promise.all(sieges.map((siege) => siege.persist(4)));
  expect(await counts(realm.folder, "Victim")).toMatchObject({ failedInDay: GUESSES_FREE + 2 });
  await Promise.all(sieges.map((siege) => siege.refused(8)));
  reportFigures("attack 13 guesses from one network", {
    connections: victim.tries + nobody.tries,
    "answered of a user": victim.answered,
    "answered of nobody": nobody.answered,
    memory: `${memory} -> ${held} MiB`,
  });
});

test("where somebody has logged in, sixteen at once at most, of a user as of nobody", async () => {
  await using realm = await realmWith("Victim", "Neighbour");
  await logIn(quickEnv, await dial(realm.port, "127.0.5.1"), accountIn(realm.folder, "Neighbour"));
  for (const siege of [new Siege(realm, "Victim"), new Siege(realm, "nobody")]) {
    await siege.storm();
    expect(siege.answered).toBeWithin(GUESSES_FREE, GUESSES_FREE + LOGINS_UNDER_WAY_MAX + 1);
    await siege.storm(); // those that were given up count now
    expect(siege.answered).toBeLessThanOrEqual(GUESSES_FREE + LOGINS_UNDER_WAY_MAX);
  }
});

const PREFIXES = 24;
const TOGETHER = 6;

/** Five guesses from each of many networks, numbered from `first`; @returns how many were answered, and the waits that were told */
async function fromEverywhere(realm: RunningRealm, name: string, first = 0) {
  const account = accountIn(realm.folder, name, "wrong");
  const told = new Set<number>();
  let answered = 0;
  const all = Array.from({ length: PREFIXES * GUESSES_FREE }, (_, at) => loopback((first + (at % PREFIXES)) << 8));
  while (all.length > 0) {
    const answers = await Promise.all(all.splice(0, TOGETHER).map((from) => guess(realm.port, account, from)));
    answered += answers.filter((seconds) => seconds === 0).length;
    for (const seconds of answers) if (seconds > 0) told.add(seconds);
  }
  return { answered, told: [...told] };
}

test("a name that is guessed at from many networks: a hundred an hour, then only its owner's are served", async () => {
  await using realm = await realmWith("Victim");
  const { port, folder } = realm;
  const owner = accountIn(folder, "Victim");
  await (await logIn(quickEnv, await dial(port, "127.0.0.1"), owner)).logOut();
  const began = performance.now();
  const expected = { answered: GUESSES_PER_HOUR, told: [GUESS_WAIT_MAX_SECONDS] };
  expect(await fromEverywhere(realm, "Victim")).toEqual(expected);
  expect(await fromEverywhere(realm, "nobody", 100)).toEqual(expected);
  const tookMs = performance.now() - began;
  const fire = { failedInDay: GUESSES_PER_HOUR, failedInHour: GUESSES_PER_HOUR, underFire: true };
  expect(await counts(folder, "Victim")).toMatchObject(fire);

  const refused = logIn(quickEnv, await dial(port, "127.9.9.9"), owner);
  expect(await rejection(refused)).toMatchObject({ code: "auth.tooManyAttempts", waitSeconds: GUESS_WAIT_MAX_SECONDS });
  await (await logIn(quickEnv, await dial(port, "127.0.0.77"), owner)).logOut();
  expect(await counts(folder, "Victim")).toMatchObject(fire);

  await folder.admin("user", "unlock", "Victim");
  expect(await counts(folder, "Victim")).toMatchObject({ failedInDay: 0, failedInHour: 0, underFire: false });
  expect(await guess(port, owner, "127.9.9.9")).toBe(0);
  expect(await counts(folder, "Victim")).toMatchObject({ failedInDay: 1, lastFailedFrom: "127.9.9.0/24" });
  reportFigures("attack 13 guesses from many networks", {
    connections: 2 * PREFIXES * GUESSES_FREE,
    networks: 2 * PREFIXES,
    answered: 2 * GUESSES_PER_HOUR,
    "all in": `${(tookMs / 1000).toFixed(1)} s`,
  });
});

test("wrong guesses of others do not lock the owner out, who is told once when and from where", async () => {
  await using realm = await RunningRealm.start();
  const { port, folder } = realm;
  expect(await realm.as("Alice", ["users"])).toMatchObject({ code: 0, err: "" });
  expect((await fromEverywhere(realm, "Alice")).answered).toBe(GUESSES_PER_HOUR);
  const alice = accountIn(folder, "Alice");
  expect(await guess(port, alice, loopback(0))).toBe(GUESS_WAIT_MAX_SECONDS);
  expect(await guess(port, alice, loopback(200 << 8))).toBe(GUESS_WAIT_MAX_SECONDS);

  // A script logs in and shows it to nobody.
  const began = performance.now();
  expect(await realm.as("Alice", ["users"])).toMatchObject({ code: 0 });
  const tookMs = performance.now() - began;
  const chat = await realm.chat("Alice");
  await chat.shows("100 logins with your name have failed since you were last told:", "from elsewhere");
  const places = chat.lines.flatMap(
    (line) => /(\d+) from (127\S+), last at \d{4}-\d\d-\d\d \d\d:\d\d/.exec(line)?.slice(1) ?? [],
  );
  expect(places.length).toBe(2 * 16);
  expect(places.filter((_, at) => at % 2 === 0).every((count) => Number(count) >= 4)).toBe(true);
  expect(new Set(places.filter((_, at) => at % 2 === 1)).size).toBe(16);
  chat.enter("/quit");
  expect(await chat.ended()).toBe(0);

  const again = await realm.chat("Alice");
  again.enter("/list");
  await again.shows("Alice", "online (you)");
  expect(again.text).not.toContain("failed");
  again.enter("/quit");
  expect(await again.ended()).toBe(0);
  reportFigures("attack 14 guesses at somebody else's name", {
    "guesses answered": GUESSES_PER_HOUR,
    "the owner's login meanwhile": `${Math.round(tookMs)} ms`,
    "networks named": 16,
  });
});
