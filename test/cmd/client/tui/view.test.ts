import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { displayText } from "../../../../cmd/client/tui/sanitize.ts";
import {
  bold,
  clock,
  dim,
  hangingLines,
  type Look,
  lookOf,
  messageLines,
  noticeLines,
  sentLines,
  shownLines,
  warningLines,
} from "../../../../cmd/client/tui/view.ts";
import type { DeviceId, MessageId } from "../../../../core/ids.ts";
import type { MessageNotice } from "../../../../core/peer/notices.ts";
import { hostileText } from "../../../support/hostileText.ts";
import { Paper } from "../../../support/paper.ts";

const NOON = new Date(2026, 0, 2, 12, 0).getTime();
const PLAIN: Look = { color: false, utf8: true, columns: Number.POSITIVE_INFINITY };
const COLOR: Look = { ...PLAIN, color: true };

const MESSAGE: MessageNotice = {
  kind: "message",
  id: "00".repeat(16) as MessageId,
  from: "Bob",
  device: "00".repeat(8) as DeviceId,
  to: "Alice",
  own: false,
  trust: "pinned",
  sentAt: 0,
  receivedAt: 0,
  text: "hi",
};

describe("what a terminal can show", () => {
  const look = (color: boolean, full: boolean, env: Record<string, string> = {}) =>
    lookOf({ color, full }, env, { columns: 80 });

  test.each([
    [true, true, {}, true],
    [false, true, {}, false],
    [true, false, {}, false],
    [true, true, { NO_COLOR: "1" }, false],
    [true, true, { NO_COLOR: "" }, true],
    [true, true, { TERM: "dumb" }, false],
    [true, true, { TERM: "xterm-256color" }, true],
  ])("colour wanted: %p, full: %p, %j: %p", (color, full, env, expected) => {
    expect(look(color, full, env as Record<string, string>).color).toBe(expected);
  });

  test.each([
    [{}, false],
    [{ LANG: "C.UTF-8" }, true],
    [{ LANG: "de_DE.utf8" }, true],
    [{ LANG: "de_DE.ISO-8859-1" }, false],
    [{ LANG: "C.UTF-8", LC_ALL: "C" }, false],
    [{ LANG: "C.UTF-8", LC_ALL: "" }, true],
    [{ LANG: "C.UTF-8", LC_CTYPE: "C" }, false],
    [{ LANG: "C", LC_CTYPE: "C.UTF-8" }, true],
    [{ LC_CTYPE: "C.UTF-8", LC_ALL: "C" }, false],
  ])("%j takes UTF-8: %p", (env, expected) => {
    expect(look(true, true, env as Record<string, string>).utf8).toBe(expected);
  });

  test("the width is the one of the moment, and endless where there is none", () => {
    const output: { columns?: number } = {};
    const { ...fixed } = lookOf({ color: true, full: true }, {}, output);
    expect(fixed.columns).toBe(Number.POSITIVE_INFINITY);
    const live = lookOf({ color: true, full: true }, {}, output);
    output.columns = 80;
    expect(live.columns).toBe(80);
    output.columns = 40;
    expect(live.columns).toBe(40);
  });
});

describe("lines", () => {
  test("the time of day is local, and has two digits each", () => {
    expect(clock(NOON)).toBe("12:00");
    expect(clock(new Date(2026, 0, 2, 3, 4, 59).getTime())).toBe("03:04");
  });

  test("a message from somebody", () => {
    expect(messageLines(PLAIN, NOON, MESSAGE)).toEqual(["12:00 Bob: hi"]);
    expect(messageLines(COLOR, NOON, MESSAGE)).toEqual(["\u001b[2m12:00\u001b[22m \u001b[1mBob\u001b[22m: hi"]);
  });

  test("a message of our own from another device", () => {
    const own = { ...MESSAGE, from: "Alice", to: "Bob", own: true };
    expect(messageLines(PLAIN, NOON, own)).toEqual(["12:00 you \u2192 Bob: hi"]);
    expect(messageLines({ ...PLAIN, utf8: false }, NOON, own)).toEqual(["12:00 you -> Bob: hi"]);
  });

  test("further lines of a text are indented", () => {
    const text = "one\ntwo\r\n\n12:00 -- Bob is offline";
    expect(messageLines(PLAIN, NOON, { ...MESSAGE, text })).toEqual([
      "12:00 Bob: one",
      "      two",
      "      ",
      "      12:00 -- Bob is offline",
    ]);
  });

  test("a long text is broken after spaces, and indented", () => {
    expect(messageLines({ ...PLAIN, columns: 30 }, NOON, { ...MESSAGE, text: "one two three four five six" })).toEqual([
      "12:00 Bob: one two three ",
      "      four five six",
    ]);
  });

  test("a name that leaves no room has a row of its own", () => {
    const from = "a-name-with-32-characters-in-all";
    expect(messageLines({ ...PLAIN, columns: 53 }, NOON, { ...MESSAGE, from })).toEqual([`12:00 ${from}:`, "      hi"]);
    expect(messageLines({ ...PLAIN, columns: 54 }, NOON, { ...MESSAGE, from })).toEqual([`12:00 ${from}: hi`]);
  });

  test.each([
    [PLAIN, false, "12:00 you \u2192 Bob: hi \u2713"],
    [PLAIN, true, "12:00 you \u2192 Bob: hi \u2026"],
    [{ ...PLAIN, utf8: false }, false, "12:00 you -> Bob: hi [delivered]"],
    [{ ...PLAIN, utf8: false }, true, "12:00 you -> Bob: hi ..."],
  ])("a message of ours: %j, waiting: %p", (look, waiting, line) => {
    expect(sentLines(look, NOON, { to: "Bob", text: "hi", waiting })).toEqual([line]);
  });

  test("the mark stands behind the last line, or below it where there is no room", () => {
    expect(sentLines(PLAIN, NOON, { to: "Bob", text: "one\ntwo", waiting: false })).toEqual([
      "12:00 you \u2192 Bob: one",
      "      two \u2713",
    ]);
    const narrow = { ...PLAIN, utf8: false, columns: 40 };
    expect(sentLines(narrow, NOON, { to: "Bob", text: "just so much", waiting: false })).toEqual([
      "12:00 you -> Bob: just so much",
      "      [delivered]",
    ]);
    expect(sentLines(narrow, NOON, { to: "Bob", text: "a bit less", waiting: false })).toEqual([
      "12:00 you -> Bob: a bit less [delivered]",
    ]);
  });

  test("notices and warnings are told apart without colour", () => {
    expect(noticeLines(PLAIN, NOON, "Bob is online")).toEqual(["12:00 -- Bob is online"]);
    expect(warningLines(PLAIN, NOON, "not sent")).toEqual(["12:00 !! not sent"]);
    expect(noticeLines(COLOR, NOON, "x")).toEqual(["\u001b[2m12:00 -- x\u001b[22m"]);
    expect(warningLines(COLOR, NOON, "x")).toEqual(["\u001b[1m12:00 !! x\u001b[22m"]);
    expect([bold(PLAIN, "x"), dim(PLAIN, "x")]).toEqual(["x", "x"]);
  });

  test("a long notice is broken between words, and indented", () => {
    const narrow = { ...PLAIN, columns: 40 };
    expect(noticeLines(narrow, NOON, "a message from Bob could not be read; it was not confirmed")).toEqual([
      "12:00 -- a message from Bob could ",
      "      not be read; it was not ",
      "      confirmed",
    ]);
    expect(warningLines(narrow, NOON, "not sent: the text has 8193 bytes of UTF-8")).toEqual([
      "12:00 !! not sent: the text has ",
      "      8193 bytes of UTF-8",
    ]);
  });

  test("what was asked for is broken between words, where it does not fit", () => {
    const block = "\u2588".repeat(38);
    expect(
      shownLines({ ...PLAIN, columns: 40 }, [block, "    1 2", "", "/list            who is registered, those online"]),
    ).toEqual([`  ${block}`, "      1 2", "  ", "  /list            who is ", "      registered, those online"]);
  });

  test("a name from others is harmless in every line", () => {
    const evil = "B\u001b[31mob";
    const lines = [
      ...messageLines(PLAIN, NOON, { ...MESSAGE, from: evil }),
      ...messageLines(PLAIN, NOON, { ...MESSAGE, to: evil, own: true }),
      ...sentLines(PLAIN, NOON, { to: evil, text: "x", waiting: true }),
    ];
    for (const line of lines) expect(line).toContain("B\\u{1b}[31mob");
  });
});

describe("nobody can write a line of ours", () => {
  const columns = fc.integer({ min: 20, max: 100 });
  const name = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$/);
  const paper = new Paper(80);

  /** Only the first row begins in the first six columns, and the terminal has broken none. */
  async function expectOurs(lines: readonly string[], width: number): Promise<void> {
    paper.clear(width);
    await paper.write(`${lines.join("\r\n")}\r\nend`);
    const { rows } = paper;
    expect(rows).toHaveLength(lines.length + 1);
    expect(rows.at(-1)).toBe("end");
    for (let at = 1; at < lines.length; at += 1) {
      expect([at, paper.cells(at, 0, 6)]).toEqual([at, " ".repeat(6)]);
      expect(paper.wrapped(at)).toBe(false);
    }
    expect(paper.cells(0, 0, 6)).toBe("12:00 ");
  }

  test("with a message", async () => {
    await fc.assert(
      fc.asyncProperty(
        hostileText,
        columns,
        name,
        fc.boolean(),
        fc.boolean(),
        async (text, width, from, color, own) => {
          const look = { ...PLAIN, color, columns: width };
          await expectOurs(messageLines(look, NOON, { ...MESSAGE, from, to: from, own, text }), width);
        },
      ),
      { numRuns: 200 },
    );
  });

  test("nor do we ourselves, with the mark behind it", async () => {
    await fc.assert(
      fc.asyncProperty(
        hostileText,
        columns,
        name,
        fc.boolean(),
        fc.boolean(),
        async (text, width, to, utf8, waiting) => {
          await expectOurs(sentLines({ ...PLAIN, utf8, columns: width }, NOON, { to, text, waiting }), width);
        },
      ),
      { numRuns: 100 },
    );
  });

  test("and nothing of the text is lost", () => {
    fc.assert(
      fc.property(hostileText, columns, name, (text, width, from) => {
        const head = `12:00 ${from}: `;
        const [first = "", ...others] = hangingLines(head, text, width);
        const shown = [first, ...others.map((line) => line.slice(6))].join("");
        const wanted = head + displayText(text).join("");
        // A head that is broken to rows of its own loses the spaces at their ends.
        expect(shown.replaceAll(" ", "")).toBe(wanted.replaceAll(" ", ""));
        if (width - head.length >= 14) expect(shown).toBe(wanted);
      }),
    );
  });
});
