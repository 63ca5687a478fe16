/** The load generator as its parent sees it: a process that is told one task after the other. */
import { join } from "node:path";
import type { Answer, Spent, Task } from "./tasks.ts";

const PROGRAM = join(import.meta.dir, "load.ts");

export class Generator implements AsyncDisposable {
  readonly #child: Bun.Subprocess<"ignore", "inherit", "inherit">;
  #answer = Promise.withResolvers<Answer>();

  constructor() {
    this.#child = Bun.spawn([process.execPath, PROGRAM], {
      stdio: ["ignore", "inherit", "inherit"],
      serialization: "advanced",
      ipc: (answer: Answer) => this.#answer.resolve(answer),
      onExit: () => this.#answer.resolve({ kind: "failed", why: "the load generator has ended" }),
    });
  }

  /** Gives it one task, and waits until that is done. */
  async run(task: Task): Promise<Spent> {
    this.#answer = Promise.withResolvers();
    this.#child.send(task);
    const answer = await this.#answer.promise;
    if (answer.kind === "failed") throw new Error(`${task.kind}: ${answer.why}`);
    return answer.spent;
  }

  /** Ends it, and with it every connection that it holds. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#child.exited;
  }
}
