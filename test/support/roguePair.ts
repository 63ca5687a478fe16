/** Alice and Bob with conversations of their own, and envelopes between them that a test may spoil. */
import { expect } from "bun:test";
import type { ConversationId } from "../../core/ids.ts";
import type { Received } from "../../core/peer/conversations.ts";
import { decodeAll, encodeAll } from "../../core/wire/codec.ts";
import { Envelope, Opening } from "../../core/wire/endToEnd.ts";
import { codeOr } from "./codes.ts";
import { begin, Kdc, messageId, type Rogue, rogue } from "./parties.ts";

const TEXT = new TextEncoder().encode("hello");

export class RoguePair {
  readonly kdc = new Kdc();
  readonly alice = rogue(this.kdc, "alice", "a");
  readonly bob = rogue(this.kdc, "bob", "b");

  begin(from: Rogue = this.alice, to: Rogue = this.bob): ConversationId {
    const { conversation, key } = begin(this.kdc, from, to.local);
    key[Symbol.dispose]();
    return conversation;
  }

  /** What `to`'s server says of the next envelope of `from`. */
  sealed(from: Rogue, to: Rogue, index: number, receivedAt = this.kdc.env.now): Received {
    const message = messageId(index);
    const envelope = from.conversations.seal(to.local.self, message, TEXT);
    return { sender: from.local.self, message, receivedAt, envelope };
  }
}

/** The code with which `to` refuses it, or "opened". */
export function open(to: Rogue, received: Received): string {
  const result = codeOr(() => to.conversations.open(received));
  if (typeof result === "string") return result;
  expect(result.content).toEqual(TEXT);
  return "opened";
}

export function changed(received: Received, change: (envelope: Envelope) => Partial<Envelope>): Received {
  const envelope = decodeAll(Envelope, received.envelope);
  return { ...received, envelope: encodeAll(Envelope, { ...envelope, ...change(envelope) }) };
}

export function reopened(received: Received, change: (opening: Opening) => Partial<Opening>): Received {
  return changed(received, ({ opening }) => {
    const decoded = decodeAll(Opening, opening);
    return { opening: encodeAll(Opening, { ...decoded, ...change(decoded) }) };
  });
}

export function conversationOf({ envelope }: Received): ConversationId {
  return decodeAll(Envelope, envelope).conversation;
}
