/**
 * What is wrong with `package.json` and `package-lock.json`: anything that would let an installation differ from what
 * was checked in. Bun's own `--frozen-lockfile` passes over ranges, missing hashes and a lockfile that is not there.
 */
import { semver } from "bun";

type Versions = Readonly<Record<string, string>>;

interface Manifest {
  readonly name?: string;
  readonly version?: string;
  readonly scripts?: Versions;
  readonly dependencies?: Versions;
  readonly devDependencies?: Versions;
}

interface Entry extends Manifest {
  readonly integrity?: string;
  readonly resolved?: string;
  readonly link?: boolean;
  readonly optionalDependencies?: Versions;
  readonly os?: readonly string[];
  readonly cpu?: readonly string[];
}

interface Lockfile {
  readonly lockfileVersion?: number;
  readonly packages?: Readonly<Record<string, Entry>>;
}

const EXACT = /^[0-9]+\.[0-9]+\.[0-9]+$/;
const SHA512 = /^sha512-[A-Za-z0-9+/]{86}==$/;
/** What else npm or Bun reads in `package.json` and installs, or runs, by. */
const FORBIDDEN = [
  ...["optionalDependencies", "peerDependencies", "bundleDependencies", "bundledDependencies"],
  ...["overrides", "resolutions", "workspaces", "trustedDependencies", "patchedDependencies"],
];
const LIFECYCLE = /^(pre|post)?(install|prepare|publish|pack)$|^(pre|post)prepare$|^dependencies$/;
/** Where releases are built and run. */
const PLATFORMS = [
  ["linux", "x64"],
  ["linux", "arm64"],
  ["darwin", "x64"],
  ["darwin", "arm64"],
] as const;

/** One line for each fault of the two texts. */
export function lockfileFaults(manifestText: string, lockfileText: string): readonly string[] {
  const manifest = JSON.parse(manifestText) as Manifest;
  const { lockfileVersion, packages = {} } = JSON.parse(lockfileText) as Lockfile;
  const { "": root = {}, ...entries } = packages;
  const faults = lockfileVersion === 3 ? [] : ["package-lock.json: expected lockfileVersion 3"];
  return [
    ...faults,
    ...manifestFaults(manifest),
    ...rootFaults(manifest, root),
    ...Object.entries({ ...manifest.dependencies, ...manifest.devDependencies }).flatMap(([name, version]) =>
      entries[`node_modules/${name}`]?.version === version ? [] : [`${name} ${version}: not the one that is locked`],
    ),
    ...Object.entries(entries).flatMap(([path, entry]) => entryFaults(path, entry, entries)),
  ];
}

function manifestFaults(manifest: Manifest): readonly string[] {
  const ranges = Object.entries({ ...manifest.dependencies, ...manifest.devDependencies })
    .filter(([, version]) => !EXACT.test(version))
    .map(([name, version]) => `package.json: ${name}: expected an exact version, found ${version}`);
  const keys = FORBIDDEN.filter((key) => key in manifest).map((key) => `package.json: ${key} has no place there`);
  const scripts = Object.keys(manifest.scripts ?? {})
    .filter((name) => LIFECYCLE.test(name))
    .map((name) => `package.json: the script ${name} would run by itself`);
  return [...ranges, ...keys, ...scripts];
}

function rootFaults(manifest: Manifest, root: Entry): readonly string[] {
  const differs = (key: "name" | "version" | "dependencies" | "devDependencies"): boolean =>
    JSON.stringify(manifest[key] ?? {}) !== JSON.stringify(root[key] ?? {});
  return (["name", "version", "dependencies", "devDependencies"] as const)
    .filter(differs)
    .map((key) => `${key}: package-lock.json has others than package.json`);
}

function entryFaults(path: string, entry: Entry, entries: Readonly<Record<string, Entry>>): readonly string[] {
  const faults: string[] = [];
  if (!EXACT.test(entry.version ?? "")) faults.push("no exact version");
  if (!SHA512.test(entry.integrity ?? "")) faults.push("no SHA-512");
  if (entry.link === true || entry.resolved !== undefined) faults.push("an address of its own");
  const { optionalDependencies = {} } = entry;
  for (const [name, range] of Object.entries({ ...entry.dependencies, ...optionalDependencies })) {
    const found = entries[`${path}/node_modules/${name}`] ?? entries[`node_modules/${name}`];
    if (found?.version === undefined || !semver.satisfies(found.version, range))
      faults.push(`${name} ${range} is missing`);
  }
  const parts = Object.keys(optionalDependencies).map((name) => entries[`node_modules/${name}`]);
  for (const [os, cpu] of parts.length === 0 ? [] : PLATFORMS) {
    if (!parts.some((part) => part?.os?.includes(os) && part.cpu?.includes(cpu)))
      faults.push(`nothing for ${os} ${cpu}`);
  }
  return faults.map((fault) => `${path}: ${fault}`);
}
