/**
 * Owns the terminal of the chat: a line editor at the bottom, and everything else above it. Without a terminal, or on one
 * that cannot move its cursor, plain lines in and out.
 */
import { createInterface, type Interface } from "node:readline";
import type { Writable } from "node:stream";
import type { Io } from "../../host/io.ts";
import type { Prompter } from "../../host/prompt.ts";

export interface ScreenEvents {
  /** One line of input. */
  line(text: string): void;
  /** End of input: Ctrl-D, or the terminal or pipe is gone. */
  end(): void;
  /** Ctrl-C on an empty line. */
  interrupt(): void;
}

const CLEAR_DOWN = "\x1b[0J";
const HISTORY = 500;

export class Screen {
  /** Whether the cursor can be moved. */
  readonly full: boolean;
  readonly #output: Writable & { readonly columns?: number };
  readonly #prompter: Prompter;
  readonly #readline: Interface & { prevRows?: number };
  /** What is printed while something is asked waits until it has been. */
  #held: string[] | null = null;
  #asking = false;
  /** No more input: there is nothing to prompt for. */
  #ended = false;
  #closed = false;

  constructor(io: Io, prompter: Prompter, output: Writable & { readonly isTTY?: boolean }, events: ScreenEvents) {
    this.#output = output;
    this.#prompter = prompter;
    this.full = prompter.terminal && output.isTTY === true && io.env.TERM !== "dumb";
    prompter.setRawMode(this.full);
    const input = prompter.handOver();
    const terminal = this.full;
    // Bun's readline forgets to count a row that typing has begun, and would leave a copy of it behind.
    if (terminal) input.prependListener("keypress", () => this.#countRows());
    this.#readline = createInterface({ input, output, terminal, historySize: HISTORY, prompt: "" });
    this.#readline.on("line", (text) => {
      this.#eraseTyped(text);
      if (!this.#asking) events.line(text); // what was pasted behind a command that asks is no text for anybody
    });
    this.#readline.on("close", () => {
      this.#ended = true;
      if (!this.#closed) events.end();
    });
    if (!this.full) return;
    this.#readline.on("SIGINT", () => {
      if (this.#readline.line === "") events.interrupt();
      else this.#clearInput();
    });
    this.#readline.on("SIGTSTP", () => this.#suspend());
  }

  /** What stands before the input. */
  setPrompt(prompt: string): void {
    this.#readline.setPrompt(this.full ? prompt : "");
    if (this.full) this.#showPrompt();
  }

  /** Writes whole lines above the input, which stays as it is. */
  print(...lines: readonly string[]): void {
    if (this.#closed || lines.length === 0) return;
    if (this.#held !== null) {
      this.#held.push(...lines);
      return;
    }
    const text = `${lines.join("\n")}\n`;
    if (!this.full) {
      this.#output.write(text);
      return;
    }
    this.#output.write(`${this.#erasing()}${text.replaceAll("\n", "\r\n")}`);
    this.#readline.prevRows = 0;
    this.#showPrompt();
  }

  /** Asks questions of its own, below everything; the line that is being typed comes back afterwards. */
  async asking<T>(ask: (prompter: Prompter) => Promise<T>): Promise<T> {
    if (this.full) this.#output.write(this.#erasing());
    this.#held = [];
    this.#asking = true;
    const over = (): void => {
      this.#asking = false;
    };
    try {
      return await this.#prompter.interject((prompter) => ask(prompter).finally(over));
    } finally {
      const held = this.#held;
      [this.#held, this.#asking] = [null, false];
      this.#readline.prevRows = 0;
      this.print(...held);
      if (this.full) this.#showPrompt();
    }
  }

  /** Gives the terminal back: an empty prompt is erased, what was being typed stays to be read. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    if (this.full) this.#output.write(this.#readline.line === "" ? this.#erasing() : this.#pastInput());
    this.#readline.close();
    this.#prompter.close();
  }

  /** With what has been typed. */
  #showPrompt(): void {
    if (!this.#ended && this.#held === null) this.#readline.prompt(true);
  }

  /** Goes to where the prompt begins, and clears all that follows. */
  #erasing(): string {
    const { rows } = this.#readline.getCursorPos();
    return `\r${rows > 0 ? `\x1b[${rows}A` : ""}${CLEAR_DOWN}`;
  }

  /** Goes to the row below what is being typed. */
  #pastInput(): string {
    this.#readline.write(null, { ctrl: true, name: "e" });
    return "\r\n";
  }

  #countRows(): void {
    this.#readline.prevRows = this.#readline.getCursorPos().rows;
  }

  /** The line just entered is shown again, in its final form, by whoever deals with it. */
  #eraseTyped(text: string): void {
    if (!this.full) return;
    const width = Bun.stringWidth(this.#readline.getPrompt() + text);
    const rows = Math.floor(width / (this.#output.columns || 80)) + 1;
    this.#output.write(`\x1b[${rows}A\r${CLEAR_DOWN}`);
  }

  #clearInput(): void {
    this.#readline.write(null, { ctrl: true, name: "e" });
    this.#readline.write(null, { ctrl: true, name: "u" });
  }

  /** Ctrl-Z: the terminal is the shell's until `fg`. */
  #suspend(): void {
    this.#prompter.setRawMode(false);
    process.once("SIGCONT", () => {
      this.#prompter.setRawMode(true);
      this.#readline.prompt(true);
    });
    process.kill(process.pid, "SIGSTOP");
  }
}
