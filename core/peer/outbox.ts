/**
 * Messages that no device of the recipient has confirmed yet, in order of sending.
 *
 * A message goes to every device of the recipient and to every other device of the sender, to each once. It is delivered
 * when the first device of the recipient has it, and has failed when none is left that could. Pure bookkeeping: what is
 * to be sealed for whom. Not its concern: keys, bytes, time.
 */
import { type Address, addressKey, type MessageId } from "../ids.ts";
import type { UserName } from "../name.ts";

export interface Pending {
  readonly id: MessageId;
  readonly to: UserName;
  readonly content: Uint8Array;
  /** By address: waiting for a conversation, sent, confirmed, or gone. */
  readonly targets: Map<string, { readonly address: Address; state: "waiting" | "sent" | "confirmed" | "gone" }>;
  delivered: boolean;
}

export class Outbox {
  readonly #pending = new Map<MessageId, Pending>();

  add(id: MessageId, to: UserName, content: Uint8Array, targets: readonly Address[]): Pending {
    const pending: Pending = { id, to, content, targets: new Map(), delivered: false };
    for (const address of targets) pending.targets.set(addressKey(address), { address, state: "waiting" });
    this.#pending.set(id, pending);
    return pending;
  }

  /** A device has logged in: messages on their way to its user go to it too. `self` is the sender's user. */
  addTarget(address: Address, self: UserName): void {
    for (const pending of this.#pending.values()) {
      const wanted = address.user === pending.to || address.user === self;
      const key = addressKey(address);
      if (wanted && !pending.targets.has(key)) pending.targets.set(key, { address, state: "waiting" });
    }
  }

  /** Messages that wait for a conversation with `address`, oldest first. */
  waitingFor(address: Address): readonly Pending[] {
    return [...this.#pending.values()].filter((entry) => entry.targets.get(addressKey(address))?.state === "waiting");
  }

  markSent(pending: Pending, address: Address): void {
    const target = pending.targets.get(addressKey(address));
    if (target !== undefined) target.state = "sent";
    this.#dropWhenDone(pending);
  }

  /** A device has confirmed: the recipient when it is the first of theirs, else null. */
  confirm(id: MessageId, by: Address): UserName | null {
    const pending = this.#pending.get(id);
    const target = pending?.targets.get(addressKey(by));
    if (pending === undefined || target?.state !== "sent") return null;
    target.state = "confirmed";
    const first = pending.to === by.user && !pending.delivered;
    if (first) pending.delivered = true;
    this.#dropWhenDone(pending);
    return first ? pending.to : null;
  }

  /** A device has gone, for one message or for all: those that can no longer be delivered, dropped. */
  gone(address: Address, only?: MessageId): readonly Pending[] {
    const failed: Pending[] = [];
    for (const pending of this.#pending.values()) {
      if (only !== undefined && pending.id !== only) continue;
      const target = pending.targets.get(addressKey(address));
      if (target === undefined) continue;
      target.state = "gone";
      const hope = [...pending.targets.values()].some((t) => t.address.user === pending.to && t.state !== "gone");
      if (!pending.delivered && !hope) {
        failed.push(pending);
        this.#pending.delete(pending.id);
      } else {
        this.#dropWhenDone(pending);
      }
    }
    return failed;
  }

  /** Drops a message: what is left of it, or null when there is nothing. */
  drop(id: MessageId): Pending | null {
    const pending = this.#pending.get(id) ?? null;
    this.#pending.delete(id);
    return pending;
  }

  get size(): number {
    return this.#pending.size;
  }

  #dropWhenDone(pending: Pending): void {
    const open = [...pending.targets.values()].some(({ state }) => state === "waiting" || state === "sent");
    if (pending.delivered && !open) this.#pending.delete(pending.id);
  }
}
