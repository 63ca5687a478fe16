import {
  argon2,
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  type KeyObject,
  hash as oneShotHash,
  sign,
  verify,
  type webcrypto,
} from "node:crypto";
import { CodedError } from "../errors.ts";
import { Secret } from "../secret.ts";
import { isSaneSignature } from "./ed25519.ts";
import { kemNow } from "./kemNow.ts";
import { checkCiphertext, checkEncapsulationKey } from "./mlKem.ts";
import {
  type CryptoProvider,
  DH_BYTES,
  type DhPrivateKey,
  type Job,
  type JobResult,
  KEM_SEED_BYTES,
  KEY_BYTES,
  type KemPrivateKey,
  NONCE_BYTES,
  type RandomBytes,
  SIGN_KEY_BYTES,
  type SignPrivateKey,
  type StretchParams,
  TAG_BYTES,
} from "./provider.ts";
import { checkPublicKey } from "./x25519.ts";

const AEAD = "aes-256-gcm";
const KEM = { name: "ML-KEM-768" };
const { subtle } = globalThis.crypto;

/**
 * The provider for hot paths: what the platform has built in. `run` always answers later.
 *
 * A platform key object cannot be wiped: disposing a key handle drops the only reference, and the bytes go when the
 * collector frees the object (THREAT_MODEL, "Memory"). The same holds for the key inside a cipher object. What the
 * platform returns as a `Buffer` leaves here as a plain `Uint8Array`, because `Buffer.slice` does not copy.
 */
export const nativeCrypto: CryptoProvider = {
  name: "native",

  sha256: (...parts) => digest("sha256", parts),
  sha512: (...parts) => digest("sha512", parts),
  hmacSha256: (key, ...parts) => mac("sha256", key, parts),
  hmacSha512: (key, ...parts) => mac("sha512", key, parts),

  seal: (key, nonce, associatedData, plaintext) =>
    key.use((bytes) => {
      checkAead(bytes, nonce);
      const cipher = createCipheriv(AEAD, bytes, nonce);
      cipher.setAAD(associatedData);
      const sealed = new Uint8Array(plaintext.length + TAG_BYTES);
      sealed.set(cipher.update(plaintext));
      cipher.final();
      sealed.set(cipher.getAuthTag(), plaintext.length);
      return sealed;
    }),

  open: (key, nonce, associatedData, sealed) =>
    key.use((bytes) => {
      checkAead(bytes, nonce);
      const end = sealed.length - TAG_BYTES;
      if (end < 0) throw new CodedError("crypto.open", "shorter than a tag");
      const decipher = createDecipheriv(AEAD, bytes, nonce);
      decipher.setAAD(associatedData);
      decipher.setAuthTag(sealed.subarray(end));
      const plaintext = plain(decipher.update(sealed.subarray(0, end)));
      try {
        decipher.final();
      } catch {
        plaintext.fill(0);
        throw new CodedError("crypto.open");
      }
      return plaintext;
    }),

  dhKey: (secretKey) => new NativeDhKey(secretKey),

  dh(privateKey, publicKey) {
    if (!(privateKey instanceof NativeDhKey)) throw new Error("native: a key of another provider");
    checkPublicKey(publicKey);
    const shared = diffieHellman({ privateKey: privateKey.key, publicKey: importX25519(publicKey) });
    return Secret.take(plain(shared));
  },

  signKey: (secretKey) => new NativeSignKey(secretKey),

  sign(privateKey, message) {
    if (!(privateKey instanceof NativeSignKey)) throw new Error("native: a key of another provider");
    return plain(sign(null, message, privateKey.key));
  },

  verify(publicKey, message, signature) {
    if (!isSaneSignature(publicKey, signature)) return false;
    const key = createPublicKey({ key: publicKey, format: "raw-public", asymmetricKeyType: "ed25519" });
    return verify(null, message, key, signature);
  },

  ...kemNow,

  run(job: Job, randomBytes: RandomBytes): Promise<JobResult> {
    switch (job.op) {
      case "kemGenerate":
        return kemGenerate(randomBytes(KEM_SEED_BYTES));
      case "kemEncapsulate":
        return kemEncapsulate(job.publicKey);
      case "kemDecapsulate":
        return kemDecapsulate(job.privateKey, job.ciphertext);
      case "stretch":
        return job.input.use((input) => stretch(input, job.salt, job.params));
    }
  },
};

/** An X25519 key as a key object: agreeing with raw bytes costs half as much again. */
class NativeDhKey implements DhPrivateKey {
  readonly publicKey: Uint8Array;
  #key: KeyObject | null;

  constructor(secretKey: Uint8Array) {
    if (secretKey.length !== DH_BYTES) throw new Error("native: an X25519 key has 32 bytes");
    const key = createPrivateKey({ key: secretKey, format: "raw-private", asymmetricKeyType: "x25519" });
    this.publicKey = plain(createPublicKey(key).export({ format: "raw-public" }));
    this.#key = key;
  }

  get key(): KeyObject {
    if (this.#key === null) throw new Error("native: key used after it was disposed");
    return this.#key;
  }

  /** Drops the key object; its memory cannot be wiped. */
  [Symbol.dispose](): void {
    this.#key = null;
  }
}

/** An Ed25519 key as a key object. */
class NativeSignKey implements SignPrivateKey {
  readonly publicKey: Uint8Array;
  #key: KeyObject | null;

  constructor(secretKey: Uint8Array) {
    if (secretKey.length !== SIGN_KEY_BYTES) throw new Error("native: an Ed25519 key has 32 bytes");
    const key = createPrivateKey({ key: secretKey, format: "raw-private", asymmetricKeyType: "ed25519" });
    this.publicKey = plain(createPublicKey(key).export({ format: "raw-public" }));
    this.#key = key;
  }

  get key(): KeyObject {
    if (this.#key === null) throw new Error("native: key used after it was disposed");
    return this.#key;
  }

  /** Drops the key object; its memory cannot be wiped. */
  [Symbol.dispose](): void {
    this.#key = null;
  }
}

/** An ML-KEM-768 key as a key object that cannot be exported. */
class NativeKemKey implements KemPrivateKey {
  readonly publicKey: Uint8Array;
  #key: webcrypto.CryptoKey | null;

  constructor(key: webcrypto.CryptoKey, publicKey: Uint8Array) {
    this.#key = key;
    this.publicKey = publicKey;
  }

  get key(): webcrypto.CryptoKey {
    if (this.#key === null) throw new Error("native: key used after it was disposed");
    return this.#key;
  }

  /** Drops the key object; its memory cannot be wiped. */
  [Symbol.dispose](): void {
    this.#key = null;
  }
}

/** The same memory as a plain `Uint8Array`. */
function plain(buffer: Buffer): Uint8Array {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length);
}

/** A copy in memory that no other thread can write, which is what WebCrypto takes. */
function unshared(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(bytes);
}

function digest(algorithm: "sha256" | "sha512", parts: readonly Uint8Array[]): Uint8Array {
  const [only] = parts;
  if (only !== undefined && parts.length === 1) return plain(oneShotHash(algorithm, only, "buffer"));
  const state = createHash(algorithm);
  for (const part of parts) state.update(part);
  return plain(state.digest());
}

function mac(algorithm: "sha256" | "sha512", key: Uint8Array, parts: readonly Uint8Array[]): Uint8Array {
  const state = createHmac(algorithm, key);
  for (const part of parts) state.update(part);
  return plain(state.digest());
}

function checkAead(key: Uint8Array, nonce: Uint8Array): void {
  if (key.length !== KEY_BYTES) throw new Error("native: an AES-256-GCM key has 32 bytes");
  if (nonce.length !== NONCE_BYTES) throw new Error("native: an AES-256-GCM nonce has 12 bytes");
}

function importX25519(publicKey: Uint8Array): KeyObject {
  return createPublicKey({ key: publicKey, format: "raw-public", asymmetricKeyType: "x25519" });
}

/** Wipes `seed`. */
async function kemGenerate(seed: Uint8Array): Promise<JobResult> {
  const copy = unshared(seed);
  seed.fill(0);
  try {
    const key = await subtle.importKey("raw-seed", copy, KEM, false, ["decapsulateBits"]);
    const publicKey = await subtle.getPublicKey(key, ["encapsulateBits"]);
    const bytes = new Uint8Array(await subtle.exportKey("raw-public", publicKey));
    return { op: "kemGenerate", privateKey: new NativeKemKey(key, bytes) };
  } finally {
    copy.fill(0);
  }
}

async function kemEncapsulate(publicKey: Uint8Array): Promise<JobResult> {
  checkEncapsulationKey(publicKey);
  const key = await subtle.importKey("raw-public", unshared(publicKey), KEM, false, ["encapsulateBits"]);
  const { ciphertext, sharedKey } = await subtle.encapsulateBits(KEM, key);
  const sharedSecret = Secret.take(new Uint8Array(sharedKey));
  return { op: "kemEncapsulate", ciphertext: new Uint8Array(ciphertext), sharedSecret };
}

async function kemDecapsulate(privateKey: KemPrivateKey, ciphertext: Uint8Array): Promise<JobResult> {
  if (!(privateKey instanceof NativeKemKey)) throw new Error("native: a key of another provider");
  checkCiphertext(ciphertext);
  const shared = await subtle.decapsulateBits(KEM, privateKey.key, unshared(ciphertext));
  return { op: "kemDecapsulate", sharedSecret: Secret.take(new Uint8Array(shared)) };
}

/** The platform copies `input` before this returns; that copy is not ours to wipe. */
function stretch(input: Uint8Array, salt: Uint8Array, params: StretchParams): Promise<JobResult> {
  const { memoryKiB: memory, passes, lanes: parallelism, outputBytes: tagLength } = params;
  const { promise, resolve, reject } = Promise.withResolvers<JobResult>();
  argon2("argon2id", { message: input, nonce: salt, memory, passes, parallelism, tagLength }, (error, output) => {
    if (error !== null) reject(error);
    else resolve({ op: "stretch", output: Secret.take(plain(output)) });
  });
  return promise;
}
