/** Who may import whom, read from every import of core/ and cmd/ (ARCHITECTURE, "Layers"). */
import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";

const ROOT = join(import.meta.dir, "..");

interface Module {
  /** From the root of the project, such as core/wire/codec.ts. */
  readonly path: string;
  readonly layer: string;
  readonly text: string;
  /** What it imports: paths from the root, and packages by their name. */
  readonly imports: readonly string[];
}

/** The layer of a module: its folder, of two names at most. */
function layerOf(path: string): string {
  return dirname(path).split("/").slice(0, 2).join("/");
}

const IMPORT =
  /(?:^|\n)(?:import|export)\b[^;]*?\bfrom\s+"([^"]+)"|(?:^|\n)import\s+"([^"]+)"|\bimport\(\s*"([^"]+)"\s*\)/g;

function read(path: string): Module {
  const text = readFileSync(join(ROOT, path), "utf8");
  const imports = [...text.matchAll(IMPORT)].map((match) => match[1] ?? match[2] ?? match[3] ?? "");
  const resolved = imports.map((name) =>
    name.startsWith(".") ? relative(ROOT, join(ROOT, dirname(path), name)) : name,
  );
  return { path, layer: layerOf(path), text, imports: resolved };
}

function modulesOf(folder: string): readonly Module[] {
  const names = readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" });
  const paths = names.filter((name) => name.endsWith(".ts")).map((name) => `${folder}/${name}`);
  return paths.sort().map(read);
}

const core = modulesOf("core");
const cmd = modulesOf("cmd");
const all = [...core, ...cmd];
const local = (name: string): boolean => name.startsWith("core/") || name.startsWith("cmd/");

const PRIMITIVES = ["core", "core/crypto"];
const PROTOCOLS = [...PRIMITIVES, "core/noise", "core/opaque", "core/wire"];
const CORE = [...PROTOCOLS, "core/channel", "core/kdc", "core/e2ee", "core/peer"];
/** The layers that each layer may import beside itself. A layer that is not here may not exist. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  core: [],
  "core/crypto": ["core"],
  "core/wire": ["core"],
  "core/noise": PRIMITIVES,
  "core/opaque": PRIMITIVES,
  "core/channel": PROTOCOLS,
  "core/kdc": PROTOCOLS,
  "core/e2ee": PROTOCOLS,
  "core/peer": CORE,
  "cmd/host": CORE,
  "cmd/server": [...CORE, "cmd/host"],
  "cmd/client": [...CORE, "cmd/host"],
};
/** The one look upwards: `Env` names the type of the provider that is passed in. */
const EXCEPTIONS = new Set(["core/env.ts -> core/crypto/provider.ts"]);

test("the modules have been found, and their imports", () => {
  expect(core.length).toBeGreaterThan(45);
  expect(cmd.length).toBeGreaterThan(20);
  expect(all.flatMap(({ imports }) => imports).length).toBeGreaterThan(300);
  expect(read("core/peer/client.ts").imports).toContain("core/channel/initiator.ts");
  for (const { path, imports } of all) {
    for (const name of imports.filter(local)) {
      expect({ path, name, known: all.some((module) => module.path === name) }).toEqual({ path, name, known: true });
    }
  }
});

test("every layer imports only what it may", () => {
  const breaches = all.flatMap(({ path, layer, imports }) => {
    // The two entry points wire up their own half.
    const own = layer === "cmd" ? `cmd/${path === "cmd/server.ts" ? "server" : "client"}` : layer;
    const allowed = [own, ...(MAY_IMPORT[own] ?? [])];
    return imports
      .filter((name) => local(name) && !allowed.includes(layerOf(name)))
      .map((name) => `${path} -> ${name}`)
      .filter((breach) => !EXCEPTIONS.has(breach));
  });
  expect(breaches).toEqual([]);
});

test("every folder is a layer that is known", () => {
  const layers = new Set(all.map(({ layer }) => layer));
  expect([...layers].sort()).toEqual(["cmd", ...Object.keys(MAY_IMPORT)].sort());
  expect(cmd.filter(({ layer }) => layer === "cmd").map(({ path }) => path)).toEqual([
    "cmd/client.ts",
    "cmd/server.ts",
  ]);
});

test("packages: noble in core/crypto, the platform in its native provider, nothing else in core", () => {
  const found = core.flatMap(({ path, layer, imports }) =>
    imports
      .filter((name) => !local(name))
      .filter((name) => !(layer === "core/crypto" && name.startsWith("@noble/")))
      .filter((name) => !(path === "core/crypto/native.ts" && name.startsWith("node:")))
      .map((name) => `${path} -> ${name}`),
  );
  expect(found).toEqual([]);
});

test("packages of cmd: the platform, and what package.json declares for run time", () => {
  const { dependencies } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
  const allowed = ["bun", ...Object.keys(dependencies).filter((name) => !name.startsWith("@noble/"))];
  const found = cmd.flatMap(({ path, imports }) =>
    imports
      // The version is read from package.json when a program is built.
      .filter(
        (name) => !local(name) && !/^(?:node|bun):/.test(name) && name !== "package.json" && !allowed.includes(name),
      )
      .map((name) => `${path} -> ${name}`),
  );
  expect(found).toEqual([]);
});

test("core has no clock, no randomness, no input or output and no globals of a platform", () => {
  const worldly =
    /\b(?:Date\.now|new Date|Math\.random|performance\.|setTimeout|setInterval|console\.|process\.|Bun\.|globalThis|getRandomValues|fetch\()/;
  const found = core
    .filter(({ path }) => path !== "core/crypto/native.ts")
    .flatMap(({ path, text }) => text.split("\n").map((line) => `${path}: ${line.trim()}`))
    .filter((line) => worldly.test(line));
  expect(found).toEqual([]);
});

describe("modules", () => {
  test("do not import one another in a circle", () => {
    const imports = new Map(all.map(({ path, imports: names }) => [path, names.filter(local)]));
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

  test("name what they export, and are no barrels", () => {
    for (const { path, text } of all) {
      expect({ path, found: /^export default\b/m.exec(text)?.[0] }).toEqual({ path, found: undefined });
      expect({ path, found: /^export \*/m.exec(text)?.[0] }).toEqual({ path, found: undefined });
      expect({ path, found: /^export (?:type )?\{[^}]*\} from/m.exec(text)?.[0] }).toEqual({ path, found: undefined });
      expect(path).not.toEndWith("/index.ts");
    }
  });

  test("have 300 lines at most", () => {
    const long = all.filter(({ text }) => text.trimEnd().split("\n").length > 300).map(({ path }) => path);
    expect(long).toEqual([]);
  });

  test.each(core.map(({ path }) => path))("%s can be imported on its own", async (path) => {
    expect(typeof (await import(join(ROOT, path)))).toBe("object");
  });
});
