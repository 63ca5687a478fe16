/** What the words after `client` ask for. Whether it can be done is not this module's concern. */
import { DELIVERY_MS } from "../../core/limits.ts";
import {
  expectInteger,
  expectNoWords,
  expectOptions,
  expectWord,
  type OptionSpecs,
  parseOptions,
  usage,
} from "../host/args.ts";
import type { PasswordOptions } from "../host/password.ts";

export const CLIENT_HELP = `client: private messaging for a group that runs its own server

  client                        log in and chat; /help there lists the commands
  client send USER [TEXT...]    send one message, read from stdin when there is no text;
                                waits until a device of USER has it (--timeout 10, --json)
  client listen                 print messages as they come (--json, --own, --count N, --timeout SECONDS)
  client users                  who is registered, and who is online (--json)
  client devices                your devices (--json); client devices remove NAME takes one away
  client passwd                 change your password (--new-password-file FILE)
  client state show|reset       where this device is kept; reset deletes it, after asking (--yes)

  --config FILE                 instead of config.json (also: IMS_CONFIG)
  --user NAME                   instead of a prompt (also: IMS_USER)
  --password-file FILE          instead of a prompt (also: IMS_PASSWORD_FILE)
  --password-fd N               the same, from an open file descriptor
  --state DIR                   the device to use; none: a temporary one that leaves nothing behind (also: IMS_STATE)
  --no-color                    (also: NO_COLOR)
  --help, --version

  Exit codes: 0 done, 1 failed, 2 usage or configuration, 3 login refused, 4 server unreachable or lost,
  5 not delivered, 6 not the server we know, 130 and 143 interrupted
`;

const OPTIONS = {
  config: { type: "text" },
  user: { type: "text" },
  "password-file": { type: "text" },
  "password-fd": { type: "text" },
  "no-color": { type: "flag" },
  json: { type: "flag" },
  own: { type: "flag" },
  count: { type: "text" },
  timeout: { type: "text" },
  wait: { type: "text" },
  help: { type: "flag", short: "h" },
  state: { type: "text" },
  yes: { type: "flag" },
  "new-password-file": { type: "text" },
  version: { type: "flag" },
} as const satisfies OptionSpecs;
type Options = ReturnType<typeof parseOptions<typeof OPTIONS>>["options"];

/** Who logs in, and where; what is missing is taken from the environment or asked for. */
export interface SignInOptions {
  readonly config: string | undefined;
  readonly user: string | undefined;
  readonly password: PasswordOptions;
  /** The state folder, or `none`. */
  readonly state: string | undefined;
}

export interface ChatCommand extends SignInOptions {
  readonly kind: "chat";
  readonly color: boolean;
}

export interface SendCommand extends SignInOptions {
  readonly kind: "send";
  readonly to: string;
  /** null: read it from stdin. */
  readonly text: string | null;
  readonly timeoutSeconds: number;
  readonly json: boolean;
}

export interface ListenCommand extends SignInOptions {
  readonly kind: "listen";
  readonly json: boolean;
  /** Also what this user sends from other devices. */
  readonly own: boolean;
  readonly count: number | null;
  readonly timeoutSeconds: number | null;
}

export interface UsersCommand extends SignInOptions {
  readonly kind: "users";
  readonly json: boolean;
}

export interface DevicesCommand extends SignInOptions {
  readonly kind: "devices";
  readonly json: boolean;
  /** The beginning of a device's name; null for a list. */
  readonly remove: string | null;
}

export interface PasswdCommand extends SignInOptions {
  readonly kind: "passwd";
  /** null: ask for it. */
  readonly newPasswordFile: string | null;
}

export interface StateCommand extends SignInOptions {
  readonly kind: "state";
  readonly action: "show" | "reset";
  readonly yes: boolean;
}

export type ClientCommand =
  | { readonly kind: "help" | "version" }
  | ChatCommand
  | SendCommand
  | ListenCommand
  | UsersCommand
  | DevicesCommand
  | PasswdCommand
  | StateCommand;

const SIGN_IN = ["config", "user", "password-file", "password-fd", "no-color", "state"] as const;
/** What a timer can hold: 2^31 - 1 milliseconds, almost 25 days. */
const SECONDS_MAX = 2_147_483;

/** @throws usage.invalid for anything that `CLIENT_HELP` does not list */
export function parseClientCommand(argv: readonly string[]): ClientCommand {
  const { options, words } = parseOptions(argv, OPTIONS);
  if (options.help) return { kind: "help" };
  if (options.version) return { kind: "version" };
  const { config, user, state } = options;
  const signIn: SignInOptions = { config, user, password: options, state };
  const [first, ...rest] = words;
  if (first === undefined) {
    expectOptions("client", options, SIGN_IN);
    return { kind: "chat", color: options["no-color"] !== true, ...signIn };
  }
  switch (expectWord(first, ["send", "listen", "users", "devices", "passwd", "state"] as const, "command")) {
    case "send":
      return { ...parseSend(options, rest), ...signIn };
    case "listen":
      return { ...parseListen(options, rest), ...signIn };
    case "users":
      expectOptions("users", options, [...SIGN_IN, "json"]);
      expectNoWords("users", rest);
      return { kind: "users", json: options.json === true, ...signIn };
    case "devices":
      return { ...parseDevices(options, rest), ...signIn };
    case "passwd":
      expectOptions("passwd", options, [...SIGN_IN, "new-password-file"]);
      expectNoWords("passwd", rest);
      return { kind: "passwd", newPasswordFile: options["new-password-file"] ?? null, ...signIn };
    case "state":
      return { ...parseState(options, rest), ...signIn };
  }
}

function parseSend(options: Options, words: readonly string[]): Omit<SendCommand, keyof SignInOptions> {
  expectOptions("send", options, [...SIGN_IN, "json", "timeout", "wait"]);
  if (options.wait !== undefined && options.wait !== "delivered") throw usage("--wait: expected delivered");
  const [to, ...text] = words;
  if (to === undefined) throw usage("send needs the name of a user");
  return {
    kind: "send",
    to,
    text: text.length === 0 ? null : text.join(" "),
    timeoutSeconds: seconds(options.timeout) ?? DELIVERY_MS / 1000,
    json: options.json === true,
  };
}

function parseListen(options: Options, words: readonly string[]): Omit<ListenCommand, keyof SignInOptions> {
  expectOptions("listen", options, [...SIGN_IN, "json", "own", "count", "timeout"]);
  expectNoWords("listen", words);
  return {
    kind: "listen",
    json: options.json === true,
    own: options.own === true,
    count: options.count === undefined ? null : expectInteger("--count", options.count, [1, 1_000_000_000]),
    timeoutSeconds: seconds(options.timeout),
  };
}

function seconds(text: string | undefined): number | null {
  return text === undefined ? null : expectInteger("--timeout", text, [1, SECONDS_MAX]);
}

function parseDevices(options: Options, words: readonly string[]): Omit<DevicesCommand, keyof SignInOptions> {
  const [verb, device, ...rest] = words;
  if (verb === undefined) {
    expectOptions("devices", options, [...SIGN_IN, "json"]);
    return { kind: "devices", json: options.json === true, remove: null };
  }
  expectWord(verb, ["remove"] as const, "devices");
  expectOptions("devices remove", options, SIGN_IN);
  if (device === undefined) throw usage("devices remove needs the name of a device");
  expectNoWords("devices remove", rest);
  return { kind: "devices", json: false, remove: device };
}

function parseState(options: Options, words: readonly string[]): Omit<StateCommand, keyof SignInOptions> {
  const [verb, ...rest] = words;
  if (verb === undefined) throw usage("state needs show or reset");
  const action = expectWord(verb, ["show", "reset"] as const, "state");
  const extra = action === "reset" ? (["yes"] as const) : [];
  expectOptions(`state ${action}`, options, ["config", "user", "state", ...extra]);
  expectNoWords(`state ${action}`, rest);
  return { kind: "state", action, yes: options.yes === true };
}
