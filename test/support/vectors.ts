import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

const folder = process.env.IMS_VECTORS;

/**
 * The public test vectors called `name`, parsed, from the folder that `IMS_VECTORS` names; null, and one line on
 * stderr, when they are not there. They are not part of this repository.
 */
export function externalVectors(name: string): unknown {
  const file = folder === undefined ? null : join(folder, `${name}.json`);
  if (file === null || !existsSync(file)) {
    process.stderr.write(`skipped: public vectors ${name}.json (set IMS_VECTORS to the folder that holds them)\n`);
    return null;
  }
  return JSON.parse(readFileSync(file, "utf8"));
}
