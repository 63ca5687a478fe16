/** `client state show|reset`: the only thing that deletes the state of a device, after asking. */
import { CodedError } from "../../core/errors.ts";
import { parseUserName } from "../../core/name.ts";
import { fromKey, loadClientConfig, shortPath } from "../host/config.ts";
import { EXIT, type ExitCode } from "../host/exit.ts";
import type { Io } from "../host/io.ts";
import { loadPublicKey } from "../host/publicKey.ts";
import type { StateCommand } from "./commandLine.ts";
import { openPrompter } from "./signIn.ts";
import { readHeader } from "./state/inspect.ts";
import { namedPlace, statePlace } from "./state/place.ts";
import { deleteState, hasState, removeEmpty, stateBytes, stateInUse, tryLockState } from "./state/stateFiles.ts";
import type { World } from "./world.ts";

/** Of a realm id: what a person compares. */
const REALM_CHARACTERS = 16;

/** @throws config.invalid, usage.invalid, file.locked, file.failed */
export async function state(command: StateCommand, { io, interrupt }: World): Promise<ExitCode> {
  const folder = folderOf(command, io);
  if (folder === null) throw new CodedError("usage.invalid", "--state none keeps nothing");
  if (!hasState(folder)) {
    io.stderr.write(`${folder}: there is no state of a device\n`);
    return EXIT.done;
  }
  if (command.action === "show") {
    io.stdout.write(`${stateLines(folder).join("\n")}\n`);
    return EXIT.done;
  }
  if (stateInUse(folder)) throw inUse(folder);
  if (!command.yes && !(await confirmed(folder, io, interrupt))) {
    io.stderr.write("Nothing was changed.\n");
    return EXIT.failed;
  }
  using lock = tryLockState(folder);
  if (lock === null) throw inUse(folder);
  deleteState(folder, lock);
  removeEmpty(folder);
  io.stderr.write(`${folder}: deleted; the next login makes a new device\n`);
  return EXIT.done;
}

/** A folder that is named needs no user, and no configuration. */
function folderOf(command: StateCommand, io: Io): string | null {
  const named = namedPlace(command.state, io);
  if (named !== undefined) return named;
  const name = command.user ?? io.env.IMS_USER;
  if (name === undefined) throw new CodedError("usage.invalid", "state needs --user NAME, or --state DIR");
  const config = loadClientConfig(command, io.env, io.cwd, io.execDir);
  const { publicKey } = config;
  const server = fromKey(config, "publicKey", () => loadPublicKey(publicKey, shortPath(publicKey, io.cwd)));
  return statePlace(undefined, { realm: server.realmId, user: parseUserName(name.trim()) }, io);
}

function stateLines(folder: string): readonly string[] {
  const header = readHeader(folder);
  const whose =
    header === null
      ? ["user    unknown: the state cannot be read"]
      : [
          `user    ${header.user}`,
          `realm   ${header.realm.toHex().slice(0, REALM_CHARACTERS)}`,
          `device  ${header.device}`,
        ];
  const size = `size    ${Math.ceil(stateBytes(folder) / 1024)} KiB`;
  return [`folder  ${folder}`, ...whose, size, `in use  ${stateInUse(folder) ? "yes" : "no"}`];
}

async function confirmed(folder: string, io: Io, { promise, fire }: World["interrupt"]): Promise<boolean> {
  if (!io.isTTY) throw new CodedError("usage.invalid", "state reset asks on a terminal; without one it needs --yes");
  const header = readHeader(folder);
  const what =
    header === null
      ? "a state that cannot be read"
      : `the device ${header.device} of ${header.user} at the realm ${header.realm.toHex().slice(0, REALM_CHARACTERS)}`;
  const prompter = openPrompter(io, fire);
  try {
    io.stderr.write(`This deletes ${what}, for good, in ${folder}; the account is not touched.\n`);
    const answer = await Promise.race([promise, prompter.ask("Delete it? (y/N) ")]);
    return /^y(es)?$/i.test(answer?.trim() ?? "");
  } finally {
    prompter.close();
  }
}

function inUse(folder: string): CodedError {
  return new CodedError("file.locked", `${folder}: another client uses this device; end it first`);
}
