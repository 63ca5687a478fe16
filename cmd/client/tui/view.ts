/** State as text: the lines of the chat. Nothing here writes. */
import type { MessageNotice } from "../../../core/peer/notices.ts";
import { printable } from "../../host/printable.ts";
import { displayText } from "./sanitize.ts";
import { cellsOf, ROW_MIN, wrap } from "./wrap.ts";

/** What this terminal can show. */
export interface Look {
  readonly color: boolean;
  /** Whether it takes UTF-8; the words fall back to ASCII when not. */
  readonly utf8: boolean;
  /** Columns of a row, as they are now; `Infinity` where nothing wraps. */
  readonly columns: number;
}

/** Colour only where it is wanted: --no-color, NO_COLOR (no-color.org) and TERM=dumb say no. */
export function lookOf(
  options: { color: boolean; full: boolean },
  env: Readonly<Record<string, string | undefined>>,
  output: { readonly columns?: number | undefined },
): Look {
  const plain = (env.NO_COLOR ?? "") !== "" || env.TERM === "dumb" || !options.full;
  const locale = env.LC_ALL || env.LC_CTYPE || env.LANG || "";
  return {
    color: options.color && !plain,
    utf8: /utf-?8/i.test(locale),
    get columns() {
      return output.columns || Number.POSITIVE_INFINITY;
    },
  };
}

export function bold(look: Look, text: string): string {
  return look.color ? `\x1b[1m${text}\x1b[22m` : text;
}

export function dim(look: Look, text: string): string {
  return look.color ? `\x1b[2m${text}\x1b[22m` : text;
}

/** Local time of day. */
export function clock(ms: number): string {
  const time = new Date(ms);
  return `${String(time.getHours()).padStart(2, "0")}:${String(time.getMinutes()).padStart(2, "0")}`;
}

/** Behind the name of a sender whose message came under another identity key than the pinned one. */
export const CHANGED_MARK = " (identity key changed)";

/** A message that has come, its further lines indented so that none looks like another message. */
export function messageLines(look: Look, nowMs: number, message: MessageNotice): readonly string[] {
  const mark = message.trust === "changed" ? CHANGED_MARK : "";
  const who = message.own ? ownHead(look, message.to) : `${bold(look, printable(message.from))}${mark}`;
  return textLines(look, nowMs, who, message.text);
}

/** A message of ours, and whether somebody has it: `waiting` when not yet. */
export function sentLines(
  look: Look,
  nowMs: number,
  sent: { to: string; text: string; waiting: boolean },
): readonly string[] {
  const mark = sent.waiting ? (look.utf8 ? "…" : "...") : look.utf8 ? "✓" : "[delivered]";
  const lines = textLines(look, nowMs, ownHead(look, sent.to), sent.text);
  const last = lines.at(-1) ?? "";
  const fits = cellsOf(Bun.stripANSI(last)) + 1 + mark.length <= look.columns;
  return [...lines.slice(0, -1), ...(fits ? [`${last} ${dim(look, mark)}`] : [last, INDENT + dim(look, mark)])];
}

/** What the program itself has to say: told apart from messages without colour too. */
export function noticeLines(look: Look, nowMs: number, text: string): readonly string[] {
  return hangingLines(`${clock(nowMs)} -- `, text, look.columns).map((line) => dim(look, line));
}

/** What the user has asked to see: as it stands where there is room, else broken between words. */
export function shownLines(look: Look, lines: readonly string[]): readonly string[] {
  return lines.flatMap((line) => {
    const whole = `  ${line}`;
    if (Bun.stringWidth(whole) <= look.columns) return [whole];
    const [margin = ""] = /^ */.exec(whole) ?? [];
    return hangingLines(margin, line.trimStart(), look.columns);
  });
}

/** What somebody should act on. */
export function warningLines(look: Look, nowMs: number, text: string): readonly string[] {
  return hangingLines(`${clock(nowMs)} !! `, text, look.columns).map((line) => bold(look, line));
}

function ownHead(look: Look, to: string): string {
  return `you ${look.utf8 ? "→" : "->"} ${bold(look, printable(to))}`;
}

const INDENT = " ".repeat(6);
/** Columns left free at the right, for the mark of a sent message too. */
const MARGIN = 4;

function textLines(look: Look, nowMs: number, head: string, text: string): readonly string[] {
  return hangingLines(`${dim(look, clock(nowMs))} ${head}: `, text, look.columns);
}

/**
 * `head` and the text behind it, every further row indented: what begins in the first column is ours. A head that leaves
 * no room beside it has rows of its own.
 */
export function hangingLines(head: string, text: string, columns: number): readonly string[] {
  const width = columns - MARGIN;
  const rest = width - INDENT.length;
  const room = width - Bun.stringWidth(head);
  const alone = room < ROW_MIN;
  const rows = displayText(text).flatMap((line, index) => wrap(line, index === 0 && !alone ? room : rest, rest));
  const [first = "", ...others] = rows;
  const lines = alone ? [...rowsOfHead(head, rest), ...rows] : [head + first, ...others];
  return lines.map((line, index) => (index === 0 ? line : INDENT + line));
}

/** A head is ours but for a name, which is ASCII; it may hold colour. */
function rowsOfHead(head: string, columns: number): readonly string[] {
  return Bun.wrapAnsi(head, Math.max(columns, ROW_MIN), { hard: true }).split("\n");
}
