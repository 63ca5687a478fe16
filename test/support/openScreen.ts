import { PassThrough } from "node:stream";
import { Screen } from "../../cmd/client/tui/screen.ts";
import { Prompter } from "../../cmd/host/prompt.ts";
import { recordedIo } from "./io.ts";
import { PaperStream } from "./paper.ts";
import { Watched } from "./programs.ts";

export interface ScreenOptions {
  readonly columns?: number;
  readonly rows?: number;
  /** Whether a person sits at stdin. */
  readonly person?: boolean;
  /** Whether the output is a terminal. */
  readonly terminal?: boolean;
  readonly env?: Readonly<Record<string, string>>;
  /** Deals with a line of input. */
  readonly line?: (text: string) => void;
}

/** A screen on a stand-in for a terminal, and all that happened. */
export function openScreen({
  columns = 40,
  rows = 12,
  person = true,
  terminal = true,
  env = {},
  line = () => {},
}: ScreenOptions = {}) {
  const raw: boolean[] = [];
  const stdin = Object.assign(new PassThrough(), { setRawMode: (on: boolean) => raw.push(on) });
  const output = new PaperStream(columns, rows);
  if (!terminal) Object.assign(output, { isTTY: undefined });
  const io = { ...recordedIo("/", { env }), stdin, isTTY: person };
  const watched = new Watched();
  const happened: string[] = [];
  const happen = (what: string): void => {
    happened.push(what);
    watched.wake();
  };
  output.onShown = () => watched.wake();
  const interrupted = (): void => happen("interrupted");
  const prompter = new Prompter({ input: stdin, output, terminal: person, interrupted });
  const screen = new Screen(io, prompter, output, {
    line: (text) => {
      happen(text);
      line(text);
    },
    end: () => happen("END"),
    interrupt: () => happen("INTERRUPT"),
  });
  const shown = (): readonly string[] => output.paper.rows.map((row) => row.trimEnd());
  const shows = (wanted: readonly string[]): Promise<unknown> =>
    watched.until(
      () => JSON.stringify(shown()) === JSON.stringify(wanted) || null,
      () => `${JSON.stringify(wanted, null, 1)}; it shows ${JSON.stringify(shown(), null, 1)}`,
      2000,
    );
  const until = (...wanted: readonly string[]): Promise<unknown> =>
    watched.until(
      () => JSON.stringify(happened) === JSON.stringify(wanted) || null,
      () => `${JSON.stringify(wanted)}; there was ${JSON.stringify(happened)}`,
      2000,
    );
  /** Key by key, as a person does. */
  const type = (text: string): void => {
    for (const key of text) stdin.write(key);
  };
  return { screen, prompter, output, stdin, type, raw, shows, until };
}
