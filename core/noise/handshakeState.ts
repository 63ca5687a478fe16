import type { DhPrivateKey, KemPrivateKey } from "../crypto/provider.ts";
import type { HandshakePattern, Role } from "./patterns.ts";
import type { NoiseSuite } from "./suite.ts";
import type { SymmetricState } from "./symmetricState.ts";

/** The state of a handshake before message `index` (Noise rev 34 §5.3). A value: never changed, only replaced. */
export interface Handshake {
  readonly suite: NoiseSuite;
  readonly pattern: HandshakePattern;
  readonly role: Role;
  /** The message to be written or read next, from 0. */
  readonly index: number;
  readonly symmetric: SymmetricState;
  /** Borrowed from the caller, who disposes it after the handshake. */
  readonly s: DhPrivateKey | null;
  /** Owned. */
  readonly e: DhPrivateKey | null;
  /** Owned; null again once it has decapsulated. */
  readonly e1: KemPrivateKey | null;
  /** The peer's public keys as far as they are known. */
  readonly rs: Uint8Array | null;
  readonly re: Uint8Array | null;
  readonly re1: Uint8Array | null;
}

/** The secrets that `handshake` owns: everything but the static key. */
export function secretsOf(handshake: Handshake): readonly Disposable[] {
  const { symmetric, e, e1 } = handshake;
  return [symmetric.chainingKey, symmetric.cipher?.key, e, e1].filter((secret) => secret != null);
}

/** Those of `secrets` that are not among `others`: states that follow one another share some. */
export function without(secrets: readonly Disposable[], others: readonly Disposable[]): readonly Disposable[] {
  return secrets.filter((secret) => !others.includes(secret));
}
