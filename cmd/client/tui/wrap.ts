/**
 * Breaks text into rows ourselves. A terminal that wrapped it would begin the next row in its first column, where only
 * lines of ours begin; and then anybody could write one.
 */
const graphemes = new Intl.Segmenter(undefined, { granularity: "grapheme" });
/** No row is narrower: a terminal with less room than that cannot be helped. */
export const ROW_MIN = 10;
/** Emoji and symbols: one terminal or the other draws each of them two columns wide. */
const SYMBOL = /[\p{So}\p{No}]/u;

/**
 * The rows of one line: at most `first` columns in the first and `rest`, which is no less, in the others, broken after a
 * space where there is one. Widths are display columns; `Infinity` does not break. `line` holds nothing that moves the
 * cursor.
 */
export function wrap(line: string, first: number, rest: number): readonly string[] {
  const rows: string[] = [];
  let room = Math.max(first, ROW_MIN);
  let row = "";
  let width = 0;
  for (const piece of pieces(line, Math.max(rest, ROW_MIN))) {
    const cells = cellsOf(piece);
    while (width + cells > room) {
      const cut = row.lastIndexOf(" ") + 1;
      const at = cut > 0 && cut < row.length ? cut : row.length;
      rows.push(row.slice(0, at));
      row = row.slice(at);
      width = cellsOf(row);
      room = Math.max(rest, ROW_MIN);
    }
    row += piece;
    width += cells;
  }
  return [...rows, row];
}

/**
 * The most columns that a terminal may take for `text`. Terminals differ: some draw a family as one emoji and some as
 * four, and a mark that one of them does not know gets a column of its own.
 */
export function cellsOf(text: string): number {
  let cells = 0;
  for (const character of text) cells += SYMBOL.test(character) ? 2 : Math.max(Bun.stringWidth(character), 1);
  return cells;
}

/** What is not broken: characters as a reader sees them, unless one alone is wider than a row. */
function* pieces(line: string, room: number): Generator<string> {
  for (const { segment } of graphemes.segment(line)) {
    if (cellsOf(segment) > room) yield* segment;
    else yield segment;
  }
}
