/** A program of ours in a process of its own, so that what it costs does not make the test wait, which measures others. */
import { join } from "node:path";
import { Program } from "./programs.ts";
import type { RealmFolder } from "./runningRealm.ts";

/** What it is asked for may be much. */
const ANSWER_MS = 120_000;

/** Starts `test/support/<name>.ts` with one argument; it answers each line with a line of JSON. */
export class Apart implements AsyncDisposable {
  readonly #program: Program;
  #read = 0;

  constructor(name: string, folder: RealmFolder, plan: unknown) {
    const file = join(import.meta.dir, `${name}.ts`);
    const wrap = (): readonly string[] => [process.execPath, file, JSON.stringify(plan)];
    this.#program = new Program("client", [], { cwd: folder.path, stdin: "open", wrap });
  }

  /** Says a line, and resolves with the answer. */
  async ask<T>(line: string): Promise<T> {
    this.#program.write(`${line}\n`);
    const wanted = this.#read;
    this.#read += 1;
    const answer = ({ out }: Program): string | null => out.split("\n").slice(0, -1)[wanted] ?? null;
    const text = await this.#program.until(answer, `an answer to ${line}`, ANSWER_MS);
    return JSON.parse(text) as T;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#program[Symbol.asyncDispose]();
  }
}

/** In such a program: answers every line of stdin. */
export async function answerLines(answer: (line: string) => Promise<unknown>): Promise<void> {
  for await (const line of console) process.stdout.write(`${JSON.stringify((await answer(line)) ?? null)}\n`);
}
