import { expect, test } from "bun:test";
import { join } from "node:path";

const program = join(import.meta.dir, "..", "..", "support", "promptProgram.ts");

/** The program on a real terminal; `until` waits for a text on the screen. */
function onTerminal() {
  let screen = "";
  let look = (): void => {};
  const decoder = new TextDecoder();
  const child = Bun.spawn([process.execPath, program], {
    terminal: {
      cols: 80,
      rows: 24,
      data(_terminal, bytes) {
        screen += decoder.decode(bytes, { stream: true });
        look();
      },
    },
  });
  const until = (text: string): Promise<void> =>
    new Promise((resolve) => {
      look = () => {
        if (screen.includes(text)) resolve();
      };
      look();
    });
  const type = (text: string): void => {
    child.terminal?.write(text);
  };
  return { child, until, type, screen: () => screen };
}

test("name and password pasted together: each to its field, and the password is never on the screen", async () => {
  const { child, until, type, screen } = onTerminal();
  await until("User name: ");
  type("Alice\rP4nc@ke$\r");
  await until("got ");
  expect(await child.exited).toBe(0);
  expect(screen()).toContain('got ["Alice",8]');
  expect(screen()).not.toContain("P4nc");
}, 10_000);

test("typed one after the other, with line editing in the name", async () => {
  const { child, until, type, screen } = onTerminal();
  await until("User name: ");
  type("Alicf\u007fe\r");
  await until("Password: ");
  type("pizza\r");
  expect(await child.exited).toBe(0);
  expect(screen()).toContain('got ["Alice",5]');
  expect(screen()).not.toContain("pizza");
}, 10_000);

test.each(["User name: ", "Password: "])(
  "Ctrl-C at %j exits 130",
  async (prompt) => {
    const { child, until, type } = onTerminal();
    await until("User name: ");
    if (prompt === "Password: ") type("Alice\r");
    await until(prompt);
    type("\u0003");
    expect(await child.exited).toBe(130);
  },
  10_000,
);

test("Ctrl-D ends it", async () => {
  const { child, until, type, screen } = onTerminal();
  await until("User name: ");
  type("\u0004");
  await until("Password: ");
  type("\u0004");
  expect(await child.exited).toBe(0);
  expect(screen()).toContain("got [null,null]");
}, 10_000);

test.each([
  ["Alice\npizza\n", 'got ["Alice",5]\n'],
  ["Alice", 'got ["Alice",null]\n'],
  ["", "got [null,null]\n"],
])(
  "from a pipe with %j nothing hangs, and prompts are on stderr",
  (typed, expected) => {
    const stdin = new TextEncoder().encode(typed);
    const { stdout, stderr, exitCode } = Bun.spawnSync([process.execPath, program], { stdin, timeout: 5000 });
    expect([stdout.toString(), exitCode]).toEqual([expected, 0]);
    expect(stderr.toString()).toBe("User name: \nPassword: \n");
  },
  10_000,
);
