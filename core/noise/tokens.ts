/**
 * What each token of a message pattern does (Noise rev 34 §5.3; hfs revision 1 §4), for the writer and the reader.
 *
 * - `e`   the ephemeral public key in clear, then MixHash(e)
 * - `s`   EncryptAndHash(s)
 * - `e1`  EncryptAndHash(e1): the ML-KEM encapsulation key, sent "as if it was a static DH public key"
 * - `ee`, `es`, `se`, `ss`  MixKey(DH); the first letter is the initiator's key
 * - `ekem1`  the writer encapsulates to the e1 it has received, sends EncryptAndHash(ciphertext), then
 *   MixKey(kem_output); the reader opens the ciphertext first, then decapsulates, then mixes. So the ciphertext is
 *   sealed under the key before it, and everything after it depends on both exchanges.
 */
import { EMPTY } from "../bytes.ts";
import {
  DH_BYTES,
  type DhPrivateKey,
  type Job,
  type JobResult,
  KEM_CIPHERTEXT_BYTES,
  KEM_PUBLIC_BYTES,
  TAG_BYTES,
} from "../crypto/provider.ts";
import type { Secret } from "../secret.ts";
import type { Attempt } from "./attempt.ts";
import type { Handshake } from "./handshakeState.ts";
import type { Token } from "./patterns.ts";
import { decryptAndHash, encryptAndHash, mixHash, mixKey } from "./symmetricState.ts";

/** What a handshake asks of the provider at `ekem1`, and the matching answer. */
export type KemRequest = Extract<Job, { op: "kemEncapsulate" | "kemDecapsulate" }>;
export type KemAnswer = Extract<JobResult, { op: "kemEncapsulate" | "kemDecapsulate" }>;

/** Writes one token; gives the bytes that it puts into the message. @throws crypto.badKey */
export function* writeToken(attempt: Attempt, token: Token): Generator<KemRequest, Uint8Array, KemAnswer> {
  const { suite, symmetric, e, e1, s, re1 } = attempt.now;
  switch (token) {
    case "e": {
      const { publicKey } = present(e, "e");
      attempt.set({ symmetric: mixHash(suite, symmetric, publicKey) });
      return publicKey;
    }
    case "s":
      return seal(attempt, present(s, "s").publicKey);
    case "e1":
      return seal(attempt, present(e1, "e1").publicKey);
    case "ekem1": {
      const answer = yield { op: "kemEncapsulate", publicKey: present(re1, "re1") };
      using output = answer.sharedSecret;
      if (answer.op !== "kemEncapsulate") throw new Error("noise: asked to encapsulate, answered otherwise");
      const sealed = seal(attempt, answer.ciphertext);
      mix(attempt, output);
      return sealed;
    }
    default:
      mixDh(attempt, token);
      return EMPTY;
  }
}

/** Reads one token from the bytes that `take(length)` gives, in order. @throws crypto.open, crypto.badKey */
export function* readToken(
  attempt: Attempt,
  token: Token,
  take: (length: number) => Uint8Array,
): Generator<KemRequest, void, KemAnswer> {
  const { suite, symmetric, e1 } = attempt.now;
  const sealed = (length: number) => take(symmetric.cipher === null ? length : length + TAG_BYTES);
  switch (token) {
    case "e": {
      const re = new Uint8Array(take(DH_BYTES));
      attempt.set({ symmetric: mixHash(suite, symmetric, re), re });
      return;
    }
    case "s":
      attempt.set({ rs: open(attempt, sealed(DH_BYTES)) });
      return;
    case "e1":
      attempt.set({ re1: open(attempt, sealed(KEM_PUBLIC_BYTES)) });
      return;
    case "ekem1": {
      const ciphertext = open(attempt, sealed(KEM_CIPHERTEXT_BYTES));
      const answer = yield { op: "kemDecapsulate", privateKey: present(e1, "e1"), ciphertext };
      using output = answer.sharedSecret;
      if (answer.op !== "kemDecapsulate") throw new Error("noise: asked to decapsulate, answered otherwise");
      mix(attempt, output);
      attempt.set({ e1: null });
      return;
    }
    default:
      mixDh(attempt, token);
  }
}

/** EncryptAndHash. */
export function seal(attempt: Attempt, plaintext: Uint8Array): Uint8Array {
  const { next, ciphertext } = encryptAndHash(attempt.now.suite, attempt.now.symmetric, plaintext);
  attempt.set({ symmetric: next });
  return ciphertext;
}

/** DecryptAndHash. @throws crypto.open */
export function open(attempt: Attempt, ciphertext: Uint8Array): Uint8Array {
  const { next, plaintext } = decryptAndHash(attempt.now.suite, attempt.now.symmetric, ciphertext);
  attempt.set({ symmetric: next });
  return plaintext;
}

function mixDh(attempt: Attempt, token: "ee" | "es" | "se" | "ss"): void {
  const { privateKey, publicKey } = dhKeys(attempt.now, token);
  using shared = attempt.now.suite.crypto.dh(privateKey, publicKey);
  mix(attempt, shared);
}

function mix(attempt: Attempt, input: Secret): void {
  attempt.set({ symmetric: mixKey(attempt.now.suite, attempt.now.symmetric, input) });
}

function dhKeys(
  { role, e, s, re, rs }: Handshake,
  token: "ee" | "es" | "se" | "ss",
): { privateKey: DhPrivateKey; publicKey: Uint8Array } {
  const [ofInitiator, ofResponder] = token;
  const [ours, theirs] = role === "initiator" ? [ofInitiator, ofResponder] : [ofResponder, ofInitiator];
  return {
    privateKey: ours === "e" ? present(e, "e") : present(s, "s"),
    publicKey: theirs === "e" ? present(re, "re") : present(rs, "rs"),
  };
}

function present<T>(key: T | null, name: string): T {
  if (key === null) throw new Error(`noise: the pattern needs ${name}, which is not there`);
  return key;
}
