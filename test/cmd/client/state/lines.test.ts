import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  type GuestLine,
  LINE_MAX_BYTES,
  LineReader,
  LineWriter,
  type OwnerLine,
  parseGuestLine,
  UNREAD_MAX_BYTES,
} from "../../../../cmd/client/state/lines.ts";
import { utf8 } from "../../../../core/bytes.ts";
import type { MessageId } from "../../../../core/ids.ts";
import { TEXT_MAX_BYTES } from "../../../../core/limits.ts";
import { parseUserName } from "../../../../core/name.ts";

/** What a reader makes of the chunks, and whether it keeps on. */
function read(...chunks: readonly Uint8Array[]): readonly [readonly unknown[], boolean] {
  const values: unknown[] = [];
  const reader = new LineReader((value) => values.push(value) > 0);
  return [values, chunks.every((chunk) => reader.push(chunk))];
}

const lineOf = (value: unknown): Uint8Array => utf8(`${JSON.stringify(value)}\n`);
const quoted = (bytes: number): string => `"${"x".repeat(bytes - 2)}"`;

describe("a reader", () => {
  test("reads values however they are cut", () => {
    fc.assert(
      fc.property(
        fc.array(fc.jsonValue(), { maxLength: 5 }),
        fc.array(fc.nat(40), { maxLength: 30 }),
        (values, cuts) => {
          let bytes = utf8(values.map((value) => `${JSON.stringify(value)}\n`).join(""));
          const chunks: Uint8Array[] = [];
          for (const cut of cuts) {
            chunks.push(bytes.subarray(0, cut));
            bytes = bytes.subarray(cut);
          }
          const [found, good] = read(...chunks, bytes);
          expect([JSON.stringify(found), good]).toEqual([JSON.stringify(values), true]);
        },
      ),
    );
  });

  test("keeps nothing of what it was lent", () => {
    const chunk = utf8('"a');
    const values: unknown[] = [];
    const reader = new LineReader((value) => values.push(value) > 0);
    reader.push(chunk);
    chunk.fill(0);
    reader.push(utf8('b"\n'));
    expect(values).toEqual(["ab"]);
  });

  test.each<readonly [string, readonly Uint8Array[], boolean]>([
    ["the longest line", [utf8(`${quoted(LINE_MAX_BYTES)}\n`)], true],
    ["a longer line", [utf8(`${quoted(LINE_MAX_BYTES + 1)}\n`)], false],
    ["the longest line without its end", [utf8(quoted(LINE_MAX_BYTES))], true],
    ["a longer one without its end", [utf8(quoted(LINE_MAX_BYTES)), utf8("x")], false],
    ["an empty line", [utf8("\n")], false],
    ["no JSON", [utf8("{]\n")], false],
    ["no UTF-8", [Uint8Array.of(0x22, 0xff, 0x22, 10)], false],
    ["the end of a text that was cut in a letter", [utf8('"é"\n').subarray(0, 2), utf8('"é"\n').subarray(2)], true],
  ])("%s", (_what, chunks, good) => {
    expect(read(...chunks)[1]).toBe(good);
  });

  test("stops where it is told to", () => {
    const values: unknown[] = [];
    const reader = new LineReader((value) => values.push(value) < 2);
    expect(reader.push(utf8("1\n2\n3\n"))).toBe(false);
    expect(values).toEqual([1, 2]);
  });
});

describe("a writer", () => {
  test("loses nothing to a socket that takes little, also in the middle of a letter", () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ unit: "binary", maxLength: 20 }), { maxLength: 8 }),
        fc.integer({ min: -1, max: 9 }),
        (texts, most) => {
          const taken: number[] = [];
          const socket = {
            write(bytes: Uint8Array): number {
              taken.push(...bytes.slice(0, Math.max(most, 0)));
              return most < 0 ? -1 : Math.min(most, bytes.length);
            },
          };
          const writer = new LineWriter<OwnerLine>();
          const lines = texts.map((self) => ({ self, owner: { realm: "", user: "" } }));
          for (const line of lines) expect(writer.say(socket, line)).toBe(true);
          while (most > 0 && !writer.idle) writer.flush(socket);
          if (most > 0 || lines.length === 0) expect(read(Uint8Array.from(taken))).toEqual([lines, true]);
          else expect([taken, writer.idle]).toEqual([[], false]);
        },
      ),
      { numRuns: 50 },
    );
  });

  test("says when too much is left unread", () => {
    const writer = new LineWriter<OwnerLine>();
    const line = { self: "x".repeat(60_000), owner: { realm: "", user: "" } };
    const bytes = lineOf(line).length;
    const said = Array.from({ length: 100 }, () => writer.say({ write: () => 0 }, line));
    expect(said.indexOf(false)).toBe(Math.floor(UNREAD_MAX_BYTES / bytes));
  });
});

describe("what a guest may say", () => {
  const id = "0123456789abcdef0123456789abcdef" as MessageId;
  const send = { do: "send", id, to: "Bob", text: "", deliveryMs: 1 } as const;
  const bob = parseUserName("bob");

  test.each<GuestLine>([
    send,
    { ...send, text: "\u0000".repeat(TEXT_MAX_BYTES), deliveryMs: 2 ** 31 - 1 },
    { do: "accept", user: bob, key: "SHA256:f" },
    { do: "compare", user: bob },
    { do: "verify", user: bob, key: "SHA256:f", verified: true },
    { do: "verify", user: bob, key: "", verified: false },
  ])("$do", (line) => {
    expect(parseGuestLine(JSON.parse(JSON.stringify(line)))).toEqual(line);
    expect(lineOf(line).length).toBeLessThan(LINE_MAX_BYTES);
  });

  test.each<readonly [unknown]>([
    [null],
    [1],
    ["send"],
    [[]],
    [{}],
    [{ ...send, do: "run" }],
    [{ ...send, id: id.slice(1) }],
    [{ ...send, id: id.toUpperCase() }],
    [{ ...send, id: 5 }],
    [{ ...send, to: "B b" }],
    [{ ...send, to: ["bob"] }],
    [{ ...send, to: 5 }],
    [{ ...send, text: null }],
    [{ ...send, deliveryMs: "5" }],
    [{ ...send, deliveryMs: 0 }],
    [{ ...send, deliveryMs: 2 ** 31 }],
    [{ do: "accept", user: "Bob", key: "SHA256:f" }],
    [{ do: "accept", user: "bob" }],
    [{ do: "accept" }],
    [{ do: "compare", user: 5 }],
    [{ do: "verify", user: "bob" }],
    [{ do: "verify", user: "bob", verified: 1 }],
  ])("not %j", (value) => {
    expect(parseGuestLine(value)).toBeNull();
  });
});
