/** The client: reads the command line and runs what it asks for. */
import { CodedError } from "../core/errors.ts";
import { chat } from "./client/chat.ts";
import { CLIENT_HELP, parseClientCommand } from "./client/commandLine.ts";
import { devices } from "./client/devices.ts";
import { listen } from "./client/listen.ts";
import { passwd } from "./client/passwd.ts";
import { send } from "./client/send.ts";
import { state } from "./client/stateCommand.ts";
import { users } from "./client/users.ts";
import type { Interrupt } from "./client/world.ts";
import { hostEnv } from "./host/env.ts";
import { EXIT, type ExitCode } from "./host/exit.ts";
import type { Io } from "./host/io.ts";
import { runMain } from "./host/main.ts";
import { versionLine } from "./host/version.ts";

async function client(argv: readonly string[], io: Io): Promise<ExitCode> {
  const command = parseClientCommand(argv);
  const world = () => ({ io, env: hostEnv, interrupt: interruptOf() });
  switch (command.kind) {
    case "help":
      io.stdout.write(CLIENT_HELP);
      return EXIT.done;
    case "version":
      io.stdout.write(versionLine("client"));
      return EXIT.done;
    case "chat":
      return chat(command, world());
    case "send":
      return send(command, world());
    case "listen":
      return listen(command, world());
    case "users":
      return users(command, world());
    case "devices":
      return devices(command, world());
    case "passwd":
      return passwd(command, world());
    case "state":
      return state(command, world());
  }
}

function interruptOf(): Interrupt {
  const { promise, reject } = Promise.withResolvers<never>();
  promise.catch(() => {}); // not every command waits for it
  const fire = () => reject(new CodedError("host.interrupted"));
  process.on("SIGINT", fire);
  for (const signal of ["SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => reject(new CodedError("host.terminated")));
  }
  return { promise, fire };
}

await runMain(client);
