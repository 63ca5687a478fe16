import { describe, expect, test } from "bun:test";
import { createInterface } from "node:readline";
import { PassThrough } from "node:stream";
import { Prompter } from "../../../cmd/host/prompt.ts";
import { rejection } from "../../support/codes.ts";

function prompter(terminal: boolean) {
  const raw: boolean[] = [];
  const input = Object.assign(new PassThrough(), { setRawMode: (on: boolean) => raw.push(on) });
  const output = new PassThrough();
  let shown = "";
  output.on("data", (chunk) => {
    shown += String(chunk);
  });
  let interrupts = 0;
  const interrupted = (): void => {
    interrupts += 1;
  };
  const prompts = new Prompter({ input, output, terminal, interrupted });
  return { prompts, input, raw, shown: () => shown, interrupts: () => interrupts };
}

/** Lets streams move what they hold. */
const settle = (): Promise<void> => Bun.sleep(5);

describe("on a terminal", () => {
  test("a name is shown, a password is not, and raw mode comes before the first prompt", async () => {
    const { prompts, input, raw, shown } = prompter(true);
    expect(raw).toEqual([true]);
    const name = prompts.ask("User name: ");
    await settle();
    input.write("Alice\r");
    expect(await name).toBe("Alice");
    expect(shown()).toContain("User name: ");
    expect(shown()).toContain("Alice");
    const password = prompts.askHidden("Password: ");
    input.write("P4nc@ke$\r");
    expect(await password).toBe("P4nc@ke$");
    expect(shown()).toContain("Password: ");
    expect(shown()).not.toContain("P4");
    prompts.close();
    expect(raw).toEqual([true, false]);
  });

  test.each([["Alice\rsecret\r"], ["Alice\nsecret\n"], ["Alice\r\nsecret\r\n"]])(
    "%j typed ahead in one piece reaches the right questions",
    async (typed) => {
      const { prompts, input, shown } = prompter(true);
      input.write(typed);
      await settle();
      expect(await prompts.ask("User name: ")).toBe("Alice");
      await settle();
      expect(await prompts.askHidden("Password: ")).toBe("secret");
      await settle();
      expect(shown()).not.toContain("sec");
      prompts.close();
    },
  );

  test("typed byte by byte, with corrections and keys that mean nothing", async () => {
    const { prompts, input } = prompter(true);
    const password = prompts.askHidden("Password: ");
    for (const byte of new TextEncoder().encode("wrong\u0015p\u00e4\u007fax\u001b[A\u001bOP\t\u007fz\u0008b\r")) {
      input.write(Uint8Array.of(byte));
    }
    expect(await password).toBe("pab");
    prompts.close();
  });

  test("Ctrl-C ends the question, hidden or not, and the line that was begun", async () => {
    const { prompts, input, shown } = prompter(true);
    const hidden = prompts.askHidden("Password: ");
    input.write("sec\u0003");
    expect((await rejection(hidden)).code).toBe("host.interrupted");
    const plain = prompts.ask("User name: ");
    await settle();
    input.write("Al\u0003");
    expect((await rejection(plain)).code).toBe("host.interrupted");
    expect(shown()).not.toContain("sec");
    const next = prompts.askHidden("Password: ");
    input.write("x\r");
    expect(await next).toBe("x");
    prompts.close();
  });

  test("Ctrl-C while nothing is asked is told at once, and drops what was typed ahead", async () => {
    const { prompts, input, interrupts } = prompter(true);
    input.write("abc");
    input.write("\u0003");
    await settle();
    expect(interrupts()).toBe(1);
    const next = prompts.askHidden("Password: ");
    input.write("x\r");
    expect(await next).toBe("x");
    prompts.close();
  });

  test.each(["ask", "askHidden"] as const)(
    "%s: Ctrl-D on an empty line is the end, else it is nothing",
    async (how) => {
      const { prompts, input } = prompter(true);
      const end = prompts[how]("? ");
      await settle();
      input.write("\u0004");
      expect(await end).toBeNull();
      const next = prompts[how]("? ");
      await settle();
      input.write("ab\u0004\r");
      expect(await next).toBe("ab");
      prompts.close();
    },
  );

  test("a terminal that hangs up answers null, now and later", async () => {
    const { prompts, input } = prompter(true);
    const first = prompts.ask("? ");
    await settle();
    input.write("half");
    input.end();
    expect(await first).toBeNull();
    expect(await prompts.askHidden("? ")).toBeNull();
    expect(await prompts.ask("? ")).toBeNull();
    prompts.close();
  });

  test("a password that is not UTF-8 is refused", async () => {
    const { prompts, input } = prompter(true);
    const password = prompts.askHidden("Password: ");
    input.write(Uint8Array.of(0x61, 0xff, 0x0d));
    expect((await rejection(password)).code).toBe("password.invalid");
    prompts.close();
  });

  test("whoever takes over gets what was typed ahead, all that follows, and no password", async () => {
    const { prompts, input } = prompter(true);
    input.write("secret\rlist\r");
    expect(await prompts.askHidden("Password: ")).toBe("secret");
    const lines: string[] = [];
    const chat = createInterface({ input: prompts.handOver(), output: new PassThrough(), terminal: true });
    chat.on("line", (line) => lines.push(line));
    await settle();
    input.write("send bob hi\r\u001b[A\u001b[A\u0019\r");
    await settle();
    expect(lines).toEqual(["list", "send bob hi", "list"]);
    chat.close();
    prompts.close();
  });
});

describe("without a terminal", () => {
  test.each([
    ["Alice\nsecret\nlist\n", ["Alice", "secret", "list", null]],
    ["Alice\r\nsecret\r\nlist", ["Alice", "secret", "list", null]],
    ["\n\n", ["", "", null, null]],
    ["Alice", ["Alice", null, null, null]],
    ["", [null, null, null, null]],
  ])("%j", async (typed, expected) => {
    const { prompts, input, raw } = prompter(false);
    input.end(typed);
    const answers = [
      await prompts.ask("a"),
      await prompts.askHidden("b"),
      await prompts.ask("c"),
      await prompts.ask("d"),
    ];
    expect(answers).toEqual(expected);
    prompts.close();
    expect(raw).toEqual([]);
  });

  test("lines that come late, in pieces, through a stream that is handed on", async () => {
    const { prompts, input, shown } = prompter(false);
    const name = prompts.ask("User name: ");
    for (const piece of ["Al", "ice", "\nse"]) input.write(piece);
    expect(await name).toBe("Alice");
    const password = prompts.askHidden("Password: ");
    input.write("cret\nlist\nlog");
    expect(await password).toBe("secret");
    const lines: string[] = [];
    const chat = createInterface({ input: prompts.handOver(), terminal: false });
    chat.on("line", (line) => lines.push(line));
    const closed = new Promise((resolve) => chat.once("close", resolve));
    input.end("out\n");
    await closed;
    expect(lines).toEqual(["list", "logout"]);
    expect(shown()).toBe("User name: \nPassword: \n");
    prompts.close();
  });

  test("a flood on stdin waits outside", async () => {
    const { prompts, input } = prompter(false);
    for (let i = 0; i < 64; i += 1) input.write(new Uint8Array(16_384).fill(0x61));
    await settle();
    expect(input.isPaused()).toBe(true);
    prompts.close();
  });
});

describe("questions in the middle of what was handed over", () => {
  /** Whoever took over, and the lines that it got. */
  function handed(terminal: boolean) {
    const rig = prompter(terminal);
    const lines: string[] = [];
    const chat = createInterface({ input: rig.prompts.handOver(), output: new PassThrough(), terminal });
    chat.on("line", (line) => lines.push(line));
    return { ...rig, lines, chat };
  }

  test.each([
    [true, "\r"],
    [false, "\n"],
  ])("get the input while they last, on a terminal: %p", async (terminal, end) => {
    const { prompts, input, lines } = handed(terminal);
    input.write(`before${end}ha`);
    await settle();
    const asked = prompts.interject(async (asker) => [await asker.ask("a "), await asker.askHidden("b ")]);
    await settle();
    input.write(`one${end}two${end}lf${end}`);
    expect(await asked).toEqual(["one", "two"]);
    input.write(`after${end}`);
    await settle();
    expect(lines).toEqual(["before", "half", "after"]);
    prompts.close();
  });

  test.each([true, false])("leave raw mode as it was (%p), and have it themselves", async (before) => {
    const { prompts, input, raw } = handed(true);
    prompts.setRawMode(before);
    const asked = prompts.interject((asker) => asker.askHidden("b "));
    expect(raw.at(-1)).toBe(true);
    input.write("secret\r");
    expect(await asked).toBe("secret");
    expect(raw.at(-1)).toBe(before);
    prompts.close();
    expect(raw.at(-1)).toBe(false);
  });

  test("are not to be asked before", async () => {
    const { prompts } = prompter(true);
    expect(prompts.interject((asker) => asker.ask("a "))).rejects.toThrow("nothing was handed over");
    prompts.close();
  });

  test("nor two at once", async () => {
    const { prompts } = handed(true);
    const first = prompts.interject((asker) => asker.ask("a "));
    expect(prompts.interject((asker) => asker.ask("b "))).rejects.toThrow("nothing was handed over");
    prompts.close();
    expect(await first).toBeNull();
  });

  test("Ctrl-C between two of them interrupts, and while one is open rejects it", async () => {
    const { prompts, input, lines, interrupts } = handed(true);
    const between = Promise.withResolvers<void>();
    const asked = prompts.interject(async (asker) => {
      await asker.ask("a ");
      await between.promise;
      return asker.ask("b ");
    });
    await settle();
    input.write("one\r");
    await settle();
    input.write("\u0003");
    await settle();
    expect(interrupts()).toBe(1);
    between.resolve();
    await settle();
    input.write("\u0003");
    expect((await rejection(asked)).code).toBe("host.interrupted");
    input.write("after\r");
    await settle();
    expect(lines).toEqual(["after"]);
    prompts.close();
  });

  test("the end of the input ends both", async () => {
    const { prompts, input, chat } = handed(true);
    const closed = new Promise((resolve) => chat.once("close", resolve));
    const asked = prompts.interject(async (asker) => [await asker.ask("a "), await asker.ask("b ")]);
    await settle();
    input.end("one\r");
    expect(await asked).toEqual(["one", null]);
    await closed;
    prompts.close();
  });
});

test("closing answers an open question with null", async () => {
  const { prompts } = prompter(true);
  const open = prompts.askHidden("Password: ");
  prompts.close();
  expect(await open).toBeNull();
});
