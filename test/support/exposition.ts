/** A strict reader of the text format of Prometheus, version 0.0.4: what it does not know, it refuses. */

export interface Family {
  readonly type: "counter" | "gauge";
  readonly help: string;
  /** By labels as they are written, such as `cause="x"`; empty for none. */
  readonly samples: ReadonlyMap<string, number>;
}

const NAME = "[a-zA-Z_:][a-zA-Z0-9_:]*";
const HELP = new RegExp(`^# HELP (${NAME}) (\\S(?:[^\\\\]|\\\\\\\\|\\\\n)*)$`);
const TYPE = new RegExp(`^# TYPE (${NAME}) (counter|gauge)$`);
const LABEL = '[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\\]|\\\\\\\\|\\\\"|\\\\n)*"';
const SAMPLE = new RegExp(`^(${NAME})(?:\\{(${LABEL}(?:,${LABEL})*)\\})? (-?[0-9]+(?:\\.[0-9]+)?(?:e[+-]?[0-9]+)?)$`);

/** The families of `text`, each with HELP, TYPE and one sample at least, in this order, and none twice. */
export function parseExposition(text: string): ReadonlyMap<string, Family> {
  if (!text.endsWith("\n")) throw new Error("exposition: the last line has no end");
  const families = new Map<string, Family>();
  const lines = text.split("\n").slice(0, -1);
  for (let at = 0; at < lines.length; ) {
    const [, name = "", help = ""] = HELP.exec(lines[at] ?? "") ?? fail(lines[at]);
    const [, typed = "", type = ""] = TYPE.exec(lines[at + 1] ?? "") ?? fail(lines[at + 1]);
    if (typed !== name || families.has(name)) fail(lines[at + 1]);
    if ((type === "counter") !== name.endsWith("_total")) fail(lines[at + 1]);
    const samples = new Map<string, number>();
    for (at += 2; at < lines.length && !lines[at]?.startsWith("#"); at += 1) {
      const [, own = "", labels = "", value = ""] = SAMPLE.exec(lines[at] ?? "") ?? fail(lines[at]);
      if (own !== name || samples.has(labels)) fail(lines[at]);
      samples.set(labels, Number(value));
    }
    if (samples.size === 0) fail(name);
    families.set(name, { type: type as Family["type"], help, samples });
  }
  return families;
}

function fail(line = "the end"): never {
  throw new Error(`exposition: ${JSON.stringify(line)} has no place there`);
}

/** The one value of a family without labels. */
export function plainValue(families: ReadonlyMap<string, Family>, name: string): number | undefined {
  return families.get(name)?.samples.get("");
}
