import { describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { StateFolder } from "../../../../cmd/client/state/folder.ts";
import { deleteState, makeFolder, stateInUse, tryLockState } from "../../../../cmd/client/state/stateFiles.ts";
import { failure } from "../../../support/codes.ts";
import { temporaryFolder } from "../../../support/folder.ts";
import { ALICE, HEADER, open } from "../../../support/stateFolders.ts";

describe("one holder", () => {
  test("a second gets null until the first has let go", () => {
    using folder = temporaryFolder();
    const first = open(folder.at("s"));
    expect(StateFolder.tryOpen(folder.at("s"), ALICE)).toBeNull();
    first.save(HEADER, new Map());
    first[Symbol.dispose]();
    first[Symbol.dispose]();
    using second = open(folder.at("s"));
    expect(second.header).toEqual(HEADER);
  });

  test("what was begun beside it ends first", () => {
    using folder = temporaryFolder();
    const state = open(folder.at("s"));
    let held: unknown = "not asked";
    state.beforeRelease(() => {
      held = StateFolder.tryOpen(folder.at("s"), ALICE);
    });
    state[Symbol.dispose]();
    expect(held).toBeNull();
  });

  test("a lock in a folder that has gone is held by nobody; one that cannot be made is told", () => {
    using folder = temporaryFolder();
    expect(tryLockState(folder.at("gone"))).toBeNull();
    mkdirSync(folder.at("state.lock"));
    expect(failure(() => tryLockState(folder.path)).code).toBe("file.failed");
  });

  test("a file is no folder", () => {
    using folder = temporaryFolder();
    writeFileSync(folder.at("notes"), "mine");
    const { code, detail } = failure(() => makeFolder(folder.at("notes")));
    expect([code as string, detail]).toEqual([
      "file.failed",
      `${folder.at("notes")}: it is a file; --state names a folder`,
    ]);
  });

  test("what cannot be deleted is told", () => {
    using folder = temporaryFolder();
    using state = open(folder.at("s"));
    state.save(HEADER, new Map());
    mkdirSync(folder.at("s/client.sock"));
    const lock = tryLockState(folder.path);
    if (lock === null) throw new Error("it is held");
    const { code, detail } = failure(() => deleteState(folder.at("s"), lock));
    expect([code, detail]).toEqual(["file.failed", expect.stringContaining("cannot be deleted: ")]);
    lock[Symbol.dispose]();
  });

  test("who looks whether it is held makes no lock, and takes none", () => {
    using folder = temporaryFolder();
    expect([stateInUse(folder.path), existsSync(folder.at("state.lock"))]).toEqual([false, false]);
    using lock = tryLockState(folder.path);
    expect([lock?.released, stateInUse(folder.path)]).toEqual([false, true]);
    lock?.[Symbol.dispose]();
    expect([stateInUse(folder.path), stateInUse(folder.path)]).toEqual([false, false]);
  });
});
