import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expectUtf8 } from "../../cmd/host/files.ts";
import { makeDemoRealm } from "../support/demoRealm.ts";

const root = join(import.meta.dir, "..", "..");

test("the checked-in demo realm is what its script makes, byte for byte", async () => {
  const files = await makeDemoRealm();
  expect(Array.from(files.keys()).sort()).toEqual([
    "config.json",
    "keys/server.key",
    "keys/server.pub",
    "sconf.json",
    "users.json",
  ]);
  for (const [path, content] of files) {
    expect(`${path}: ${readFileSync(join(root, path), "utf8")}`).toBe(`${path}: ${expectUtf8(content, path)}`);
  }
}, 20_000);
