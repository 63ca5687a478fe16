/** Asks for a name and a password on its terminal and says what it got, as the programs do. */
import { endingOf } from "../../cmd/host/exit.ts";
import { Prompter } from "../../cmd/host/prompt.ts";

const { stdin: input, stderr: output } = process;
const interrupted = (): void => {
  prompts.close();
  process.exit(130);
};
const prompts = new Prompter({ input, output, terminal: input.isTTY === true, interrupted });
try {
  const name = await prompts.ask("User name: ");
  const password = await prompts.askHidden("Password: ");
  prompts.close();
  process.stdout.write(`got ${JSON.stringify([name, password?.length ?? null])}\n`);
} catch (error) {
  prompts.close();
  process.exitCode = endingOf(error).code;
}
