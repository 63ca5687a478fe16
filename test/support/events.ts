/** The events that a server writes down, as its sources name them. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Glob } from "bun";
import { eventOf } from "../../cmd/server/journal.ts";

const SERVER = join(import.meta.dir, "..", "..", "cmd", "server");
const NAME = /"([a-z]+\.[a-z]+)"/g;
/** What comes before the name of an event: a level of the log, the journal, the trail, or a note that will be summed. */
const BEFORE = [
  /\.(?:debug|info|warn|error|administration|note)\(([^,)]*)/g,
  /\bevent: ([^,;}]*)/g,
  /\b(?:auditLine|noteInTrail)\([^"\n]*([^,)\n]*)/g,
];

/** Every event, once, sorted. */
export function serverEvents(): readonly string[] {
  const found = new Set<string>();
  for (const file of new Glob("**/*.ts").scanSync(SERVER)) {
    const source = readFileSync(join(SERVER, file), "utf8");
    for (const before of BEFORE) {
      for (const [, words = ""] of source.matchAll(before)) {
        for (const [, name = ""] of words.matchAll(NAME)) found.add(name);
      }
    }
  }
  for (const cause of [null, "wire.malformed"] as const) {
    for (const attempted of [true, false]) found.add(eventOf({ cause, address: "", attempted }));
  }
  return [...found].sort();
}

/** The level at which an event is logged, of those whose level stands beside their name. */
export function loggedLevels(): ReadonlyMap<string, string> {
  const levels = new Map<string, string>();
  for (const file of new Glob("**/*.ts").scanSync(SERVER)) {
    const source = readFileSync(join(SERVER, file), "utf8");
    const calls = source.matchAll(/\.(debug|info|warn|error|administration)\("([a-z]+\.[a-z]+)"/g);
    for (const [, level = "", event = ""] of calls) levels.set(event, level === "administration" ? "info" : level);
  }
  return levels;
}
