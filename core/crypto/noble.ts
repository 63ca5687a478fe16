import { gcm } from "@noble/ciphers/aes.js";
import { ed25519, x25519 } from "@noble/curves/ed25519.js";
import { bytesToNumberLE } from "@noble/curves/utils.js";
import { argon2id } from "@noble/hashes/argon2.js";
import { hmac } from "@noble/hashes/hmac.js";
import { sha256, sha512 } from "@noble/hashes/sha2.js";
import { ml_kem768 } from "@noble/post-quantum/ml-kem.js";
import { CodedError } from "../errors.ts";
import { Secret } from "../secret.ts";
import { equalBytes } from "./compare.ts";
import { isSaneSignature } from "./ed25519.ts";
import { kemNow } from "./kemNow.ts";
import { checkCiphertext, checkEncapsulationKey } from "./mlKem.ts";
import {
  type CryptoProvider,
  DH_BYTES,
  type DhPrivateKey,
  type Job,
  type JobResult,
  KEM_MESSAGE_BYTES,
  KEM_SEED_BYTES,
  KEY_BYTES,
  type KemPrivateKey,
  NONCE_BYTES,
  type RandomBytes,
  SIGN_KEY_BYTES,
  type SignPrivateKey,
} from "./provider.ts";
import { checkPublicKey } from "./x25519.ts";

/** The reference provider: plain JavaScript, the same on every platform. `run` always answers at once. */
export const nobleCrypto: CryptoProvider = {
  name: "noble",

  sha256: (...parts) => digest(sha256.create(), parts),
  sha512: (...parts) => digest(sha512.create(), parts),
  hmacSha256: (key, ...parts) => digest(hmac.create(sha256, key), parts),
  hmacSha512: (key, ...parts) => digest(hmac.create(sha512, key), parts),

  seal: (key, nonce, associatedData, plaintext) =>
    key.use((bytes) => aead(bytes, nonce, associatedData).encrypt(plaintext)),

  open: (key, nonce, associatedData, sealed) =>
    key.use((bytes) => {
      const cipher = aead(bytes, nonce, associatedData);
      try {
        return cipher.decrypt(sealed);
      } catch {
        throw new CodedError("crypto.open");
      }
    }),

  dhKey: (secretKey) => new NobleDhKey(secretKey),

  dh(privateKey, publicKey) {
    if (!(privateKey instanceof NobleDhKey)) throw new Error("noble: a key of another provider");
    checkPublicKey(publicKey);
    return privateKey.secret.use((bytes) => Secret.take(x25519.getSharedSecret(bytes, publicKey)));
  },

  signKey: (secretKey) => new NobleSignKey(secretKey),

  sign(privateKey, message) {
    if (!(privateKey instanceof NobleSignKey)) throw new Error("noble: a key of another provider");
    return privateKey.secret.use((bytes) => ed25519.sign(message, bytes));
  },

  verify: (publicKey, message, signature) =>
    isSaneSignature(publicKey, signature) && isExact(publicKey, message, signature),

  ...kemNow,

  run(job: Job, randomBytes: RandomBytes): JobResult {
    switch (job.op) {
      case "kemGenerate":
        return kemGenerate(randomBytes(KEM_SEED_BYTES));
      case "kemEncapsulate":
        return kemEncapsulate(job.publicKey, randomBytes);
      case "kemDecapsulate":
        return kemDecapsulate(job.privateKey, job.ciphertext);
      case "stretch": {
        const { memoryKiB: m, passes: t, lanes: p, outputBytes: dkLen } = job.params;
        const output = job.input.use((input) => argon2id(input, job.salt, { m, t, p, dkLen }));
        return { op: "stretch", output: Secret.take(output) };
      }
    }
  },
};

/** An X25519 key as its 32 bytes. */
class NobleDhKey implements DhPrivateKey {
  readonly publicKey: Uint8Array;
  readonly secret: Secret;

  constructor(secretKey: Uint8Array) {
    if (secretKey.length !== DH_BYTES) throw new Error("noble: an X25519 key has 32 bytes");
    this.publicKey = x25519.getPublicKey(secretKey);
    this.secret = Secret.copy(secretKey);
  }

  [Symbol.dispose](): void {
    this.secret[Symbol.dispose]();
  }
}

/** An Ed25519 key as its 32 bytes. */
class NobleSignKey implements SignPrivateKey {
  readonly publicKey: Uint8Array;
  readonly secret: Secret;

  constructor(secretKey: Uint8Array) {
    if (secretKey.length !== SIGN_KEY_BYTES) throw new Error("noble: an Ed25519 key has 32 bytes");
    this.publicKey = ed25519.getPublicKey(secretKey);
    this.secret = Secret.copy(secretKey);
  }

  [Symbol.dispose](): void {
    this.secret[Symbol.dispose]();
  }
}

/** An ML-KEM-768 key as the 2,400 bytes of FIPS 203 §7.1. */
class NobleKemKey implements KemPrivateKey {
  readonly publicKey: Uint8Array;
  readonly secret: Secret;

  /** Wipes `seed`. */
  constructor(seed: Uint8Array) {
    const { publicKey, secretKey } = ml_kem768.keygen(seed);
    seed.fill(0);
    this.publicKey = publicKey;
    this.secret = Secret.take(secretKey);
  }

  [Symbol.dispose](): void {
    this.secret[Symbol.dispose]();
  }
}

/**
 * [S]B = R + [k]A (RFC 8032 §5.1.7), to the byte. noble's own check allows a difference of low order, which the platform's
 * does not: whoever adds one to its key or to R would sign what is good for some and not for others.
 */
function isExact(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  const { Point } = ed25519;
  const [r, s] = [signature.subarray(0, 32), signature.subarray(32)];
  const k = Point.Fn.create(bytesToNumberLE(digest(sha512.create(), [r, publicKey, message])));
  try {
    const key = Point.fromBytes(publicKey);
    return equalBytes(Point.BASE.multiplyUnsafe(Point.Fn.fromBytes(s)).subtract(key.multiplyUnsafe(k)).toBytes(), r);
  } catch {
    return false; // no point has this encoding
  }
}

interface Hasher {
  update(bytes: Uint8Array): unknown;
  digest(): Uint8Array;
  destroy(): void;
}

function digest(hasher: Hasher, parts: readonly Uint8Array[]): Uint8Array {
  for (const part of parts) hasher.update(part);
  const out = hasher.digest();
  hasher.destroy();
  return out;
}

function aead(key: Uint8Array, nonce: Uint8Array, associatedData: Uint8Array): ReturnType<typeof gcm> {
  if (key.length !== KEY_BYTES) throw new Error("noble: an AES-256-GCM key has 32 bytes");
  if (nonce.length !== NONCE_BYTES) throw new Error("noble: an AES-256-GCM nonce has 12 bytes");
  return gcm(key, nonce, associatedData);
}

function kemGenerate(seed: Uint8Array): JobResult {
  return { op: "kemGenerate", privateKey: new NobleKemKey(seed) };
}

function kemEncapsulate(publicKey: Uint8Array, randomBytes: RandomBytes): JobResult {
  checkEncapsulationKey(publicKey);
  const message = randomBytes(KEM_MESSAGE_BYTES);
  const { cipherText, sharedSecret } = ml_kem768.encapsulate(publicKey, message);
  message.fill(0);
  // A view of the hash that made it: copied so that the secret owns its buffer, then wiped.
  const secret = Secret.copy(sharedSecret);
  sharedSecret.fill(0);
  return { op: "kemEncapsulate", ciphertext: cipherText, sharedSecret: secret };
}

function kemDecapsulate(privateKey: KemPrivateKey, ciphertext: Uint8Array): JobResult {
  if (!(privateKey instanceof NobleKemKey)) throw new Error("noble: a key of another provider");
  checkCiphertext(ciphertext);
  const shared = privateKey.secret.use((bytes) => ml_kem768.decapsulate(ciphertext, bytes));
  const secret = Secret.copy(shared);
  shared.fill(0);
  return { op: "kemDecapsulate", sharedSecret: secret };
}
