import { describe, expect, test } from "bun:test";
import {
  appendFileSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import fc from "fast-check";
import { StateFolder } from "../../../../cmd/client/state/folder.ts";
import { tryLockState } from "../../../../cmd/client/state/stateFiles.ts";
import { endingOf } from "../../../../cmd/host/exit.ts";
import { parseUserName } from "../../../../core/name.ts";
import { codeOr, failure } from "../../../support/codes.ts";
import { snapshot, temporaryFolder } from "../../../support/folder.ts";
import { ALICE, entry, HEADER, makeState, open, spoil } from "../../../support/stateFolders.ts";

describe("a new state", () => {
  test.each(["state", "a/b/state", "."])("in %s: folders 0700, files 0600, nothing stored", (name) => {
    using folder = temporaryFolder();
    const path = folder.at(name);
    using state = open(path);
    expect([state.stored, state.header, state.temporary]).toEqual([null, null, false]);
    state.save(HEADER, new Map());
    for (const each of [path, dirname(path)]) if (each.startsWith(`${folder.path}/`)) expect(modeOf(each)).toBe(0o700);
    for (const file of readdirSync(path).filter((each) => /^state/.test(each)))
      expect([file, modeOf(join(path, file))]).toEqual([file, 0o600]);
    expect(readdirSync(path)).toContain("state.db");
  });

  test("what is saved is there again, and what is deleted is not", () => {
    using folder = temporaryFolder();
    makeState(folder.at("s"));
    using state = open(folder.at("s"));
    expect(state.stored).toEqual({ header: HEADER, entries: new Map([[entry(1), new Uint8Array([9])]]) });
    state.save(
      null,
      new Map([
        [entry(1), null],
        [entry(2), new Uint8Array()],
        [entry(3), null],
      ]),
    );
    expect([...(state.stored?.entries.keys() ?? [])]).toEqual([entry(2)]);
  });

  test("a deleted value is no longer in the file", () => {
    using folder = temporaryFolder();
    const path = folder.at("s");
    makeState(path);
    const value = new TextEncoder().encode("canary of a deleted value");
    const closing = (writes: ReadonlyMap<string, Uint8Array | null>): string => {
      using state = open(path);
      state.save(null, writes);
      state[Symbol.dispose]();
      return readFileSync(join(path, "state.db"), "latin1");
    };
    expect(closing(new Map([[entry(2), value]]))).toContain("canary");
    expect(closing(new Map([[entry(2), null]]))).not.toContain("canary");
  });

  test("nor is one that was replaced in the log, a moment later", async () => {
    using folder = temporaryFolder();
    using state = open(folder.at("s"));
    const log = join(folder.at("s"), "state.db-wal");
    const [before, after] = ["canary of what was replaced", "what took its place"].map((text) => Buffer.from(text));
    state.save(HEADER, new Map([[entry(1), before ?? null]]));
    state.save(null, new Map([[entry(1), after ?? null]]));
    expect(readFileSync(log, "latin1")).toContain("canary");
    while (statSync(log).size > 0) await Bun.sleep(20); // the test's own deadline ends it
    expect(readFileSync(join(folder.at("s"), "state.db"), "latin1")).not.toContain("canary");
    expect(state.stored?.entries.get(entry(1))).toEqual(new Uint8Array(after ?? []));
  });

  test("in which nothing was saved goes again, and a folder that was there stays", () => {
    using folder = temporaryFolder();
    open(folder.at("new"))[Symbol.dispose]();
    mkdirSync(folder.at("old"), { mode: 0o700 });
    writeFileSync(folder.at("old/mine"), "mine");
    open(folder.at("old"))[Symbol.dispose]();
    expect(readdirSync(folder.path, { recursive: true }).sort()).toEqual(["old", "old/mine"]);
  });

  test("whose making was cut off is made anew", () => {
    using folder = temporaryFolder();
    mkdirSync(folder.at("s"), { mode: 0o700 });
    writeFileSync(folder.at("s/state.new"), "half of it");
    writeFileSync(folder.at("s/state.new-wal"), "");
    using state = open(folder.at("s"));
    expect(state.stored).toBeNull();
    expect(readdirSync(folder.at("s")).filter((name) => name.includes("new"))).toEqual([]);
  });
});

test("any series of writes is read as a map would be", () => {
  using folder = temporaryFolder();
  let run = 0;
  const write = fc.tuple(fc.nat(5), fc.option(fc.uint8Array({ maxLength: 40 })));
  fc.assert(
    fc.property(fc.array(fc.array(write, { maxLength: 6 }), { maxLength: 5 }), (saves) => {
      run += 1;
      const path = folder.at(`s${run}`);
      makeState(path);
      const model = new Map([[entry(1), new Uint8Array([9])]]);
      for (const writes of saves) {
        using state = open(path);
        const named = writes.map(([number, value]) => [entry(number), value] as const);
        state.save(null, new Map(named));
        for (const [name, value] of new Map(named)) {
          if (value === null) model.delete(name);
          else model.set(name, value);
        }
        expect(new Map(state.stored?.entries)).toEqual(model);
      }
    }),
    { numRuns: 15 },
  );
});

describe("all of a save or nothing", () => {
  test("a fault of ours in the middle leaves what was there, and is thrown as one", () => {
    using folder = temporaryFolder();
    makeState(folder.at("s"));
    using state = open(folder.at("s"));
    const before = state.stored;
    expect(() => state.save(HEADER, new Map([[entry(2), new Uint8Array()]]))).toThrow(/UNIQUE/);
    expect(state.stored).toEqual(before);
    state.save(null, new Map([[entry(2), new Uint8Array()]]));
    expect(state.stored?.entries.size).toBe(2);
  });
});

describe("refused in one line, and nothing is touched", () => {
  const cut = (path: string): void => writeFileSync(path, readFileSync(path).subarray(0, 6000));
  const flip = (path: string): void => {
    const bytes = readFileSync(path);
    bytes.fill(0xff, 4096, 4200);
    writeFileSync(path, bytes);
  };
  const reset = "; `client state reset --state FOLDER` makes a new device of it, after asking";
  const whole = `FOLDER: the state is damaged: state.db is not a whole database${reset}`;
  const whose = `FOLDER: the state is damaged: it does not say whose it is${reset}`;
  const empty = `FOLDER: the state is damaged: state.db is cut or empty${reset}`;
  const other = `FOLDER: the state is damaged: state.db is something else${reset}`;

  test.each<readonly [string, (path: string) => void, string]>([
    ["something else", (path) => writeFileSync(`${path}/state.db`, "x".repeat(5000)), whole],
    ["a cut file", (path) => cut(`${path}/state.db`), whole],
    ["overwritten pages", (path) => flip(`${path}/state.db`), whole],
    ["an empty file", (path) => truncateSync(`${path}/state.db`, 0), empty],
    ["a file of one byte", (path) => truncateSync(`${path}/state.db`, 1), empty],
    ["an empty file beside a log", emptied, empty],
    ["a log alone", logAlone, `FOLDER: the state is damaged: there is a log, and no state.db${reset}`],
    ["no header", (path) => spoil(path, "DELETE FROM header"), whose],
    ["a realm that is none", (path) => spoil(path, "UPDATE header SET realm = x'00'"), whose],
    ["an identity key that is none", (path) => spoil(path, "UPDATE header SET identity_key = x''"), whose],
    ["a user that is none", (path) => spoil(path, "UPDATE header SET user = 'Al ice'"), whose],
    ["a device that is none", (path) => spoil(path, "UPDATE header SET device = '../x'"), whose],
    ["a table missing", (path) => spoil(path, "DROP TABLE entry"), other],
    ["a database of another program", (path) => spoil(path, "PRAGMA user_version = 0"), other],
    [
      "a newer version",
      (path) => spoil(path, "PRAGMA user_version = 2"),
      "FOLDER: made by a newer version of the client; use that one, or name another folder with --state",
    ],
    [
      "a newer version with another journal",
      (path) => spoil(path, "PRAGMA journal_mode = DELETE; PRAGMA user_version = 99"),
      "FOLDER: made by a newer version of the client; use that one, or name another folder with --state",
    ],
  ])("%s", (_what, change, line) => {
    using folder = temporaryFolder();
    const path = folder.at("s");
    makeState(path);
    change(path);
    const before = contents(path);
    const error = failure(() => open(path));
    expect(error.detail).toBe(line.replaceAll("FOLDER", path));
    expect(endingOf(error)).toEqual({ code: 2, line: `ims: ${error.detail}` });
    expect(error.code).toBe(line.includes("newer") ? "config.invalid" : "state.damaged");
    expect(contents(path)).toEqual(before);
    expect(tryLockState(path)).not.toBeNull();
  });

  test.each([99, 100, 512, 4095, 4096, 8191, 8192])("a file that was cut after %i bytes", (length) => {
    using folder = temporaryFolder();
    makeState(folder.at("s"));
    truncateSync(folder.at("s/state.db"), length);
    expect(failure(() => open(folder.at("s"))).code).toBe("state.damaged");
    expect(statSync(folder.at("s/state.db")).size).toBe(length);
  });

  test("every page that was overwritten, and every bit that SQLite needs; in an entry it is seen when that is opened", () => {
    using folder = temporaryFolder();
    const path = folder.at("s");
    makeState(path);
    const good = readFileSync(join(path, "state.db"));
    const refused = (bad: Uint8Array): boolean => {
      writeFileSync(join(path, "state.db"), bad);
      try {
        using state = open(path);
        expect(state.stored?.header.user).toBe(ALICE.user);
        return false;
      } catch (error) {
        expect(["state.damaged", "config.invalid", "state.foreign"]).toContain(
          codeOr(() => {
            throw error;
          }),
        );
        expect(readFileSync(join(path, "state.db")).equals(bad)).toBe(true);
        return true;
      } finally {
        for (const name of ["state.db-wal", "state.db-shm"]) expect(existsSync(join(path, name))).toBe(false);
      }
    };
    for (let page = 0; page < good.length; page += 4096) {
      const bad = Buffer.from(good);
      bad.fill(0xa5, page, page + 4096);
      expect([page, refused(bad)]).toEqual([page, true]);
    }
    let bits = 0;
    for (let at = 0; at < good.length; at += 61) {
      const bad = Buffer.from(good);
      bad[at] = (bad[at] ?? 0) ^ 0x40;
      if (refused(bad)) bits += 1;
    }
    expect(bits).toBeGreaterThan(0);
  }, 20_000);

  test.each([
    ["another user", { ...ALICE, user: parseUserName("bob") }, "belongs to alice; name another with --state"],
    [
      "another realm",
      { ...ALICE, realm: new Uint8Array(32) },
      "belongs to alice at another server; name another with --state",
    ],
  ])("%s", (_what, owner, words) => {
    using folder = temporaryFolder();
    makeState(folder.at("s"));
    const before = contents(folder.at("s"));
    const error = failure(() => StateFolder.tryOpen(folder.at("s"), owner));
    expect([error.code, error.detail]).toEqual(["state.foreign", `${folder.at("s")}: ${words}`]);
    expect([endingOf(error).code, contents(folder.at("s"))]).toEqual([2, before]);
  });

  test("a folder that others can write in", () => {
    using folder = temporaryFolder();
    mkdirSync(folder.at("s"));
    Bun.spawnSync(["chmod", "777", folder.at("s")]);
    const { code, detail } = failure(() => open(folder.at("s")));
    expect([code, detail]).toEqual(["config.invalid", expect.stringContaining("chmod 700")]);
    expect(readdirSync(folder.at("s"))).toEqual([]);
  });

  test.skipIf(process.getuid?.() !== 0)("a folder of another user", () => {
    using folder = temporaryFolder();
    const path = folder.at("s");
    makeState(path);
    chownSync(path, 12_345, 12_345);
    expect(failure(() => open(path)).code).toBe("config.invalid");
    chownSync(path, 0, 0);
    open(path)[Symbol.dispose]();
  });

  test("a file where the folder should be", () => {
    using folder = temporaryFolder();
    writeFileSync(folder.at("s"), "");
    expect(failure(() => open(folder.at("s/t"))).code).toBe("file.failed");
  });
});

function modeOf(path: string): number {
  return statSync(path).mode & 0o777;
}

/** The file is gone, and its log is there. */
function emptied(path: string): void {
  writeFileSync(`${path}/state.db`, "");
  appendFileSync(`${path}/state.db-wal`, "something");
}

function logAlone(path: string): void {
  emptied(path);
  rmSync(`${path}/state.db`);
}

/** All files but the lock, which is empty. */
function contents(path: string): ReadonlyMap<string, string> {
  const files = new Map(snapshot(path));
  files.delete("state.lock");
  return files;
}
