/** The client's side of the channel's handshake (PROTOCOL §4.2). */
import { concat, EMPTY } from "../bytes.ts";
import type { Env } from "../env.ts";
import { CodedError } from "../errors.ts";
import { runSync } from "../noise/drive.ts";
import { type Read, readMessage, startHandshake, wipeHandshake, writeMessage } from "../noise/handshake.ts";
import type { Handshake } from "../noise/handshakeState.ts";
import { aesGcmSha256 } from "../noise/suite.ts";
import type { KemAnswer, KemRequest } from "../noise/tokens.ts";
import { Secret, wipe } from "../secret.ts";
import {
  CHANNEL,
  finished,
  type HandshakeEvent,
  type HandshakeStep,
  PROTOCOL_VERSION,
  request,
  resume,
} from "./handshake.ts";
import { Channel } from "./record.ts";

export type InitiatorState =
  | { readonly phase: "generating"; readonly serverPublicKey: Uint8Array }
  | { readonly phase: "awaitAnswer"; readonly handshake: Handshake }
  | { readonly phase: "opening"; readonly handshake: Handshake; readonly task: Generator<KemRequest, Read, KemAnswer> }
  | { readonly phase: "open"; readonly channel: Channel };

/** Begins a handshake with the server whose static key (32 bytes) is known. */
export function startInitiator(serverPublicKey: Uint8Array): HandshakeStep<InitiatorState> {
  const effects = [{ kind: "compute", job: { op: "kemGenerate" } }] as const;
  return { next: { phase: "generating", serverPublicKey }, effects, spent: [] };
}

/** @throws channel.handshake when the answer is not that server's; state.unexpected */
export function stepInitiator(state: InitiatorState, event: HandshakeEvent, env: Env): HandshakeStep<InitiatorState> {
  switch (state.phase) {
    case "generating":
      return hello(state.serverPublicKey, event, env);
    case "awaitAnswer": {
      if (event.kind !== "frame") throw new CodedError("state.unexpected");
      const task = readMessage(state.handshake, event.bytes);
      const effects = [{ kind: "compute", job: request(task) }] as const;
      return { next: { phase: "opening", handshake: state.handshake, task }, effects, spent: [] };
    }
    case "opening": {
      const read = resume(state.task, event);
      const channel = new Channel(state.handshake.suite, "initiator", finished(read));
      if (read.payload.length > 0) {
        wipe(channel);
        throw new CodedError("channel.handshake", "a payload where there is none");
      }
      return { next: { phase: "open", channel }, effects: [], spent: read.spent };
    }
    case "open":
      throw new CodedError("state.unexpected");
  }
}

function hello(serverPublicKey: Uint8Array, event: HandshakeEvent, env: Env): HandshakeStep<InitiatorState> {
  if (event.kind === "failed") throw event.error;
  if (event.kind === "frame" || event.result.op !== "kemGenerate") throw new CodedError("state.unexpected");
  const handshake = startHandshake({
    ...CHANNEL,
    suite: aesGcmSha256(env.crypto),
    role: "initiator",
    rs: serverPublicKey,
    ephemeralSecret: Secret.take(env.randomBytes(32)),
    e1: event.result.privateKey,
  });
  try {
    const written = runSync(writeMessage(handshake, EMPTY), env.crypto, env.randomBytes);
    if (written.next === null) throw new Error("channel: the handshake is over too early");
    const effects = [{ kind: "transmit", bytes: concat(Uint8Array.of(PROTOCOL_VERSION), written.message) }] as const;
    return { next: { phase: "awaitAnswer", handshake: written.next }, effects, spent: written.spent };
  } catch (error) {
    wipeHandshake(handshake);
    throw error;
  }
}

/** Gives the handshake up from any phase. */
export function wipeInitiator(state: InitiatorState): void {
  if (state.phase === "opening") state.task.return(undefined as never);
  if (state.phase === "awaitAnswer" || state.phase === "opening") wipeHandshake(state.handshake);
  if (state.phase === "open") wipe(state.channel);
}
