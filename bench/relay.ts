/**
 * Pairs of connections, one of which sends the other messages: through the server as clients do it, or through the bare
 * relay with as many bytes.
 */
import type { Address, MessageId } from "../core/ids.ts";
import type { Peer } from "../test/support/remotePeer.ts";
import { envelopeFor, letterTo } from "./messages.ts";
import { loadEnv, session } from "./peers.ts";
import type { RelayLoad, Sizes, Target } from "./tasks.ts";
import { connect, type Line } from "./transport.ts";

interface Came {
  readonly messages: number;
  /** Confirmations of messages that were sent. */
  readonly receipts: number;
}

/** One side of a pair. */
interface End {
  /** Sends the other side one message. */
  post(): void;
  /** What has come with the next record. */
  next(): Promise<Came>;
  /** Acknowledges the messages that have come with it, each by itself, as a client does. */
  acknowledge(): void;
}

export interface Pair {
  readonly sender: End;
  readonly recipient: End;
}

/** Sends `count` messages, `together` of them on their way at a time, and waits for the last. */
export async function relay({ sender, recipient }: Pair, load: RelayLoad): Promise<void> {
  let posted = 0;
  const post = (room: number): void => {
    for (let free = Math.min(room, load.count - posted); free > 0; free -= 1) {
      posted += 1;
      sender.post();
    }
  };
  const receive = async (): Promise<void> => {
    for (let come = 0; come < load.count; ) {
      const { messages } = await recipient.next();
      come += messages;
      if (load.acknowledged) recipient.acknowledge();
      else post(messages);
    }
  };
  const confirm = async (): Promise<void> => {
    for (let confirmed = 0; confirmed < load.count; ) {
      const { receipts } = await sender.next();
      confirmed += receipts;
      post(receipts);
    }
  };
  post(load.together);
  await Promise.all([receive(), load.acknowledged ? confirm() : undefined]);
}

export async function openPair(target: Target, index: number, sizes: Sizes): Promise<Pair> {
  if (target.kind === "bare") {
    const path = `/?pair=${index}`;
    const [a, b] = [await connect(target.port, path), await connect(target.port, path)];
    return { sender: bareEnd(a, sizes), recipient: bareEnd(b, sizes) };
  }
  const { peer: a } = await session(target, 2 * index);
  const { peer: b } = await session(target, 2 * index + 1);
  return { sender: imsEnd(a, b.self), recipient: imsEnd(b, a.self) };
}

function imsEnd(peer: Peer, other: Address): End {
  const envelope = envelopeFor(other);
  let fresh: MessageId[] = [];
  return {
    post: () => peer.send([letterTo(other, envelope)]),
    async next() {
      const came = await peer.receive();
      fresh = came.flatMap((message) => (message.kind === "delivery" ? [message.message] : []));
      return { messages: fresh.length, receipts: came.filter(({ kind }) => kind === "confirmed").length };
    },
    acknowledge() {
      for (const message of fresh) peer.send([{ kind: "acknowledge", message, ...other }]);
    },
  };
}

/** Told apart by their first byte. */
const MESSAGE = 1;

function bareEnd(line: Line, sizes: Sizes): End {
  const message = loadEnv.randomBytes(sizes.message);
  const receipt = loadEnv.randomBytes(sizes.receipt);
  [message[0], receipt[0]] = [MESSAGE, MESSAGE + 1];
  let messages = 0;
  return {
    post: () => line.send(message),
    async next() {
      messages = (await line.receive())[0] === MESSAGE ? 1 : 0;
      return { messages, receipts: 1 - messages };
    },
    acknowledge() {
      if (messages > 0) line.send(receipt);
    },
  };
}
