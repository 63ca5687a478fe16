import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { type ChatAction, COMMANDS, parseInput } from "../../../cmd/client/commands.ts";

const alone = (line: string): ChatAction => parseInput(line, false);
const inConversation = (line: string): ChatAction => parseInput(line, true);

const say = (text: string): ChatAction => ({ kind: "say", text });
const to = (name: string, text: string): ChatAction => ({ kind: "send", to: name, text });
const UNKNOWN = "there is no such command; /help lists them, //TEXT sends a leading slash";

/** The same with and without a conversation. */
const ALWAYS: readonly (readonly [string, ChatAction])[] = [
  ["", { kind: "nothing" }],
  ["   ", { kind: "nothing" }],
  ["\t \u00a0", { kind: "nothing" }],
  ["/list", { kind: "list" }],
  ["  /list", { kind: "list" }],
  ["/LIST", { kind: "list" }],
  ["/List now", { kind: "list" }],
  ["/logout", { kind: "logout" }],
  ["/quit", { kind: "logout" }],
  ["/QUIT", { kind: "logout" }],
  ["/help", { kind: "help" }],
  ["/help me", { kind: "help" }],
  ["/chat", { kind: "chat", to: null }],
  ["/chat   ", { kind: "chat", to: null }],
  ["/chat bob", { kind: "chat", to: "bob" }],
  ["/chat  Bob ", { kind: "chat", to: "Bob" }],
  ["/chat bob alice", { kind: "chat", to: "bob alice" }],
  ["/msg bob hi", to("bob", "hi")],
  ["/send bob hi", to("bob", "hi")],
  ["/MSG bob hi", to("bob", "hi")],
  ["/msg   bob   hi   there  ", to("bob", "hi   there")],
  ["/msg nobody hi", to("nobody", "hi")],
  ["/msg bob /list", to("bob", "/list")],
  ["/verify bob", { kind: "verify", user: "bob", yes: null }],
  ["/VERIFY Bob  yes ", { kind: "verify", user: "Bob", yes: true }],
  ["/verify bob Y", { kind: "verify", user: "bob", yes: true }],
  ["/verify bob no", { kind: "verify", user: "bob", yes: false }],
  ["/accept bob", { kind: "accept", user: "bob", yes: false }],
  ["/accept bob yes", { kind: "accept", user: "bob", yes: true }],
  ["/accept bob n", { kind: "accept", user: "bob", yes: false }],
  ["/verify", { kind: "wrong", problem: "it is /verify USER, or /verify USER yes" }],
  ["/verify bob yess", { kind: "wrong", problem: "it is /verify USER, or /verify USER yes" }],
  ["/accept bob yes yes", { kind: "wrong", problem: "it is /accept USER, or /accept USER yes" }],
  ["/devices", { kind: "devices", remove: null }],
  ["/devices remove 01ab ", { kind: "devices", remove: "01ab" }],
  ["/devices remove", { kind: "wrong", problem: "it is /devices, or /devices remove NAME" }],
  ["/devices 01ab", { kind: "wrong", problem: "it is /devices, or /devices remove NAME" }],
  ["/passwd", { kind: "passwd" }],
  ["/recovery", { kind: "recovery" }],
  ["/msg", { kind: "wrong", problem: "/msg needs a user and a text" }],
  ["/msg bob", { kind: "wrong", problem: "/msg needs a user and a text" }],
  ["/msg bob  ", { kind: "wrong", problem: "/msg needs a user and a text" }],
  ["/send bob", { kind: "wrong", problem: "send needs a user and a text" }],
  ["/", { kind: "wrong", problem: UNKNOWN }],
  ["/ list", { kind: "wrong", problem: UNKNOWN }],
  ["/lists", { kind: "wrong", problem: UNKNOWN }],
  ["/etc/passwd", { kind: "wrong", problem: UNKNOWN }],
  ["/constructor", { kind: "wrong", problem: UNKNOWN }],
  ["//", say("/")],
  ["//list", say("/list")],
  ["  //list", say("/list")],
  ["///", say("//")],
  ["//etc/passwd is a file", say("/etc/passwd is a file")],
  ["hello", say("hello")],
  ["  hello  you ", say("  hello  you ")],
  ["List", say("List")],
  ["LOGOUT", say("LOGOUT")],
  ["list of things", say("list of things")],
  ["logout now", say("logout now")],
  ["Send bob hi", say("Send bob hi")],
  ["sending bob hi", say("sending bob hi")],
  ["quit", say("quit")],
  ["help", say("help")],
  ["msg bob hi", say("msg bob hi")],
];

describe("with and without a conversation", () => {
  test.each(ALWAYS)("%j", (line, action) => {
    expect(alone(line)).toEqual(action);
    expect(inConversation(line)).toEqual(action);
  });
});

describe("without a slash", () => {
  const wrong: ChatAction = { kind: "wrong", problem: "send needs a user and a text" };
  test.each<[string, ChatAction]>([
    ["list", { kind: "list" }],
    ["  list  ", { kind: "list" }],
    ["logout", { kind: "logout" }],
    ["send bob hi", to("bob", "hi")],
    ["  send BOB hi", to("BOB", "hi")],
    ["send me the file", to("me", "the file")],
    ["send nobody", wrong],
    ["send", wrong],
    ["send  ", wrong],
  ])("%j is a command until somebody is chosen, and then a text for them", (line, outside) => {
    expect(alone(line)).toEqual(outside);
    expect(inConversation(line)).toEqual(say(line));
  });
});

test("every command of the help is one, and does not fall through", () => {
  for (const [usage] of COMMANDS) {
    if (usage === "//TEXT") continue;
    expect(alone(usage.replace("USER", "bob").replace("TEXT", "hi")).kind).not.toBe("wrong");
    expect(alone(usage).kind).not.toBe("say");
  }
});

test("whatever is typed is said whole, or is a command; only blank lines are nothing", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), fc.boolean(), (line, current) => {
      const action = parseInput(line, current);
      expect(action.kind === "nothing").toBe(line.trim() === "");
      if (action.kind === "say") expect([line, line.trim().slice(1)]).toContain(action.text);
    }),
  );
});

test("any text can be said to somebody, and arrives as it was typed but for white space around it", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme", minLength: 1 }), (text) => {
      fc.pre(text.trim() !== "");
      expect(inConversation(`/msg bob ${text}`)).toEqual(to("bob", text.trim()));
      expect(inConversation(`//${text}`)).toEqual(say(`/${text.trimEnd()}`));
    }),
  );
});
