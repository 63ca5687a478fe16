import { expect, test } from "bun:test";
import { expectInteger, expectWord, type OptionSpecs, parseOptions } from "../../../cmd/host/args.ts";
import { failure } from "../../support/codes.ts";

const specs = {
  user: { type: "text" },
  json: { type: "flag" },
  help: { type: "flag", short: "h" },
} as const satisfies OptionSpecs;

test.each<readonly [string[], object, string[]]>([
  [[], {}, []],
  [["--user", "007"], { user: "007" }, []],
  [["--user=1e3", "--json"], { user: "1e3", json: true }, []],
  [["--user=-x"], { user: "-x" }, []],
  [["-h"], { help: true }, []],
  [["send", "bob", "--json", "hi"], { json: true }, ["send", "bob", "hi"]],
  [["send", "--", "--json", "-5"], {}, ["send", "--json", "-5"]],
  [["__proto__", "-"], {}, ["__proto__", "-"]],
])("%j", (argv, options, words) => {
  expect(parseOptions(argv, specs)).toEqual({ options, words });
});

test.each([
  [["--usr", "x"], "unknown option --usr; did you mean --user?"],
  [["--zebra"], "unknown option --zebra; see --help; a text that begins with a dash goes after --"],
  [["-x"], "unknown option -x; see --help; a text that begins with a dash goes after --"],
  [["--__proto__=1"], "unknown option --__proto__; see --help; a text that begins with a dash goes after --"],
  [["--no-json"], "unknown option --no-json; see --help; a text that begins with a dash goes after --"],
  [["--\u001b[2J"], "unknown option --\\u{1b}[2J; see --help; a text that begins with a dash goes after --"],
  [["--user"], "--user needs a value"],
  [["--user="], "--user needs a value"],
  [["--user", "--json"], "--user needs a value"],
  [["--json=yes"], "--json takes no value"],
  [["--user", "a", "--user", "b"], "--user is given twice"],
  [["--json", "--json"], "--json is given twice"],
])("%j is refused in one line", (argv, expected) => {
  const error = failure(() => parseOptions(argv, specs));
  expect([error.code, error.detail]).toEqual(["usage.invalid", expected]);
});

test("words and numbers", () => {
  expect(expectWord("list", ["list", "lock"], "command")).toBe("list");
  expect(failure(() => expectWord("lits", ["list", "lock"], "command")).detail).toBe(
    'unknown command "lits"; did you mean list?',
  );
  expect(failure(() => expectWord("", ["list"], "command")).detail).toBe('unknown command ""; see --help');
  expect(expectInteger("--port", "0", [0, 65_535])).toBe(0);
  for (const text of ["", "-1", "65536", "1e3", "0x10", " 1", "01", "1.5", "9".repeat(30)]) {
    expect(failure(() => expectInteger("--port", text, [0, 65_535])).detail).toBe(
      "--port: expected an integer from 0 to 65535",
    );
  }
});
