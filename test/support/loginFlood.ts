/**
 * In a process of its own (apart.ts): strangers who log in, as many at a time as wanted and each from another network. Half of
 * them go through the handshake as clients do, and are gone as soon as they are answered; every eighth of these has a puzzle
 * and a solution that is none. The other half say a first message that was computed once, which costs them nothing.
 */
import { CodedError } from "../../core/errors.ts";
import { answerLines } from "./apart.ts";
import { loopback } from "./crowd.ts";
import { accountIn, quickEnv } from "./quickUsers.ts";
import { begin } from "./remotePeer.ts";
import { dial, hello } from "./stranger.ts";

export interface FloodPlan {
  readonly port: number;
  readonly together: number;
}

/** What the strangers met, by what the server did. */
export interface FloodReport {
  readonly connections: number;
  readonly met: Readonly<Record<string, number>>;
  /** How often a puzzle of so many bits was asked for. */
  readonly puzzles: Readonly<Record<number, number>>;
}

/** Thrown by a stranger who leaves. */
class Left extends Error {}

const { port, together } = JSON.parse(process.argv[2] ?? "") as FloodPlan;
const folder = { at: (name: string): string => name };
const [met, puzzles]: [Record<string, number>, Record<number, number>] = [{}, {}];
let connections = 0;
let over = false;

async function login(stranger: number): Promise<string> {
  using transport = await dial(port, loopback(stranger << 8));
  const account = accountIn(folder, `nobody${stranger % 5000}`);
  await begin(quickEnv, transport, account, async (env, { bits }) => {
    puzzles[bits] = (puzzles[bits] ?? 0) + 1;
    if (stranger % 8 === 0) return env.randomBytes(8);
    throw new Left();
  });
  return "answered";
}

async function greeting(stranger: number, bytes: Uint8Array): Promise<string> {
  using transport = await dial(port, loopback(stranger << 8));
  transport.send(bytes);
  await transport.receive();
  return "handshake";
}

async function strangers(first: number, bytes: Uint8Array): Promise<void> {
  for (let stranger = first; !over; stranger = (stranger + together) % 16_000) {
    connections += 1;
    const doing = first % 2 === 0 ? login(stranger) : greeting(stranger, bytes);
    const what = await doing.catch((error: unknown) => {
      if (error instanceof Left) return "puzzle";
      if (error instanceof CodedError) return error.code;
      throw error;
    });
    met[what] = (met[what] ?? 0) + 1;
  }
}

const recorded = await hello(folder.at("keys/server.pub"));
let flood: Promise<unknown> = Promise.resolve();
await answerLines(async (line) => {
  if (line === "begin") flood = Promise.all(Array.from({ length: together }, (_, at) => strangers(at, recorded)));
  if (line !== "end") return null;
  over = true;
  await flood;
  return { connections, met, puzzles } satisfies FloodReport;
});
