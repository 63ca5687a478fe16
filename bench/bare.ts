/** The bare relay, compiled as the server is, and running as a process of its own. */
import { join } from "node:path";
import { temporaryFolder } from "../test/support/folder.ts";

const SOURCE = join(import.meta.dir, "bareServer.ts");

/** The executable, while it is needed. */
export class BareProgram implements Disposable {
  readonly #folder = temporaryFolder();
  readonly path = this.#folder.at("bare");

  private constructor() {}

  static async built(): Promise<BareProgram> {
    const program = new BareProgram();
    const flags = ["--compile", "--production", "--minify", "--bytecode", "--format=esm"];
    const command = [process.execPath, "build", ...flags, "--outfile", program.path, SOURCE];
    const build = Bun.spawn(command, { cwd: program.#folder.path, stdout: "ignore", stderr: "pipe" });
    const errors = await build.stderr.text();
    if ((await build.exited) !== 0) throw new Error(`the bare relay does not compile: ${errors}`);
    return program;
  }

  [Symbol.dispose](): void {
    this.#folder[Symbol.dispose]();
  }
}

export class BareRelay implements AsyncDisposable {
  readonly #child: Bun.Subprocess<"ignore", "pipe", "inherit">;
  readonly port: number;

  private constructor(child: Bun.Subprocess<"ignore", "pipe", "inherit">, port: number) {
    this.#child = child;
    this.port = port;
  }

  static async start({ path }: BareProgram): Promise<BareRelay> {
    const child = Bun.spawn([path], { stdio: ["ignore", "pipe", "inherit"] });
    const reader = child.stdout.getReader();
    const { value } = await reader.read();
    reader.releaseLock();
    const port = Number(new TextDecoder().decode(value));
    if (!(port > 0)) throw new Error("the bare relay does not say where it listens");
    return new BareRelay(child, port);
  }

  get pid(): number {
    return this.#child.pid;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#child.exited;
  }
}
