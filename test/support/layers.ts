/** The rules of ARCHITECTURE, "Layers", for the text of one module. */
import { readFileSync } from "node:fs";
import { join, posix } from "node:path";

const PRIMITIVES = ["core", "core/crypto"];
const PROTOCOLS = [...PRIMITIVES, "core/noise", "core/opaque", "core/wire"];
const CORE = [...PROTOCOLS, "core/channel", "core/kdc", "core/e2ee", "core/peer"];
/** The layers that each layer may import beside itself. A layer that is not here may not exist. */
export const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
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

const NATIVE = "core/crypto/native.ts";
const { dependencies } = JSON.parse(readFileSync(join(import.meta.dir, "../../package.json"), "utf8"));
/** Of run time, beside the platform's. The version is read from package.json when a program is built. */
const CMD_PACKAGES = [
  "package.json",
  "bun",
  ...Object.keys(dependencies).filter((name) => !name.startsWith("@noble/")),
];

const IMPORT =
  /(?:^|\n)(?:import|export)\b[^;]*?\bfrom\s+"([^"]+)"|(?:^|\n)import\s+"([^"]+)"|\bimport\(\s*"([^"]+)"\s*\)/g;
/** What reaches for the clock, randomness, input or output, or a global of a platform. */
const WORLDLY =
  /\b(?:Date\.now|new Date|Math\.random|performance\.|setTimeout|setInterval|console\.|process\.|Bun\.|globalThis|fetch\(|getRandomValues|randomUUID|subtle\b|import\.meta)/;
/** In core `crypto` is a provider that was passed in, under one of these; without, it is the platform's global. */
const PROVIDER = /\bcrypto: CryptoProvider\b|\bconst \{[^}]*\bcrypto\b[^}]*\} =/;
const CRYPTO = /(?<![.\w"/-])crypto\b(?![:?/])/;
const COMMENT = /\/\*[\s\S]*?\*\/|\/\/.*/g;
const FORMS: readonly (readonly [breach: string, form: RegExp])[] = [
  ["a default export", /^export\s+default\b|^export\b[^;]*?\bas\s+default\b/m],
  ["a barrel", /^export\s+(?:type\s+)?(?:\*|\{[^}]*\}\s+from\b)/m],
  ["an import that these rules cannot read", /\brequire\s*\(|\bimport\s*\((?!\s*"[^"]+"\s*\))/],
];

/** The layer of a module: its folder, of two names at most. */
export function layerOf(path: string): string {
  return posix.dirname(path).split("/").slice(0, 2).join("/");
}

/** Whether an import is of this project. */
export function isLocal(name: string): boolean {
  return name.startsWith("core/") || name.startsWith("cmd/");
}

/** What a module imports: paths from the root of the project, and packages by their name. */
export function importsOf(path: string, text: string): readonly string[] {
  const names = Array.from(text.matchAll(IMPORT), (match) => match[1] ?? match[2] ?? match[3] ?? "");
  return names.map((name) => (name.startsWith(".") ? posix.join(posix.dirname(path), name) : name));
}

/** Every rule that the module at `path` (from the root, such as core/wire/codec.ts) breaks with this text. */
export function breaches(path: string, text: string): readonly string[] {
  const found = importsOf(path, text)
    .filter((name) => (isLocal(name) ? !mayImport(path, name) : !mayUse(path, name)))
    .map((name) => `-> ${name}`);
  if (MAY_IMPORT[ownLayer(path)] === undefined) found.push("a layer that is not known");
  for (const [breach, form] of FORMS) if (form.test(text)) found.push(breach);
  if (path.startsWith("core/") && path !== NATIVE) {
    found.push(
      ...text
        .split("\n")
        .filter((line) => WORLDLY.test(line))
        .map((line) => line.trim()),
    );
    if (!PROVIDER.test(text) && CRYPTO.test(text.replace(COMMENT, ""))) found.push("the global crypto");
  }
  if (path.endsWith("/index.ts")) found.push("a barrel's name");
  if (text.trimEnd().split("\n").length > 300) found.push("more than 300 lines");
  return found.map((breach) => `${path}: ${breach}`);
}

/** The two entry points wire up their own half. */
function ownLayer(path: string): string {
  if (path === "cmd/server.ts" || path === "cmd/client.ts") return path.slice(0, -".ts".length);
  return layerOf(path);
}

function mayImport(path: string, name: string): boolean {
  const own = ownLayer(path);
  const layer = layerOf(name);
  return layer === own || (MAY_IMPORT[own] ?? []).includes(layer) || EXCEPTIONS.has(`${path} -> ${name}`);
}

/** Whether an import is `one` package, or a file of it. */
function isOf(one: string, name: string): boolean {
  return name === one || name.startsWith(`${one}/`);
}

/** Noble in core/crypto, the platform in its native provider, nothing else in core; what is declared in cmd. */
function mayUse(path: string, name: string): boolean {
  if (!path.startsWith("core/")) return /^(?:node|bun):/.test(name) || CMD_PACKAGES.some((one) => isOf(one, name));
  if (name.startsWith("@noble/")) return layerOf(path) === "core/crypto";
  return path === NATIVE && name.startsWith("node:");
}
