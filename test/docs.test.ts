/** The documents say what the code does, as far as a program can tell: tables, citations, files and links. */
import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { Glob } from "bun";
import { DEFAULT_LIMITS } from "../cmd/host/config.ts";
import { listedFields } from "../cmd/host/log.ts";
import { metricsText } from "../cmd/server/metrics.ts";
import type { SessionRow } from "../cmd/server/status.ts";
import { LABELS, LOGIN_SUITE } from "../core/crypto/labels.ts";
import { ERRORS } from "../core/errors.ts";
import * as limits from "../core/limits.ts";
import * as account from "../core/wire/account.ts";
import * as endToEnd from "../core/wire/endToEnd.ts";
import { CLIENT_MESSAGES, SERVER_MESSAGES } from "../core/wire/messages.ts";
import { loggedLevels, serverEvents } from "./support/events.ts";
import { parseExposition } from "./support/exposition.ts";
import { codeSpans, headings, links, section, tableRows } from "./support/markdown.ts";
import { FIGURES } from "./support/statusFigures.ts";

const root = join(import.meta.dir, "..");
const read = (path: string): string => readFileSync(join(root, path), "utf8");
const files = (...patterns: readonly string[]): readonly string[] =>
  patterns.flatMap((pattern) => Array.from(new Glob(pattern).scanSync(root))).sort();

const DOCUMENTS = ["docs/PROTOCOL.md", "docs/THREAT_MODEL.md", "docs/ARCHITECTURE.md"];
/** Not the profiles that tools leave behind. */
const PAPERS = files("*.md", "docs/*.md").filter((file) => /^[\w/-]+\.md$/.test(file));
const SOURCES = files("{core,cmd,test,bench}/**/*.ts");
const protocol = read("docs/PROTOCOL.md");

/** `code` of a cell that is nothing else. */
const coded = (cell = ""): string => /^`([^`]+)`$/.exec(cell)?.[1] ?? "";
const number = (cell = ""): number => (/^[0-9][0-9,]*$/.test(cell) ? Number(cell.replaceAll(",", "")) : Number.NaN);

describe("the tables of PROTOCOL and the code list the same", () => {
  test("messages: number, name, longest body", () => {
    const rows = tableRows(section(protocol, "5.2")).map(([type, name, , max]) => [
      number(type),
      coded(name),
      number(max),
    ]);
    const registered = Object.entries({ ...CLIENT_MESSAGES, ...SERVER_MESSAGES });
    expect(rows).toEqual(registered.map(([name, { type, codec }]) => [type, name, codec.maxBytes]));
  });

  test("structures: longest encoding, where the table says it as a number", () => {
    const codecs = new Map(Object.entries({ ...account, ...endToEnd }));
    const wrong: string[] = [];
    let compared = 0;
    for (const [name, , size = ""] of tableRows(section(protocol, "5.3"))) {
      const [, bytes = "", names] = /^(?:up to )?([0-9,]+)( \+ names)?$/.exec(size) ?? [];
      const codec = codecs.get(coded(name));
      if (bytes === "" || typeof codec !== "object") continue;
      compared += 1;
      const expected = number(bytes) + (names === undefined ? 0 : 2 * limits.NAME_MAX_BYTES);
      if (codec.maxBytes !== expected) wrong.push(`${name}: ${codec.maxBytes}`);
    }
    expect(wrong).toEqual([]);
    expect(compared).toBe(11);
  });

  test("error codes: wire number, blame", () => {
    const rows = tableRows(section(protocol, "13")).filter(([, code]) => coded(code) !== "");
    const listed = rows.map(([wire, code, blame]) => [coded(code), wire === "—" ? 0 : number(wire), blame]);
    const registered = Object.entries(ERRORS).map(([code, { wire, blame }]) => [code, wire, blame]);
    expect(new Map(listed.map((row) => [row[0], row]))).toEqual(new Map(registered.map((row) => [row[0], row])));
    expect(listed.length).toBe(registered.length);
  });

  test("labels", () => {
    const rows = tableRows(section(protocol, "3")).filter((row) => coded(row[0]) !== "");
    const utf8 = new TextDecoder();
    const registered = Object.entries({ ...LABELS, LOGIN_SUITE }).map(([name, bytes]) => [name, utf8.decode(bytes)]);
    expect(rows.map(([name, bytes]) => [coded(name), coded(bytes)])).toEqual(registered);
  });

  test("limits", () => {
    const { STRETCH, ...plain } = limits;
    const stretch = Object.entries(STRETCH).map(([name, value]) => [`STRETCH.${name}`, value] as const);
    const registered = new Map([...Object.entries(plain), ...stretch]);
    const rows = tableRows(section(protocol, "14")).map(([name, value]) => [coded(name), number(value)] as const);
    expect(new Map(rows)).toEqual(registered);
    expect(rows.length).toBe(registered.size);
  });
});

describe("OPERATIONS and the code list the same", () => {
  const operations = read("docs/OPERATIONS.md");
  /** The rows of the tables from that heading to the next one. */
  const rowsOf = (heading: string): readonly (readonly string[])[] => {
    const [, text = ""] = operations.split(`\n### ${heading}\n`);
    return tableRows(text.split(/^#/m)[0] ?? "").filter(([name]) => coded(name) !== "");
  };

  test("fields of a status", () => {
    const session: SessionRow = { user: "", device: "", since: "", prefix: "" };
    const nested = ["users", "queues", "memory", "descriptors", "audit"] as const;
    const fields = Object.keys(FIGURES).flatMap((name) => {
      const inner = nested.find((other) => other === name);
      return inner === undefined ? [name] : Object.keys(FIGURES[inner] ?? {}).map((key) => `${name}.${key}`);
    });
    const sessions = ["sessions", ...Object.keys(session).map((key) => `sessions[].${key}`)];
    expect(rowsOf("Status as JSON").map(([name]) => coded(name))).toEqual([...fields, ...sessions]);
  });

  test("metrics: name and type", () => {
    const families = Array.from(parseExposition(metricsText(FIGURES)), ([name, { type }]) => [name, type]);
    expect(rowsOf("Metrics").map(([name, type = ""]) => [coded(name), type])).toEqual(families);
  });

  test("events, their levels, and fields that a log has", () => {
    const rows = rowsOf("Events");
    const listed = rows.map(([event]) => coded(event));
    expect(listed.toSorted()).toEqual([...serverEvents()]);
    const levels = new Map(rows.map(([event, level]) => [coded(event), level]));
    for (const [event, level] of loggedLevels()) expect([event, levels.get(event)]).toEqual([event, level]);
    const fields = rows.flatMap(([, , , cell = ""]) => codeSpans(cell));
    const known = (field: string): boolean => [0, ""].some((value) => field in listedFields({ [field]: value }));
    expect(fields.filter((field) => !known(field))).toEqual([]);
    expect(fields.length).toBeGreaterThan(rows.length);
  });
});

describe("README and the code list the same", () => {
  const rows = tableRows(read("README.md")).filter(([name]) => coded(name).startsWith("limits."));

  test("limits and their defaults", () => {
    const listed = rows.map(([name, value]) => [coded(name), number(value)]);
    expect(listed).toEqual(Object.entries(DEFAULT_LIMITS).map(([name, value]) => [`limits.${name}`, value]));
  });
});

describe("what is cited is there", () => {
  /** Of the comments and papers that cite a document: `NAME §4, §6`, `NAME, "Memory"`. */
  test.each([...DOCUMENTS, "docs/OPERATIONS.md"])("sections of %s", (path) => {
    const name = path.replace(/^docs\/|\.md$/g, "");
    const found = headings(read(path));
    const known = new Set(found.flatMap((heading) => [heading.title, heading.number]));
    const titles = found.map(({ title }) => title.replace(/^[0-9.]+ /, ""));
    const citation = new RegExp(`${name}(?:\\.md)?(?:\\)|\`)?,? ((?:(?:, | and )?§[0-9.]*[0-9])+|"[^"\n]+")`, "g");
    const missing: string[] = [];
    for (const file of [...SOURCES, ...PAPERS]) {
      if (file === "test/docs.test.ts") continue;
      for (const [whole, what = ""] of read(file).matchAll(citation)) {
        const there = what.startsWith('"')
          ? titles.includes(what.slice(1, -1))
          : (what.match(/[0-9.]*[0-9]/g) ?? []).every((cited) => known.has(cited));
        if (!there) missing.push(`${file}: ${whole}`);
      }
    }
    expect(missing).toEqual([]);
  });

  /** A bare `§4.2` is of the document itself; one behind the name of a source is not. */
  test.each(DOCUMENTS)("sections that %s cites of itself", (path) => {
    const markdown = read(path);
    const known = new Set(headings(markdown).map((heading) => heading.number));
    const source =
      /(?:RFC [0-9]+|Noise|FIPS 203|SP 800-38D|PROTOCOL|THREAT_MODEL|ARCHITECTURE)(?:\.md\))? (?:§[0-9.]*[0-9](?:, | and )?)+/g;
    const cited = markdown.replace(source, "").matchAll(/§([0-9.]*[0-9])(?! (?:and §[0-9.]+ )?there)/g);
    expect(Array.from(cited, ([, section = ""]) => section).filter((section) => !known.has(section))).toEqual([]);
  });

  test.each(DOCUMENTS)("files that %s names", (path) => {
    const named = codeSpans(read(path)).filter((code) => /^(core|cmd|test|bench|docs)\/[\w./-]*$/.test(code));
    expect(named.filter((file) => !existsSync(join(root, file)))).toEqual([]);
    expect(named.length).toBeGreaterThan(0);
  });

  test("every file of vectors is in PROTOCOL", () => {
    const listed = codeSpans(section(protocol, "16")).filter((code) => code.startsWith("test/vectors/"));
    expect(listed.toSorted()).toEqual(files("test/vectors/*.json").toSorted());
  });

  test("every module is on the map of ARCHITECTURE, once", () => {
    const map = tableRows(section(read("docs/ARCHITECTURE.md"), "2"));
    const listed = map.map(([file]) => coded(file)).filter((file) => file !== "");
    expect(listed.toSorted()).toEqual(files("{core,cmd}/**/*.ts").toSorted());
  });

  test.each(PAPERS)("links of %s", (path) => {
    const broken = links(read(path)).filter((target) => {
      if (/^[a-z][a-z+.-]*:/i.test(target)) return false;
      const [file = "", anchor] = target.split("#");
      const to = file === "" ? path : normalize(join(dirname(path), file));
      if (to.startsWith("..") || !existsSync(join(root, to))) return true;
      return anchor !== undefined && to.endsWith(".md") && !headings(read(to)).some((one) => one.anchor === anchor);
    });
    expect(broken).toEqual([]);
  });
});

test("every cannot of THREAT_MODEL names its test", () => {
  const rows = tableRows(read("docs/THREAT_MODEL.md")).filter((row) => row.length === 3);
  const untested = rows.filter(
    ([, , tests = ""]) => !codeSpans(tests).some((code) => /^test\/.*\.test\.ts$/.test(code)),
  );
  expect(untested).toEqual([]);
  expect(rows.length).toBeGreaterThan(20);
});
