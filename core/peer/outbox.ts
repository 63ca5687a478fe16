/**
 * Messages that no device of the recipient has confirmed yet, in order of sending.
 *
 * A message goes to every device of the recipient and to every other device of the sender, to each once. It is delivered
 * when the first device of the recipient has it, and has failed when none is left that could. Pure bookkeeping: what is
 * to be sealed for whom. Not its concern: keys, bytes, time.
 */
import { type Address, addressKey, type MessageId } from "../ids.ts";
import { RESENT_MAX } from "../limits.ts";
import type { UserName } from "../name.ts";

interface Target {
  readonly address: Address;
  state: "waiting" | "sent" | "confirmed" | "gone";
  /** Which of all that were sent to that device it is; 0 until it is sent. */
  place: number;
}

export interface Pending {
  readonly id: MessageId;
  readonly to: UserName;
  readonly content: Uint8Array;
  /** By address: waiting for a conversation, sent, confirmed, or gone. */
  readonly targets: Map<string, Target>;
  delivered: boolean;
}

export class Outbox {
  readonly #pending = new Map<MessageId, Pending>();
  /** By address: how many were sent to it. */
  readonly #sent = new Map<string, number>();

  add(id: MessageId, to: UserName, content: Uint8Array, targets: readonly Address[]): Pending {
    const pending: Pending = { id, to, content, targets: new Map(), delivered: false };
    for (const address of targets) pending.targets.set(addressKey(address), { address, state: "waiting", place: 0 });
    this.#pending.set(id, pending);
    return pending;
  }

  /** A device has logged in: messages on their way to its user go to it too. `self` is the sender's user. */
  addTarget(address: Address, self: UserName): void {
    for (const pending of this.#pending.values()) {
      const wanted = address.user === pending.to || address.user === self;
      const key = addressKey(address);
      if (wanted && !pending.targets.has(key)) pending.targets.set(key, { address, state: "waiting", place: 0 });
    }
  }

  /** Messages that wait for a conversation with `address`, oldest first. */
  waitingFor(address: Address): readonly Pending[] {
    return [...this.#pending.values()].filter((entry) => entry.targets.get(addressKey(address))?.state === "waiting");
  }

  /**
   * What was sent to `address` and not confirmed waits again, of the last `RESENT_MAX` that were sent to it: of those before
   * the device may have forgotten that it has read them, and would show them twice.
   */
  unsend(address: Address): void {
    const key = addressKey(address);
    const last = this.#sent.get(key) ?? 0;
    for (const { targets } of this.#pending.values()) {
      const target = targets.get(key);
      if (target?.state === "sent" && last - target.place < RESENT_MAX) target.state = "waiting";
    }
  }

  /** Drops all that is written to `user` and not delivered. */
  dropFor(user: UserName): readonly Pending[] {
    const dropped = [...this.#pending.values()].filter(({ to, delivered }) => to === user && !delivered);
    for (const { id } of dropped) this.#pending.delete(id);
    return dropped;
  }

  markSent(pending: Pending, address: Address): void {
    const key = addressKey(address);
    const target = pending.targets.get(key);
    if (target !== undefined) {
      target.state = "sent";
      target.place = (this.#sent.get(key) ?? 0) + 1;
      this.#sent.set(key, target.place);
    }
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
