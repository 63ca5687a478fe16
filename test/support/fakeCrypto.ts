import { isSaneSignature } from "../../core/crypto/ed25519.ts";
import { checkCiphertext, checkEncapsulationKey } from "../../core/crypto/mlKem.ts";
import { nativeCrypto } from "../../core/crypto/native.ts";
import {
  type CryptoProvider,
  DH_BYTES,
  type DhPrivateKey,
  type Job,
  type JobResult,
  KEM_CIPHERTEXT_BYTES,
  KEM_MESSAGE_BYTES,
  KEM_PUBLIC_BYTES,
  KEM_SEED_BYTES,
  KEY_BYTES,
  type KemPrivateKey,
  NONCE_BYTES,
  type RandomBytes,
  SIGN_KEY_BYTES,
  type SignPrivateKey,
  TAG_BYTES,
} from "../../core/crypto/provider.ts";
import { checkPublicKey } from "../../core/crypto/x25519.ts";
import { CodedError } from "../../core/errors.ts";
import { Secret } from "../../core/secret.ts";

/** The field in which keys are agreed: 2^61 - 1. */
const PRIME = 2n ** 61n - 1n;
/** A generator: anything but 0 and 1. */
const BASE = 0x1234_5678_9abc_def1n;
/** What stands after the 8 bytes of an honest public key: it keeps the key canonical and of no low order. */
const TAIL = new Uint8Array(DH_BYTES - 8).fill(0x5a);
const { wyhash } = Bun.hash;

/**
 * The primitives without their strength, for simulations that run by the thousand: whoever knows a public key knows all. The
 * algebra is faithful: two agree on one secret, signatures verify for their key and message alone, an altered KEM ciphertext
 * gives another secret, AEAD binds key, nonce, associated data and every byte, the same inputs are refused with the same
 * codes. Hashes are real. `run` answers at once, and password stretching is one HMAC.
 */
export const fakeCrypto: CryptoProvider = {
  ...nativeCrypto,

  seal: (key, nonce, associatedData, plaintext) =>
    key.use((bytes) => {
      checkAead(bytes, nonce);
      const sealed = new Uint8Array(plaintext.length + TAG_BYTES);
      const start = wyhash(nonce, wyhash(bytes));
      mask(start, plaintext, sealed);
      writeTag(sealed, plaintext.length, tagOf(start, associatedData, sealed.subarray(0, plaintext.length)));
      return sealed;
    }),

  open: (key, nonce, associatedData, sealed) =>
    key.use((bytes) => {
      checkAead(bytes, nonce);
      const end = sealed.length - TAG_BYTES;
      if (end < 0) throw new CodedError("crypto.open", "shorter than a tag");
      const start = wyhash(nonce, wyhash(bytes));
      const ciphertext = sealed.subarray(0, end);
      const tag = new Uint8Array(TAG_BYTES);
      writeTag(tag, 0, tagOf(start, associatedData, ciphertext));
      for (let i = 0; i < TAG_BYTES; i += 1) if (tag[i] !== sealed[end + i]) throw new CodedError("crypto.open");
      const plaintext = new Uint8Array(end);
      mask(start, ciphertext, plaintext);
      return plaintext;
    }),

  dhKey: (secretKey) => new FakeDhKey(secretKey),

  dh(privateKey, publicKey) {
    if (!(privateKey instanceof FakeDhKey)) throw new Error("fake: a key of another provider");
    checkPublicKey(publicKey);
    const shared = (privateKey.scalar * elementOf(publicKey)) % PRIME;
    if (shared === 0n) throw new CodedError("crypto.badKey", "x25519: low order");
    return Secret.take(encode(shared));
  },

  signKey: (secretKey) => new FakeSignKey(secretKey),

  sign(privateKey, message) {
    if (!(privateKey instanceof FakeSignKey)) throw new Error("fake: a key of another provider");
    privateKey.check();
    return signature(privateKey.publicKey, message);
  },

  verify(publicKey, message, given) {
    if (!isSaneSignature(publicKey, given)) return false;
    return signature(publicKey, message).every((byte, i) => byte === given[i]);
  },

  kemPublicKey,

  kemEncapsulate(publicKey, message) {
    checkEncapsulationKey(publicKey);
    return message.use((bytes) => encapsulate(publicKey, bytes));
  },

  kemDecapsulate(seed, ciphertext) {
    checkCiphertext(ciphertext);
    return Secret.take(nativeCrypto.sha256(kemPublicKey(seed), ciphertext));
  },

  run(job: Job, randomBytes: RandomBytes): JobResult {
    switch (job.op) {
      case "kemGenerate":
        return { op: "kemGenerate", privateKey: new FakeKemKey(Secret.take(randomBytes(KEM_SEED_BYTES))) };
      case "kemEncapsulate": {
        checkEncapsulationKey(job.publicKey);
        const message = randomBytes(KEM_MESSAGE_BYTES);
        const result = encapsulate(job.publicKey, message);
        message.fill(0);
        return { op: "kemEncapsulate", ...result };
      }
      case "kemDecapsulate": {
        if (!(job.privateKey instanceof FakeKemKey)) throw new Error("fake: a key of another provider");
        return { op: "kemDecapsulate", sharedSecret: fakeCrypto.kemDecapsulate(job.privateKey.seed, job.ciphertext) };
      }
      case "stretch": {
        const output = job.input.use((input) => nativeCrypto.hmacSha512(job.salt, input));
        return { op: "stretch", output: Secret.take(output.slice(0, job.params.outputBytes)) };
      }
    }
  },
};

/** A number below the prime; the public key is its multiple of the base. */
class FakeDhKey implements DhPrivateKey {
  readonly publicKey: Uint8Array;
  #scalar: bigint | null;

  constructor(secretKey: Uint8Array) {
    if (secretKey.length !== DH_BYTES) throw new Error("fake: an X25519 key has 32 bytes");
    this.#scalar = (wyhash(secretKey) % (PRIME - 1n)) + 1n;
    this.publicKey = encode((this.#scalar * BASE) % PRIME);
  }

  get scalar(): bigint {
    if (this.#scalar === null) throw new Error("fake: key used after it was disposed");
    return this.#scalar;
  }

  [Symbol.dispose](): void {
    this.#scalar = null;
  }
}

class FakeSignKey implements SignPrivateKey {
  readonly publicKey: Uint8Array;
  #disposed = false;

  constructor(secretKey: Uint8Array) {
    if (secretKey.length !== SIGN_KEY_BYTES) throw new Error("fake: an Ed25519 key has 32 bytes");
    this.publicKey = nativeCrypto.sha256(secretKey);
    this.publicKey[31] = 0x20; // canonical, and of no low order
  }

  check(): void {
    if (this.#disposed) throw new Error("fake: key used after it was disposed");
  }

  [Symbol.dispose](): void {
    this.#disposed = true;
  }
}

class FakeKemKey implements KemPrivateKey {
  readonly publicKey: Uint8Array;
  readonly seed: Secret;

  constructor(seed: Secret) {
    this.seed = seed;
    this.publicKey = kemPublicKey(seed);
  }

  [Symbol.dispose](): void {
    this.seed[Symbol.dispose]();
  }
}

/** `element` in 8 bytes, little endian, and the tail. */
function encode(element: bigint): Uint8Array {
  const out = new Uint8Array(DH_BYTES);
  new DataView(out.buffer).setBigUint64(0, element, true);
  out.set(TAIL, 8);
  return out;
}

/** What a public key stands for; one that no `encode` made stands for something else. */
function elementOf(publicKey: Uint8Array): bigint {
  const value = new DataView(publicKey.buffer, publicKey.byteOffset).getBigUint64(0, true);
  const honest = value < PRIME && TAIL.every((byte, i) => byte === publicKey[i + 8]);
  return honest ? value : wyhash(publicKey) % PRIME;
}

/** 64 bytes, both halves canonical. */
function signature(publicKey: Uint8Array, message: Uint8Array): Uint8Array {
  const out = nativeCrypto.hmacSha512(publicKey, message);
  out[31] = (out[31] ?? 0) & 0x3f;
  out[63] = (out[63] ?? 0) & 0x0f;
  return out;
}

/** Coefficients of zero, and a tail that is the seed's. */
function kemPublicKey(seed: Secret): Uint8Array {
  return seed.use((bytes) => {
    if (bytes.length !== KEM_SEED_BYTES) throw new Error("fake: an ML-KEM-768 seed has 64 bytes");
    const out = new Uint8Array(KEM_PUBLIC_BYTES);
    out.set(nativeCrypto.sha256(bytes), KEM_PUBLIC_BYTES - 32);
    return out;
  });
}

function encapsulate(publicKey: Uint8Array, message: Uint8Array): { ciphertext: Uint8Array; sharedSecret: Secret } {
  const ciphertext = new Uint8Array(KEM_CIPHERTEXT_BYTES);
  ciphertext.set(nativeCrypto.sha256(publicKey, message));
  return { ciphertext, sharedSecret: Secret.take(nativeCrypto.sha256(publicKey, ciphertext)) };
}

function checkAead(key: Uint8Array, nonce: Uint8Array): void {
  if (key.length !== KEY_BYTES) throw new Error("fake: an AES-256-GCM key has 32 bytes");
  if (nonce.length !== NONCE_BYTES) throw new Error("fake: an AES-256-GCM nonce has 12 bytes");
}

/** XORs `from` with a stream of `start` (xorshift) into `to`. */
function mask(start: bigint, from: Uint8Array, to: Uint8Array): void {
  let x = Number(start & 0xffff_ffffn) | 1;
  for (let i = 0; i < from.length; i += 1) {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    to[i] = (from[i] ?? 0) ^ (x >>> 8);
  }
}

function tagOf(start: bigint, associatedData: Uint8Array, ciphertext: Uint8Array): bigint {
  return wyhash(ciphertext, wyhash(associatedData, start));
}

/** The tag, 8 bytes twice. */
function writeTag(out: Uint8Array, at: number, tag: bigint): void {
  const view = new DataView(out.buffer, out.byteOffset + at);
  view.setBigUint64(0, tag, true);
  view.setBigUint64(8, ~tag & 0xffff_ffff_ffff_ffffn, true);
}
