/** What a line of input asks for in the chat. Nothing is done here. */

export type ChatAction =
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
