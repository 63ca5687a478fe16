/** Questions in the middle of the chat. */
import { describe, expect, test } from "bun:test";
import { rejection } from "../../../support/codes.ts";
import { openScreen } from "../../../support/openScreen.ts";

describe("on a terminal", () => {
  test("the question stands below everything, and the line that was being typed comes back", async () => {
    const { screen, type, shows, until } = openScreen();
    screen.print("Welcome");
    screen.setPrompt("> ");
    type("half a line");
    await shows(["Welcome", "> half a line"]);
    const asked = screen.asking((prompter) => prompter.ask("Sure? "));
    await shows(["Welcome", "Sure?"]);
    type("yes\r");
    expect(await asked).toBe("yes");
    await shows(["Welcome", "Sure? yes", "> half a line"]);
    type("!\r");
    await until("half a line!");
    screen.close();
  });

  test("a hidden answer is shown nowhere, nor in the history", async () => {
    const { screen, type, shows, output, until } = openScreen();
    screen.setPrompt("> ");
    const asked = screen.asking((prompter) => prompter.askHidden("Password: "));
    await shows(["Password:"]);
    type("secret\r");
    expect(await asked).toBe("secret");
    await shows(["Password:", ">"]);
    type("\u001b[A\u001b[Ax\r");
    await until("x");
    expect(output.text).not.toContain("secret");
    screen.close();
  });

  test("what is printed meanwhile comes afterwards, in its order", async () => {
    const { screen, type, shows } = openScreen();
    screen.setPrompt("> ");
    const asked = screen.asking((prompter) => prompter.ask("Sure? "));
    await shows(["Sure?"]);
    screen.print("one");
    screen.print("two", "three");
    screen.setPrompt("Bob> ");
    type("y");
    await shows(["Sure? y"]);
    type("\r");
    await asked;
    await shows(["Sure? y", "one", "two", "three", "Bob>"]);
    screen.close();
  });

  test("several questions, and what is typed ahead of them and behind them goes where it belongs", async () => {
    const { screen, stdin, until } = openScreen();
    const asked = screen.asking(async (prompter) => [
      await prompter.ask("a "),
      await prompter.askHidden("b "),
      await prompter.ask("c "),
    ]);
    stdin.write("one\rtwo\rthree\rlist\rhalf");
    expect(await asked).toEqual(["one", "two", "three"]);
    await until("list");
    stdin.write(" a line\r");
    await until("list", "half a line");
    screen.close();
  });

  test("Ctrl-C ends the questions, and not the chat", async () => {
    const { screen, type, shows, until } = openScreen();
    screen.setPrompt("> ");
    const asked = screen.asking((prompter) => prompter.askHidden("Password: "));
    await shows(["Password:"]);
    type("sec\u0003");
    expect((await rejection(asked)).code).toBe("host.interrupted");
    type("list\r");
    await until("list");
    screen.close();
  });

  test("Ctrl-D is no answer, and does not end the chat", async () => {
    const { screen, type, shows, until } = openScreen();
    const asked = screen.asking((prompter) => prompter.askHidden("Password: "));
    await shows(["Password:"]);
    type("\u0004");
    expect(await asked).toBeNull();
    type("list\r");
    await until("list");
    screen.close();
  });

  test("a fault of whoever asks is theirs, and the chat goes on", async () => {
    const { screen, type, until, shows } = openScreen();
    screen.setPrompt("> ");
    const fault = new RangeError("ours");
    expect(await screen.asking(() => Promise.reject(fault)).catch((error) => error)).toBe(fault);
    screen.print("still here");
    await shows(["still here", ">"]);
    type("list\r");
    await until("list");
    screen.close();
  });

  test("a terminal that goes away answers with nothing, and ends the chat", async () => {
    const { screen, stdin, until } = openScreen();
    const asked = screen.asking((prompter) => prompter.ask("Sure? "));
    stdin.end();
    expect(await asked).toBeNull();
    await until("END");
    screen.close();
  });

  test("a screen that is closed meanwhile answers with nothing", async () => {
    const { screen, output, raw, until } = openScreen();
    const asked = screen.asking((prompter) => prompter.askHidden("Password: "));
    screen.print("lost");
    screen.close();
    expect(await asked).toBeNull();
    screen.print("late");
    expect(output.text).not.toContain("late");
    expect(raw.at(-1)).toBe(false);
    await until();
  });

  test("lines that were pasted behind the command that asks are nobody's", async () => {
    const handled: Promise<unknown>[] = [];
    const { screen, stdin, until } = openScreen({
      line: (line) => {
        if (line === "/passwd") handled.push(screen.asking((prompter) => prompter.askHidden("Password: ")));
      },
    });
    stdin.write("/passwd\rsecret\r");
    await until("/passwd");
    stdin.write("typed\r");
    expect(await handled[0]).toBe("typed");
    await until("/passwd");
    screen.close();
  });
});

describe("on pipes", () => {
  test("answers are the next lines, and what follows is the chat's", async () => {
    const { screen, stdin, output, until } = openScreen({ person: false });
    const asked = screen.asking(async (prompter) => [await prompter.askHidden("a "), await prompter.ask("b ")]);
    screen.print("meanwhile");
    stdin.write("one\ntwo\nlist\n");
    expect(await asked).toEqual(["one", "two"]);
    await until("list");
    expect(output.text).toContain("meanwhile\n");
    expect(output.text).not.toContain("one");
    stdin.end();
    await until("list", "END");
    screen.close();
  });

  test("the end of the input is no answer", async () => {
    const { screen, stdin, until } = openScreen({ person: false });
    const asked = screen.asking((prompter) => prompter.ask("a "));
    stdin.end();
    expect(await asked).toBeNull();
    await until("END");
    screen.close();
  });
});
