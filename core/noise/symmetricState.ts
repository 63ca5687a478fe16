/**
 * Noise rev 34 §5.2: the chaining key, the transcript hash and, once a key has been mixed in, the cipher.
 *
 * Pure: every function gives a new state and wipes nothing that it was given. States share secrets (`mixHash` keeps
 * all, `mixKey` replaces all), so wiping is left to the one who holds the chain of them: see attempt.ts.
 */
import { EMPTY, utf8 } from "../bytes.ts";
import { KEY_BYTES } from "../crypto/provider.ts";
import { Secret } from "../secret.ts";
import { type CipherState, decryptWithAd, encryptWithAd, newCipherState } from "./cipherState.ts";
import type { NoiseSuite } from "./suite.ts";

export interface SymmetricState {
  /** `ck`: HASHLEN bytes. */
  readonly chainingKey: Secret;
  /** `h`: HASHLEN bytes, public. */
  readonly hash: Uint8Array;
  /** Null until the first `mixKey`: until then EncryptAndHash sends in clear. */
  readonly cipher: CipherState | null;
}

/** InitializeSymmetric: `h` is the name, padded with zeros or hashed when it is longer than HASHLEN; `ck = h`. */
export function initializeSymmetric(suite: NoiseSuite, protocolName: string): SymmetricState {
  const name = utf8(protocolName);
  const hash = name.length > suite.hashBytes ? suite.hash(name) : new Uint8Array(suite.hashBytes);
  if (name.length <= suite.hashBytes) hash.set(name);
  return { chainingKey: Secret.copy(hash), hash, cipher: null };
}

/** MixKey: a new chaining key and a new cipher key at counter 0. `input` stays the caller's. */
export function mixKey(suite: NoiseSuite, state: SymmetricState, input: Secret): SymmetricState {
  const [chainingKey, key] = input.use((bytes) => hkdf2(suite, state.chainingKey, bytes));
  return { chainingKey, hash: state.hash, cipher: newCipherState(cipherKey(key)) };
}

/** MixHash: `h = HASH(h || data)`. */
export function mixHash(suite: NoiseSuite, state: SymmetricState, data: Uint8Array): SymmetricState {
  return { ...state, hash: suite.hash(state.hash, data) };
}

/** EncryptAndHash: seals `plaintext` under `h`, or copies it while there is no key; mixes what is sent into `h`. */
export function encryptAndHash(
  suite: NoiseSuite,
  state: SymmetricState,
  plaintext: Uint8Array,
): { readonly next: SymmetricState; readonly ciphertext: Uint8Array } {
  if (state.cipher === null) return { next: mixHash(suite, state, plaintext), ciphertext: new Uint8Array(plaintext) };
  const { next, ciphertext } = encryptWithAd(suite, state.cipher, state.hash, plaintext);
  return { next: { ...mixHash(suite, state, ciphertext), cipher: next }, ciphertext };
}

/** DecryptAndHash, the inverse. The plaintext never shares memory with `ciphertext`. @throws crypto.open */
export function decryptAndHash(
  suite: NoiseSuite,
  state: SymmetricState,
  ciphertext: Uint8Array,
): { readonly next: SymmetricState; readonly plaintext: Uint8Array } {
  if (state.cipher === null) return { next: mixHash(suite, state, ciphertext), plaintext: new Uint8Array(ciphertext) };
  const { next, plaintext } = decryptWithAd(suite, state.cipher, state.hash, ciphertext);
  return { next: { ...mixHash(suite, state, ciphertext), cipher: next }, plaintext };
}

/** Split: the cipher of the initiator's messages, then that of the responder's, under keys of their own. */
export function split(suite: NoiseSuite, state: SymmetricState): readonly [CipherState, CipherState] {
  const [first, second] = hkdf2(suite, state.chainingKey, EMPTY);
  return [newCipherState(cipherKey(first)), newCipherState(cipherKey(second))];
}

/** HKDF(ck, input, 2) of §4.3. */
function hkdf2(suite: NoiseSuite, chainingKey: Secret, input: Uint8Array): [Secret, Secret] {
  using temporary = Secret.take(chainingKey.use((key) => suite.hmac(key, input)));
  return temporary.use((key) => {
    const first = suite.hmac(key, Uint8Array.of(1));
    return [Secret.take(first), Secret.take(suite.hmac(key, first, Uint8Array.of(2)))];
  });
}

/** "If HASHLEN is 64, then truncates temp_k to 32 bytes" (§5.2). Takes `output` over. */
function cipherKey(output: Secret): Secret {
  using full = output;
  return full.slice(0, KEY_BYTES);
}
