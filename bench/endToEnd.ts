/** What end-to-end encryption costs a client: the work is done in this process by the session of a client's machine. */
import type { Env } from "../core/env.ts";
import { type ClientDevice, ClientPair, type Delivery } from "./clientPair.ts";
import type { Counts } from "./counts.ts";
import { TEXT_BYTES } from "./messages.ts";
import { loadEnv } from "./peers.ts";
import { type Calls, type Primitive, Recorder, timeCalls } from "./primitives.ts";
import { median } from "./report.ts";

/** Of the client's CPU, in microseconds. */
const OPENING_GOAL_US = 20_000;
const ENVELOPE_GOAL_US = 1000;

/** From the grant to the first envelope, the peer opening it, and what a conversation consists of from then on. */
export type ClientWork = "begin" | "accept" | "seal" | "open" | "open in turn";

const GOALS_US: Readonly<Record<ClientWork, number>> = {
  begin: OPENING_GOAL_US,
  accept: OPENING_GOAL_US,
  seal: ENVELOPE_GOAL_US,
  open: ENVELOPE_GOAL_US,
  "open in turn": ENVELOPE_GOAL_US,
};

export interface ClientCost {
  readonly work: ClientWork;
  readonly runs: number;
  /** Pieces of work in each run. */
  readonly count: number;
  /** For one piece: the median of the runs, the least and the most. */
  readonly cpuUs: number;
  readonly leastCpuUs: number;
  readonly mostCpuUs: number;
  /** Of the first run. */
  readonly firstCpuUs: number;
  readonly goalUs: number;
  readonly primitives: readonly Primitive[];
}

/** Does a piece of work, and notes what it costs. */
type Meter = <T>(work: ClientWork, piece: () => T) => T;

const TEXT = "x".repeat(TEXT_BYTES);
/** Messages of one side before the other side answers. */
const IN_A_ROW = 10;
/** Rounds in a conversation, all in all fewer messages than lead to a new agreement. */
const ROUNDS = 30;
const WARM_UP_ROUNDS = 10;

/** What each piece of work has cost, run by run. */
class Costs {
  readonly #runs = new Map<ClientWork, number[]>();
  readonly #counts = new Map<ClientWork, number>();
  #spent = new Map<ClientWork, number[]>();

  readonly meter: Meter = (work, piece) => {
    const before = process.cpuUsage();
    const result = piece();
    const { user, system } = process.cpuUsage(before);
    this.#spent.set(work, [...(this.#spent.get(work) ?? []), user + system]);
    return result;
  };

  endRun(): void {
    for (const [work, costs] of this.#spent) {
      const sum = costs.reduce((a, b) => a + b, 0);
      this.#runs.set(work, [...(this.#runs.get(work) ?? []), sum / costs.length]);
      this.#counts.set(work, costs.length);
    }
    this.#spent = new Map();
  }

  costOf(work: ClientWork, calls: readonly Primitive[]): ClientCost {
    const runs = this.#runs.get(work) ?? [];
    return {
      ...{
        work,
        runs: runs.length,
        count: this.#counts.get(work) ?? 0,
        cpuUs: median(runs),
        firstCpuUs: runs[0] ?? Number.NaN,
      },
      ...{ leastCpuUs: Math.min(...runs), mostCpuUs: Math.max(...runs), goalUs: GOALS_US[work], primitives: calls },
    };
  }
}

export async function measureClient({ openings, talks, primitiveMs }: Counts): Promise<readonly ClientCost[]> {
  const costs = new Costs();
  for (let opened = 0; opened < openings; opened += 1) {
    using pair = new ClientPair(loadEnv);
    openConversation(pair, costs.meter);
    costs.endRun();
  }
  for (let talked = 0; talked < talks; talked += 1) {
    using pair = talkingPair(loadEnv);
    for (let round = 0; round < ROUNDS; round += 1) {
      exchange(pair, costs.meter);
      costs.endRun();
    }
  }
  const found: ClientCost[] = [];
  for (const [work, made] of recordCalls()) found.push(costs.costOf(work, await timeCalls(made, primitiveMs)));
  return found;
}

/** The primitives of each piece of work, which is done once with a provider that writes them down. */
function recordCalls(): ReadonlyMap<ClientWork, Calls> {
  const recorder = new Recorder();
  const env = { ...loadEnv, crypto: recorder.crypto };
  const found = new Map<ClientWork, Calls>();
  const meter: Meter = (work, piece) => {
    recorder.take();
    const result = piece();
    found.set(work, recorder.take());
    return result;
  };
  using fresh = new ClientPair(env);
  openConversation(fresh, meter);
  using pair = talkingPair(env);
  exchange(pair, meter);
  return found;
}

/** Two who have spoken for a while: the lists of what they read last are full, and the compiler has seen the code. */
function talkingPair(env: Env): ClientPair {
  const pair = new ClientPair(env);
  openConversation(pair, unmetered);
  for (let round = 0; round < WARM_UP_ROUNDS; round += 1) exchange(pair, unmetered);
  return pair;
}

const unmetered: Meter = (_work, piece) => piece();

/** The first message of two who have not spoken, and its answer. */
function openConversation(pair: ClientPair, meter: Meter): void {
  const { asker, peer } = pair;
  asker.say(peer, TEXT);
  const requests = asker.take();
  if (!requests.some(({ kind }) => kind === "ticketRequest")) throw new Error("bench: no ticket is asked for");
  const grant = pair.grant();
  const [first] = meter("begin", () => {
    asker.hear(grant);
    return asker.deliveries();
  });
  deliver(asker, peer, meter, "accept", first);
  peer.say(asker, TEXT);
  deliver(peer, asker, unmetered, "open in turn", peer.deliveries()[0]);
}

/** Some messages in one direction, and then as many in the other. */
function exchange({ asker, peer }: ClientPair, meter: Meter): void {
  for (const [from, to] of [
    [asker, peer],
    [peer, asker],
  ] as const) {
    for (let index = 0; index < IN_A_ROW; index += 1) {
      const [sealed] = meter("seal", () => {
        from.say(to, TEXT);
        return from.deliveries();
      });
      deliver(from, to, meter, index === 0 ? "open in turn" : "open", sealed);
    }
  }
}

/** What `from` has sealed reaches `to`, and the confirmation `from`. */
function deliver(from: ClientDevice, to: ClientDevice, meter: Meter, work: ClientWork, sealed?: Delivery): void {
  if (sealed === undefined) throw new Error("bench: nothing was sealed");
  const answers = meter(work, () => {
    to.hear(sealed);
    return to.take();
  });
  if (!answers.some(({ kind }) => kind === "acknowledge")) throw new Error("bench: a message was not read");
  from.hear({ kind: "confirmed", message: sealed.message, ...to.self });
}
