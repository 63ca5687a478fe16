/** xterm as the paper that lines are written on: what a user would see of them. */
import { Writable } from "node:stream";
import { Terminal } from "@xterm/headless";

export class Paper {
  readonly #terminal: Terminal;

  constructor(columns: number, rows = 24) {
    this.#terminal = new Terminal({ cols: columns, rows, scrollback: 5000, allowProposedApi: true });
  }

  get columns(): number {
    return this.#terminal.cols;
  }

  /** Empty, with so many columns. */
  clear(columns: number): void {
    this.#terminal.resize(columns, this.#terminal.rows);
    this.#terminal.reset();
  }

  /** Bytes as a terminal without line discipline gets them: a line ends in CR LF. */
  write(text: string | Uint8Array): Promise<void> {
    return new Promise((resolve) => this.#terminal.write(text, resolve));
  }

  /** Every row from the first to the cursor's, as long as it is written on. */
  get rows(): readonly string[] {
    const { active } = this.#terminal.buffer;
    const last = active.baseY + active.cursorY;
    return Array.from({ length: last + 1 }, (_, at) => active.getLine(at)?.translateToString(true) ?? "");
  }

  /** Whether a row is the continuation of the one before, because the terminal ran out of columns. */
  wrapped(at: number): boolean {
    return this.#terminal.buffer.active.getLine(at)?.isWrapped === true;
  }

  /** What stands in columns `[start, end)` of a row, without marks that are put over it; a space where nothing does. */
  cells(at: number, start: number, end: number): string {
    const line = this.#terminal.buffer.active.getLine(at);
    const columns = Array.from({ length: end - start }, (_, index) => line?.getCell(start + index)?.getChars() || " ");
    return columns.map((characters) => String.fromCodePoint(characters.codePointAt(0) ?? 0)).join("");
  }

  /** Column of the cursor. */
  get cursorColumn(): number {
    return this.#terminal.buffer.active.cursorX;
  }
}

/** A terminal as a program writes to it: `text` is all of it, `paper` what it looks like. */
export class PaperStream extends Writable {
  readonly isTTY = true;
  readonly paper: Paper;
  text = "";
  /** Called when something new can be seen. */
  onShown: () => void = () => {};

  constructor(columns: number, rows?: number) {
    super();
    this.paper = new Paper(columns, rows);
  }

  get columns(): number {
    return this.paper.columns;
  }

  override _write(chunk: Uint8Array, _encoding: string, done: () => void): void {
    this.text += new TextDecoder().decode(chunk);
    void this.paper.write(chunk).then(() => this.onShown()); // in order; nobody needs to wait
    done();
  }
}
