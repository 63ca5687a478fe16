/** What a log may say of a fault of ours: its kind and where it happened, and nothing that a text of it could hold. */

const FRAMES_MAX = 8;
/** A frame of one of our modules: `at name (core/x.ts:1:2)`, `at cmd/x.ts:1:2`. */
const OWN_FRAME =
  /^ *at (?:async )?(?:new )?(?:([\w$#.<>]{1,60}) )?\(?(?:\/.*\/)?((?:core|cmd)\/[\w/]+\.ts:\d+:\d+)\)?$/;
const KIND = /^[A-Za-z]{1,40}$/;

/**
 * The kind of `error` and the innermost frames of our own modules, such as `TypeError at send (core/peer/x.ts:12:3)`.
 * The message is left out: a dependency may have put anything there.
 */
export function faultPlace(error: unknown): string {
  if (!(error instanceof Error)) return "not an error";
  const kind = KIND.test(error.name) ? error.name : "Error";
  return [kind, ...ownFrames(error)].join(" at ");
}

function ownFrames({ stack = "", message }: Error): readonly string[] {
  const frames: string[] = [];
  for (const line of stack.replace(message, "").split("\n")) {
    const [, name, place] = OWN_FRAME.exec(line) ?? [];
    if (place !== undefined && !line.includes("node_modules"))
      frames.push(name === undefined ? place : `${name} (${place})`);
  }
  return frames.slice(0, FRAMES_MAX);
}
