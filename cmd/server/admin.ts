import type { Env } from "../../core/env.ts";
import { EXIT, type ExitCode } from "../host/exit.ts";
import type { Io } from "../host/io.ts";
import { fingerprint } from "../host/publicKey.ts";
import { checkRealm } from "./admin/check.ts";
import { initRealm } from "./admin/init.ts";
import { showStatus } from "./admin/status.ts";
import { userCommand } from "./admin/user.ts";
import type { AdminCommand, WithConfig } from "./commandLine.ts";
import { openRealm } from "./realm.ts";

/** Runs what `server` does besides running. @throws CodedError with the one line to show */
export async function runAdmin(command: AdminCommand, io: Io, env: Env): Promise<ExitCode> {
  switch (command.kind) {
    case "init":
      return initRealm(command, io, env);
    case "check":
      return checkRealm(command, io, env);
    case "user":
      return userCommand(command, io, env);
    case "status":
      return showStatus(command, io);
    case "keyShow":
      return showKey(command, io, env);
  }
}

function showKey(command: WithConfig, io: Io, env: Env): ExitCode {
  using realm = openRealm(command, io, env.crypto);
  io.stdout.write(`${fingerprint(env.crypto, realm.keys.publicKey)}\n`);
  return EXIT.done;
}
