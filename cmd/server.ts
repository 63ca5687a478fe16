/** The server: reads the command line and runs what it asks for. */

import { closeSync, constants, openSync } from "node:fs";
import { hostEnv } from "./host/env.ts";
import { EXIT, type ExitCode } from "./host/exit.ts";
import { systemCode } from "./host/files.ts";
import type { Io } from "./host/io.ts";
import { runMain } from "./host/main.ts";
import { versionLine } from "./host/version.ts";
import { runAdmin } from "./server/admin.ts";
import { parseServerCommand, SERVER_HELP } from "./server/commandLine.ts";
import { run, type Signals } from "./server/run.ts";

async function server(argv: readonly string[], io: Io): Promise<ExitCode> {
  const command = parseServerCommand(argv);
  switch (command.kind) {
    case "help":
      io.stdout.write(SERVER_HELP);
      return EXIT.done;
    case "version":
      io.stdout.write(versionLine("server"));
      return EXIT.done;
    case "run":
      return run(command, io, hostEnv, listenForSignals(io.isTTY));
    default:
      return runAdmin(command, io, hostEnv);
  }
}

/** SIGTERM and SIGINT stop, SIGHUP is the hang-up, unless it is that of the terminal that the server was started on. */
function listenForSignals(onTerminal: boolean): Signals {
  const [first, second] = [Promise.withResolvers<string>(), Promise.withResolvers<string>()];
  let next = first;
  const stop = (signal: string): void => {
    next.resolve(signal);
    next = second;
  };
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => stop(signal));
  let hungUp = false;
  let hangUp = (): void => {
    hungUp = true;
  };
  process.on("SIGHUP", () => (onTerminal && terminalHasGone() ? stop("SIGHUP") : hangUp()));
  const onHangUp = (act: () => void): void => {
    hangUp = act;
    if (hungUp) act();
    hungUp = false;
  };
  return { first: first.promise, second: second.promise, onHangUp };
}

function terminalHasGone(): boolean {
  try {
    closeSync(openSync("/dev/tty", constants.O_RDONLY | constants.O_NOCTTY));
    return false;
  } catch (error) {
    return ["ENXIO", "EIO"].includes(systemCode(error));
  }
}

await runMain(server);
