/** Runs a program's main function, and ends the process with its exit code, whatever happens. */
import { writeSync } from "node:fs";
import { dirname } from "node:path";
import { finished } from "node:stream/promises";
import { CodedError } from "../../core/errors.ts";
import { EXIT, type ExitCode, endingOf } from "./exit.ts";
import { systemCode, systemReason } from "./files.ts";
import type { Io } from "./io.ts";

/** How long a reader of our log may keep the end waiting. */
const FLUSH_MS = 1000;

export async function runMain(main: (argv: readonly string[], io: Io) => Promise<ExitCode>): Promise<void> {
  process.stdout.on("error", unwritable);
  // A server outlives whoever keeps its log.
  const unheard = new Promise<void>((resolve) => process.stderr.on("error", () => resolve()));
  let code: ExitCode;
  try {
    code = await main(process.argv.slice(2), {
      stdin: process.stdin,
      stdout: process.stdout,
      stderr: process.stderr,
      env: process.env,
      cwd: process.cwd(),
      execDir: dirname(process.execPath),
      isTTY: process.stdin.isTTY === true,
    });
  } catch (error) {
    const ending = endingOf(error);
    if (ending.line !== null) process.stderr.write(`${ending.line}\n`);
    code = ending.code;
  }
  // `exit` cuts off what a stream still holds, and an empty write is no sign that it holds nothing.
  process.stdout.end();
  await finished(process.stdout).catch(unwritable);
  process.stderr.end();
  await Promise.race([unheard, Bun.sleep(FLUSH_MS), finished(process.stderr).catch(() => {})]);
  process.exit(code);
}

/** A reader of our output that goes away, as in `client users | head -1`, is no error of ours; a full disk is one. */
function unwritable(error: unknown): never {
  if (systemCode(error) === "EPIPE") process.exit(EXIT.done);
  const ending = endingOf(new CodedError("file.failed", `the output cannot be written: ${systemReason(error)}`));
  try {
    writeSync(process.stderr.fd, `${ending.line}\n`);
  } catch {
    // Nobody is left to tell.
  }
  process.exit(ending.code);
}
