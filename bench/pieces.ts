/** The pieces of work whose cost is measured, each with what stands beside it. */

import type { Counts } from "./counts.ts";
import type { WorkPrimitives } from "./inMemory.ts";
import type { Primitive } from "./primitives.ts";
import type { Piece } from "./sideBySide.ts";
import type { Load, RelayLoad, Target } from "./tasks.ts";

const LOGINS_TOGETHER = 8;
const TICKETS_TOGETHER = 32;
const MESSAGES_TOGETHER = 64;

export interface Targets {
  readonly ims: Target;
  readonly bare: Target;
}

/** Beside each the same number of bare connections, opened and closed. */
export function loginPieces(targets: Targets, counts: Counts, primitives: WorkPrimitives): readonly Piece[] {
  const piece = (kind: "connections" | "channels" | "logins", together: number): Piece => {
    const load: Load = { count: counts.logins, together };
    return {
      ...load,
      work: kind.slice(0, -1),
      ims: { kind, target: targets.ims, load },
      bare: { kind: "connections", target: targets.bare, load },
      primitivesUs: kind === "logins" ? sumUs(primitives.login) : null,
    };
  };
  return [piece("connections", 1), piece("channels", 1), piece("logins", 1), piece("logins", LOGINS_TOGETHER)];
}

/** Beside each a message of the bare relay over its one pair, of a grant's size. */
export function ticketPieces(counts: Counts, primitives: WorkPrimitives): readonly Piece[] {
  return [1, TICKETS_TOGETHER].map((together): Piece => {
    const load: Load = { count: counts.tickets, together };
    return {
      ...load,
      work: "ticket",
      ims: { kind: "tickets", load },
      bare: { kind: "relay", target: "bare", load: { ...load, acknowledged: false } },
      primitivesUs: sumUs(primitives.ticket),
    };
  });
}

/** Beside each as many messages of the same size over as many pairs of the bare relay. */
export function relayPieces({ pairs, messages }: Counts, primitives: WorkPrimitives): readonly Piece[] {
  const piece = (together: number, acknowledged: boolean): Piece => {
    const load: RelayLoad = { count: messages, together, acknowledged };
    return {
      work: acknowledged ? "relay and receipt" : "relay",
      count: pairs * messages,
      together,
      ims: { kind: "relay", target: "ims", load },
      bare: { kind: "relay", target: "bare", load },
      primitivesUs: acknowledged ? null : sumUs(primitives.relay),
    };
  };
  return [piece(MESSAGES_TOGETHER, false), piece(MESSAGES_TOGETHER, true), piece(1, false), piece(1, true)];
}

export function sumUs(primitives: readonly Primitive[]): number {
  return primitives.reduce((sum, { cpuUs }) => sum + cpuUs, 0);
}
