import { describe, expect, test } from "bun:test";
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { endingOf } from "../../../cmd/host/exit.ts";
import { readBytes, readTextFile, replaceFile } from "../../../cmd/host/files.ts";
import { failure } from "../../support/codes.ts";
import { snapshot, temporaryFolder } from "../../support/folder.ts";
import { canMount, smallDisk } from "../../support/smallDisk.ts";

const ROOT = process.geteuid?.() === 0;

describe("replacing a file", () => {
  test("old bytes go, new ones come, with their mode, and nothing is left beside them", () => {
    using folder = temporaryFolder();
    writeFileSync(folder.at("f"), "old", { mode: 0o644 });
    replaceFile(folder.at("f"), "new");
    expect(readFileSync(folder.at("f"), "utf8")).toBe("new");
    expect(statSync(folder.at("f")).mode & 0o777).toBe(0o600);
    replaceFile(folder.at("g"), Uint8Array.of(1, 2, 3), 0o644);
    expect(readdirSync(folder.path).sort()).toEqual(["f", "g"]);
  });

  test("a link stays one, and what it leads to is replaced", () => {
    using folder = temporaryFolder();
    writeFileSync(folder.at("real"), "old");
    symlinkSync(folder.at("real"), folder.at("link"));
    replaceFile(folder.at("link"), "new");
    expect(readFileSync(folder.at("real"), "utf8")).toBe("new");
    expect(readdirSync(folder.path).sort()).toEqual(["link", "real"]);
  });

  test("a failure leaves everything as it was", () => {
    using folder = temporaryFolder();
    mkdirSync(folder.at("taken"));
    writeFileSync(folder.at("taken/inside"), "x");
    const before = snapshot(folder.path);
    const error = failure(() => replaceFile(folder.at("taken"), "new"));
    expect(error.code).toBe("file.failed");
    expect(failure(() => replaceFile(folder.at("no/f"), "new")).detail).toBe(
      `${folder.at("no/f")}: cannot be written: no such file or folder`,
    );
    expect(snapshot(folder.path)).toEqual(before);
  });

  test.skipIf(!canMount())(
    "on a full disk: one line, exit 1, the old file whole and nothing beside it (needs root)",
    () => {
      using disk = smallDisk(64);
      replaceFile(disk.at("users.json"), "old");
      writeFileSync(disk.at("ballast"), new Uint8Array(40_000));
      const before = snapshot(disk.path);
      const error = failure(() => replaceFile(disk.at("users.json"), new Uint8Array(100_000)));
      expect(endingOf(error)).toEqual({
        code: 1,
        line: `ims: ${disk.at("users.json")}: cannot be written: the disk is full`,
      });
      expect(snapshot(disk.path)).toEqual(before);
    },
  );
});

describe("reading a file", () => {
  test("exactly the cap is read, one byte more is not", () => {
    using folder = temporaryFolder();
    writeFileSync(folder.at("f"), "12345");
    expect(readTextFile(folder.at("f"), { maxBytes: 5 })).toBe("12345");
    expect(failure(() => readBytes(folder.at("f"), { maxBytes: 4, name: "f" })).detail).toBe("f: larger than 4 bytes");
    writeFileSync(folder.at("f"), "");
    expect(readTextFile(folder.at("f"), { maxBytes: 5 })).toBe("");
  });

  test("what is no file is refused, and never waited for", () => {
    using folder = temporaryFolder();
    expect(Bun.spawnSync(["mkfifo", folder.at("pipe")]).exitCode).toBe(0);
    expect(failure(() => readBytes(folder.at("pipe"), { maxBytes: 9, name: "p" })).detail).toBe("p: not a file");
    expect(failure(() => readBytes("/dev/zero", { maxBytes: 9 })).detail).toBe("/dev/zero: not a file");
    expect(failure(() => readBytes(folder.at("none"), { maxBytes: 9, name: "n" })).detail).toBe(
      "n: cannot be read: no such file or folder",
    );
  });

  test("bad UTF-8 is refused, a byte order mark is kept", () => {
    using folder = temporaryFolder();
    writeFileSync(folder.at("f"), Uint8Array.of(0x61, 0xc3));
    expect(failure(() => readTextFile(folder.at("f"), { maxBytes: 9, name: "f" })).detail).toBe(
      "f: not UTF-8 text; save it as UTF-8",
    );
    writeFileSync(folder.at("f"), "\u{feff}a");
    expect(readTextFile(folder.at("f"), { maxBytes: 9 })).toBe("\u{feff}a");
  });

  test.skipIf(ROOT)("a file without permission is refused (needs a user who is not root)", () => {
    using folder = temporaryFolder();
    writeFileSync(folder.at("f"), "x");
    chmodSync(folder.at("f"), 0);
    expect(failure(() => readBytes(folder.at("f"), { maxBytes: 9, name: "f" })).detail).toBe(
      "f: cannot be read: permission denied",
    );
  });
});
