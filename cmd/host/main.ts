/** Runs a program's main function, and ends the process with its exit code, whatever happens. */
import { dirname } from "node:path";
import { type ExitCode, endingOf } from "./exit.ts";
import type { Io } from "./io.ts";

export async function runMain(main: (argv: readonly string[], io: Io) => Promise<ExitCode>): Promise<void> {
  // A reader of our output that goes away, as in `client users | head -1`, is no error of ours.
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => process.exit(0));
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
  await flushed(process.stdout);
  await flushed(process.stderr);
  process.exit(code);
}

/** `exit` cuts off what a stream still holds. */
function flushed(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    stream.write("", () => resolve());
  });
}
