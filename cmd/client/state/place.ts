/** Where the state of a device lies: one folder for each realm and user, unless the user names one. */
import { isAbsolute, join, resolve } from "node:path";
import { CodedError } from "../../../core/errors.ts";
import type { Io } from "../../host/io.ts";
import type { StateOwner } from "./inspect.ts";

const NONE = "none";
/** Of the realm id, in the folder's name. */
const REALM_CHARACTERS = 16;
/** What Debian gives accounts that have no home. */
const NO_HOME = "/nonexistent";

/**
 * `--state`, else `IMS_STATE`, else a folder under `$XDG_STATE_HOME/ims` or `~/.local/state/ims`; null for `none`: nothing is
 * kept.
 * @throws usage.invalid when there is no home to put it in
 */
export function statePlace(option: string | undefined, owner: StateOwner, io: Pick<Io, "env" | "cwd">): string | null {
  const named = namedPlace(option, io);
  if (named !== undefined) return named;
  return join(stateHome(io.env), "ims", owner.realm.toHex().slice(0, REALM_CHARACTERS), owner.user);
}

/**
 * The folder that `--state` or `IMS_STATE` names, null for `none`; undefined when they name nothing.
 * @throws usage.invalid when `--state` is empty
 */
export function namedPlace(
  option: string | undefined,
  { env, cwd }: Pick<Io, "env" | "cwd">,
): string | null | undefined {
  if (option === "") throw new CodedError("usage.invalid", "--state needs a folder, or none");
  const named = option ?? env.IMS_STATE ?? "";
  if (named === "") return undefined;
  return named === NONE ? null : resolve(cwd, named);
}

/** XDG Base Directory Specification: a relative path is no path. */
function stateHome(env: Io["env"]): string {
  const { XDG_STATE_HOME: named = "" } = env;
  if (isAbsolute(named)) return named;
  const home = env.HOME ?? (process.platform === "win32" ? env.USERPROFILE : undefined) ?? "";
  if (isAbsolute(home) && home !== NO_HOME) return join(home, ".local", "state");
  throw new CodedError("usage.invalid", "there is no home folder to keep this device in; name one with --state DIR");
}
