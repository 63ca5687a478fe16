import { PassThrough } from "node:stream";
import type { Io } from "../../cmd/host/io.ts";
import { type RecordedIo, recordedIo } from "./io.ts";
import { Watched } from "./programs.ts";

/** An `Io` with somebody at it, who types while a test looks on. */
export interface PersonIo extends RecordedIo {
  type(text: string): void;
  /** Waits until `text` has been written to stderr. */
  asked(text: string): Promise<unknown>;
  /** Modes that the terminal was put in, in order: true is raw. */
  readonly raw: readonly boolean[];
}

/** `terminal` false makes a pipe of it that somebody feeds by hand. */
export function personIo(
  cwd: string,
  { env = {}, terminal = true }: { env?: Io["env"]; terminal?: boolean } = {},
): PersonIo {
  const io = recordedIo(cwd, { env });
  const raw: boolean[] = [];
  const stdin = Object.assign(new PassThrough(), { setRawMode: (on: boolean) => raw.push(on) });
  const watched = new Watched();
  io.stderr.on("data", () => watched.wake());
  return {
    ...io,
    stdin,
    raw,
    isTTY: terminal,
    type: (text) => void stdin.write(text),
    asked: (text) =>
      watched.until(
        () => io.err().includes(text) || null,
        () => `${JSON.stringify(text)}; there is ${JSON.stringify(io.err())}`,
        4000,
      ),
  };
}
