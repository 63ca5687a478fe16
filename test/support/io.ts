import { PassThrough } from "node:stream";
import type { Io } from "../../cmd/host/io.ts";

export interface RecordedIo extends Io {
  readonly stdin: PassThrough;
  /** What was written to stdout so far. */
  readonly out: () => string;
  /** What was written to stderr so far. */
  readonly err: () => string;
}

/** An `Io` without a terminal that keeps what it is given; `typed` is all of stdin. */
export function recordedIo(
  cwd: string,
  { typed = "", env = {} }: { typed?: string; env?: Io["env"] } = {},
): RecordedIo {
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
  stdin.end(typed);
  const text = { out: "", err: "" };
  stdout.on("data", (chunk) => {
    text.out += String(chunk);
  });
  stderr.on("data", (chunk) => {
    text.err += String(chunk);
  });
  return {
    ...{ stdin, stdout, stderr, env, cwd, execDir: cwd, isTTY: false },
    out: () => text.out,
    err: () => text.err,
  };
}
