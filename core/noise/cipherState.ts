/**
 * Noise rev 34 §5.1: a key and the counter that is its nonce. States are values: each call gives the state to go on
 * with, and a throw leaves the old one as it was. All states of one key share its `Secret`, so the key is wiped once,
 * by whoever drops the last state; `rekey` names the key it leaves behind.
 *
 * Sealing twice from one state would use a nonce twice: commit `next` before the ciphertext leaves.
 */
import { EMPTY } from "../bytes.ts";
import { KEY_BYTES } from "../crypto/provider.ts";
import { CodedError } from "../errors.ts";
import { COUNTER_MAX } from "../limits.ts";
import { Secret } from "../secret.ts";
import type { NoiseSuite } from "./suite.ts";

export interface CipherState {
  /** 32 bytes. */
  readonly key: Secret;
  /** The counter of the next message, 0 to COUNTER_MAX; one above that the state is exhausted. */
  readonly counter: number;
}

/** The counter that Noise reserves for `rekey` (§5.1): 2^64 - 1, out of reach of COUNTER_MAX. */
const REKEY_COUNTER = 2n ** 64n - 1n;

/** InitializeKey: a state of `key`, which it takes over, at counter 0. */
export function newCipherState(key: Secret): CipherState {
  return { key, counter: 0 };
}

/**
 * EncryptWithAd: 16 bytes are added.
 * @throws channel.exhausted once the counter COUNTER_MAX has been used
 */
export function encryptWithAd(
  suite: NoiseSuite,
  state: CipherState,
  associatedData: Uint8Array,
  plaintext: Uint8Array,
): { readonly next: CipherState; readonly ciphertext: Uint8Array } {
  const next = advance(state);
  return { next, ciphertext: suite.seal(state.key, state.counter, associatedData, plaintext) };
}

/**
 * DecryptWithAd.
 * @throws crypto.open when the tag does not verify; `state` can still open the true message
 * @throws channel.exhausted once the counter COUNTER_MAX has been used
 */
export function decryptWithAd(
  suite: NoiseSuite,
  state: CipherState,
  associatedData: Uint8Array,
  ciphertext: Uint8Array,
): { readonly next: CipherState; readonly plaintext: Uint8Array } {
  const next = advance(state);
  return { next, plaintext: suite.open(state.key, state.counter, associatedData, ciphertext) };
}

/**
 * Rekey (§4.2, §11.3): the new key is the first 32 bytes of ENCRYPT(k, 2^64 - 1, zerolen, 32 zeros). The counter goes
 * on, as §5.1 has it. `spent` is the old key, for the caller to wipe once `next` is committed.
 */
export function rekey(
  suite: NoiseSuite,
  state: CipherState,
): { readonly next: CipherState; readonly spent: readonly Secret[] } {
  using sealed = Secret.take(suite.seal(state.key, REKEY_COUNTER, EMPTY, new Uint8Array(KEY_BYTES)));
  return { next: { key: sealed.slice(0, KEY_BYTES), counter: state.counter }, spent: [state.key] };
}

function advance(state: CipherState): CipherState {
  if (state.counter > COUNTER_MAX) throw new CodedError("channel.exhausted", "no counter left under this key");
  return { key: state.key, counter: state.counter + 1 };
}
