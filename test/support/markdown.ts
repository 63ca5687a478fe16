/** The parts of a Markdown file that the tests of the documents look at. */

export interface Heading {
  /** As written, without the hashes. */
  readonly title: string;
  /** `4.2` of `### 4.2 Handshake`; empty without one. */
  readonly number: string;
  /** What a link to it names, by GitHub's rule. */
  readonly anchor: string;
}

const FENCE = /^(```|~~~)[\s\S]*?^\1/gm;

export function headings(markdown: string): readonly Heading[] {
  const found = markdown.replace(FENCE, "").matchAll(/^#{1,6} +(.+?) *$/gm);
  return Array.from(found, ([, title = ""]) => ({
    title,
    number: /^([0-9]+(?:\.[0-9]+)*)\.? /.exec(title)?.[1] ?? "",
    anchor: title
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, "")
      .replaceAll(" ", "-"),
  }));
}

/** The text from the heading with that number to the next of its level or above; empty when there is none. */
export function section(markdown: string, number: string): string {
  const lines = markdown.split("\n");
  const start = lines.findIndex((line) => new RegExp(`^#+ ${number.replaceAll(".", "\\.")}\\.? `).test(line));
  if (start < 0) return "";
  const level = /^#+/.exec(lines[start] ?? "")?.[0].length ?? 1;
  const rest = lines.slice(start + 1);
  const end = rest.findIndex((line) => (/^(#+) /.exec(line)?.[1]?.length ?? level + 1) <= level);
  return rest.slice(0, end < 0 ? rest.length : end).join("\n");
}

/** The rows of every table of `markdown` as their cells, without headers and rules. `\|` is a character of a cell. */
export function tableRows(markdown: string): readonly (readonly string[])[] {
  const rows: string[][] = [];
  for (const line of markdown.split("\n")) {
    if (/^\|[\s:|-]+\|$/.test(line)) rows.pop();
    else if (line.startsWith("|")) rows.push(cells(line));
  }
  return rows;
}

function cells(line: string): string[] {
  const inner = line.trim().replace(/^\||\|$/g, "");
  return inner.split(/(?<!\\)\|/).map((cell) => cell.trim());
}

/** What stands between back-quotes. */
export function codeSpans(markdown: string): readonly string[] {
  return Array.from(markdown.matchAll(/`([^`\n]+)`/g), ([, code = ""]) => code);
}

/** Targets of the links and images of `markdown`, without titles. */
export function links(markdown: string): readonly string[] {
  const text = markdown.replace(FENCE, "").replace(/`[^`\n]*`/g, "");
  return Array.from(text.matchAll(/\]\(([^)\s]+)(?: "[^"]*")?\)/g), ([, target = ""]) => target);
}
