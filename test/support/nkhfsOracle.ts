/**
 * `Noise_NKhfs_25519+MLKEM768_AESGCM_SHA256` once more, in a straight line from the two specifications and directly on
 * the primitives, sharing nothing with core/noise: it makes both messages and the transport keys from all secrets of
 * both sides. Its HKDF is RFC 5869's with empty info, which Noise §4.3 says its own equals.
 */
import { gcm } from "@noble/ciphers/aes.js";
import { x25519 } from "@noble/curves/ed25519.js";
import { hkdf } from "@noble/hashes/hkdf.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { ml_kem768 } from "@noble/post-quantum/ml-kem.js";

export interface NkhfsInputs {
  readonly prologue: Uint8Array;
  /** X25519, 32 bytes each. */
  readonly responderStatic: Uint8Array;
  readonly initiatorEphemeral: Uint8Array;
  readonly responderEphemeral: Uint8Array;
  /** ML-KEM: d and z, 64 bytes; m, 32 bytes. */
  readonly initiatorKemSeed: Uint8Array;
  readonly encapsulationCoins: Uint8Array;
  readonly payloads: readonly [Uint8Array, Uint8Array];
}

export interface NkhfsOutputs {
  readonly messages: readonly [Uint8Array, Uint8Array];
  readonly handshakeHash: Uint8Array;
  /** Seals transport message `n` of the initiator, and of the responder, with no associated data. */
  fromInitiator(n: number, plaintext: Uint8Array): Uint8Array;
  fromResponder(n: number, plaintext: Uint8Array): Uint8Array;
}

const NAME = "Noise_NKhfs_25519+MLKEM768_AESGCM_SHA256";
const NONE = new Uint8Array(0);

function join(...parts: Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

function aesGcm(k: Uint8Array, n: number, ad: Uint8Array, plaintext: Uint8Array): Uint8Array {
  const nonce = Uint8Array.from([...new Array(8).fill(0), n >>> 24, (n >>> 16) & 255, (n >>> 8) & 255, n & 255]);
  return gcm(k, nonce, ad).encrypt(plaintext);
}

export function nkhfsOracle(inputs: NkhfsInputs): NkhfsOutputs {
  const sr = inputs.responderStatic;
  const ei = inputs.initiatorEphemeral;
  const er = inputs.responderEphemeral;
  const e1 = ml_kem768.keygen(inputs.initiatorKemSeed);

  // Initialize: the name is longer than 32 bytes. Prologue; pre-message <- s.
  let h = sha256(new TextEncoder().encode(NAME));
  let ck = h;
  let okm: Uint8Array;
  h = sha256(join(h, inputs.prologue));
  h = sha256(join(h, x25519.getPublicKey(sr)));

  // -> e
  const eiPublic = x25519.getPublicKey(ei);
  h = sha256(join(h, eiPublic));
  // es
  okm = hkdf(sha256, x25519.getSharedSecret(ei, x25519.getPublicKey(sr)), ck, NONE, 64);
  ck = okm.slice(0, 32);
  let k = okm.slice(32);
  // e1, sealed under the key of es, n = 0
  const e1Sealed = aesGcm(k, 0, h, e1.publicKey);
  h = sha256(join(h, e1Sealed));
  // payload, n = 1
  const payload1 = aesGcm(k, 1, h, inputs.payloads[0]);
  h = sha256(join(h, payload1));

  // <- e
  const erPublic = x25519.getPublicKey(er);
  h = sha256(join(h, erPublic));
  // ee
  okm = hkdf(sha256, x25519.getSharedSecret(er, eiPublic), ck, NONE, 64);
  ck = okm.slice(0, 32);
  k = okm.slice(32);
  // ekem1: the ciphertext, sealed under the key of ee, n = 0; then its output is mixed
  const { cipherText, sharedSecret } = ml_kem768.encapsulate(e1.publicKey, inputs.encapsulationCoins);
  const ciphertextSealed = aesGcm(k, 0, h, cipherText);
  h = sha256(join(h, ciphertextSealed));
  okm = hkdf(sha256, sharedSecret, ck, NONE, 64);
  ck = okm.slice(0, 32);
  k = okm.slice(32);
  // payload under the new key, n = 0
  const payload2 = aesGcm(k, 0, h, inputs.payloads[1]);
  h = sha256(join(h, payload2));

  // Split
  okm = hkdf(sha256, NONE, ck, NONE, 64);
  const k1 = okm.slice(0, 32);
  const k2 = okm.slice(32);
  return {
    messages: [join(eiPublic, e1Sealed, payload1), join(erPublic, ciphertextSealed, payload2)],
    handshakeHash: h,
    fromInitiator: (n, plaintext) => aesGcm(k1, n, NONE, plaintext),
    fromResponder: (n, plaintext) => aesGcm(k2, n, NONE, plaintext),
  };
}
