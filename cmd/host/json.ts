/**
 * JSON (RFC 8259), written in ASCII and read strictly: what two readers could understand in two ways is refused. Doubled keys, a byte order
 * mark, text after the end, lone surrogates and deep nesting are errors; objects become maps, so that no key, not even
 * `__proto__`, is special.
 */
import { CodedError } from "../../core/errors.ts";

export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
export type JsonObject = ReadonlyMap<string, Json>;

/** What can be written. */
export type Plain = null | boolean | number | string | readonly Plain[] | { readonly [key: string]: Plain };

/** `value` as JSON on one line of printable ASCII; whoever reads it gets the same text back. */
export function asciiJson(value: { readonly [key: string]: Plain }): string {
  return JSON.stringify(value).replace(
    /[\u007f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** Objects and lists within each other; ours need three. */
export const JSON_DEPTH_MAX = 8;

/**
 * Parses `text`; CRLF line ends are white space like any other.
 * @param file how errors call the text
 * @throws config.invalid, one line with file, line number and what was expected there
 */
export function parseJson(text: string, file: string): Json {
  if (text.startsWith("\u{feff}")) {
    throw new CodedError("config.invalid", `${file}: begins with a byte order mark; save it as UTF-8 without one`);
  }
  if (text.trim() === "") throw new CodedError("config.invalid", `${file}: the file is empty`);
  const parser = new Parser(text, file);
  const value = parser.value(0);
  parser.end();
  return value;
}

const SPACE = /[ \t\r\n]*/y;
const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const WORD = /true|false|null/y;

class Parser {
  readonly #text: string;
  readonly #file: string;
  #at = 0;

  constructor(text: string, file: string) {
    this.#text = text;
    this.#file = file;
  }

  value(depth: number): Json {
    const next = this.#peek();
    if (next === "{" || next === "[") {
      if (depth === JSON_DEPTH_MAX) this.#fail(`nested deeper than ${JSON_DEPTH_MAX} levels`);
      return next === "{" ? this.#object(depth + 1) : this.#list(depth + 1);
    }
    if (next === '"') return this.#string();
    const word = this.#match(WORD);
    if (word !== "") return word === "null" ? null : word === "true";
    const number = this.#match(NUMBER);
    if (number === "") this.#fail("expected a value");
    return Number(number);
  }

  end(): void {
    if (this.#peek() !== "") this.#fail("expected the end of the file");
  }

  #object(depth: number): JsonObject {
    const members = new Map<string, Json>();
    this.#at += 1;
    if (this.#take("}")) return members;
    do {
      if (this.#peek() !== '"') this.#fail('expected a key in double quotes, or "}"');
      const key = this.#string();
      if (members.has(key)) this.#fail(`the key ${JSON.stringify(key)} is there twice`);
      if (!this.#take(":")) this.#fail('expected ":"');
      members.set(key, this.value(depth));
    } while (this.#take(","));
    if (!this.#take("}")) this.#fail('expected "," or "}"');
    return members;
  }

  #list(depth: number): readonly Json[] {
    const items: Json[] = [];
    this.#at += 1;
    if (this.#take("]")) return items;
    do items.push(this.value(depth));
    while (this.#take(","));
    if (!this.#take("]")) this.#fail('expected "," or "]"');
    return items;
  }

  #string(): string {
    const start = this.#at;
    let at = start + 1;
    for (let code = this.#text.charCodeAt(at); code !== QUOTE; code = this.#text.charCodeAt(at)) {
      if (Number.isNaN(code) || code < 0x20) this.#fail("a string is not closed on its line");
      at += code === BACKSLASH ? 2 : 1;
    }
    const value = unquoted(this.#text.slice(start, at + 1));
    if (value === null) this.#fail("a string holds an escape that JSON does not have");
    this.#at = at + 1;
    return value;
  }

  /** The next character that is not space; empty at the end. */
  #peek(): string {
    this.#match(SPACE);
    return this.#text.charAt(this.#at);
  }

  #take(character: string): boolean {
    if (this.#peek() !== character) return false;
    this.#at += 1;
    return true;
  }

  #match(pattern: RegExp): string {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0] ?? "";
    this.#at += found.length;
    return found;
  }

  #fail(what: string): never {
    const line = this.#text.slice(0, this.#at).split("\n").length;
    throw new CodedError("config.invalid", `${this.#file}: line ${line}: ${what}`);
  }
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** The text of one JSON string; null when an escape is wrong or half of a surrogate pair stands alone. */
function unquoted(quoted: string): string | null {
  try {
    const value: unknown = JSON.parse(quoted);
    return typeof value === "string" && value.isWellFormed() ? value : null;
  } catch {
    return null;
  }
}
