/** A state folder on a disk that is full: a save fails in one line, and what was there stays. */
import { expect, test } from "bun:test";
import { EXIT, endingOf } from "../../../../cmd/host/exit.ts";
import { failure } from "../../../support/codes.ts";
import { temporaryFolder } from "../../../support/folder.ts";
import { canMount, smallDisk } from "../../../support/smallDisk.ts";
import { entry, HEADER, makeState, open } from "../../../support/stateFolders.ts";

const [kept, large] = [entry(1), entry(2)];

test.skipIf(!canMount())("there is room for less afterwards (needs root)", () => {
  using disk = smallDisk(512);
  using folder = open(disk.path);
  folder.save(HEADER, new Map([[kept, Uint8Array.of(1)]]));
  const writes = new Map([
    [kept, Uint8Array.of(2)],
    [large, new Uint8Array(600_000)],
  ]);
  const { code, line } = endingOf(failure(() => folder.save(null, writes)));
  expect([code, line]).toEqual([EXIT.failed, `ims: ${disk.path}/state.db: cannot be written (the disk is full)`]);
  expect(folder.stored).toEqual({ header: HEADER, entries: new Map([[kept, Uint8Array.of(1)]]) });
  folder.save(null, new Map([[kept, Uint8Array.of(3)]]));
  expect(folder.stored?.entries).toEqual(new Map([[kept, Uint8Array.of(3)]]));
});

test("a file that may grow no more", async () => {
  using folder = temporaryFolder();
  makeState(folder.at("s"));
  const script = `
    import { entry, open } from "${import.meta.dir}/../../../support/stateFolders.ts";
    process.on("SIGXFSZ", () => {});
    const state = open(process.argv[1]);
    try { state.save(null, new Map([1, 2].map((n) => [entry(n), new Uint8Array(4_000_000)]))); } catch (error) {
      console.log(error.code, error.detail, state.stored.entries.size);
    }`;
  const child = Bun.spawn(
    ["/bin/sh", "-c", 'ulimit -f 2000; exec "$0" -e "$1" "$2"', process.execPath, script, folder.at("s")],
    {
      ...{ stdout: "pipe", stderr: "inherit" },
    },
  );
  const said = await new Response(child.stdout).text();
  expect(said).toMatch(/^file\.failed \/.*state\.db: cannot be written \((the disk [\w ]+)\) 1\n$/);
  using state = open(folder.at("s"));
  expect(state.stored?.entries).toEqual(new Map([[entry(1), new Uint8Array([9])]]));
});
