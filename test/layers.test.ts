/** Who may import whom, read from every import of core/ and cmd/ (ARCHITECTURE, "Layers"). */
import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { breaches, importsOf, isLocal, layerOf, MAY_IMPORT } from "./support/layers.ts";

const ROOT = join(import.meta.dir, "..");

interface Module {
  /** From the root of the project, such as core/wire/codec.ts. */
  readonly path: string;
  readonly text: string;
  readonly imports: readonly string[];
}

function modulesOf(folder: string): readonly Module[] {
  const names = readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" });
  const paths = names.filter((name) => name.endsWith(".ts")).map((name) => `${folder}/${name}`);
  return paths.sort().map((path) => {
    const text = readFileSync(join(ROOT, path), "utf8");
    return { path, text, imports: importsOf(path, text) };
  });
}

const core = modulesOf("core");
const cmd = modulesOf("cmd");
const all = [...core, ...cmd];

test("the modules have been found, and their imports", () => {
  expect(core.length).toBeGreaterThan(45);
  expect(cmd.length).toBeGreaterThan(20);
  expect(all.flatMap(({ imports }) => imports).length).toBeGreaterThan(300);
  expect(all.find(({ path }) => path === "core/peer/clientLogin.ts")?.imports).toContain("core/channel/initiator.ts");
  for (const { path, imports } of all) {
    for (const name of imports.filter(isLocal)) {
      expect({ path, name, known: all.some((module) => module.path === name) }).toEqual({ path, name, known: true });
    }
  }
});

test("no module breaks a rule", () => {
  expect(all.flatMap(({ path, text }) => breaches(path, text))).toEqual([]);
});

test("every layer is there, and only the two entry points stand outside", () => {
  const layers = new Set(all.map(({ path }) => layerOf(path)));
  expect([...layers].sort()).toEqual(["cmd", ...Object.keys(MAY_IMPORT)].sort());
  const outside = cmd.map(({ path }) => path).filter((path) => layerOf(path) === "cmd");
  expect(outside).toEqual(["cmd/client.ts", "cmd/server.ts"]);
});

describe("the rules notice", () => {
  const NOISE = "core/noise/x.ts";
  test.each<[string, string, string]>([
    ["a protocol that imports another", NOISE, 'import { a } from "../opaque/group.ts";'],
    ["a type that is imported from above", NOISE, 'import type { A } from "../peer/client.ts";'],
    ["an import over several lines", NOISE, 'import {\n  a,\n  b,\n} from "../wire/codec.ts";'],
    ["an import for its effects", NOISE, 'import "../wire/codec.ts";'],
    ["an import at run time", NOISE, 'const a = await import("../wire/codec.ts");'],
    ["an import at run time of who knows what", NOISE, "const a = await import(name);"],
    ["a require", NOISE, 'const a = require("node:fs");'],
    ["cryptography in core/wire", "core/wire/x.ts", 'import { a } from "../crypto/kdf.ts";'],
    ["core that looks upwards", "core/x.ts", 'import type { A } from "./crypto/provider.ts";'],
    ["core that imports cmd", "core/peer/x.ts", 'import { a } from "../../cmd/host/env.ts";'],
    ["the server that imports the client", "cmd/server/x.ts", 'import { a } from "../client/words.ts";'],
    ["one half wiring up the other", "cmd/client.ts", 'import { a } from "./server/run.ts";'],
    ["a layer that nobody has named", "core/rooms/x.ts", "export const a = 1;"],
    ["noble outside core/crypto", NOISE, 'import { a } from "@noble/hashes/sha2.js";'],
    ["noble in cmd", "cmd/host/x.ts", 'import { a } from "@noble/hashes/sha2.js";'],
    ["the platform in core", "core/crypto/x.ts", 'import { a } from "node:crypto";'],
    ["a package that is not declared", "cmd/host/x.ts", 'import { a } from "left-pad";'],
    ["a file of one", "cmd/host/x.ts", 'import A from "left-pad/a.json" with { type: "file" };'],
    ["another package with the same beginning", "cmd/host/x.ts", 'import { a } from "@zxcvbn-ts/language-common-x";'],
    ["a package of cmd in core", NOISE, 'import A from "@zxcvbn-ts/language-common/src/passwords.json";'],
    ["a clock", NOISE, "const a = Date.now();"],
    ["randomness", NOISE, "const a = Math.random();"],
    ["an id from the global crypto", NOISE, "const a = crypto.randomUUID();"],
    ["bytes from the global crypto", NOISE, "crypto.getRandomValues(a);"],
    ["keys of the global crypto", NOISE, "const { subtle } = crypto;"],
    ["the global crypto under another name", NOISE, "const a = crypto;"],
    ["a word on the screen", NOISE, "console.log(a);"],
    ["a default export", NOISE, "export default a;"],
    ["a default export by its other name", NOISE, "export { a as default };"],
    ["the same among others", NOISE, "export {\n  b,\n  a as default,\n};"],
    ["everything of another module", NOISE, 'export * from "./patterns.ts";'],
    ["a part of another module", NOISE, 'export type { A } from "./patterns.ts";'],
    ["a part over several lines", NOISE, 'export {\n  a,\n} from "./patterns.ts";'],
    ["a barrel's name", "core/noise/index.ts", "export const a = 1;"],
    ["a long module", NOISE, "\n".repeat(300).concat("export const a = 1;")],
  ])("%s", (_, path, text) => {
    expect(breaches(path, text)).not.toEqual([]);
  });

  test.each<[string, string, string]>([
    ["a neighbour", NOISE, 'import { a } from "./patterns.ts";'],
    ["the layer below", NOISE, 'import { a } from "../crypto/kdf.ts";'],
    [
      "the primitives that were passed in",
      NOISE,
      "const a = (crypto: CryptoProvider) => crypto.sha256();\nenv.crypto.run(b, env.randomBytes);",
    ],
    ["noble in core/crypto", "core/crypto/x.ts", 'import { a } from "@noble/hashes/sha2.js";'],
    ["the platform in cmd", "cmd/host/x.ts", 'import { a } from "node:fs";\nimport { b } from "bun";\nDate.now();'],
    ["a file of a package", "cmd/host/x.ts", 'import A from "@zxcvbn-ts/language-common/src/passwords.json";'],
    ["an import by another name", NOISE, 'import { default as a, b as c } from "./patterns.ts";'],
    ["300 lines", NOISE, "\n".repeat(299).concat("export const a = 1;")],
  ])("not %s", (_, path, text) => {
    expect(breaches(path, text)).toEqual([]);
  });
});

test("modules do not import one another in a circle", () => {
  const imports = new Map(all.map(({ path, imports: names }) => [path, names.filter(isLocal)]));
  const done = new Set<string>();
  const visit = (path: string, above: readonly string[]): void => {
    if (above.includes(path)) throw new Error(`a circle: ${[...above, path].join(" -> ")}`);
    if (done.has(path)) return;
    for (const name of imports.get(path) ?? []) visit(name, [...above, path]);
    done.add(path);
  };
  for (const { path } of all) visit(path, []);
  expect(done.size).toBe(all.length);
});

test.each(core.map(({ path }) => path))("%s can be imported on its own", async (path) => {
  expect(typeof (await import(join(ROOT, path)))).toBe("object");
});
