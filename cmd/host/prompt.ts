/**
 * Asks questions on a terminal, or takes the answers from lines of a pipe, and is the only reader of stdin.
 *
 * Bytes are handed to one question at a time and wait, unseen, while none is asked. So a name and a password typed
 * ahead or pasted together each go to their own question, and nothing of a password is ever shown, kept in a history
 * or given to a line editor. Raw mode is entered before the first prompt, because until then the terminal itself
 * echoes.
 */
import { createInterface, type Interface } from "node:readline";
import { PassThrough, type Readable, type Writable } from "node:stream";
import { concat, decodeUtf8 } from "../../core/bytes.ts";
import { CodedError } from "../../core/errors.ts";
import { HiddenLine } from "./hiddenLine.ts";

const WAITING_MAX_BYTES = 64 * 1024;
const [CTRL_C, CTRL_Z, LINE_FEED, RETURN] = [0x03, 0x1a, 0x0a, 0x0d];

export interface PrompterOptions {
  readonly input: Readable & { setRawMode?: (raw: boolean) => unknown };
  /** Prompts and the echo of what is typed. */
  readonly output: Writable;
  /** Whether a person types at `input`. */
  readonly terminal: boolean;
  /** Ctrl-C while nothing is asked; a question that is open is rejected instead. */
  readonly interrupted: () => void;
}

type Mode = "waiting" | "line" | "hidden" | "open";

export class Prompter {
  readonly terminal: boolean;
  readonly #options: PrompterOptions;
  #mode: Mode = "waiting";
  #raw = false;
  #waiting: Uint8Array = new Uint8Array(0);
  #ended = false;
  #afterReturn = false;
  /** What the line editor of this question, or whoever took over, reads. */
  #feed = new PassThrough();
  #editor: Interface | null = null;
  #hidden = new HiddenLine();
  #answer: ((text: string | null) => void) | null = null;
  #reject: ((error: Error) => void) | null = null;

  constructor(options: PrompterOptions) {
    this.#options = options;
    this.terminal = options.terminal;
    this.setRawMode(true);
    options.input.on("data", this.#onData);
    for (const event of ["end", "close", "error"]) options.input.on(event, this.#onEnd);
  }

  /**
   * The next line, with line editing on a terminal; null at the end of input, which Ctrl-D on an empty line is.
   * Rejects with host.interrupted at Ctrl-C. One question at a time.
   */
  ask(prompt: string): Promise<string | null> {
    return this.#question("line", () => {
      if (this.terminal) this.#edit(prompt);
      else this.#options.output.write(prompt);
    });
  }

  /** As `ask`, but nothing of the answer is shown. Rejects with password.invalid when it is not UTF-8. */
  askHidden(prompt: string): Promise<string | null> {
    return this.#question("hidden", () => {
      this.#hidden = new HiddenLine();
      this.#options.output.write(prompt);
    });
  }

  /**
   * Ends the questions and gives all further input, with what was typed ahead, to the caller as a stream: for
   * `createInterface({ input, output, terminal })`. Raw mode stays as it is; change it with `setRawMode`.
   */
  handOver(): Readable {
    this.#mode = "open";
    this.#feed = new PassThrough();
    this.#feed.on("drain", () => this.#options.input.resume());
    const waiting = this.#take(this.#waiting.length);
    if (waiting.length > 0) this.#feed.write(waiting);
    if (this.#ended) this.#feed.end();
    else this.#options.input.resume();
    return this.#feed;
  }

  /**
   * Asks in the middle of what `handOver` gave away: all input is for the questions of `ask` until it is done, and the
   * caller's again then. What is typed ahead stays in its order. Raw mode is entered for it where the caller had left it.
   */
  async interject<T>(ask: (prompter: Prompter) => Promise<T>): Promise<T> {
    if (this.#mode !== "open") throw new Error("prompter: nothing was handed over");
    const [feed, raw] = [this.#feed, this.#raw];
    this.#mode = "waiting";
    if (!raw) this.setRawMode(true);
    try {
      return await ask(this);
    } finally {
      if (!raw) this.setRawMode(false);
      this.#mode = "open";
      this.#feed = feed;
      const waiting = this.#take(this.#waiting.length);
      if (waiting.length > 0) feed.write(waiting);
      if (this.#ended) feed.end();
    }
  }

  /** Does nothing without a terminal, or when the terminal is gone. */
  setRawMode(raw: boolean): void {
    if (!this.terminal) return;
    this.#raw = raw;
    try {
      this.#options.input.setRawMode?.(raw);
    } catch {
      // The terminal has hung up: there is nothing left to set.
    }
  }

  /** Gives the terminal back. An open question is answered with null. */
  close(): void {
    this.#settle(null);
    const { input } = this.#options;
    input.off("data", this.#onData);
    for (const event of ["end", "close", "error"]) input.off(event, this.#onEnd);
    this.setRawMode(false);
    input.pause();
    this.#ended = true;
    this.#take(this.#waiting.length).fill(0);
  }

  #question(mode: "line" | "hidden", begin: () => void): Promise<string | null> {
    if (this.#mode !== "waiting") throw new Error("prompter: a question is open already");
    return new Promise((resolve, reject) => {
      this.#answer = resolve;
      this.#reject = reject;
      this.#mode = mode;
      begin();
      this.#options.input.resume();
      this.#pump();
    });
  }

  #edit(prompt: string): void {
    this.#feed = new PassThrough();
    const { output } = this.#options;
    const editor = createInterface({ input: this.#feed, output, terminal: true, historySize: 0, prompt });
    this.#editor = editor;
    editor.once("line", (line) => this.#settle(line));
    editor.once("close", () => this.#settle(null));
    editor.prompt();
  }

  /** Answers the open question, if there is one. */
  #settle(text: string | null, error?: CodedError): void {
    const [answer, reject] = [this.#answer, this.#reject];
    if (answer === null || reject === null) return;
    this.#answer = null;
    this.#reject = null;
    const editor = this.#editor;
    this.#editor = null;
    const echoed = editor !== null && text !== null;
    if (!echoed) this.#options.output.write("\n");
    if (this.#mode !== "open") this.#mode = "waiting";
    this.#hidden.wipe();
    editor?.close();
    if (error === undefined) answer(text);
    else reject(error);
  }

  #onData = (chunk: Uint8Array | string): void => {
    const bytes = typeof chunk === "string" ? new TextEncoder().encode(chunk) : chunk;
    if (this.#mode === "open") {
      if (!this.#feed.write(bytes)) this.#options.input.pause();
      return;
    }
    if (this.terminal && this.#answer === null && bytes.includes(CTRL_C)) {
      this.#take(this.#waiting.length).fill(0);
      this.#options.interrupted();
      return;
    }
    this.#waiting = concat(this.#waiting, bytes);
    bytes.fill(0);
    this.#pump();
    if (this.#mode === "waiting" && this.#waiting.length > WAITING_MAX_BYTES) this.#options.input.pause();
  };

  #onEnd = (): void => {
    this.#ended = true;
    if (this.#mode === "open") this.#feed.end();
    else this.#pump();
  };

  /** Hands waiting bytes to the open question, and none beyond the end of its line. */
  #pump(): void {
    if (!this.terminal) {
      this.#pumpPipe();
      return;
    }
    while (this.#waiting.length > 0 && (this.#mode === "line" || this.#mode === "hidden")) {
      const byte = this.#take(1)[0] ?? 0;
      const second = this.#afterReturn && byte === LINE_FEED;
      this.#afterReturn = byte === RETURN;
      if (second) continue; // a pasted CR LF is one line end
      if (this.#mode === "hidden") this.#pushHidden(byte);
      else this.#pushLine(byte);
    }
    if (this.#ended && this.#mode !== "waiting") this.#settle(null);
  }

  #pushLine(byte: number): void {
    if (byte === RETURN || byte === LINE_FEED) this.#mode = "waiting"; // what follows is for the next question
    if (byte === CTRL_C) this.#settle(null, new CodedError("host.interrupted"));
    else if (byte !== CTRL_Z) this.#feed.write(Uint8Array.of(byte)); // a stopped program would leave raw mode behind
  }

  #pushHidden(byte: number): void {
    const step = this.#hidden.push(byte);
    if (step === "interrupt") this.#settle(null, new CodedError("host.interrupted"));
    if (step === "end") this.#settle(null);
    if (step === "line") this.#settleHidden(this.#hidden.text());
  }

  #settleHidden(text: string | null): void {
    const error = text === null ? new CodedError("password.invalid", "the password is not UTF-8 text") : undefined;
    this.#settle(text, error);
  }

  #pumpPipe(): void {
    if (this.#answer === null) return;
    const end = this.#waiting.indexOf(LINE_FEED);
    if (end < 0 && !this.#ended && this.#waiting.length <= WAITING_MAX_BYTES) return;
    const line = this.#take(end < 0 ? this.#waiting.length : end + 1);
    const text = decodeLine(line);
    line.fill(0);
    if (line.length === 0) this.#settle(null);
    else if (this.#mode === "hidden") this.#settleHidden(text);
    else this.#settle(text ?? "\u{fffd}");
  }

  /** The first `count` waiting bytes, which are not kept. */
  #take(count: number): Uint8Array {
    const taken = this.#waiting.slice(0, count);
    const rest = this.#waiting.slice(count);
    this.#waiting.fill(0);
    this.#waiting = rest;
    return taken;
  }
}

/** A line without its line end; null when it is not UTF-8. */
function decodeLine(line: Uint8Array): string | null {
  return decodeUtf8(line)?.replace(/\r?\n?$/, "") ?? null;
}
