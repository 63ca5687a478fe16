import { describe, expect, test } from "bun:test";
import { CLIENT_HELP, parseClientCommand } from "../../../cmd/client/commandLine.ts";
import { failure } from "../../support/codes.ts";

const send = { kind: "send", to: "bob", text: "hi", timeoutSeconds: 10, json: false };
const listen = { kind: "listen", json: false, own: false, count: null, timeoutSeconds: null };

describe("what is asked for", () => {
  test.each([
    [[], { kind: "chat", color: true }],
    [["--no-color"], { kind: "chat", color: false }],
    [["send", "bob", "hi"], send],
    [["send", "bob"], { ...send, text: null }],
    [["send", "bob", ""], { ...send, text: "" }],
    [["send", "bob", "more", "than", "one  word"], { ...send, text: "more than one  word" }],
    [["send", "--", "bob", "--json"], { ...send, text: "--json" }],
    [["send", "bob", "hi", "--json"], { ...send, json: true }],
    [["--json", "send", "bob", "hi", "--no-color"], { ...send, json: true }],
    [["send", "bob", "hi", "--wait", "delivered"], send],
    [["send", "bob", "hi", "--wait=delivered", "--timeout=3"], { ...send, timeoutSeconds: 3 }],
    [["listen"], listen],
    [["listen", "--json", "--own"], { ...listen, json: true, own: true }],
    [["listen", "--count", "1", "--timeout", "60"], { ...listen, count: 1, timeoutSeconds: 60 }],
    [["users"], { kind: "users", json: false }],
    [["users", "--json"], { kind: "users", json: true }],
    [["--state", "none"], { kind: "chat", state: "none" }],
    [["devices"], { kind: "devices", json: false, remove: null }],
    [["devices", "--json"], { kind: "devices", json: true, remove: null }],
    [["devices", "remove", "0123"], { kind: "devices", json: false, remove: "0123" }],
    [["passwd"], { kind: "passwd", newPasswordFile: null }],
    [["passwd", "--new-password-file", "new"], { kind: "passwd", newPasswordFile: "new" }],
    [["state", "show"], { kind: "state", action: "show", yes: false }],
    [["state", "reset", "--yes", "--state=here"], { kind: "state", action: "reset", yes: true, state: "here" }],
  ])("%j", (argv, expected) => {
    const command = parseClientCommand(argv);
    expect(command).toMatchObject(expected);
    expect(command).toMatchObject({ config: undefined, user: undefined, password: {} });
  });

  test.each(["--help", "-h", "users --help", "send -h", "--help --version", "nonsense -h"])("help: %s", (words) => {
    expect(parseClientCommand(words.split(" "))).toEqual({ kind: "help" });
  });

  test("the version", () => {
    expect(parseClientCommand(["--version"])).toEqual({ kind: "version" });
    expect(parseClientCommand(["users", "--version"])).toEqual({ kind: "version" });
  });
});

const WORDS: Readonly<Record<string, readonly string[]>> = {
  client: [],
  send: ["send", "bob", "hi"],
  listen: ["listen"],
  users: ["users"],
  devices: ["devices"],
  passwd: ["passwd"],
  "state show": ["state", "show"],
  "state reset": ["state", "reset"],
};

/** Every option, a value for it, and the commands that it goes with. */
const LOGINS = ["client", "send", "listen", "users", "devices", "passwd"];
const EVERYWHERE = [...LOGINS, "state show", "state reset"];
const OPTIONS = [
  ["--config", "c.json", EVERYWHERE],
  ["--user", "Alice", EVERYWHERE],
  ["--state", "none", EVERYWHERE],
  ["--password-file", "p", LOGINS],
  ["--password-fd", "3", LOGINS],
  ["--no-color", null, LOGINS],
  ["--json", null, ["send", "listen", "users", "devices"]],
  ["--own", null, ["listen"]],
  ["--count", "2", ["listen"]],
  ["--timeout", "2", ["send", "listen"]],
  ["--wait", "delivered", ["send"]],
  ["--new-password-file", "n", ["passwd"]],
  ["--yes", null, ["state reset"]],
] as const;

describe.each(OPTIONS)("%s", (option, value, commands) => {
  const given = value === null ? [option] : [option, value];

  test.each(EVERYWHERE)("with %s", (command) => {
    for (const argv of [
      [...(WORDS[command] ?? []), ...given],
      [...given, ...(WORDS[command] ?? [])],
    ]) {
      if (commands.some((known) => known === command)) expect(parseClientCommand(argv).kind).toBeString();
      else {
        const { code, detail } = failure(() => parseClientCommand(argv));
        expect([code, detail]).toEqual(["usage.invalid", `${option} does not go with "${command}"; see --help`]);
      }
    }
  });

  test("twice is refused", () => {
    expect(failure(() => parseClientCommand(["send", "bob", ...given, ...given])).detail).toBe(
      `${option} is given twice`,
    );
  });

  test(value === null ? "with a value is refused" : "without a value is refused", () => {
    const argv = value === null ? [`${option}=x`] : [option];
    const expected = value === null ? `${option} takes no value` : `${option} needs a value`;
    expect(failure(() => parseClientCommand(argv)).detail).toBe(expected);
  });

  test("the help names it", () => {
    if (option !== "--wait") expect(CLIENT_HELP).toContain(option); // the only way there is to wait so far
  });
});

test.each(LOGINS)("who logs in, and where, for %s", (command) => {
  const signIn = ["--config", "c.json", "--user", "007", "--password-file", "p"];
  expect(parseClientCommand([...(WORDS[command] ?? []), ...signIn])).toMatchObject({
    config: "c.json",
    user: "007",
    password: { "password-file": "p" },
  });
});

describe("refused", () => {
  test.each([
    [["sned"], 'unknown command "sned"; did you mean send?'],
    [["whoami"], 'unknown command "whoami"; see --help'],
    [[""], 'unknown command ""; see --help'],
    [["SEND", "bob", "hi"], 'unknown command "SEND"'],
    [["send"], "send needs the name of a user"],
    [["send", "--json"], "send needs the name of a user"],
    [["users", "bob"], '"users" does not take the word "bob"'],
    [["listen", "bob"], '"listen" does not take the word "bob"'],
    [["--jsno", "users"], "unknown option --jsno; did you mean --json?"],
    [["-x"], "unknown option -x; see --help"],
    [["state"], "state needs show or reset"],
    [["state", "rest"], 'unknown state "rest"; did you mean reset?'],
    [["state", "reset", "now"], '"state reset" does not take the word "now"'],
    [["devices", "list"], 'unknown devices "list"'],
    [["devices", "remove", "1", "2"], '"devices remove" does not take the word "2"'],
    [["devices", "remove", "1", "--json"], '--json does not go with "devices remove"'],
    [["passwd", "pizza"], '"passwd" does not take the word "pizza"'],
    [["devices", "remove"], "devices remove needs the name of a device"],
    [["send", "bob", "hi", "--wait", "sent"], "--wait: expected delivered"],
    [["send", "bob", "hi", "--wait", "Delivered"], "--wait: expected delivered"],
  ])("%j", (argv, detail) => {
    const error = failure(() => parseClientCommand(argv));
    expect(error.code).toBe("usage.invalid");
    expect(error.detail).toStartWith(detail);
  });
});

describe("numbers", () => {
  const COMMANDS = [
    ["send", "--timeout", 2_147_483],
    ["listen", "--timeout", 2_147_483],
    ["listen", "--count", 1_000_000_000],
  ] as const;
  const parse = (command: string, option: string, text: string) =>
    parseClientCommand([...(WORDS[command] ?? []), `${option}=${text}`]);

  test.each(COMMANDS)("%s %s: from 1 to %i", (command, option, max) => {
    const field = option === "--count" ? "count" : "timeoutSeconds";
    for (const value of [1, 2, max - 1, max]) {
      expect(parse(command, option, String(value))).toMatchObject({ [field]: value });
    }
    const wrong = ["0", "-1", String(max + 1), "1.5", "1e3", "01", "+1", " 1", "1 ", "0x1", "ten", "Infinity", "NaN"];
    for (const text of [...wrong, "9".repeat(20), "\u0661"]) {
      const { code, detail } = failure(() => parse(command, option, text));
      expect([text, code, detail]).toEqual([text, "usage.invalid", `${option}: expected an integer from 1 to ${max}`]);
    }
  });

  test("the longest time is one that a timer can hold", () => {
    expect(2_147_483 * 1000).toBeLessThan(2 ** 31);
    expect(2_147_484 * 1000).toBeGreaterThanOrEqual(2 ** 31);
  });
});
