/**
 * The handshake of the channel, `Noise_NKhfs_25519+MLKEM768_AESGCM_SHA256` with the prologue `IMS/1` (PROTOCOL §4).
 * What initiator.ts and responder.ts, its two machines, have in common.
 *
 * The first message is preceded by one byte, the version of the protocol, so that another version is refused as that and
 * not as a wrong key; nothing is negotiated. Payloads are empty: the first message can be replayed, and then leads
 * nowhere, as the second answers a key that the replayer does not hold.
 *
 * ML-KEM is a `compute` effect; while one is under way a frame is refused.
 */
import { LABELS } from "../crypto/labels.ts";
import type { Job, JobResult } from "../crypto/provider.ts";
import { CodedError } from "../errors.ts";
import type { Progress, Split } from "../noise/handshake.ts";
import { NKhfs } from "../noise/patterns.ts";
import type { KemAnswer, KemRequest } from "../noise/tokens.ts";

/** The first byte of the first message. */
export const PROTOCOL_VERSION = 1;
export const CHANNEL = { pattern: NKhfs, prologue: LABELS.prologue } as const;

export type HandshakeEvent =
  | { readonly kind: "frame"; readonly bytes: Uint8Array }
  | { readonly kind: "computed"; readonly result: JobResult }
  /** The job threw: coded when the peer's key was not one. */
  | { readonly kind: "failed"; readonly error: unknown };

export type HandshakeEffect =
  | { readonly kind: "transmit"; readonly bytes: Uint8Array }
  | { readonly kind: "compute"; readonly job: Job };

/** The driver stores `next`, runs `effects`, then wipes `spent`. A throw ends the handshake: wipe its state. */
export interface HandshakeStep<S> {
  readonly next: S;
  readonly effects: readonly HandshakeEffect[];
  readonly spent: readonly Disposable[];
}

/** Hands the outcome of its one job to a message that was waiting for it. @throws channel.handshake, state.unexpected */
export function resume<T>(task: Generator<KemRequest, T, KemAnswer>, event: HandshakeEvent): T {
  if (event.kind === "frame") throw new CodedError("state.unexpected", "a frame during the handshake's computation");
  const step = event.kind === "failed" ? task.throw(event.error) : task.next(kemAnswer(event.result));
  if (!step.done) throw new Error("channel: the pattern asks for one job alone");
  return step.value;
}

/** The job that a message waits for. */
export function request<T>(task: Generator<KemRequest, T, KemAnswer>): KemRequest {
  const step = task.next();
  if (step.done) throw new Error("channel: the pattern asks for a job");
  return step.value;
}

/** The keys of a handshake that is over. */
export function finished(progress: Progress): Split {
  if (progress.split === null) throw new Error("channel: the handshake goes on");
  return progress.split;
}

function kemAnswer(result: JobResult): KemAnswer {
  if (result.op === "kemEncapsulate" || result.op === "kemDecapsulate") return result;
  throw new Error("channel: answered another job");
}
