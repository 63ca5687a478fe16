/** The client on a real terminal: a pty, and xterm as the screen that a user would see. */
import { Terminal as Screen } from "@xterm/headless";
import { bareEnv, executable, PATIENCE_MS, type ProgramName, Watched } from "./programs.ts";

export interface TerminalOptions {
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly columns?: number;
  readonly rows?: number;
}

const ECHO = 0o10;
const CANONICAL = 0o2;

/** What a program did to its terminal beyond showing text. */
export interface Mischief {
  titles: number;
  links: number;
  clipboard: number;
  bells: number;
}

export class TerminalProgram {
  readonly #watched = new Watched();
  readonly #screen: Screen;
  readonly #child: Bun.Subprocess;
  readonly #label: string;
  readonly mischief: Mischief = { titles: 0, links: 0, clipboard: 0, bells: 0 };
  #raw = "";

  constructor(name: ProgramName, args: readonly string[], options: TerminalOptions) {
    const { columns: cols = 100, rows = 30 } = options;
    this.#label = `${name} ${args.join(" ")}`;
    this.#screen = new Screen({ cols, rows, scrollback: 2000, allowProposedApi: true });
    this.#screen.onTitleChange(() => {
      this.mischief.titles += 1;
    });
    this.#screen.onBell(() => {
      this.mischief.bells += 1;
    });
    this.#screen.parser.registerOscHandler(8, () => {
      this.mischief.links += 1;
      return false;
    });
    this.#screen.parser.registerOscHandler(52, () => {
      this.mischief.clipboard += 1;
      return false;
    });
    const decoder = new TextDecoder();
    this.#child = Bun.spawn([executable(name), ...args], {
      cwd: options.cwd,
      env: bareEnv(options.cwd, { TERM: "xterm-256color", ...options.env }),
      terminal: {
        cols,
        rows,
        data: (_terminal, bytes) => {
          this.#raw += decoder.decode(bytes, { stream: true });
          this.#screen.write(bytes, () => this.#watched.wake());
        },
      },
    });
    // A terminal answers when it is asked, as a hostile text may.
    this.#screen.onData((answer) => this.type(answer));
    void this.#child.exited.then(() => this.#watched.wake());
  }

  /** Everything that was written to the terminal. */
  get raw(): string {
    return this.#raw;
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Every line, scrolled away or not, without what is empty at the end. */
  get lines(): readonly string[] {
    const { buffer, cols } = this.#screen;
    const lines: string[] = [];
    for (let at = 0; at < buffer.active.length; at += 1) {
      lines.push(buffer.active.getLine(at)?.translateToString(true, 0, cols) ?? "");
    }
    while (lines.at(-1) === "") lines.pop();
    return lines;
  }

  get text(): string {
    return this.lines.join("\n");
  }

  /** The line that the cursor is in. */
  get cursorLine(): string {
    const { active } = this.#screen.buffer;
    return active.getLine(active.baseY + active.cursorY)?.translateToString(true) ?? "";
  }

  /** Whether any cell of the line at `index` has a colour of its own, is inverse or invisible. */
  disguised(index: number): boolean {
    const line = this.#screen.buffer.active.getLine(index);
    for (let column = 0; line !== undefined && column < line.length; column += 1) {
      const cell = line.getCell(column);
      if (cell === undefined) continue;
      if (!cell.isFgDefault() || !cell.isBgDefault() || cell.isInverse() !== 0 || cell.isInvisible() !== 0) return true;
    }
    return false;
  }

  /** What `look` finds on the screen, as soon as it finds something. */
  until<T>(look: (terminal: this) => T | null | false, what: string): Promise<T> {
    return this.#watched.until(
      () => look(this),
      () => `${what} on the terminal of "${this.#label}", which shows:\n${this.text}`,
    );
  }

  /** Waits until every one of `texts` is on the screen. */
  async shows(...texts: readonly string[]): Promise<void> {
    for (const text of texts) await this.until(() => this.text.includes(text), JSON.stringify(text));
  }

  /** Waits until the input line is `prompt` and nothing else. */
  prompts(prompt = ">"): Promise<unknown> {
    return this.until(() => this.cursorLine.trimEnd() === prompt, `the prompt ${JSON.stringify(prompt)}`);
  }

  type(text: string): void {
    const { terminal } = this.#child;
    if (this.running && terminal?.closed === false) terminal.write(text);
  }

  /** Types a line and the return key. */
  enter(line: string): void {
    this.type(`${line}\r`);
  }

  /** Whether the terminal echoes and gives whole lines, as a shell left it. */
  get restored(): boolean {
    const flags = this.#child.terminal?.localFlags ?? 0;
    return (flags & ECHO) !== 0 && (flags & CANONICAL) !== 0;
  }

  /** Answers the two questions of a login. */
  async logIn(user: string, password: string): Promise<void> {
    await this.shows("Name: ");
    this.enter(user);
    await this.shows("Password: ");
    this.enter(password);
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** The exit code. A process that does not end in time is killed, and the test fails. */
  async ended(): Promise<number> {
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(() => {
      this.kill("SIGKILL");
      late.reject(new Error(`"${this.#label}" did not end; its terminal shows:\n${this.text}`));
    }, PATIENCE_MS);
    try {
      return await Promise.race([this.#child.exited, late.promise]);
    } finally {
      clearTimeout(timer);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.running) this.kill("SIGKILL");
    await this.#child.exited;
    this.#child.terminal?.close();
    this.#screen.dispose();
  }
}
