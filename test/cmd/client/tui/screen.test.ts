import { describe, expect, spyOn, test } from "bun:test";
import type { PassThrough } from "node:stream";
import { openScreen as open } from "../../../support/openScreen.ts";

const CTRL = { c: "\u0003", d: "\u0004", a: "\u0001", e: "\u0005", z: "\u001a" };
const UP = "\u001b[A";
const LEFT = "\u001b[D";

describe("on a terminal", () => {
  test("is full, in raw mode, and shows the prompt", async () => {
    const { screen, raw, shows } = open();
    expect(screen.full).toBe(true);
    expect(raw.at(-1)).toBe(true);
    screen.setPrompt("> ");
    await shows([">"]);
    screen.close();
  });

  test("what is printed stands above the input, which stays as it is, and so does the cursor", async () => {
    const { screen, stdin, shows, output } = open();
    screen.print("Welcome");
    screen.setPrompt("> ");
    stdin.write(`half a line${LEFT}${LEFT}`);
    await shows(["Welcome", "> half a line"]);
    screen.print("12:00 Bob: hi", "      there");
    await shows(["Welcome", "12:00 Bob: hi", "      there", "> half a line"]);
    expect(output.paper.cursorColumn).toBe(11);
    screen.setPrompt("Bob> ");
    await shows(["Welcome", "12:00 Bob: hi", "      there", "Bob> half a line"]);
    screen.close();
  });

  test.each([37, 38, 39, 77, 78, 79, 118])(
    "also when the input of %i characters takes several rows",
    async (length) => {
      const { screen, type, shows, output } = open();
      const rowsOf = (text: string): readonly string[] => text.match(/.{1,40}/g) ?? [];
      const full = (length + 2) % 40 === 0 ? [""] : []; // the cursor is in the next row already
      screen.setPrompt("> ");
      type("x".repeat(length));
      const rows = [...rowsOf(`> ${"x".repeat(length)}`), ...full];
      await shows(rows);
      screen.print("one");
      screen.print("two", "three");
      await shows(["one", "two", "three", ...rows]);
      type(`${CTRL.a}y`);
      screen.print("four");
      type(CTRL.e);
      await shows([
        "one",
        "two",
        "three",
        "four",
        ...rowsOf(`> y${"x".repeat(length)}`),
        ...((length + 3) % 40 === 0 ? [""] : []),
      ]);
      expect(output.paper.cursorColumn).toBe((length + 3) % 40);
      screen.close();
    },
  );

  test.each([
    ...[0, 1, 37, 38, 39, 77, 78, 79].map((length) => "x".repeat(length)),
    ...[18, 19, 20, 38, 39].map((length) => "\u6f22".repeat(length)),
    `x${"\u6f22".repeat(19)}`,
    `x${"\u6f22".repeat(40)}`,
  ])("a line that was entered is told, and gone from the screen: %s", async (text) => {
    const { screen, type, shows, until } = open();
    screen.print("above");
    screen.setPrompt("> ");
    type(`${text}\r`);
    await until(text);
    screen.setPrompt("> ");
    await shows(["above", ">"]);
    screen.close();
  });

  test("lines are edited, and come again from the history", async () => {
    const { screen, stdin, until } = open();
    screen.setPrompt("> ");
    stdin.write(`lst${LEFT}${LEFT}i\r`);
    await until("list");
    stdin.write(`${UP}\r`);
    await until("list", "list");
    screen.close();
  });

  test("Ctrl-C clears what was typed, and interrupts on an empty line", async () => {
    const { screen, stdin, shows, until } = open();
    screen.setPrompt("> ");
    stdin.write(`half a line${LEFT}`);
    await shows(["> half a line"]);
    stdin.write(CTRL.c);
    await shows([">"]);
    await until();
    stdin.write(CTRL.c);
    await until("INTERRUPT");
    stdin.write("more\r");
    await until("INTERRUPT", "more");
    screen.close();
  });

  test("Ctrl-D on an empty line is the end, and so is a terminal that is gone", async () => {
    for (const leave of [(stdin: PassThrough) => stdin.write(CTRL.d), (stdin: PassThrough) => stdin.end()]) {
      const { screen, stdin, until } = open();
      screen.setPrompt("> ");
      leave(stdin);
      await until("END");
      screen.close();
    }
  });

  test("after Ctrl-D what is still to be said is said, until it is closed", async () => {
    const { screen, stdin, until, shows } = open();
    screen.print("Welcome");
    screen.setPrompt("> ");
    stdin.write(CTRL.d);
    await until("END");
    screen.print("12:00 you -> Bob: hi");
    screen.setPrompt("> ");
    screen.print("12:00 Bob: hi");
    screen.close();
    await shows(["Welcome", "12:00 you -> Bob: hi", "12:00 Bob: hi", ""]);
    await until("END");
  });

  test("close gives the terminal back, an empty prompt erased, and tells of no end", async () => {
    const { screen, shows, raw, until, output } = open();
    screen.print("Welcome");
    screen.setPrompt("> ");
    await shows(["Welcome", ">"]);
    screen.close();
    await shows(["Welcome", ""]);
    expect(output.paper.cursorColumn).toBe(0);
    expect(raw.at(-1)).toBe(false);
    screen.print("late");
    screen.close();
    await shows(["Welcome", ""]);
    await until();
  });

  test("close leaves what was being typed, and goes below it", async () => {
    const { screen, type, shows, output } = open();
    screen.print("Welcome");
    screen.setPrompt("> ");
    type("x".repeat(100));
    await shows(["Welcome", `> ${"x".repeat(38)}`, "x".repeat(40), "x".repeat(22)]);
    type("\u001b[D".repeat(70));
    screen.close();
    await shows(["Welcome", `> ${"x".repeat(38)}`, "x".repeat(40), "x".repeat(22), ""]);
    expect(output.paper.cursorColumn).toBe(0);
  });

  test.each([37, 38, 39, 77, 78, 79, 118, 119])(
    "%i characters that are pasted at once are shown once",
    async (length) => {
      const { screen, type, stdin, shows, until } = open();
      screen.print("above");
      screen.setPrompt("> ");
      stdin.write("x".repeat(length));
      type(`${CTRL.a}y${CTRL.e}z`);
      const text = `y${"x".repeat(length)}z`;
      await shows(["above", ...(`> ${text}`.match(/.{1,40}/g) ?? []), ...((length + 4) % 40 === 0 ? [""] : [])]);
      type("\r");
      await until(text);
      screen.setPrompt("> ");
      await shows(["above", ">"]);
      screen.close();
    },
  );

  test("a line of several rows is shown once, wherever the cursor goes in it", async () => {
    const { screen, type, shows } = open();
    screen.setPrompt("> ");
    type("x".repeat(100));
    type("\u0001"); // Ctrl-A
    type("y");
    type("\u0005"); // Ctrl-E
    type("z");
    await shows([`> y${"x".repeat(37)}`, "x".repeat(40), `${"x".repeat(23)}z`]);
  });

  test("Ctrl-Z gives the terminal back until the shell says to go on, and the input is still there", async () => {
    const { screen, stdin, raw, shows } = open();
    screen.setPrompt("> ");
    stdin.write("half a line");
    await shows(["> half a line"]);
    const kill = spyOn(process, "kill").mockImplementation(() => true);
    try {
      stdin.write(CTRL.z);
      await shows(["> half a line"]);
      expect(kill).toHaveBeenCalledWith(process.pid, "SIGSTOP");
      expect(raw.at(-1)).toBe(false);
      process.emit("SIGCONT");
      expect(raw.at(-1)).toBe(true);
    } finally {
      kill.mockRestore();
    }
    stdin.write("!");
    await shows(["> half a line!"]);
    screen.close();
  });

  test("nothing is printed for no lines", async () => {
    const { screen, output } = open();
    screen.print();
    expect(output.text).toBe("");
    screen.close();
  });

  test("lines that scroll away stay what they were", async () => {
    const { screen, shows } = open({ rows: 5 });
    screen.setPrompt("> ");
    const lines = Array.from({ length: 20 }, (_, index) => `line ${index}`);
    for (const line of lines) screen.print(line);
    await shows([...lines, ">"]);
    screen.close();
  });
});

describe.each([
  ["no person", { person: false }],
  ["no terminal to write on", { terminal: false }],
  ["a terminal that cannot move its cursor", { env: { TERM: "dumb" } }],
] as const)("with %s", (_what, options) => {
  test("plain lines go in and out, without a prompt or an escape sequence", async () => {
    const { screen, stdin, output, until } = open(options);
    expect(screen.full).toBe(false);
    screen.setPrompt("> ");
    screen.print("12:00 Bob: hi", "      there");
    stdin.write("list\r\nsend bob hi\nhalf");
    await until("list", "send bob hi");
    screen.print("more");
    stdin.end();
    await until("list", "send bob hi", "half", "END");
    screen.close();
    expect(output.text).toBe("12:00 Bob: hi\n      there\nmore\n");
  });

  test("the terminal is left in the mode that it was in", () => {
    const { screen, raw } = open(options);
    screen.close();
    expect(raw.at(-1) ?? false).toBe(false);
  });
});
