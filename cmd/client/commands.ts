/** The slash-commands of the chat: what a line of input asks for. A table, and nothing is done here. */

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
  ["/chat USER", "what you type then goes to USER; /chat alone ends that"],
  ["/help", "this"],
  ["/quit", "log out and end (also: /logout, logout, Ctrl-D)"],
  ["//TEXT", "a text that begins with a slash"],
] as const;

export interface InputContext {
  /** Whether there is a current conversation. */
  readonly current: boolean;
  isUser(name: string): boolean;
}

/**
 * What `line` asks for. `list`, `send` and `logout` work without a slash; in a conversation `send X …` is a command only
 * when X is a user, so that "send me the file" is said and not lost.
 */
export function parseInput(line: string, context: InputContext): ChatAction {
  const text = line.trim();
  if (text === "") return { kind: "nothing" };
  if (text.startsWith("//")) return { kind: "say", text: text.slice(1) };
  const [word = "", rest = ""] = cut(text);
  if (word.startsWith("/")) return command(word.slice(1).toLowerCase(), rest);
  if (rest === "" && (word === "list" || word === "logout")) return command(word, rest);
  if (word === "send" && (!context.current || context.isUser(cut(rest)[0] ?? ""))) return command(word, rest);
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
