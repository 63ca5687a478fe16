/** The compiled executables as real processes. Every wait is bounded, and every process ends by its id. */
import { existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const DIST = resolve(process.env.IMS_DIST ?? join(import.meta.dir, "..", "..", "dist"));
/** Longer than anything takes that works, shorter than the timeout of a test. */
export const PATIENCE_MS = 12_000;
const POLL_MS = 50;

export type ProgramName = "server" | "client";

/** The path of an executable. Throws when it has not been built. */
export function executable(name: ProgramName): string {
  const path = join(DIST, process.platform === "win32" ? `${name}.exe` : name);
  if (!existsSync(path)) throw new Error(`${path} is not there; run: make build`);
  return path;
}

/**
 * Nothing of the environment of whoever runs the tests reaches a program that runs in the folder `cwd`; the states of devices
 * are kept in it.
 */
export function bareEnv(cwd: string, extra: Readonly<Record<string, string>> = {}): Record<string, string> {
  const state = { XDG_STATE_HOME: join(cwd, "devices") };
  return { PATH: process.env.PATH ?? "", HOME: tmpdir(), LANG: "C.UTF-8", TZ: "UTC", ...state, ...extra };
}

/** Something that grows, and wakes whoever waits for it. */
export class Watched {
  readonly #waiting = new Set<() => void>();

  /** Call it whenever there may be something new. */
  wake(): void {
    for (const look of [...this.#waiting]) look();
  }

  /** What `look` gives once that is neither null nor false; fails with `explain()` when it takes too long. */
  until<T>(look: () => T | null | false, explain: () => string, patienceMs = PATIENCE_MS): Promise<T> {
    return new Promise((resolved, reject) => {
      const end = (): void => {
        clearTimeout(timer);
        clearInterval(poll);
        this.#waiting.delete(check);
      };
      const check = (): void => {
        const found = look();
        if (found === null || found === false) return;
        end();
        resolved(found);
      };
      const timer = setTimeout(() => {
        end();
        reject(new Error(`waited ${patienceMs} ms for ${explain()}`));
      }, patienceMs);
      const poll = setInterval(check, POLL_MS); // for what changes without a sign
      this.#waiting.add(check);
      check();
    });
  }
}

export interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export interface ProgramOptions {
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
  /** All of stdin; `open` is a pipe that stays open; by default it is /dev/null. */
  readonly stdin?: string;
  /** Another command line around the program, such as a shell that closes a descriptor. */
  readonly wrap?: (command: readonly string[]) => readonly string[];
}

/** A process without a terminal. */
export class Program {
  readonly #watched = new Watched();
  readonly #child: Bun.Subprocess<"pipe" | "ignore" | Uint8Array, "pipe", "pipe">;
  readonly #label: string;
  readonly #read: Promise<void>;
  #out = "";
  #err = "";

  constructor(name: ProgramName, args: readonly string[], options: ProgramOptions) {
    const command = [executable(name), ...args];
    this.#label = `${name} ${args.join(" ")}`;
    const { stdin } = options;
    this.#child = Bun.spawn([...(options.wrap?.(command) ?? command)], {
      cwd: options.cwd,
      env: bareEnv(options.cwd, options.env),
      stdin: stdin === undefined ? "ignore" : stdin === "open" ? "pipe" : new TextEncoder().encode(stdin),
      stdout: "pipe",
      stderr: "pipe",
    });
    const out = this.#collect(this.#child.stdout, (text) => {
      this.#out += text;
    });
    const err = this.#collect(this.#child.stderr, (text) => {
      this.#err += text;
    });
    this.#read = Promise.all([out, err]).then(() => {});
  }

  get pid(): number {
    return this.#child.pid;
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  get out(): string {
    return this.#out;
  }

  get err(): string {
    return this.#err;
  }

  /** What `look` finds in the output so far, as soon as it finds something. */
  until<T>(look: (program: this) => T | null | false, what: string, patienceMs = PATIENCE_MS): Promise<T> {
    return this.#watched.until(
      () => look(this),
      () => `${what} of "${this.#label}"; stdout ${JSON.stringify(this.#out)}, stderr ${JSON.stringify(this.#err)}`,
      patienceMs,
    );
  }

  /** Waits until `text` stands in stdout or stderr. */
  untilText(text: string): Promise<unknown> {
    return this.until(({ out, err }) => out.includes(text) || err.includes(text), JSON.stringify(text));
  }

  write(content: string | Uint8Array): void {
    const { stdin } = this.#child;
    if (stdin === undefined || typeof stdin === "number") throw new Error("programs: stdin is not open");
    stdin.write(content);
    void stdin.flush();
  }

  endInput(): void {
    const { stdin } = this.#child;
    if (stdin !== undefined && typeof stdin !== "number") void stdin.end();
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** How it ended. A process that does not end in time is killed, and the test fails. */
  async ended(patienceMs = PATIENCE_MS): Promise<Outcome> {
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(() => {
      this.kill("SIGKILL");
      late.reject(new Error(`"${this.#label}" did not end; stdout ${this.#out}, stderr ${this.#err}`));
    }, patienceMs);
    try {
      const code = await Promise.race([this.#child.exited, late.promise]);
      await Promise.race([this.#read, late.promise]);
      return { code, out: this.#out, err: this.#err };
    } finally {
      clearTimeout(timer);
    }
  }

  /** Ends it, whatever it does. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.running) this.kill("SIGKILL");
    await this.#child.exited;
  }

  async #collect(stream: ReadableStream<Uint8Array>, take: (text: string) => void): Promise<void> {
    const decoder = new TextDecoder();
    for await (const chunk of stream) {
      take(decoder.decode(chunk, { stream: true }));
      this.#watched.wake();
    }
    this.#watched.wake();
  }
}

/** Runs a program to its end. */
export async function runProgram(
  name: ProgramName,
  args: readonly string[],
  options: ProgramOptions,
): Promise<Outcome> {
  await using program = new Program(name, args, options);
  return await program.ended();
}
