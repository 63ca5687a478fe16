/** The server's side of the channel's handshake (PROTOCOL §4.2). */

import { EMPTY } from "../bytes.ts";
import type { DhPrivateKey } from "../crypto/provider.ts";
import type { Env } from "../env.ts";
import { CodedError } from "../errors.ts";
import { runSync } from "../noise/drive.ts";
import { readMessage, startHandshake, type Written, wipeHandshake, writeMessage } from "../noise/handshake.ts";
import type { Handshake } from "../noise/handshakeState.ts";
import { NKHFS_MESSAGE_BYTES } from "../noise/patterns.ts";
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

export type ResponderState =
  /** `key` is the server's static key, borrowed. */
  | { readonly phase: "awaitHello"; readonly key: DhPrivateKey }
  | {
      readonly phase: "answering";
      readonly handshake: Handshake;
      readonly task: Generator<KemRequest, Written, KemAnswer>;
    }
  | { readonly phase: "open"; readonly channel: Channel };

/** @throws wire.version, channel.handshake (the peer does not know this server's key), state.unexpected */
export function stepResponder(state: ResponderState, event: HandshakeEvent, env: Env): HandshakeStep<ResponderState> {
  switch (state.phase) {
    case "awaitHello":
      if (event.kind !== "frame") throw new CodedError("state.unexpected");
      return readHello(state.key, event.bytes, env);
    case "answering": {
      const written = resume(state.task, event);
      const channel = new Channel(state.handshake.suite, "responder", finished(written));
      const effects = [{ kind: "transmit", bytes: written.message }] as const;
      return { next: { phase: "open", channel }, effects, spent: written.spent };
    }
    case "open":
      throw new CodedError("state.unexpected");
  }
}

function readHello(key: DhPrivateKey, bytes: Uint8Array, env: Env): HandshakeStep<ResponderState> {
  if (bytes[0] !== PROTOCOL_VERSION) throw new CodedError("wire.version");
  // Cheap checks first: nothing of another length costs a public-key operation.
  if (bytes.length !== 1 + NKHFS_MESSAGE_BYTES[0]) throw new CodedError("channel.handshake", "length");
  const first = startHandshake({
    ...CHANNEL,
    suite: aesGcmSha256(env.crypto),
    role: "responder",
    s: key,
    ephemeralSecret: Secret.take(env.randomBytes(32)),
  });
  let handshake = first;
  try {
    const read = runSync(readMessage(first, bytes.subarray(1)), env.crypto, env.randomBytes);
    if (read.next === null) throw new Error("channel: the handshake is over too early");
    handshake = read.next;
    const task = writeMessage(handshake, EMPTY);
    const effects = [{ kind: "compute", job: request(task) }] as const;
    return { next: { phase: "answering", handshake, task }, effects, spent: read.spent };
  } catch (error) {
    wipeHandshake(first);
    wipeHandshake(handshake);
    throw error;
  }
}

/** Gives the handshake up from any phase. */
export function wipeResponder(state: ResponderState): void {
  if (state.phase === "answering") {
    state.task.return(undefined as never);
    wipeHandshake(state.handshake);
  }
  if (state.phase === "open") wipe(state.channel);
}
