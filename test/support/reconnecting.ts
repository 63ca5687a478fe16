/**
 * In a process of its own (apart.ts): users with many devices each, which log in again when they have lost their server. Each
 * device does as the client does: told to wait it waits, and somewhat longer, as those who were refused together should
 * not come back together.
 */
import { CodedError } from "../../core/errors.ts";
import { DEVICES_MAX } from "../../core/limits.ts";
import { answerLines } from "./apart.ts";
import { accountIn, quickEnv } from "./quickUsers.ts";
import { quantile } from "./ranks.ts";
import { logIn, type Peer } from "./remotePeer.ts";
import { RawSocket, transportOver } from "./stranger.ts";

export interface ReconnectPlan {
  readonly port: number;
  readonly users: number;
  /** The devices of a user are in so many networks, each of which only that user has. */
  readonly networks: number;
}

export interface ReconnectReport {
  readonly standing: number;
  readonly longestMs: number;
  readonly medianMs: number;
  /** How often the server refused, by code. */
  readonly refused: Readonly<Record<string, number>>;
  /** The most that one device was refused before it was in. */
  readonly mostRefusals: number;
}

export const userName = (user: number): string => `crew${user}`;

const JITTER_MS = 500;

const { port, users, networks } = JSON.parse(process.argv[2] ?? "") as ReconnectPlan;
const sockets = new Set<RawSocket>();
const peers = new Set<Peer>();
const folder = { at: (name: string): string => name };

class Round {
  readonly #began = performance.now();
  readonly #tookMs: number[] = [];
  readonly #refused: Record<string, number> = {};
  #mostRefusals = 0;

  get report(): ReconnectReport {
    const [medianMs, longestMs] = [quantile(this.#tookMs, 0.5), quantile(this.#tookMs, 1)].map(Math.round);
    const standing = Array.from(sockets).filter(({ closed }) => !closed).length;
    return {
      ...{ standing, longestMs: longestMs ?? 0, medianMs: medianMs ?? 0 },
      ...{ refused: this.#refused, mostRefusals: this.#mostRefusals },
    };
  }

  /** Tries until it is in. */
  async device(number: number): Promise<void> {
    for (let refusals = 0; ; refusals += 1) {
      this.#mostRefusals = Math.max(this.#mostRefusals, refusals);
      try {
        await enter(number);
        this.#tookMs.push(performance.now() - this.#began);
        return;
      } catch (error) {
        if (!(error instanceof CodedError)) throw error;
        this.#refused[error.code] = (this.#refused[error.code] ?? 0) + 1;
        if (error.code !== "auth.tooManyAttempts") return;
        await Bun.sleep(error.waitSeconds * 1000 + Math.random() * JITTER_MS);
      }
    }
  }
}

/** One device of a user; what it hears from then on it does not read. */
async function enter(number: number): Promise<void> {
  const [user, device] = [number % users, Math.floor(number / users)];
  const localAddress = `127.${80 + (device % networks)}.${user}.1`;
  const socket = await RawSocket.open(port, { localAddress });
  if (socket.status !== 101) throw new CodedError("server.unreachable");
  sockets.add(socket);
  const account = { ...accountIn(folder, userName(user)), devicesMax: DEVICES_MAX };
  peers.add(await logIn(quickEnv, transportOver(socket), account));
  socket.onMessage = () => {};
}

/** `together from to`: the devices of these numbers log in, so many of them at a time; from 0 on, all others have gone. */
await answerLines(async (line) => {
  const [together = 0, from = 0, to = 0] = line.split(" ").map(Number);
  if (from === 0) {
    for (const socket of sockets) socket[Symbol.dispose]();
    sockets.clear();
    for (const peer of peers) peer.leave();
    peers.clear();
  }
  const round = new Round();
  let next = from;
  const worker = async (): Promise<void> => {
    while (next < to) {
      next += 1;
      await round.device(next - 1);
    }
  };
  await Promise.all(Array.from({ length: together }, worker));
  return round.report;
});
