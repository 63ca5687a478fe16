/** What is installed and what is built are what was checked in: the lockfile, and the targets that rest on it. */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { chmodSync, cpSync, mkdirSync, readFileSync, rmSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "./support/folder.ts";
import { lockfileFaults } from "./support/lockfile.ts";

setDefaultTimeout(20_000);

const ROOT = join(import.meta.dir, "..");
const read = (name: string): string => readFileSync(join(ROOT, name), "utf8");
const MANIFEST = read("package.json");
const LOCKFILE = read("package-lock.json");

test("the checked-in ones agree, and lock more than nothing", () => {
  expect(lockfileFaults(MANIFEST, LOCKFILE)).toEqual([]);
  expect(Object.keys(JSON.parse(LOCKFILE).packages).length).toBeGreaterThan(40);
});

type Edit = (text: string) => string;
const same: Edit = (text) => text;
/** Edits the entry of a package in the lockfile. */
const entry =
  (name: string, change: object | null): Edit =>
  (text) => {
    const lockfile = JSON.parse(text);
    const path = `node_modules/${name}`;
    lockfile.packages[path] = change === null ? undefined : { ...lockfile.packages[path], ...change };
    return JSON.stringify(lockfile);
  };

const DRIFT: readonly (readonly [what: string, manifest: Edit, lockfile: Edit, says: string])[] = [
  [
    "a range",
    (text) => text.replace('"fast-check": "', '"fast-check": "^'),
    same,
    "package.json: fast-check: expected an exact version, found ^4.10.2",
  ],
  [
    "a tag",
    (text) => text.replace(/"bun": "[^"]+"/, '"bun": "latest"'),
    same,
    "package.json: bun: expected an exact version",
  ],
  [
    "another version",
    (text) => text.replace("4.10.2", "4.10.1"),
    same,
    "fast-check 4.10.1: not the one that is locked",
  ],
  [
    "a package that is added",
    (text) => text.replace('"fast-check"', '"left-pad": "1.3.0",\n    "fast-check"'),
    same,
    "left-pad 1.3.0: not the one that is locked",
  ],
  [
    "one that is removed",
    (text) => text.replace(/ *"fast-check".*\n/, ""),
    same,
    "devDependencies: package-lock.json has",
  ],
  [
    "one that became run-time",
    (text) =>
      text.replace(/ *"fast-check".*\n/, "").replace('"@noble/ciphers"', '"fast-check": "4.10.2", "@noble/ciphers"'),
    same,
    "dependencies: package-lock.json has others",
  ],
  ["a new version of this project", (text) => text.replace("0.1.0", "0.1.1"), same, "version: package-lock.json has"],
  [
    "a script that installs",
    (text) => text.replace('"check":', '"postinstall":'),
    same,
    "package.json: the script postinstall",
  ],
  [
    "overrides",
    (text) => text.replace('"scripts"', '"overrides": {}, "scripts"'),
    same,
    "package.json: overrides has no place",
  ],
  [
    "trust",
    (text) => text.replace('"scripts"', '"trustedDependencies": [], "scripts"'),
    same,
    "package.json: trustedDepend",
  ],
  [
    "another version in the lockfile",
    same,
    entry("fast-check", { version: "4.10.1" }),
    "fast-check 4.10.2: not the one",
  ],
  ["no hash", same, entry("@noble/hashes", { integrity: undefined }), "node_modules/@noble/hashes: no SHA-512"],
  ["a weak hash", same, entry("@noble/hashes", { integrity: "sha1-AAAA" }), "node_modules/@noble/hashes: no SHA-512"],
  ["an address", same, entry("@noble/hashes", { resolved: "file:x.tgz" }), "node_modules/@noble/hashes: an address"],
  ["a link", same, entry("@noble/hashes", { link: true }), "node_modules/@noble/hashes: an address"],
  ["a package that is not locked", same, entry("bun", null), "bun 1.4.5: not the one that is locked"],
  [
    "one that a package needs",
    same,
    entry("@zxcvbn-ts/dictionary-compression", null),
    "node_modules/@zxcvbn-ts/language-common: @zxcvbn-ts/dictionary-compression ^3.0.1 is missing",
  ],
  [
    "one that another platform needs",
    same,
    entry("@oven/bun-darwin-aarch64", null),
    "node_modules/bun: @oven/bun-darwin-aarch64 1.4.5 is missing",
  ],
  [
    "another format",
    same,
    (text) => text.replace('"lockfileVersion": 3', '"lockfileVersion": 2'),
    "package-lock.json: exp",
  ],
];

test.each(DRIFT)("found: %s", (_what, editManifest, editLockfile, says) => {
  const [manifest, lockfile] = [editManifest(MANIFEST), editLockfile(LOCKFILE)];
  expect([manifest, lockfile]).not.toEqual([MANIFEST, LOCKFILE]);
  expect(lockfileFaults(manifest, lockfile)).toContainEqual(
    expect.stringMatching(new RegExp(`^${RegExp.escape(says)}`)),
  );
});

test("whatever installs is frozen or checked by hash, and runs no script of a package", () => {
  const commands = `${read("Makefile")}\n${read(".ci/run")}`
    .split("\n")
    .map((line) => line.replace(/^#.*|'[^']*'/g, ""))
    .filter((line) => /(?:\bnpm|\bbun|\$\(BUN\)) (?:ci|i|install|add)\b/.test(line));
  expect(commands.length).toBeGreaterThanOrEqual(3);
  for (const command of commands) {
    expect(command).toContain("--ignore-scripts");
    expect(command).toMatch(/npm ci |--frozen-lockfile/);
  }
  expect(read(".npmrc").split("\n")).toContain("ignore-scripts=true");
});

/** The targets of the Makefile in a folder that has nothing to lose; `bun` is first on the PATH. */
class Sandbox implements Disposable {
  readonly #folder = temporaryFolder();
  readonly at = this.#folder.at;

  constructor(...parts: readonly string[]) {
    for (const part of ["Makefile", "package.json", ".npmrc", ...parts]) {
      cpSync(join(ROOT, part), this.at(part), { recursive: true });
    }
    for (const name of ["bin", "core", "cmd", "node_modules/@noble", "node_modules/@zxcvbn-ts", "node_modules/qr"]) {
      mkdirSync(this.at(name), { recursive: true });
    }
    writeFileSync(this.at("node_modules/.ready-bun"), "");
    this.lock(LOCKFILE);
  }

  /** Replaces the lockfile by one that is older than what was set up by it, so that nothing is installed. */
  lock(text: string): void {
    writeFileSync(this.at("package-lock.json"), text);
    utimesSync(this.at("package-lock.json"), 1, 1);
  }

  make(target: string) {
    const env = { PATH: `${this.at("bin")}:${process.env.PATH ?? ""}`, HOME: this.#folder.path };
    const { exitCode, stdout, stderr } = Bun.spawnSync(["make", target], { cwd: this.#folder.path, env });
    return { code: exitCode, out: stdout.toString(), err: stderr.toString() };
  }

  [Symbol.dispose](): void {
    this.#folder[Symbol.dispose]();
  }
}

describe("make check-lockfile", () => {
  function sandbox(): Sandbox {
    const made = new Sandbox("test/support/lockfile.ts", "test/support/checkLockfile.ts");
    symlinkSync(process.execPath, made.at("bin/bun"));
    return made;
  }

  test("passes what agrees, by itself and with Bun", () => {
    using folder = sandbox();
    expect(folder.make("check-lockfile")).toEqual({ code: 0, out: "", err: "lockfile: ok\n" });
  });

  test.each(DRIFT.filter((_, index) => index % 4 === 0))("fails at %s", (_what, editManifest, editLockfile, says) => {
    using folder = sandbox();
    writeFileSync(folder.at("package.json"), editManifest(MANIFEST));
    folder.lock(editLockfile(LOCKFILE));
    const { code, err } = folder.make("check-lockfile");
    expect(code).not.toBe(0);
    expect(err).toContain(`lockfile: ${says}`);
    expect(err).toContain('disagree; run "npm install --package-lock-only"');
  });

  test("fails without a lockfile, and with a second one", () => {
    using folder = sandbox();
    writeFileSync(folder.at("bun.lock"), "{}");
    expect(folder.make("check-lockfile").err).toContain("lockfile: bun.lock: a second lockfile");
    rmSync(folder.at("bun.lock"));
    expect(folder.make("check-lockfile").code).toBe(0);
    rmSync(folder.at("package-lock.json"));
    expect(folder.make("check-lockfile").code).not.toBe(0);
  });
});

describe("make dist", () => {
  /** A `bun` that builds `content`, which may name the current folder's second build. */
  function sandbox(content: string): Sandbox {
    const made = new Sandbox("tsconfig.json");
    const version = JSON.parse(MANIFEST).devDependencies.bun;
    const script = `#!/bin/sh
[ "$1" = --version ] && echo ${version} && exit
case $1 in --cwd=*) cd "\${1#--cwd=}"; build=second;; *) build=first;; esac
while [ "$1" != --outfile ]; do shift; done
mkdir -p "$(dirname "$2")" && echo "${content}" >"$2"
`;
    writeFileSync(made.at("bin/bun"), script);
    chmodSync(made.at("bin/bun"), 0o755);
    return made;
  }

  test("builds twice and says size, time and hash", () => {
    using folder = sandbox("as it is");
    const { code, out, err } = folder.make("dist");
    expect([code, out.trimEnd().split("\n").length]).toEqual([0, 2]);
    expect(out).toMatch(/^[0-9a-f]{64} {2}server\n[0-9a-f]{64} {2}client\n$/);
    expect(err).toMatch(/^dist: [\w-]+ server: 9 bytes, twice the same, in \d+ s\ndist: [\w-]+ client: 9 bytes, /);
  });

  test("fails when the second build is another", () => {
    using folder = sandbox("$build");
    const { code, out, err } = folder.make("dist");
    expect([code === 0, out.includes("  server\n")]).toEqual([false, false]);
    expect(err).toContain("dist: two builds differ");
  });
});
