/**
 * A conversation on the screen: the compiled server, and two compiled clients on terminals of their own. What the two
 * would see is shown line by line as it appears. Run it with `make demo`.
 */
import { RunningRealm } from "../support/runningRealm.ts";
import type { TerminalProgram } from "../support/terminal.ts";

/** One of the two, and what of the screen has been shown. */
interface Person {
  readonly name: string;
  readonly terminal: TerminalProgram;
  shown: number;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** Shows what is new on a screen, but for `open` lines at its end, which are still being typed. */
function show(person: Person, open = 1): void {
  const lines = person.terminal.lines.slice(person.shown, open === 0 ? undefined : -open);
  for (const line of lines) say(`${person.name.padEnd(6)}| ${line}`.trimEnd());
  person.shown += lines.length;
}

async function logIn(realm: RunningRealm, name: string, password: string): Promise<Person> {
  const person = { name, terminal: realm.terminal(), shown: 0 };
  await person.terminal.logIn(name, password);
  await person.terminal.shows(`Welcome, ${name}`);
  await person.terminal.prompts();
  show(person);
  return person;
}

/** The client replaces a line that was typed by what came of it, so it is shown here. */
function typed(person: Person, line: string): void {
  say(`${person.name.padEnd(6)}> ${line}`);
  person.terminal.enter(line);
}

/** Types a line, and waits until each of the two sees what it leads to. */
async function type(person: Person, line: string, expected: readonly (readonly [Person, string])[]): Promise<void> {
  typed(person, line);
  for (const [who, text] of expected) {
    await who.terminal.shows(text);
    show(who);
  }
}

async function converse(realm: RunningRealm): Promise<void> {
  const alice = await logIn(realm, "Alice", "P4nc@ke$");
  const bob = await logIn(realm, "Bob", "i<3j@1eb!");
  await alice.terminal.shows("Bob is online");
  show(alice);
  await type(alice, "list", [[alice, "Eric"]]);
  const breakfast = "Pancakes at eight?";
  await type(alice, `send Bob ${breakfast}`, [
    [bob, breakfast],
    [alice, `Bob: ${breakfast}`],
  ]);
  typed(bob, "/chat Alice");
  await bob.terminal.prompts("Alice>");
  const answer = "Only if Chris does not bring pizza again.";
  await type(bob, answer, [
    [alice, answer],
    [bob, `Alice: ${answer}`],
  ]);
  await leave(alice);
  await bob.terminal.shows("Alice is offline");
  show(bob);
  await leave(bob);
  const server = await realm.stop();
  for (const line of realm.logText.trimEnd().split("\n")) say(`server| ${line}`);
  expectDone("the server", server.code);
  if ([breakfast, answer].some((text) => realm.logText.includes(text))) throw new Error("the server logged a message");
}

async function leave(person: Person): Promise<void> {
  typed(person, "/logout");
  expectDone(person.name, await person.terminal.ended());
  show(person, 0);
}

function expectDone(who: string, code: number): void {
  if (code !== 0) throw new Error(`${who} ended with exit code ${code}`);
}

async function main(): Promise<void> {
  const interrupted = Promise.withResolvers<never>();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => interrupted.reject(new Error("interrupted")));
  }
  await using realm = await RunningRealm.start();
  say(`A server on 127.0.0.1 port ${realm.port}, with a copy of the demo realm; Alice and Bob log in.`);
  await Promise.race([converse(realm), interrupted.promise]);
}

try {
  await main();
} catch (error) {
  process.stderr.write(`demo: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
