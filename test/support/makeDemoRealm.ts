/** Writes the demo realm to the root of the project: `bun test/support/makeDemoRealm.ts`. */
import { createHash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { decodeBase64url } from "../../cmd/host/base64url.ts";
import { makeDemoRealm } from "./demoRealm.ts";

const root = join(import.meta.dir, "..", "..");
for (const [path, content] of await makeDemoRealm()) {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), content);
  process.stdout.write(`${path}\n`);
  if (!path.endsWith(".key")) continue;
  const key = decodeBase64url(content.subarray(content.indexOf(0x20) + 1, -1)) ?? new Uint8Array(0);
  process.stdout.write(`  DEMO_SHA256 in cmd/server/keyring.ts: ${createHash("sha256").update(key).digest("hex")}\n`);
}
