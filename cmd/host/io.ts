import type { Readable, Writable } from "node:stream";

/** The part of the process that a command sees, passed in so that a test can run it as a function. */
export interface Io {
  readonly stdin: Readable & { setRawMode?: (raw: boolean) => unknown };
  /** Data. */
  readonly stdout: Pick<Writable, "write"> & { readonly columns?: number };
  /** Prompts, logs and errors. */
  readonly stderr: Writable;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Absolute path of the current folder. */
  readonly cwd: string;
  /** Absolute path of the folder that holds the executable. */
  readonly execDir: string;
  /** Whether a person sits at `stdin`. */
  readonly isTTY: boolean;
}
