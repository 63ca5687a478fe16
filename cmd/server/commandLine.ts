/** What the words after `server` ask for. Whether it can be done is not this module's concern. */
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

export const SERVER_HELP = `server: private messaging for a group that runs its own server

  server [run]                  run in the foreground
  server init [DIR]             make a new realm (--host 127.0.0.1, --port 4040)
  server check                  check all that a server needs; change nothing
  server user add NAME          register a user
  server user passwd NAME       set a new password
  server user remove NAME       remove a user (asks; --yes does not)
  server user lock NAME         refuse logins and end the ones there are
  server user unlock NAME       the opposite; forgets failed logins too
  server user list              who is registered, and failed logins (--json)
  server key show               fingerprint of the public key
  server status                 what a running server holds (--json, --all)

  --config FILE                 instead of sconf.json (also: IMS_SCONF)
  --password-file FILE          for user add and passwd, instead of a prompt
  --password-fd N               the same, from an open file descriptor
  --initial                     a password for one login, which sets another
  --weak                        take a password that is short, common or a name
  --help, --version

  Signals: SIGTERM, SIGINT stop the server; SIGHUP has it read sconf.json again

  Exit codes: 0 done, 1 failed, 2 usage or configuration, 130/143 interrupted
`;

const OPTIONS = {
  config: { type: "text" },
  host: { type: "text" },
  port: { type: "text" },
  "password-file": { type: "text" },
  "password-fd": { type: "text" },
  initial: { type: "flag" },
  weak: { type: "flag" },
  yes: { type: "flag" },
  json: { type: "flag" },
  all: { type: "flag" },
  help: { type: "flag", short: "h" },
  version: { type: "flag" },
} as const satisfies OptionSpecs;
type Options = ReturnType<typeof parseOptions<typeof OPTIONS>>["options"];

export interface WithConfig {
  /** `--config`. */
  readonly config: string | undefined;
}

export interface InitCommand {
  readonly kind: "init";
  /** As typed; the current folder when empty. */
  readonly folder: string;
  readonly host: string | undefined;
  readonly port: number | undefined;
}

export interface PasswordCommand extends WithConfig {
  readonly kind: "user";
  readonly action: "add" | "passwd";
  readonly name: string;
  readonly password: PasswordOptions;
  /** The user has to set another at the first login. */
  readonly initial: boolean;
  /** Take a weak one too. */
  readonly weak: boolean;
}

export interface RemoveCommand extends WithConfig {
  readonly kind: "user";
  readonly action: "remove";
  readonly name: string;
  /** Do not ask. */
  readonly yes: boolean;
}

export interface LockCommand extends WithConfig {
  readonly kind: "user";
  readonly action: "lock" | "unlock";
  readonly name: string;
}

export interface ListCommand extends WithConfig {
  readonly kind: "user";
  readonly action: "list";
  readonly json: boolean;
}

export interface StatusCommand extends WithConfig {
  readonly kind: "status";
  readonly json: boolean;
  /** Every session, however many there are. */
  readonly all: boolean;
}

export type UserCommand = PasswordCommand | RemoveCommand | LockCommand | ListCommand;

/** What `server` does besides running. */
export type AdminCommand =
  | InitCommand
  | UserCommand
  | StatusCommand
  | (WithConfig & { readonly kind: "check" })
  | (WithConfig & { readonly kind: "keyShow" });

export type ServerCommand =
  | { readonly kind: "help" }
  | { readonly kind: "version" }
  | (WithConfig & { readonly kind: "run" })
  | AdminCommand;

/** @throws usage.invalid for anything that `SERVER_HELP` does not list */
export function parseServerCommand(argv: readonly string[]): ServerCommand {
  const { options, words } = parseOptions(argv, OPTIONS);
  if (options.help) return { kind: "help" };
  if (options.version) return { kind: "version" };
  const [first = "run", ...rest] = words;
  const kind = expectWord(first, ["run", "init", "check", "user", "key", "status"] as const, "command");
  switch (kind) {
    case "run":
    case "check":
      expectOptions(kind, options, ["config"]);
      expectNoWords(kind, rest);
      return { kind, config: options.config };
    case "init":
      return parseInit(options, rest);
    case "user":
      return parseUser(options, rest);
    case "status":
      expectOptions(kind, options, ["config", "json", "all"]);
      expectNoWords(kind, rest);
      return { kind, json: options.json === true, all: options.all === true, config: options.config };
    case "key":
      expectWord(rest[0] ?? "", ["show"], "key command");
      expectOptions("key show", options, ["config"]);
      expectNoWords("key show", rest.slice(1));
      return { kind: "keyShow", config: options.config };
  }
}

function parseInit(options: Options, words: readonly string[]): InitCommand {
  expectOptions("init", options, ["host", "port"]);
  expectNoWords("init", words.slice(1));
  const port = options.port === undefined ? undefined : expectInteger("--port", options.port, [1, 65_535]);
  return { kind: "init", folder: words[0] ?? "", host: options.host, port };
}

const ACTIONS = ["add", "passwd", "remove", "lock", "unlock", "list"] as const;

function parseUser(options: Options, words: readonly string[]): UserCommand {
  const action = expectWord(words[0] ?? "", ACTIONS, "user command");
  const command = `user ${action}`;
  const [name = "", ...rest] = words.slice(1);
  const { config } = options;
  if (action === "list") {
    expectOptions(command, options, ["config", "json"]);
    expectNoWords(command, words.slice(1));
    return { kind: "user", action, json: options.json === true, config };
  }
  if (name === "") throw usage(`${command} needs the name of a user`);
  expectNoWords(command, rest);
  switch (action) {
    case "add":
    case "passwd":
      expectOptions(command, options, ["config", "password-file", "password-fd", "initial", "weak"]);
      return {
        ...{ kind: "user", action, name, password: options, config },
        ...{ initial: options.initial === true, weak: options.weak === true },
      };
    case "remove":
      expectOptions(command, options, ["config", "yes"]);
      return { kind: "user", action, name, yes: options.yes === true, config };
    case "lock":
    case "unlock":
      expectOptions(command, options, ["config"]);
      return { kind: "user", action, name, config };
  }
}
