/**
 * The handshake of the Noise Protocol Framework, revision 34 (§5.3), for patterns without PSKs.
 *
 * - A `Handshake` is a value. Writing and reading compute a new one; a throw leaves the old one valid and unchanged and
 *   wipes what the attempt made.
 * - The result names what it has superseded as `spent`: the caller commits `next`, then wipes `spent`. A caller that
 *   refuses the result instead (say, for its payload) calls `discard`.
 * - A handshake owns its ephemeral keys and its chain of states, and borrows the static key.
 * - Write once from one handshake: a second message from the same one would use a nonce twice.
 * - Writing and reading are generators because ML-KEM may be asynchronous: at `ekem1` they yield a job of the provider
 *   and go on with its result, whose secret they take over; patterns without `ekem1` never yield. A failed job is
 *   handed in with `throw()`; a generator that is given up is ended with `return()`, which wipes what it made.
 */
import { concat } from "../bytes.ts";
import { DH_BYTES, type DhPrivateKey, type KemPrivateKey } from "../crypto/provider.ts";
import { CodedError } from "../errors.ts";
import { RECORD_MAX_BYTES } from "../limits.ts";
import { type Secret, wipe } from "../secret.ts";
import { Attempt } from "./attempt.ts";
import type { CipherState } from "./cipherState.ts";
import { type Handshake, secretsOf, without } from "./handshakeState.ts";
import {
  type HandshakePattern,
  isKnown,
  messageBytes,
  protocolName,
  type Role,
  sender,
  sends,
  type Token,
} from "./patterns.ts";
import type { NoiseSuite } from "./suite.ts";
import { initializeSymmetric, mixHash, split } from "./symmetricState.ts";
import { type KemAnswer, type KemRequest, open, readToken, seal, writeToken } from "./tokens.ts";

export interface HandshakeOptions {
  readonly suite: NoiseSuite;
  readonly pattern: HandshakePattern;
  readonly role: Role;
  /** Bytes that both sides must agree on. */
  readonly prologue: Uint8Array;
  /** Our static key, where the pattern has one; borrowed until the handshake is over. */
  readonly s?: DhPrivateKey;
  /** The peer's static public key (32 bytes), when it is a pre-message. */
  readonly rs?: Uint8Array;
  /** 32 random bytes, unless we send no `e` (the reader of a one-way pattern); taken over, wiped before this returns. */
  readonly ephemeralSecret?: Secret;
  /** A fresh ML-KEM-768 key, when we send `e1`; taken over. */
  readonly e1?: KemPrivateKey;
}

/** What a finished handshake leaves; the keys belong to the caller. */
export interface Split {
  /** `h`, HASHLEN bytes: names this handshake for channel binding (§11.2). */
  readonly handshakeHash: Uint8Array;
  readonly initiatorToResponder: CipherState;
  /** After a one-way pattern this one must not be used (§7.4), only wiped. */
  readonly responderToInitiator: CipherState;
}

/** `next` until the last message, `split` after it. `spent` is for the caller to wipe. */
export type Progress = { readonly spent: readonly Disposable[] } & (
  | { readonly next: Handshake; readonly split: null }
  | { readonly next: null; readonly split: Split }
);
export type Written = Progress & { readonly message: Uint8Array };
export type Read = Progress & { readonly payload: Uint8Array };

/** Initialize (§5.3). Keys that the pattern lacks or does not want are a bug: a plain `Error`. */
export function startHandshake(options: HandshakeOptions): Handshake {
  const { suite, pattern, role, prologue, s = null, rs = null, e1 = null } = options;
  using ephemeralSecret = options.ephemeralSecret;
  const peer = role === "initiator" ? "responder" : "initiator";
  expectKey("s", s !== null, isKnown(pattern, role) || sends(pattern, role, "s"));
  expectKey("rs", rs !== null, isKnown(pattern, peer));
  expectKey("e1", e1 !== null, sends(pattern, role, "e1"));
  expectKey("ephemeralSecret", ephemeralSecret !== undefined, sends(pattern, role, "e"));
  if (rs !== null && rs.length !== DH_BYTES) throw new Error("noise: rs is not 32 bytes");

  let symmetric = initializeSymmetric(suite, protocolName(pattern, suite));
  symmetric = mixHash(suite, symmetric, prologue);
  for (const [arrow] of pattern.preMessages) {
    const key = sender(arrow) === role ? s?.publicKey : rs;
    if (key != null) symmetric = mixHash(suite, symmetric, key);
  }
  const e = ephemeralSecret?.use((bytes) => suite.crypto.dhKey(bytes)) ?? null;
  return { suite, pattern, role, index: 0, symmetric, s, e, e1, rs: rs && new Uint8Array(rs), re: null, re1: null };
}

/**
 * WriteMessage. `payload` is borrowed until the generator is done.
 * Out of turn, and above 65,535 bytes, is a bug: a plain `Error`.
 * @throws channel.handshake when a key that the peer sent earlier is not one
 */
export function* writeMessage(before: Handshake, payload: Uint8Array): Generator<KemRequest, Written, KemAnswer> {
  const { pattern, role, index } = before;
  const { from, tokens } = line(before);
  if (from !== role) throw new Error("noise: not our turn to write");
  if (messageBytes(pattern, index, payload.length) > RECORD_MAX_BYTES) throw new Error("noise: payload too long");
  using attempt = new Attempt(before);
  try {
    const parts: Uint8Array[] = [];
    for (const token of tokens) parts.push(yield* writeToken(attempt, token));
    parts.push(seal(attempt, payload));
    return { ...commit(before, attempt), message: concat(...parts) };
  } catch (error) {
    throw refusal(error, index);
  }
}

/**
 * ReadMessage. `message` is borrowed until the generator is done; the payload does not share memory with it.
 * @throws channel.handshake for a wrong length, a tag that does not verify and a key that is not one, alike
 * @throws state.unexpected when it is our turn to write
 */
export function* readMessage(before: Handshake, message: Uint8Array): Generator<KemRequest, Read, KemAnswer> {
  const { pattern, role, index } = before;
  const { from, tokens } = line(before);
  if (from === role) throw new CodedError("state.unexpected", "a handshake message out of turn");
  if (message.length < messageBytes(pattern, index, 0) || message.length > RECORD_MAX_BYTES) {
    throw new CodedError("channel.handshake", `handshake message ${index + 1} has a wrong length`);
  }
  using attempt = new Attempt(before);
  let rest = message;
  const take = (length: number): Uint8Array => {
    const taken = rest.subarray(0, length);
    rest = rest.subarray(length);
    return taken;
  };
  try {
    for (const token of tokens) yield* readToken(attempt, token, take);
    const payload = open(attempt, rest);
    return { ...commit(before, attempt), payload };
  } catch (error) {
    throw refusal(error, index);
  }
}

/** Gives up `handshake`: wipes all that it owns. Twice is harmless. */
export function wipeHandshake(handshake: Handshake): void {
  wipe(...secretsOf(handshake));
}

/** Refuses `result`: wipes what it added to `before`, which stays valid. */
export function discard(before: Handshake, result: Progress): void {
  if (result.split === null) wipe(...without(secretsOf(result.next), secretsOf(before)));
  else wipe(result.split.initiatorToResponder.key, result.split.responderToInitiator.key);
}

function commit(before: Handshake, attempt: Attempt): Progress {
  const { suite, pattern, symmetric } = attempt.now;
  if (before.index + 1 === pattern.messages.length) {
    const [initiatorToResponder, responderToInitiator] = split(suite, symmetric);
    const handshakeHash = symmetric.hash;
    return {
      next: null,
      split: { handshakeHash, initiatorToResponder, responderToInitiator },
      spent: secretsOf(before),
    };
  }
  const next = { ...attempt.now, index: before.index + 1 };
  attempt.keep(next);
  return { next, split: null, spent: without(secretsOf(before), secretsOf(next)) };
}

function line({ pattern, index }: Handshake): { from: Role; tokens: readonly Token[] } {
  const message = pattern.messages[index];
  if (message === undefined) throw new Error("noise: the handshake is over");
  const [arrow, ...tokens] = message;
  return { from: sender(arrow), tokens };
}

/** What a primitive says of the peer's bytes is one and the same failure outside; the reason stays as its cause. */
function refusal(error: unknown, index: number): unknown {
  const primitive = error instanceof CodedError && (error.code === "crypto.open" || error.code === "crypto.badKey");
  if (!primitive) return error;
  return new CodedError("channel.handshake", `handshake message ${index + 1} does not verify`, { cause: error });
}

function expectKey(name: string, given: boolean, wanted: boolean): void {
  if (given !== wanted) throw new Error(`noise: ${name} ${wanted ? "is missing" : "has no place in this pattern"}`);
}
