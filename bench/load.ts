/** The load generator: a process of its own, which does what its parent tells it and says what that cost itself. */
import { wipeMessage } from "../core/wire/frames.ts";
import { openChannel, type Peer, prove } from "../test/support/remotePeer.ts";
import { accountOf, type ImsTarget, loadEnv, loginAndOut, session } from "./peers.ts";
import { openPair, type Pair, relay } from "./relay.ts";
import type { Answer, Load, Target, TargetKind, Task } from "./tasks.ts";
import { connect, type Line } from "./transport.ts";

/** Few enough that what they are told waits nowhere for long. */
const ATTACH_TOGETHER = 500;

/** What stays between two tasks. */
const held = {
  asker: null as { readonly asker: Peer; readonly peer: Peer } | null,
  pairs: new Map<TargetKind, readonly Pair[]>(),
};

async function perform(task: Task): Promise<void> {
  switch (task.kind) {
    case "connections":
      return inTurn(task.load, async () => (await connect(task.target.port)).close());
    case "channels":
      return inTurn(task.load, () => channelAndOut(ims(task.target)));
    case "logins":
      return inTurn(task.load, async (index) => {
        const { port, realm } = ims(task.target);
        await loginAndOut(await connect(port), accountOf(realm, index));
      });
    case "asker": {
      const { peer: asker } = await session(ims(task.target), 0);
      const { peer } = await session(ims(task.target), 1);
      held.asker = { asker, peer };
      return;
    }
    case "tickets":
      return takeTickets(task.load);
    case "pairs": {
      const pairs: Pair[] = [];
      for (let index = 0; index < task.pairs; index += 1) pairs.push(await openPair(task.target, index, task.sizes));
      held.pairs.set(task.target.kind, pairs);
      return;
    }
    case "relay":
      await Promise.all(held.pairs.get(task.target)?.map((pair) => relay(pair, task.load)) ?? []);
      return;
    case "idle":
      return stay(task.target, task.load);
  }
}

/** One worker for each piece that is done at a time. */
async function inTurn(load: Load, work: (index: number) => Promise<void>): Promise<void> {
  let started = 0;
  const worker = async (): Promise<void> => {
    while (started < load.count) {
      const index = started;
      started += 1;
      await work(index);
    }
  };
  await Promise.all(Array.from({ length: load.together }, worker));
}

async function channelAndOut({ port, realm }: ImsTarget): Promise<void> {
  const transport = await connect(port);
  (await openChannel(loadEnv, transport, realm.serverPublicKey))[Symbol.dispose]();
  await transport.close();
}

/** Connections that come and stay: sockets at the bare relay, sessions at a server. */
async function stay(target: Target, load: Load): Promise<void> {
  const coming: Coming[] = [];
  await inTurn(load, async (index) => {
    const line = await connect(target.port);
    const proved = target.kind === "ims" ? await prove(loadEnv, line, accountOf(target.realm, index)) : null;
    coming.push({ line, attach: () => proved?.attach() });
  });
  if (target.kind === "ims") await attachAll(coming);
  if (coming.some(({ line }) => !line.open)) throw new Error("not all of them could stay");
}

interface Coming {
  readonly line: Line;
  readonly attach: () => void;
}

/**
 * Everybody has logged in before anybody has a session, and then they attach some at a time: everybody hears of all the
 * others who come later, and this is not what is measured here.
 */
async function attachAll(coming: readonly Coming[]): Promise<void> {
  for (let at = 0; at < coming.length; at += ATTACH_TOGETHER) {
    const batch = coming.slice(at, at + ATTACH_TOGETHER);
    for (const { attach } of batch) attach();
    await Promise.all(batch.map(({ line }) => line.receive())); // the roster begins
    for (const { line } of batch) line.ignore();
  }
}

/** Asks for tickets, and waits for them all. */
async function takeTickets({ count, together }: Load): Promise<void> {
  if (held.asker === null) throw new Error("nobody is there to ask");
  const { asker, peer } = held.asker;
  let asked = 0;
  for (let granted = 0; granted < count; ) {
    for (; asked < count && asked - granted < together; asked += 1) {
      asker.send([{ kind: "ticketRequest", ...peer.self }]);
    }
    for (const message of await asker.receive()) {
      if (message.kind === "grant") granted += 1;
      wipeMessage(message);
    }
  }
}

function ims(target: Target): ImsTarget {
  if (target.kind !== "ims") throw new Error("only a server of this project can do that");
  return target;
}

async function answerTo(task: Task): Promise<Answer> {
  const [began, cpu] = [performance.now(), process.cpuUsage()];
  try {
    await perform(task);
  } catch (error) {
    return { kind: "failed", why: error instanceof Error ? error.message : String(error) };
  }
  const { user, system } = process.cpuUsage(cpu);
  return { kind: "done", spent: { cpuMs: (user + system) / 1000, wallMs: performance.now() - began } };
}

process.on("message", (task: Task) => {
  void answerTo(task).then((answer) => process.send?.(answer));
});
process.on("disconnect", () => process.exit(0));
