/**
 * What a careless server does to deliveries while a world lives: it says one twice, at once or later, and lets later ones
 * overtake one. Below the end-to-end layer nobody can tell, and nobody must be harmed.
 */
import { ServerConnection } from "../../core/peer/serverConnection.ts";
import { SERVER_MESSAGES, type ServerMessage, serverFrames } from "../../core/wire/messages.ts";
import { Seeded } from "./seeded.ts";

type Delivery = Extract<ServerMessage, { kind: "delivery" }>;

/** Of so many records for one connection, one has something done to it. */
const ONE_IN = 15;
/** How far back a delivery may lie that is said again: less than a client remembers. */
const REMEMBERED = 5;

interface Line {
  /** Deliveries that may be said again. */
  readonly said: Uint8Array[];
  /** One that waits until others have overtaken it. */
  held: Uint8Array | null;
}

export interface MischiefOptions {
  readonly seed: number;
  /** Whether deliveries overtake each other as well. */
  readonly reorders: boolean;
  /** A delivery of one user's device has been overtaken. */
  readonly overtaken: (delivery: Delivery) => void;
}

export class Mischief implements Disposable {
  repeated = 0;
  overtaken = 0;
  /** Off: what was held back is lost. */
  active = true;
  readonly #choice: Seeded;
  readonly #options: MischiefOptions;
  readonly #lines = new Map<ServerConnection, Line>();
  readonly #restore: () => void;

  constructor(options: MischiefOptions) {
    this.#options = options;
    this.#choice = new Seeded(options.seed);
    const { seal } = ServerConnection.prototype;
    const mischief = this;
    ServerConnection.prototype.seal = function (this: ServerConnection, frames) {
      return seal.call(this, mischief.active ? mischief.#changed(this, frames) : frames);
    };
    this.#restore = () => void Object.assign(ServerConnection.prototype, { seal });
  }

  [Symbol.dispose](): void {
    this.#restore();
  }

  #changed(connection: ServerConnection, frames: readonly Uint8Array[]): readonly Uint8Array[] {
    const line = this.#lines.get(connection) ?? { said: [], held: null };
    this.#lines.set(connection, line);
    const out: Uint8Array[] = [];
    for (const frame of frames) {
      const delivery = deliveryOf(frame);
      const holds = this.#options.reorders && delivery !== null && line.held === null && this.#choice.once(ONE_IN);
      if (holds) {
        line.held = frame;
        continue;
      }
      out.push(frame);
      if (delivery === null) continue;
      line.said.push(frame);
      if (line.said.length > REMEMBERED) line.said.shift();
      if (line.held !== null) {
        const overtaken = deliveryOf(line.held);
        if (overtaken !== null) this.#options.overtaken(overtaken);
        out.push(line.held);
        line.held = null;
        this.overtaken += 1;
      }
    }
    if (line.said.length > 0 && this.#choice.once(ONE_IN)) {
      out.push(this.#choice.pick(line.said));
      this.repeated += 1;
    }
    return out;
  }
}

/** The delivery that a frame holds; null for another message, which may hold a key and is not looked into. */
function deliveryOf(frame: Uint8Array): Delivery | null {
  if (frame[0] !== SERVER_MESSAGES.delivery.type) return null;
  const [message] = serverFrames.decode(frame);
  return message?.kind === "delivery" ? message : null;
}
