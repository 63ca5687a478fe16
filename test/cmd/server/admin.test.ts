import { describe, expect, test } from "bun:test";
import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { lockFolder } from "../../../cmd/host/lock.ts";
import { listenFailure } from "../../../cmd/server/listenFailure.ts";
import { openRealm } from "../../../cmd/server/realm.ts";
import { loadUsers } from "../../../cmd/server/users.ts";
import { nativeCrypto } from "../../../core/crypto/native.ts";
import { newRealm, server } from "../../support/adminRealm.ts";
import { rejection } from "../../support/codes.ts";
import { snapshot, temporaryFolder } from "../../support/folder.ts";
import { recordedIo } from "../../support/io.ts";

const mode = (path: string): number => statSync(path).mode & 0o777;

function users(cwd: string) {
  using realm = openRealm({}, recordedIo(cwd), nativeCrypto);
  return loadUsers(realm.usersFile);
}

const list = async (cwd: string) => (await server(cwd, "user list --json")).out;
const line = (name: string, status: string, epoch: number): string =>
  `{"type":"user","name":"${name}","status":"${status}","changedAt":"2026-05-06T07:08:09.010Z","epoch":${epoch},"initial":false,"failedInDay":0,"failedInHour":0,"underFire":false}\n`;

describe("server init", () => {
  test("makes a realm that passes its own check, private where it must be", async () => {
    using folder = temporaryFolder();
    const { exit, out } = await server(folder.path, "init new/realm --host 127.0.0.2 --port 14040");
    const at = (name: string): string => join(folder.path, "new/realm", name);
    expect(exit).toBe(0);
    expect(out).toContain(`Made a realm in ${folder.at("new/realm")}.`);
    expect([mode(at("keys/server.key")), mode(at("users.json"))]).toEqual([0o600, 0o600]);
    expect(JSON.parse(readFileSync(at("config.json"), "utf8"))).toEqual({
      version: 1,
      host: "127.0.0.2",
      port: 14040,
      publicKey: "keys/server.pub",
    });
    const shown = await server(at(""), "key show");
    expect(shown.out).toMatch(/^SHA256:[A-Za-z0-9+/]{43}\n$/);
    expect(out).toContain(shown.out.trim());
    expect((await server(at(""), "check")).exit).toBe(0);
    expect(users(at("")).size).toBe(0);
  });

  test.each(["sconf.json", "config.json", "users.json", "keys/server.key", "keys/server.pub", "data"])(
    "refuses a folder with %s and touches nothing",
    async (name) => {
      using folder = temporaryFolder();
      mkdirSync(folder.at("keys"));
      if (name === "data") mkdirSync(folder.at(name));
      else writeFileSync(folder.at(name), "mine");
      const before = snapshot(folder.path);
      const error = await rejection(server(folder.path, "init"));
      expect([error.code, error.detail]).toEqual(["usage.invalid", `${name} is there already; nothing was done`]);
      expect(snapshot(folder.path)).toEqual(before);
    },
  );

  test("keys in a folder of their own that was there stay, and a bad host is refused", async () => {
    using folder = temporaryFolder();
    mkdirSync(folder.at("keys"));
    writeFileSync(folder.at("keys/other"), "mine");
    expect((await rejection(server(folder.path, "init --host [::1]"))).code).toBe("usage.invalid");
    expect((await server(folder.path, "init --host 0.0.0.0")).out).toContain('set "host"');
    expect(readFileSync(folder.at("keys/other"), "utf8")).toBe("mine");
    expect(JSON.parse(readFileSync(folder.at("config.json"), "utf8")).host).toBe("127.0.0.1");
    expect(JSON.parse(readFileSync(folder.at("sconf.json"), "utf8")).host).toBe("0.0.0.0");
  });

  test("when the folder cannot be made, one line", async () => {
    using folder = temporaryFolder();
    writeFileSync(folder.at("file"), "");
    expect((await rejection(server(folder.path, "init file/realm"))).code).toBe("file.failed");
  });
});

describe("server user", () => {
  test("add, passwd, lock, unlock, list, remove", async () => {
    using folder = await newRealm();
    const cwd = folder.path;
    writeFileSync(folder.at("pw"), "the moon over a pizza\n");
    expect(await server(cwd, "user add Alice --password-file pw")).toEqual({
      ...{ exit: 0, out: "Alice is registered.\n", err: "" },
    });
    expect((await server(cwd, "user add bob", "a secret of our own\n")).err).toBe("New password for bob: \n");
    expect(await list(cwd)).toBe(`${line("Alice", "active", 1)}${line("bob", "active", 1)}`);
    const records = () => Array.from(users(cwd).values(), ({ record }) => record.toHex());
    const before = records();

    expect((await server(cwd, "user passwd ALICE --weak", "fudge\n")).out).toBe("Alice has a new password.\n");
    expect((await server(cwd, "user lock BOB")).out).toBe("bob is locked.\n");
    expect(await list(cwd)).toBe(`${line("Alice", "active", 2)}${line("bob", "locked", 1)}`);
    const after = records();
    expect([after[0] === before[0], after[1] === before[1]]).toEqual([false, true]);

    expect((await server(cwd, "user unlock bob")).out).toBe("bob is active.\n");
    expect((await server(cwd, "user remove alice --yes")).out).toBe("Alice is removed.\n");
    expect((await server(cwd, "user list")).out).toBe(`${"bob".padEnd(32)}  active  2026-05-06T07:08:09.010Z\n`);
    expect(mode(folder.at("users.json"))).toBe(0o600);
  }, 20_000);

  test.each([
    ["user add a/b", "name.invalid", ""],
    ["user add carol", "password.invalid", ""],
    ["user add carol", "password.invalid", "\n"],
    ["user add carol", "password.weak", "pizza\n"],
    ["user add carol --weak", "password.invalid", "\n"],
    ["user add carol --password-file no", "config.invalid", ""],
    ["user add carol --config no.json", "config.invalid", ""],
    ["user passwd carol", "user.unknown", "pw\n"],
    ["user lock carol", "user.unknown", ""],
    ["user remove carol --yes", "user.unknown", ""],
  ] as const)("server %s: %s, and nothing is changed", async (words, code, typed) => {
    using folder = await newRealm();
    const before = withoutLocks(snapshot(folder.path));
    expect((await rejection(server(folder.path, words, typed))).code).toBe(code);
    expect(withoutLocks(snapshot(folder.path))).toEqual(before);
  });

  test("a name in other capitals is taken; removing without a terminal needs --yes", async () => {
    using folder = await newRealm();
    await server(folder.path, "user add Alice --weak", "pizza\n");
    const error = await rejection(server(folder.path, "user add ALICE", "pizza\n"));
    expect([error.code, error.detail]).toEqual([
      "user.exists",
      "Alice is registered already; for a new password: server user passwd Alice",
    ]);
    expect((await rejection(server(folder.path, "user remove alice", "yes\n"))).code).toBe("usage.invalid");
    expect(users(folder.path).size).toBe(1);
  }, 20_000);
});

/** An empty lock file is not a change. */
function withoutLocks(files: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  return new Map(Array.from(files).filter(([name]) => !name.endsWith(".lock")));
}

describe("server check", () => {
  const check = async (cwd: string) => {
    const before = snapshot(cwd);
    const { exit, out } = await server(cwd, "check");
    expect(snapshot(cwd)).toEqual(before);
    return { exit, lines: out.trimEnd().split("\n") };
  };

  test("a good realm: a line for each part, exit 0, nothing changed", async () => {
    using folder = await newRealm();
    const { exit, lines } = await check(folder.path);
    expect(exit).toBe(0);
    expect(lines).toEqual([
      "ok   sconf.json: host 127.0.0.1, port 0",
      expect.stringMatching(/^ok {3}keys\/server\.key: SHA256:.{43}$/),
      "ok   keys/server.pub: belongs to the private key",
      "ok   users.json: 0 users, 0 locked",
      "ok   data: can be used",
      "ok   port 0: free",
    ]);
  });

  test("every fault has its line, exit 2", async () => {
    using folder = await newRealm();
    using other = await newRealm();
    chmodSync(folder.at("users.json"), 0o644);
    writeFileSync(folder.at("data"), "");
    writeFileSync(folder.at("keys/server.pub"), readFileSync(other.at("keys/server.pub")));
    const { exit, lines } = await check(folder.path);
    expect(exit).toBe(2);
    expect(lines.slice(2)).toEqual([
      "bad  keys/server.pub: does not belong to the private key beside it",
      `bad  users.json: others can read it (mode 0644); run: chmod 600 ${folder.at("users.json")}`,
      "bad  data: not a folder",
      "ok   port 0: free",
    ]);
    chmodSync(folder.at("keys/server.key"), 0o640);
    expect((await check(folder.path)).lines[1]).toStartWith("bad  keys/server.key: others can read it");
    writeFileSync(folder.at("sconf.json"), "{");
    expect(await check(folder.path)).toEqual({
      exit: 2,
      lines: ['bad  sconf.json: line 1: expected a key in double quotes, or "}"'],
    });
  });

  test("a port that another program uses is a fault; one that our own server uses is not", async () => {
    using folder = await newRealm();
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve));
    const address = taken.address();
    const port = typeof address === "object" ? (address?.port ?? 0) : 0;
    const config = JSON.parse(readFileSync(folder.at("sconf.json"), "utf8"));
    writeFileSync(folder.at("sconf.json"), JSON.stringify({ ...config, port }));
    const alone = await check(folder.path);
    expect([alone.exit, alone.lines.at(-1)]).toEqual([
      2,
      `bad  sconf.json: port: ${port} is in use; stop what uses it or take another`,
    ]);
    const lock = lockFolder(folder.at("data"));
    const running = await check(folder.path);
    expect([running.exit, running.lines.slice(-6)]).toEqual([
      0,
      [
        "ok   data: in use by a running server",
        "ok   data/admin.sock: a running server does not answer",
        "ok   data/audit.jsonl: not there yet",
        "ok   data/attempts.db: not there yet",
        "ok   data/store.db: not there yet",
        `ok   port ${port}: in use by a running server`,
      ],
    ]);
    lock[Symbol.dispose]();
    await new Promise((resolve) => taken.close(resolve));
  });

  test.each([
    ["EADDRINUSE", "port.busy", "port: 80 is in use; stop what uses it or take another"],
    ["EACCES", "config.invalid", "port: 80 needs more rights; take one from 1024 up"],
    ["EADDRNOTAVAIL", "config.invalid", "host: h is not an address of this machine"],
    ["ENOTFOUND", "config.invalid", "host: h is not an address of this machine"],
    ["EAI_AGAIN", "config.invalid", "host: h is not an address of this machine"],
    ["EMFILE", "config.invalid", "host or port: cannot listen on h port 80 (EMFILE)"],
    ["", "config.invalid", "host or port: cannot listen on h port 80 (unknown reason)"],
  ])("%s in words", (system, code, words) => {
    expect(listenFailure(system, { host: "h", port: 80, name: "f" })).toMatchObject({ code, detail: `f: ${words}` });
  });

  test("the demo realm is fine on loopback and nowhere else", async () => {
    using folder = temporaryFolder();
    const root = join(import.meta.dir, "..", "..", "..");
    mkdirSync(folder.at("keys"));
    for (const name of ["sconf.json", "users.json", "keys/server.key", "keys/server.pub"]) {
      writeFileSync(folder.at(name), readFileSync(join(root, name)), { mode: 0o644 });
    }
    const config = JSON.parse(readFileSync(folder.at("sconf.json"), "utf8"));
    writeFileSync(folder.at("sconf.json"), JSON.stringify({ ...config, port: 0 }));
    const { exit, lines } = await check(folder.path);
    expect([exit, lines[3]]).toEqual([0, "ok   users.json: 5 users, 0 locked"]);
    expect(lines[1]).toEndWith(", the demo key that everybody knows");
    writeFileSync(folder.at("sconf.json"), JSON.stringify({ ...config, port: 0, host: "0.0.0.0" }));
    const open = await check(folder.path);
    expect([open.exit, open.lines[1]]).toEqual([2, expect.stringContaining("expected a loopback address")]);
  });
});
