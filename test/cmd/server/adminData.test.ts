/** What the subcommands do with the data folder. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { lockFolder } from "../../../cmd/host/lock.ts";
import { openAdminSocket } from "../../../cmd/server/adminSocket.ts";
import { Attempts } from "../../../cmd/server/attempts.ts";
import type { Status } from "../../../cmd/server/status.ts";
import { SqliteStore } from "../../../cmd/server/store/sqlite.ts";
import { ADMIN_MS, changeConfig, newRealm, server } from "../../support/adminRealm.ts";
import { rejection } from "../../support/codes.ts";
import { snapshot } from "../../support/folder.ts";
import { freePort } from "../../support/freePort.ts";
import { FIGURES } from "../../support/statusFigures.ts";
import { ALICE, accountKeys, BOB, loaded, requests } from "../../support/storeRequests.ts";

let folder: Awaited<ReturnType<typeof newRealm>>;
beforeEach(async () => {
  folder = await newRealm();
});
afterEach(() => folder[Symbol.dispose]());

const run = (words: string, typed?: string) => server(folder.path, words, typed);
const socketOf = (status: Status): AsyncDisposable =>
  openAdminSocket({ data: folder.at("data"), name: "sconf.json" }, () => status);

async function listening(at: { readonly path: string } | { readonly port: number }): Promise<Server> {
  const taken = createServer();
  await new Promise<void>((resolve) =>
    taken.listen({ ...at, ...("port" in at ? { host: "127.0.0.1" } : {}) }, resolve),
  );
  return taken;
}

describe("server check", () => {
  const linesOf = async (): Promise<readonly string[]> => (await run("check")).out.trimEnd().split("\n");

  test("of the data folder: the socket is one, and the audit trail is its owner's", async () => {
    mkdirSync(folder.at("data"));
    const lines = async (): Promise<readonly string[]> => (await linesOf()).slice(5, 7);
    expect(await lines()).toEqual([
      "ok   data/admin.sock: not there while no server runs",
      "ok   data/audit.jsonl: not there yet",
    ]);
    writeFileSync(folder.at("data/admin.sock"), "");
    writeFileSync(folder.at("data/audit.jsonl"), "x\n", { mode: 0o644 });
    expect(await lines()).toEqual([
      "bad  data/admin.sock: not a socket; remove it",
      `bad  data/audit.jsonl: others can read it (mode 0644); run: chmod 600 ${folder.at("data/audit.jsonl")}`,
    ]);
    rmSync(folder.at("data/admin.sock"));
    chmodSync(folder.at("data/audit.jsonl"), 0o600);
    const left = await listening({ path: folder.at("data/admin.sock") });
    expect(await lines()).toEqual([
      "ok   data/admin.sock: of a server that is gone; the next replaces it",
      "ok   data/audit.jsonl: 2 bytes",
    ]);
    left.close();
    rmSync(folder.at("data/audit.jsonl"));
    mkdirSync(folder.at("data/audit.jsonl"));
    expect((await lines())[1]).toBe("bad  data/audit.jsonl: not a file; remove it");
  });

  test("of the failed logins: that they are a database, and nothing is made beside it", async () => {
    mkdirSync(folder.at("data"));
    const line = async (): Promise<string | undefined> => (await linesOf())[7];
    const path = folder.at("data/attempts.db");
    expect(await line()).toBe("ok   data/attempts.db: not there yet");
    for (const content of ["no database, though long enough to be one", "SQLite"]) {
      writeFileSync(path, content, { mode: 0o600 });
      expect(await line()).toBe("bad  data/attempts.db: is damaged; move it away, and the counts begin again");
    }
    writeFileSync(path, "");
    expect(await line()).toBe("ok   data/attempts.db: 0 bytes");
    Attempts.open(folder.at("data"))[Symbol.dispose]();
    const before = readdirSync(folder.at("data"));
    expect(await line()).toMatch(/^ok {3}data\/attempts\.db: [0-9]{4,} bytes$/);
    expect(readdirSync(folder.at("data"))).toEqual(before);
    chmodSync(path, 0o644);
    expect(await line()).toStartWith("bad  data/attempts.db: others can read it (mode 0644); run: chmod 600 ");
  });

  test("of the store: all of it is read, and nothing is made beside it", async () => {
    mkdirSync(folder.at("data"));
    const line = async (): Promise<string | undefined> => (await linesOf())[8];
    expect(await line()).toBe("ok   data/store.db: not there yet");
    {
      await using store = SqliteStore.open(folder.at("data"));
      await store.run(requests.create());
      expect(await line()).toMatch(/^ok {3}data\/store\.db: [0-9]{4,} bytes$/); // beside a running server
    }
    const before = snapshot(folder.at("data"));
    expect(await line()).toMatch(/^ok {3}data\/store\.db: [0-9]{4,} bytes$/);
    expect(snapshot(folder.at("data"))).toEqual(before);
    const path = folder.at("data/store.db");
    const sound = readFileSync(path);
    writeFileSync(path, Buffer.from(sound).fill(0xee, 4200, sound.length - 100));
    expect((await run("check")).exit).toBe(2);
    expect(await line()).toBe(
      "bad  data/store.db: cannot be used (it is damaged); put a backup of the data folder in its place",
    );
    writeFileSync(path, sound);
    chmodSync(path, 0o640);
    expect(await line()).toStartWith("bad  data/store.db: others can read it (mode 0640); run: chmod 600 ");
  });

  test("of the port for the metrics, when there is one", async () => {
    const metricsPort = await freePort();
    changeConfig(folder, { metricsPort });
    expect((await linesOf()).at(-1)).toBe(`ok   metricsPort ${metricsPort}: free`);
    const taken = await listening({ port: metricsPort });
    expect((await run("check")).exit).toBe(2);
    expect((await linesOf()).at(-1)).toBe(
      `bad  sconf.json: metricsPort: ${metricsPort} is in use; stop what uses it or take another`,
    );
    await new Promise((resolve) => taken.close(resolve));
    changeConfig(folder, { port: metricsPort });
    expect((await linesOf()).at(-1)).toStartWith(`bad  sconf.json: metricsPort: ${metricsPort} is the port of the`);
  });
});

describe("changes of users in the audit trail", () => {
  const trail = (): unknown[] =>
    readFileSync(folder.at("data/audit.jsonl"), "utf8")
      .split("\n")
      .filter(Boolean)
      .map((line) => JSON.parse(line));
  const add = (name: string) => run(`user add ${name}`, "a phrase that nobody has\n");

  test("are written by the command while no server runs, each with its time", async () => {
    mkdirSync(folder.at("data"));
    await add("Zoe");
    await run("user lock zoe");
    await run("user lock zoe"); // changes nothing
    await run("user unlock Zoe");
    await run("user passwd zoe", "another phrase of that kind\n");
    await run("user remove zoe --yes");
    await rejection(run("user remove zoe --yes"));
    const events = ["user.added", "user.locked", "user.unlocked", "user.cleared", "user.password", "user.removed"];
    const time = new Date(ADMIN_MS).toISOString();
    expect(trail()).toEqual(events.map((event) => ({ time, event, user: "zoe" })));
  });

  test("are left to a running server, which sees them for itself", async () => {
    mkdirSync(folder.at("data"));
    await using _socket = socketOf({ ...FIGURES, sessions: [] });
    await add("Zoe");
    expect(existsSync(folder.at("data/audit.jsonl"))).toBe(false);
    await run("user unlock Zoe"); // nobody else sees that counted guesses are forgotten
    expect(trail()).toMatchObject([{ event: "user.cleared", user: "zoe" }]);
  });

  test("need no data folder: a realm that was never served has no trail", async () => {
    expect((await add("Zoe")).exit).toBe(0);
    expect(existsSync(folder.at("data"))).toBe(false);
  });

  test("are made also when the trail cannot be written; then that is said", async () => {
    mkdirSync(folder.at("data/audit.jsonl"), { recursive: true });
    const { exit, out, err } = await add("Zoe");
    expect([exit, out]).toEqual([0, "Zoe is registered.\n"]);
    expect(err).toEndWith("ims: data/audit.jsonl: not written: it is a folder\n");
  });
});

describe("server status", () => {
  const row = (index: number): Status["sessions"][number] => ({
    user: `user${index}`,
    device: "0011223344556677",
    since: "2026-01-02T03:04:05.678Z",
    prefix: "192.0.2.0/24",
  });
  const statusOf = (count: number): Status => ({
    ...FIGURES,
    commit: "abc",
    sessions: Array.from({ length: count }, (_, index) => row(index)),
  });

  beforeEach(() => mkdirSync(folder.at("data")));

  test("for a person: every figure in words", async () => {
    await using _socket = socketOf(statusOf(2));
    const { exit, out, err } = await run("status");
    expect([exit, err]).toEqual([0, ""]);
    expect(out.split("\n")).toEqual([
      "server       ims 1.2.3 (abc), bun 9 linux-x64, process 77",
      "up           1 day 2 h 3 min, since 2026-01-02T03:04:05.678Z",
      "realm        SHA256:abc",
      "listening    192.0.2.1 port 4040, metrics on 127.0.0.1 port 9100",
      "users        5 registered, 1 locked, 2 online",
      "connections  4, 3 of them logged in",
      "waiting      6 frames of strangers, 7 of sessions, 8 bytes for slow readers",
      "so far       logins 12, of them ended 9, faults of the server 1",
      "refused      door.address 5, auth.rejected 3",
      "machine      50 MB of memory, 20 of 1024 file descriptors",
      "audit        lines 30, lost 2",
      "sessions     2",
      "  user0  device 0011223344556677  key held since 2026-01-02T03:04:05.678Z  from 192.0.2.0/24",
      "  user1  device 0011223344556677  key held since 2026-01-02T03:04:05.678Z  from 192.0.2.0/24",
      "",
    ]);
  });

  test("what there is nothing of is said in words", async () => {
    const quiet = { ...FIGURES, metricsPort: 0, refusals: {}, descriptors: null, uptimeSeconds: 7, sessions: [] };
    await using _socket = socketOf(quiet);
    const { out } = await run("status");
    for (const line of [
      "192.0.2.1 port 4040\n",
      "refused      nobody\n",
      "50 MB of memory\n",
      "up           7 s, since",
    ])
      expect(out).toContain(line);
    expect(out).toEndWith("sessions     none: no session key is held\n");
  });

  test.each([
    ["status", 20],
    ["status --all", 25],
    ["status --json", 25],
  ])("%s shows %d of 25 sessions", async (words, shown) => {
    await using _socket = socketOf(statusOf(25));
    const { out } = await run(words);
    expect(out.split("0011223344556677").length - 1).toBe(shown);
    expect(out.includes("  and 5 more; to see them: --all\n")).toBe(shown === 20);
  });

  test("--json is the server's answer as it is", async () => {
    await using _socket = socketOf(statusOf(3));
    expect(JSON.parse((await run("status --json")).out)).toEqual(statusOf(3));
  });

  test("nothing that a server says reaches the terminal as it is", async () => {
    await using _socket = socketOf({ ...statusOf(1), host: "\u001b[2Jx\u202e" });
    expect((await run("status")).out).toContain("\\u{1b}[2Jx\\u{202e} port 4040");
  });

  test("without a server: exit 1 and one line", async () => {
    expect(await rejection(run("status"))).toMatchObject({
      code: "server.notRunning",
      detail: "no server runs on data; start it: server run",
    });
  });
});

describe("the account of a user who is removed", () => {
  const stored = async () => {
    await using store = SqliteStore.open(folder.at("data"));
    const accounts = await Promise.all([ALICE, BOB].map((user) => loaded(store, { user })));
    return accounts.map(({ account }) => account?.keys ?? null);
  };
  beforeEach(async () => {
    mkdirSync(folder.at("data"), { mode: 0o700 });
    for (const name of ["Alice", "bob"]) await run(`user add ${name}`, "a phrase that nobody has\n");
    await using store = SqliteStore.open(folder.at("data"));
    for (const user of [ALICE, BOB]) await store.run(requests.create({ user }));
  });

  test("goes with them while no server runs", async () => {
    await run("user remove alice --yes");
    expect(await stored()).toEqual([null, accountKeys(1)]);
    await run("user add alice", "a phrase that nobody has\n");
    expect(await stored()).toEqual([null, accountKeys(1)]);
  });

  test("is left to a running server", async () => {
    {
      using _held = lockFolder(folder.at("data"));
      await run("user remove alice --yes");
    }
    expect(await stored()).toEqual([accountKeys(1), accountKeys(1)]);
  });

  test("and one that cannot be opened: nobody is removed", async () => {
    writeFileSync(folder.at("data/store.db"), "no database, though long enough to be taken for one ".repeat(50));
    expect((await rejection(run("user remove alice --yes"))).code).toBe("config.invalid");
    expect((await run("user list")).out).toContain("Alice");
  });

  test("and where nobody has had one, nothing is made", async () => {
    for (const name of readdirSync(folder.at("data"))) rmSync(folder.at(`data/${name}`));
    await run("user remove alice --yes");
    expect(existsSync(folder.at("data/store.db"))).toBe(false);
  });
});
