/** A mailbox of the server's store in memory (test/support/memoryStore.ts): nothing is counted, all is looked at. */
import { type Address, sameAddress } from "../../core/ids.ts";
import type { KeptEnvelope, StoreAnswer, StoreRequest } from "../../core/peer/store.ts";

export interface KeptMailbox {
  /** The oldest first. */
  envelopes: readonly KeptEnvelope[];
  expired: number;
}

type Request<Op extends StoreRequest["op"]> = Extract<StoreRequest, { readonly op: Op }>;

export function newMailbox(): KeptMailbox {
  return { envelopes: [], expired: 0 };
}

/** @param nextPosition is called for one that is kept */
export function deposit(
  mailbox: KeptMailbox | undefined,
  { from, message, receivedAt, envelope, limits }: Request<"deposit">,
  nextPosition: () => number,
): StoreAnswer {
  if (mailbox === undefined) return { op: "deposit", outcome: "absent" };
  const { envelopes } = mailbox;
  const room = envelopes.length < limits.envelopes && bytesOf(envelopes) + envelope.length <= limits.bytes;
  if (!room) return { op: "deposit", outcome: "full" };
  mailbox.envelopes = [...envelopes, { position: nextPosition(), from, message, receivedAt, envelope }];
  return { op: "deposit", outcome: "kept" };
}

export function collect(
  mailbox: KeptMailbox = newMailbox(),
  { after, maxEnvelopes, maxBytes }: Request<"collect">,
): StoreAnswer {
  const behind = mailbox.envelopes.filter(({ position }) => position > after).slice(0, maxEnvelopes);
  const envelopes = behind.filter((_, at) => at === 0 || bytesOf(behind.slice(0, at + 1)) <= maxBytes);
  return { op: "collect", envelopes, expired: mailbox.expired };
}

export function discard(mailbox: KeptMailbox = newMailbox(), { from, messages }: Request<"discard">): StoreAnswer {
  const acknowledged = (kept: KeptEnvelope): boolean => sameAddress(kept.from, from) && messages.includes(kept.message);
  mailbox.envelopes = mailbox.envelopes.filter((kept) => !acknowledged(kept));
  return { op: "discard", left: mailbox.envelopes.length };
}

export function expire(
  { beforeMs, maxEnvelopes }: Request<"expire">,
  mailboxes: Iterable<readonly [Address, KeptMailbox]>,
): StoreAnswer {
  const all = [...mailboxes];
  const old = all.flatMap(([, { envelopes }]) => envelopes).filter(({ receivedAt }) => receivedAt < beforeMs);
  const inOrder = old.sort((a, b) => a.receivedAt - b.receivedAt || a.position - b.position);
  const gone = new Set(inOrder.slice(0, maxEnvelopes));
  const expired = all.map(([address, mailbox]) => {
    const left = mailbox.envelopes.filter((kept) => !gone.has(kept));
    const lost = mailbox.envelopes.length - left.length;
    mailbox.envelopes = left;
    mailbox.expired += lost;
    return { ...address, envelopes: lost };
  });
  return { op: "expire", expired: expired.filter(({ envelopes }) => envelopes > 0) };
}

function bytesOf(envelopes: readonly KeptEnvelope[]): number {
  return envelopes.reduce((sum, { envelope }) => sum + envelope.length, 0);
}
