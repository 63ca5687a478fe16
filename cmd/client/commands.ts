/** What a line of input asks for in the chat. Nothing is done here. */

/** What concerns keys, devices and the account. */
export type AccountAction =
  /** `yes` is null for a look. */
  | { readonly kind: "verify"; readonly user: string; readonly yes: boolean | null }
  | { readonly kind: "accept"; readonly user: string; readonly yes: boolean }
  /** `remove` is null for a look. */
  | { readonly kind: "devices"; readonly remove: string | null }
  | { readonly kind: "passwd" }
  | { readonly kind: "recovery" };

export type ChatAction =
  | AccountAction
  | { readonly kind: "nothing" }
  | { readonly kind: "help" }
  | { readonly kind: "list" }
  | { readonly kind: "logout" }
  /** Makes a conversation current; null leaves it. */
  | { readonly kind: "chat"; readonly to: string | null }
  | { readonly kind: "send"; readonly to: string; readonly text: string }
  /** A text for whoever is current. */
  | { readonly kind: "say"; readonly text: string }
  | { readonly kind: "wrong"; readonly problem: string };

/** Name, arguments and meaning, as `/help` shows them. */
export const COMMANDS = [
  ["/list", "who is registered, those online first (also: list)"],
  ["/msg USER TEXT", "send a text (also: send USER TEXT)"],
  ["/chat USER", "all that you type then goes to USER, but for commands with a slash; /chat alone ends that"],
  ["/verify USER", "the safety number of you and USER; /verify USER yes when USER sees the same"],
  ["/accept USER", "the new identity key of USER, when it has changed; /accept USER yes takes it"],
  ["/devices", "your devices; /devices remove NAME takes one away"],
  ["/passwd", "change your password"],
  ["/recovery", "make another recovery code, in place of the one before"],
  ["/help", "this"],
  ["/quit", "log out and end (also: /logout, logout, Ctrl-D; Ctrl-C on an empty line)"],
  ["//TEXT", "a text that begins with a slash"],
] as const;

/**
 * What `line` asks for. `list`, `send` and `logout` work without a slash until a conversation is `current`: then only a
 * slash makes a command, so that no text goes where it was not meant to.
 */
export function parseInput(line: string, current: boolean): ChatAction {
  const text = line.trim();
  if (text === "") return { kind: "nothing" };
  if (text.startsWith("//")) return { kind: "say", text: text.slice(1) };
  const [word = "", rest = ""] = cut(text);
  if (word.startsWith("/")) return command(word.slice(1).toLowerCase(), rest);
  const bare = word === "send" || (rest === "" && (word === "list" || word === "logout"));
  if (bare && !current) return command(word, rest);
  return { kind: "say", text: line };
}

function command(word: string, rest: string): ChatAction {
  switch (word) {
    case "help":
      return { kind: "help" };
    case "list":
      return { kind: "list" };
    case "logout":
    case "quit":
      return { kind: "logout" };
    case "chat":
      return { kind: "chat", to: rest === "" ? null : rest };
    case "verify":
    case "accept":
      return peerCommand(word, rest);
    case "devices": {
      const [verb, device] = cut(rest);
      if (verb === "") return { kind: "devices", remove: null };
      if (verb === "remove" && device !== "") return { kind: "devices", remove: device.trim() };
      return { kind: "wrong", problem: "it is /devices, or /devices remove NAME" };
    }
    case "passwd":
      return { kind: "passwd" };
    case "recovery":
      return { kind: "recovery" };
    case "msg":
    case "send": {
      const [to = "", text = ""] = cut(rest);
      if (text !== "") return { kind: "send", to, text };
      return { kind: "wrong", problem: `${word === "msg" ? "/msg" : "send"} needs a user and a text` };
    }
    default:
      return { kind: "wrong", problem: "there is no such command; /help lists them, //TEXT sends a leading slash" };
  }
}

/** The first word, and what follows it. */
function cut(text: string): readonly [string, string] {
  const [, word = "", rest = ""] = /^(\S*)\s*([\s\S]*)$/.exec(text) ?? [];
  return [word, rest];
}

function peerCommand(kind: "verify" | "accept", rest: string): ChatAction {
  const [user, answer] = cut(rest);
  const yes = /^y(es)?$/i.test(answer.trim())
    ? true
    : answer.trim() === ""
      ? null
      : /^no?$/i.test(answer.trim())
        ? false
        : undefined;
  if (user === "" || yes === undefined) return { kind: "wrong", problem: `it is /${kind} USER, or /${kind} USER yes` };
  return kind === "verify" ? { kind, user, yes } : { kind, user, yes: yes === true };
}
