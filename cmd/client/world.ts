import type { Env } from "../../core/env.ts";
import type { Io } from "../host/io.ts";

/** Ctrl-C, SIGTERM or a terminal that has gone. */
export interface Interrupt {
  /** Rejects with host.interrupted or host.terminated. */
  readonly promise: Promise<never>;
  /** Ctrl-C, where the terminal does not make a signal of it. */
  readonly fire: () => void;
}

/** What every command of the client is given. */
export interface World {
  readonly io: Io;
  readonly env: Env;
  readonly interrupt: Interrupt;
}
