/** The chat as a function, on pipes; on a real terminal it is tested end to end (test/e2e/chat.test.ts). */
import { afterEach, beforeEach, describe, expect, spyOn, test } from "bun:test";
import { PassThrough } from "node:stream";
import { chat } from "../../../cmd/client/chat.ts";
import type { ChatCommand } from "../../../cmd/client/commandLine.ts";
import { COMMANDS } from "../../../cmd/client/commands.ts";
import { EXIT, type ExitCode } from "../../../cmd/host/exit.ts";
import { CodedError } from "../../../core/errors.ts";
import { rejection } from "../../support/codes.ts";
import { fixedEnv, quickCrypto, START_MS } from "../../support/fixedEnv.ts";
import { LocalRealm, type LocalWorld } from "../../support/localRealm.ts";
import { messageId } from "../../support/parties.ts";
import { Watched } from "../../support/programs.ts";
import { passwordOf } from "../../support/realm.ts";
import { ScriptedListener } from "../../support/scriptedListener.ts";

const COMMAND: ChatCommand = {
  kind: "chat",
  color: true,
  config: undefined,
  user: undefined,
  state: undefined,
  password: {},
};

let realm: LocalRealm;
beforeEach(async () => {
  realm = await LocalRealm.start("Alice", "Bob", "Chris");
});
afterEach(() => realm[Symbol.asyncDispose]());

// The chat's lines go to the process's own stdout, as its line editor needs a whole stream.
const watched = new Watched();
let out = "";
let stdout: { mockRestore(): void };
beforeEach(() => {
  out = "";
  stdout = spyOn(process.stdout, "write").mockImplementation((chunk) => {
    out += String(chunk);
    watched.wake();
    return true;
  });
});
afterEach(() => stdout.mockRestore());

/** The lines so far, without the time of day. */
const lines = (): readonly string[] => out.split("\n").map((line) => line.replace(/^\d\d:\d\d /, ""));

async function shows(...wanted: readonly string[]): Promise<void> {
  for (const line of wanted) {
    await watched.until(
      () => lines().includes(line) || null,
      () => `${JSON.stringify(line)}; there is:\n${out}`,
      4000,
    );
  }
}

interface Talk {
  readonly world: LocalWorld;
  readonly stdin: PassThrough;
  readonly ended: Promise<ExitCode>;
  type(line: string): void;
}

/** Alice chats; what she types comes line by line. */
function talk(world: LocalWorld = realm.world("Alice")): Talk {
  const stdin = new PassThrough();
  const ended = chat(COMMAND, { ...world, io: { ...world.io, stdin } });
  ended.catch(() => {});
  return { world, stdin, ended, type: (line) => void stdin.write(`${line}\n`) };
}

const ALONE = "Welcome, Alice; nobody else is online. /help lists the commands.";

describe("commands", () => {
  test("welcome, help, list and logout", async () => {
    const { type, ended, world } = talk();
    await shows(ALONE);
    for (const line of ["/help", "list", "", "/nonsense", "hello?", "/chat nobody", "/msg bob"]) type(line);
    type("logout");
    expect(await ended).toBe(EXIT.done);
    expect(lines()).toEqual([
      ALONE,
      ...COMMANDS.map(([usage, meaning]) => `  ${usage.padEnd(16)} ${meaning}`),
      "  Alice  online (you)",
      "  Bob    offline",
      "  Chris  offline",
      '!! there is no such command; /help lists them, //TEXT sends a leading slash: "/nonsense"',
      '!! not sent, nobody is chosen: /chat USER first, or send USER TEXT: "hello?"',
      "!! there is no user nobody; /list shows who there is",
      '!! /msg needs a user and a text: "/msg bob"',
      "",
    ]);
    expect([world.io.out(), world.io.err()]).toEqual(["", ""]);
    expect(out).not.toContain("\u001b");
  });

  test("name and password may come through the same pipe, before the first line", async () => {
    const world = realm.world("Alice", {
      typed: `Alice\n${passwordOf("Alice")}\nlist\nlogout\n`,
      env: { IMS_USER: undefined, IMS_PASSWORD_FILE: undefined },
    });
    expect(await chat(COMMAND, world)).toBe(EXIT.done);
    expect(lines().slice(0, 2)).toEqual([ALONE, "  Alice  online (you)"]);
    expect(world.io.err()).toBe("Name: \nPassword: \n");
  });

  test("the end of the input is a logout", async () => {
    const { stdin, ended } = talk();
    await shows(ALONE);
    stdin.end();
    expect(await ended).toBe(EXIT.done);
    expect(realm.rig.driver.online.devices).toBe(0);
  });
});

describe("messages", () => {
  test("to somebody, to whoever is chosen, and back", async () => {
    const bob = await realm.connect("Bob");
    const { type, ended } = talk();
    await shows("Welcome, Alice; online: Bob. /help lists the commands.");
    type("send BOB one");
    await shows("you -> Bob: one [delivered]");
    type("/chat bob");
    type("two");
    type("send me the file");
    type("//slash");
    type("send bob three");
    await shows("you -> Bob: send bob three [delivered]");
    expect(lines()).toContain("-- what you type goes to Bob");
    expect(bob.heard.texts).toEqual(["one", "two", "send me the file", "/slash", "send bob three"]);
    bob.connection.send("Alice", "fine\n\u001b[31mred");
    await shows("Bob: fine", "      \\u{1b}[31mred");
    type("/chat");
    type("to nobody");
    await shows("-- what you type goes to nobody");
    await shows('!! not sent, nobody is chosen: /chat USER first, or send USER TEXT: "to nobody"');
    await bob.connection.logout();
    await shows("-- Bob is offline");
    type("/quit");
    expect(await ended).toBe(EXIT.done);
  });

  test("of our own from another device, and who comes", async () => {
    const { type, ended } = talk();
    await shows(ALONE);
    const bob = await realm.connect("Bob");
    await shows("-- Bob is online");
    const other = await realm.connect("Alice");
    other.connection.send("Bob", "from the other device");
    await shows("you -> Bob: from the other device");
    type("logout");
    await Promise.all([ended, bob.connection.logout(), other.connection.logout()]);
  });

  test("that cannot be sent are said at once, and are not waited for", async () => {
    const { type, ended } = talk();
    await shows(ALONE);
    type("/msg \u202eevil hi");
    type(`/msg bob ${"x".repeat(8193)}`);
    type("/msg nobody hi");
    type("/msg chris hi");
    type("logout");
    expect(await ended).toBe(EXIT.done);
    expect(lines().slice(1, -1)).toEqual([
      "!! not sent: a user name is 1 to 32 of A-Z a-z 0-9 . _ - and begins with a letter or digit",
      "!! not sent: the text has 8193 bytes of UTF-8; at most 8192 fit in a message",
      '!! there is no user nobody: "hi"',
      '!! Chris is not logged in; the message was not delivered and is dropped: "hi"',
    ]);
  });

  test("that cannot be read are told", async () => {
    const rogue = await realm.rig.logIn("Chris");
    const { type, ended } = talk();
    await shows("Welcome, Alice; online: Chris. /help lists the commands.");
    const { user } = realm.configOf("Alice");
    let device: string | undefined;
    while (device === undefined) {
      for (const message of await rogue.receive()) {
        if (message.kind === "presence" && message.name === "Alice") device = message.devices[0];
      }
    }
    rogue.send([{ kind: "send", message: messageId(1), user, device: device as never, envelope: new Uint8Array(100) }]);
    await watched.until(
      () => out.includes("a message from Chris could not be read") || null,
      () => out,
    );
    type("logout");
    await Promise.all([ended, rogue.logOut()]);
  });
});

describe("leaving", () => {
  test("waits for what is on its way", async () => {
    const bob = await realm.deaf("Bob");
    const { type, ended } = talk();
    await shows("Welcome, Alice; online: Bob. /help lists the commands.");
    type("send bob are you there?");
    type("logout");
    let over = false;
    void ended.then(() => {
      over = true;
    });
    await shows("you -> Bob: are you there? ...");
    expect(over).toBe(false);
    await bob[Symbol.asyncDispose]();
    expect(await ended).toBe(EXIT.done);
    await shows('!! Bob is not logged in; the message was not delivered and is dropped: "are you there?"');
  });

  test("sends nothing that was pasted behind it", async () => {
    const bob = await realm.connect("Bob");
    const { stdin, ended } = talk();
    await shows("Welcome, Alice; online: Bob. /help lists the commands.");
    stdin.write("send bob one\nlogout\nsend bob two\nlist\n");
    expect(await ended).toBe(EXIT.done);
    expect(bob.heard.texts).toEqual(["one"]);
    expect(lines().slice(1)).toEqual(["you -> Bob: one [delivered]", ""]);
    await bob.connection.logout();
  });

  test("because the connection ends says of every message that it may be lost, and fails", async () => {
    await using listener = new ScriptedListener({}, realm.rig.driver);
    realm.writeConfig({ port: listener.port });
    await using _bob = await realm.deaf("Bob");
    const { type, ended } = talk();
    await shows("Welcome, Alice; online: Bob. /help lists the commands.");
    type("send bob one");
    await shows("you -> Bob: one ...");
    type("send bob two");
    type("list");
    await shows("  Chris  offline");
    for (const line of listener.lines) line.terminate();
    expect((await rejection(ended)).code).toBe("connection.lost");
    const lost = "!! the connection ended before Bob confirmed this; it may not have arrived: ";
    await shows(`${lost}"one"`, `${lost}"two"`);
    type("too late");
    await Bun.sleep(5);
    expect(lines().at(-2)).toBe(`${lost}"two"`);
  });

  test("because the server says so fails with what it said", async () => {
    const { ended } = talk();
    await shows(ALONE);
    const users = new Map(realm.users);
    users.delete(realm.configOf("Alice").user);
    realm.rig.driver.setUsers(users);
    expect(await rejection(ended)).toEqual(new CodedError("auth.ended"));
  });

  test("an interruption ends it, and logs out", async () => {
    const { ended, world } = talk();
    await shows(ALONE);
    world.interrupt.fire();
    expect((await rejection(ended)).code).toBe("host.interrupted");
    expect(realm.rig.driver.online.devices).toBe(0);
  });

  test("an interruption while a question is open", async () => {
    const world = realm.world("Alice", { env: { IMS_USER: undefined } });
    const { ended } = talk(world);
    await watched.until(
      () => world.io.err() !== "" || null,
      () => "a question",
    );
    world.interrupt.fire();
    expect((await rejection(ended)).code).toBe("host.interrupted");
  });

  test("a fault of ours is what it fails with", async () => {
    const fault = new RangeError("ours");
    const bob = await realm.connect("Bob");
    const world = realm.world("Alice");
    let broken = false;
    const nowMs = (): number => {
      if (broken) throw fault;
      return START_MS;
    };
    const { ended } = talk({ ...world, env: { ...fixedEnv("fault", quickCrypto), nowMs } });
    await shows("Welcome, Alice; online: Bob. /help lists the commands.");
    await bob.heard.until(() => bob.heard.of("presence").length > 0, "Alice");
    broken = true;
    bob.connection.send("Alice", "hi");
    expect(await ended.catch((error) => error)).toBe(fault);
    await bob.connection.logout();
  });
});
