/**
 * What a JSON value must look like, composed from small parts. An error is one line that names file, key and
 * expectation: `sconf.json: limits.frameBytes: expected an integer from 20480 to 65536, found "x"`.
 */
import { CodedError } from "../../core/errors.ts";
import type { Json, JsonObject } from "./json.ts";
import { nearest } from "./nearest.ts";
import { printable } from "./printable.ts";

/** Where a value stands: the file as errors call it, and the path of keys within it. */
export interface Place {
  readonly file: string;
  readonly key: string;
}

export interface Schema<T> {
  /** Completes "expected …". */
  readonly expected: string;
  /** `undefined` stands for a key that is not there. @throws config.invalid */
  readonly read: (value: Json | undefined, place: Place) => T;
}

export type Infer<S> = S extends Schema<infer T> ? T : never;

/** Says that the value at `place` is wrong. @throws config.invalid, always */
export function refuse(place: Place, what: string): never {
  throw new CodedError("config.invalid", `${place.file}: ${place.key === "" ? "" : `${place.key}: `}${what}`);
}

function schema<T>(expected: string, accept: (value: Json) => T | null, hidden = false): Schema<T> {
  return {
    expected,
    read(value, place) {
      if (value === undefined) refuse(place, `missing; expected ${expected}`);
      const accepted = accept(value);
      if (accepted === null) refuse(place, `expected ${expected}${hidden ? "" : `, found ${shown(value)}`}`);
      return accepted;
    },
  };
}

function shown(value: Json): string {
  if (value instanceof Map) return "an object";
  if (Array.isArray(value)) return "a list";
  return printable(JSON.stringify(value), 60);
}

/** A whole number, within both bounds. */
export function integer(min: number, max: number): Schema<number> {
  return schema(`an integer from ${min} to ${max}`, (value) =>
    typeof value === "number" && Number.isInteger(value) && value >= min && value <= max ? value : null,
  );
}

/** A boolean. */
export const flag: Schema<boolean> = schema("true or false", (value) => (typeof value === "boolean" ? value : null));

/** A string that `accept` turns into the value wanted, or refuses with null. */
export function text<T>(expected: string, accept: (text: string) => T | null): Schema<T> {
  return schema(expected, (value) => (typeof value === "string" ? accept(value) : null));
}

/** As `text`, but errors do not repeat what was found. */
export function hiddenText<T>(expected: string, accept: (text: string) => T | null): Schema<T> {
  return schema(expected, (value) => (typeof value === "string" ? accept(value) : null), true);
}

/** One of a few words. */
export function oneOf<const W extends string>(...words: readonly W[]): Schema<W> {
  const expected = `one of ${words.map((word) => JSON.stringify(word)).join(", ")}`;
  return text(expected, (found) => words.find((word) => word === found) ?? null);
}

/** Exactly this number: the version of a file. */
export function version(number: number): Schema<number> {
  return schema(`${number}, the version of this file's format`, (value) => (value === number ? number : null));
}

/** At most `maxItems` values, each as `item` says. */
export function list<T>(item: Schema<T>, maxItems: number): Schema<readonly T[]> {
  const expected = `a list of at most ${maxItems}, each ${item.expected}`;
  const isList = schema<readonly Json[]>(expected, (value) =>
    Array.isArray(value) && value.length <= maxItems ? value : null,
  );
  return {
    expected,
    read: (value, place) =>
      isList.read(value, place).map((entry, index) => item.read(entry, { ...place, key: `${place.key}[${index}]` })),
  };
}

/** As `inner`, with `fallback` when the key is not there. */
export function optional<T>(inner: Schema<T>, fallback: Json): Schema<T> {
  return {
    expected: inner.expected,
    read: (value, place) => inner.read(value === undefined ? fallback : value, place),
  };
}

type Shape = Readonly<Record<string, Schema<unknown>>>;

/** An object with exactly these keys. */
export function object<S extends Shape>(shape: S): Schema<{ readonly [K in keyof S]: Infer<S[K]> }> {
  const keys = Object.keys(shape);
  const expected = `an object with ${keys.join(", ")}`;
  const isObject = schema<JsonObject>(expected, (value) => (value instanceof Map ? value : null));
  return {
    expected,
    read(value, place) {
      const members = isObject.read(value, place);
      for (const key of members.keys()) if (!keys.includes(key)) refuseKey(key, keys, place);
      const entries = keys.map((key) => [key, shape[key]?.read(members.get(key), inside(place, key))]);
      return Object.fromEntries(entries) as { readonly [K in keyof S]: Infer<S[K]> };
    },
  };
}

function refuseKey(key: string, keys: readonly string[], place: Place): never {
  const near = nearest(key, keys);
  const hint = near === null ? `expected ${keys.join(", ")}` : `did you mean ${near}?`;
  return refuse(inside(place, printable(key, 60)), `unknown key; ${hint}`);
}

function inside(place: Place, key: string): Place {
  return { ...place, key: place.key === "" ? key : `${place.key}.${key}` };
}
