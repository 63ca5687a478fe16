/** The words of a command line, read strictly: text stays text, and whatever is not known is refused in one line. */
import { parseArgs } from "node:util";
import { CodedError } from "../../core/errors.ts";
import { nearest } from "./nearest.ts";
import { printable } from "./printable.ts";

/** `text` takes a value, `flag` does not. */
export interface OptionSpec {
  readonly type: "text" | "flag";
  readonly short?: string;
}
export type OptionSpecs = Readonly<Record<string, OptionSpec>>;

export interface Parsed<S extends OptionSpecs> {
  readonly options: { readonly [K in keyof S]?: S[K]["type"] extends "flag" ? true : string };
  /** What is not an option, in order; everything after `--` is. */
  readonly words: readonly string[];
}

/**
 * Reads `argv`, which is without the program's name.
 * @throws usage.invalid for an option that `specs` does not list, one given twice, a missing value or a superfluous one
 */
export function parseOptions<S extends OptionSpecs>(argv: readonly string[], specs: S): Parsed<S> {
  const { tokens } = parseArgs({
    args: [...argv],
    options: Object.fromEntries(Object.entries(specs).map(([name, spec]) => [name, nodeOption(spec)])),
    strict: false, // its own errors are two sentences; the tokens tell us all we need
    allowPositionals: true,
    tokens: true,
  });
  const options: Record<string, string | true> = {};
  const words: string[] = [];
  for (const token of tokens) {
    if (token.kind === "positional") words.push(token.value);
    if (token.kind !== "option") continue;
    const { name, rawName } = token;
    const spec = Object.hasOwn(specs, name) ? specs[name] : undefined;
    if (spec === undefined) throw unknownOption(rawName, Object.keys(specs));
    if (Object.hasOwn(options, name)) throw usage(`${rawName} is given twice`);
    options[name] = spec.type === "flag" ? expectNoValue(token) : expectValue(token);
  }
  return { options: options as Parsed<S>["options"], words };
}

function nodeOption(spec: OptionSpec): { type: "string" | "boolean"; short?: string } {
  const type = spec.type === "flag" ? "boolean" : "string";
  return spec.short === undefined ? { type } : { type, short: spec.short };
}

interface Token {
  readonly rawName: string;
  readonly value?: string | undefined;
  readonly inlineValue?: boolean | undefined;
}

function expectNoValue({ rawName, value }: Token): true {
  if (value !== undefined) throw usage(`${rawName} takes no value`);
  return true;
}

function expectValue({ rawName, value, inlineValue }: Token): string {
  const forgotten = inlineValue !== true && value?.startsWith("-") === true;
  if (value === undefined || value === "" || forgotten) throw usage(`${rawName} needs a value`);
  return value;
}

function unknownOption(rawName: string, names: readonly string[]): CodedError {
  const near = nearest(rawName.replace(/^-+/, ""), names);
  const hint = near === null ? "see --help; a text that begins with a dash goes after --" : `did you mean --${near}?`;
  return usage(`unknown option ${printable(rawName, 60)}; ${hint}`);
}

/** The one of `known` that `word` is. @throws usage.invalid naming the nearest when it is none */
export function expectWord<W extends string>(word: string, known: readonly W[], what: string): W {
  const found = known.find((candidate) => candidate === word);
  if (found !== undefined) return found;
  const near = nearest(word, known);
  const hint = near === null ? "see --help" : `did you mean ${near}?`;
  throw usage(`unknown ${what} ${JSON.stringify(printable(word, 60))}; ${hint}`);
}

/** @throws usage.invalid when an option was given that does not go with `command` */
export function expectOptions<O extends object>(command: string, options: O, allowed: readonly (keyof O)[]): void {
  const wrong = Object.keys(options).find((name) => !allowed.some((known) => known === name));
  if (wrong !== undefined) throw usage(`--${wrong} does not go with "${command}"; see --help`);
}

/** @throws usage.invalid when `words` is not empty */
export function expectNoWords(command: string, words: readonly string[]): void {
  const [wrong] = words;
  if (wrong !== undefined) throw usage(`"${command}" does not take the word ${JSON.stringify(printable(wrong, 60))}`);
}

/** A whole number of decimal digits within both bounds. @throws usage.invalid */
export function expectInteger(option: string, text: string, bounds: readonly [min: number, max: number]): number {
  const value = /^(0|[1-9][0-9]{0,15})$/.test(text) ? Number(text) : Number.NaN;
  if (value >= bounds[0] && value <= bounds[1]) return value;
  throw usage(`${option}: expected an integer from ${bounds[0]} to ${bounds[1]}`);
}

/** An error in how the program was called. */
export function usage(what: string): CodedError {
  return new CodedError("usage.invalid", what);
}
