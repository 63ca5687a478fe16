import { afterEach, beforeEach, describe, expect, jest, test } from "bun:test";
import { SentMessages } from "../../../cmd/client/sentMessages.ts";
import type { MessageId } from "../../../core/ids.ts";
import { messageId } from "../../support/parties.ts";

const PATIENCE_MS = 300;

beforeEach(() => {
  jest.useFakeTimers();
});
afterEach(() => {
  expect(jest.getTimerCount()).toBe(0);
  jest.useRealTimers();
});

/** Messages with all that was shown of them. */
function messages() {
  const shown: string[] = [];
  const sent = new SentMessages({
    show: ({ to, text }, waiting) => void shown.push(`${to}: ${text}${waiting ? " ..." : ""}`),
    tell: (text) => void shown.push(`tell ${text}`),
    warn: (text) => void shown.push(`warn ${text}`),
    idle: () => void shown.push("idle"),
  });
  return { sent, shown };
}

const ids: readonly MessageId[] = [0, 1, 2].map(messageId);
const [a, b, c] = ids as [MessageId, MessageId, MessageId];

describe("delivered", () => {
  test.each([0, 1, PATIENCE_MS - 1])("after %i ms: shown once", (ms) => {
    const { sent, shown } = messages();
    sent.add(a, { to: "Bob", text: "hi" });
    jest.advanceTimersByTime(ms);
    expect(shown).toEqual([]);
    sent.delivered(a);
    jest.advanceTimersByTime(10_000);
    expect(shown).toEqual(["Bob: hi", "idle"]);
  });

  test.each([PATIENCE_MS, PATIENCE_MS + 1, 9999])("after %i ms: shown as waiting, then told", (ms) => {
    const { sent, shown } = messages();
    sent.add(a, { to: "Bob", text: "hi" });
    jest.advanceTimersByTime(ms);
    expect(shown).toEqual(["Bob: hi ..."]);
    sent.delivered(a);
    expect(shown.slice(1)).toEqual(['tell Bob has it: "hi"', "idle"]);
  });

  test("twice, or what was never sent: once, or not at all", () => {
    const { sent, shown } = messages();
    sent.delivered(b);
    expect(shown).toEqual([]);
    sent.add(a, { to: "Bob", text: "hi" });
    sent.delivered(a);
    sent.delivered(a);
    expect(shown).toEqual(["Bob: hi", "idle"]);
  });

  test("several: each on its own, and idle after the last", () => {
    const { sent, shown } = messages();
    sent.add(a, { to: "Bob", text: "one" });
    jest.advanceTimersByTime(200);
    sent.add(b, { to: "Bob", text: "two" });
    jest.advanceTimersByTime(200);
    sent.add(c, { to: "Chris", text: "three" });
    expect(sent.size).toBe(3);
    sent.delivered(b);
    sent.delivered(c);
    expect(sent.size).toBe(1);
    sent.delivered(a);
    expect(shown).toEqual(["Bob: one ...", "Bob: two", "Chris: three", 'tell Bob has it: "one"', "idle"]);
    expect(sent.size).toBe(0);
  });
});

describe("undelivered", () => {
  test.each([
    ["offline", 'warn Bob is not logged in; the message was not delivered and is dropped: "hi"'],
    ["unknown", 'warn there is no user Bob: "hi"'],
    ["late", 'warn Bob has not confirmed the message in time; it is dropped: "hi"'],
  ] as const)("%s, at once and after waiting", (reason, line) => {
    for (const ms of [0, PATIENCE_MS]) {
      const { sent, shown } = messages();
      sent.add(a, { to: "Bob", text: "hi" });
      jest.advanceTimersByTime(ms);
      sent.undelivered({ kind: "undelivered", id: a, to: "Bob", reason });
      jest.advanceTimersByTime(10_000);
      expect(shown).toEqual([...(ms === 0 ? [] : ["Bob: hi ..."]), line, "idle"]);
    }
  });

  test("a message that is not known is told all the same, without its text", () => {
    const { sent, shown } = messages();
    sent.undelivered({ kind: "undelivered", id: a, to: "Bob", reason: "late" });
    expect(shown).toEqual(["warn Bob has not confirmed the message in time; it is dropped", "idle"]);
  });
});

describe("the end of the connection", () => {
  test("is said of every message that nobody has confirmed, shown or not", () => {
    const { sent, shown } = messages();
    sent.add(a, { to: "Bob", text: "one" });
    sent.add(b, { to: "Chris", text: "two" });
    sent.delivered(a);
    sent.add(c, { to: "Bob", text: "three" });
    jest.advanceTimersByTime(PATIENCE_MS);
    sent.add(a, { to: "Bob", text: "four" });
    shown.splice(0);
    sent.lost();
    jest.advanceTimersByTime(10_000);
    const said = (to: string) => `warn the connection ended before ${to} confirmed this; it may not have arrived: `;
    expect(shown).toEqual([`${said("Chris")}"two"`, `${said("Bob")}"three"`, `${said("Bob")}"four"`]);
    expect(sent.size).toBe(0);
  });

  test("with nothing on its way says nothing", () => {
    const { sent, shown } = messages();
    sent.lost();
    expect(shown).toEqual([]);
  });
});

test("a message that is dropped is never shown, and is gone", () => {
  const { sent, shown } = messages();
  sent.add(a, { to: "Bob", text: "hi" });
  expect(sent.drop(a)).toMatchObject({ to: "Bob", text: "hi" });
  expect(sent.drop(a)).toBeNull();
  jest.advanceTimersByTime(10_000);
  expect([shown, sent.size]).toEqual([[], 0]);
});

test("what is quoted is short and harmless", () => {
  const { sent, shown } = messages();
  sent.add(a, { to: "B\u001bob", text: `\u001b[2J\n${"x".repeat(100)}` });
  jest.advanceTimersByTime(PATIENCE_MS);
  sent.delivered(a);
  expect(shown[1]).toBe(`tell B\\u{1b}ob has it: "\\u{1b}[2J\\u{a}${"x".repeat(55)}…"`);
});
