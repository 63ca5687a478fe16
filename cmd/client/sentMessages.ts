/**
 * Our messages until somebody has them, or nobody will: each is shown once, as delivered, when the answer is quick; else
 * first as waiting, and then what became of it.
 */
import type { MessageId } from "../../core/ids.ts";
import type { UndeliveredNotice } from "../../core/peer/notices.ts";
import { printable } from "../host/printable.ts";
import { excerpt, undeliveredText } from "./words.ts";

/** An answer within this time is quick. */
const PATIENCE_MS = 300;

export interface SentMessage {
  readonly to: string;
  readonly text: string;
}

export interface SentEvents {
  /** Show the message, with whether somebody has it. */
  show(message: SentMessage, waiting: boolean): void;
  /** It had been shown as waiting, and has arrived. */
  tell(text: string): void;
  /** It has not been delivered. */
  warn(text: string): void;
  /** Nothing is on its way any more. */
  idle(): void;
}

interface Entry extends SentMessage {
  /** Runs until it is shown as waiting; null then. */
  timer: ReturnType<typeof setTimeout> | null;
}

export class SentMessages {
  readonly #events: SentEvents;
  readonly #entries = new Map<MessageId, Entry>();

  constructor(events: SentEvents) {
    this.#events = events;
  }

  get size(): number {
    return this.#entries.size;
  }

  add(id: MessageId, message: SentMessage): void {
    this.#entries.set(id, { ...message, timer: setTimeout(() => this.#showWaiting(id), PATIENCE_MS) });
  }

  delivered(id: MessageId): void {
    const entry = this.drop(id);
    if (entry === null) return;
    if (entry.timer === null) this.#events.tell(`${printable(entry.to)} has it: ${excerpt(entry.text)}`);
    else this.#events.show(entry, false);
    this.#idle();
  }

  undelivered(notice: UndeliveredNotice): void {
    const entry = this.drop(notice.id);
    this.#events.warn(`${undeliveredText(notice)}${entry === null ? "" : `: ${excerpt(entry.text)}`}`);
    this.#idle();
  }

  /** Forgets a message, for example one that could not be sent at all. */
  drop(id: MessageId): Readonly<Entry> | null {
    const entry = this.#entries.get(id) ?? null;
    if (entry?.timer != null) clearTimeout(entry.timer);
    this.#entries.delete(id);
    return entry;
  }

  /** The connection has ended: nobody will say any more what became of them. */
  lost(): void {
    for (const [id, { to, text }] of [...this.#entries]) {
      this.drop(id);
      this.#events.warn(
        `the connection ended before ${printable(to)} confirmed this; it may not have arrived: ${excerpt(text)}`,
      );
    }
  }

  #showWaiting(id: MessageId): void {
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    entry.timer = null;
    this.#events.show(entry, true);
  }

  #idle(): void {
    if (this.#entries.size === 0) this.#events.idle();
  }
}
