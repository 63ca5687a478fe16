import type { Secret } from "../secret.ts";

/** Serves `length` bytes from a cryptographic generator; the caller owns them. Needs no `this`. */
export type RandomBytes = (length: number) => Uint8Array;

/**
 * The primitives, behind one small interface with two implementations: noble.ts (the reference, runs anywhere) and
 * native.ts (Bun's own, for hot paths). Both pass the same vectors and are compared with each other.
 *
 * Byte arrays passed in are borrowed for the call; byte arrays returned belong to the caller. A key handle
 * (`DhPrivateKey`, `KemPrivateKey`) is opaque, works only with the provider that made it, and is disposed by its owner.
 */
export interface CryptoProvider {
  readonly name: "noble" | "native";

  /** SHA-256 of the parts, concatenated: 32 bytes. FIPS 180-4. */
  sha256(...parts: readonly Uint8Array[]): Uint8Array;
  /** SHA-512 of the parts, concatenated: 64 bytes. FIPS 180-4. */
  sha512(...parts: readonly Uint8Array[]): Uint8Array;
  /** HMAC-SHA-256: 32 bytes. RFC 2104. */
  hmacSha256(key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array;
  /** HMAC-SHA-512: 64 bytes. RFC 2104. */
  hmacSha512(key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array;

  /**
   * AES-256-GCM (NIST SP 800-38D). `key` 32 bytes, `nonce` 12 bytes, never twice under one key.
   * @returns ciphertext followed by the 16-byte tag
   */
  seal(key: Secret, nonce: Uint8Array, associatedData: Uint8Array, plaintext: Uint8Array): Uint8Array;
  /** Inverse of `seal`. @throws crypto.open when the tag does not verify or `sealed` is shorter than a tag */
  open(key: Secret, nonce: Uint8Array, associatedData: Uint8Array, sealed: Uint8Array): Uint8Array;

  /** An X25519 key (RFC 7748) from its 32 secret bytes, which are copied, not kept. */
  dhKey(secretKey: Uint8Array): DhPrivateKey;
  /**
   * X25519: 32 shared bytes.
   * @throws crypto.badKey when `publicKey` is not 32 bytes, not canonical (RFC 7748 §5: at or above 2^255 - 19, or the
   * top bit set), or of low order (the result would be zero, §6.1)
   */
  dh(privateKey: DhPrivateKey, publicKey: Uint8Array): Secret;

  /** An Ed25519 key (RFC 8032 §5.1.5) from its 32 secret bytes, which are copied, not kept. */
  signKey(secretKey: Uint8Array): SignPrivateKey;
  /** Ed25519 (RFC 8032 §5.1.6): 64 bytes. */
  sign(privateKey: SignPrivateKey, message: Uint8Array): Uint8Array;
  /**
   * Ed25519 (RFC 8032 §5.1.7), strictly: by the equation without the factor 8, and false also for a key or signature that
   * is not canonical, for a key of low order, and for one of another length.
   */
  verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean;

  /** The encapsulation key, 1,184 bytes, of the ML-KEM-768 key whose seed `d || z` (FIPS 203 §7.1) is `seed`, 64 bytes. */
  kemPublicKey(seed: Secret): Uint8Array;
  /**
   * ML-KEM-768 encapsulation (FIPS 203 §7.2), at once: for a step that must not be left half done. Slower than the job.
   * @param message 32 fresh random bytes, borrowed
   * @throws crypto.badKey for a key that is not one
   */
  kemEncapsulate(
    publicKey: Uint8Array,
    message: Secret,
  ): { readonly ciphertext: Uint8Array; readonly sharedSecret: Secret };
  /** ML-KEM-768 decapsulation (FIPS 203 §7.3), at once. @throws crypto.badKey for a ciphertext of another length */
  kemDecapsulate(seed: Secret, ciphertext: Uint8Array): Secret;

  /**
   * The operations that a platform may only offer asynchronously. A machine asks for one with a `compute` effect and
   * is answered with its result in a `computed` event. Throws (or rejects) with crypto.badKey for a key or ciphertext
   * that is not one. What a job lends is borrowed until this returns, also when the result comes later. `randomBytes`
   * serves the operations that draw, and what it gives is wiped; native encapsulation draws its own.
   */
  run(job: Job, randomBytes: RandomBytes): JobResult | Promise<JobResult>;
}

/** An X25519 private key, as the provider likes to hold it. */
export interface DhPrivateKey extends Disposable {
  /** 32 bytes, little endian. */
  readonly publicKey: Uint8Array;
}

/** An Ed25519 private key, as the provider likes to hold it. */
export interface SignPrivateKey extends Disposable {
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
}

/** An ML-KEM-768 private key, as the provider likes to hold it. */
export interface KemPrivateKey extends Disposable {
  /** The encapsulation key: 1,184 bytes. */
  readonly publicKey: Uint8Array;
}

/** ML-KEM-768 is FIPS 203; Argon2id is RFC 9106. */
export type Job =
  | { readonly op: "kemGenerate" }
  | { readonly op: "kemEncapsulate"; readonly publicKey: Uint8Array }
  | { readonly op: "kemDecapsulate"; readonly privateKey: KemPrivateKey; readonly ciphertext: Uint8Array }
  | { readonly op: "stretch"; readonly input: Secret; readonly salt: Uint8Array; readonly params: StretchParams };

export type JobResult =
  | { readonly op: "kemGenerate"; readonly privateKey: KemPrivateKey }
  /** `ciphertext` 1,088 bytes, `sharedSecret` 32 bytes. */
  | { readonly op: "kemEncapsulate"; readonly ciphertext: Uint8Array; readonly sharedSecret: Secret }
  | { readonly op: "kemDecapsulate"; readonly sharedSecret: Secret }
  | { readonly op: "stretch"; readonly output: Secret };

/** Argon2id. */
export interface StretchParams {
  readonly memoryKiB: number;
  readonly passes: number;
  readonly lanes: number;
  readonly outputBytes: number;
}

/** SHA-256, and HMAC with it. */
export const HASH256_BYTES = 32;
/** SHA-512, and HMAC with it. */
export const HASH512_BYTES = 64;
/** A key of AES-256-GCM. */
export const KEY_BYTES = 32;
/** A nonce of AES-256-GCM. */
export const NONCE_BYTES = 12;
/** What sealing adds: the tag of AES-256-GCM. */
export const TAG_BYTES = 16;
/** An X25519 key, private or public, and what two agree on (RFC 7748 §5). */
export const DH_BYTES = 32;
/** An Ed25519 key, private or public (RFC 8032 §5.1.5). */
export const SIGN_KEY_BYTES = 32;
/** A signature of Ed25519 (RFC 8032 §5.1.6). */
export const SIGNATURE_BYTES = 64;
/** The seed of an ML-KEM-768 key, d and z (FIPS 203 §7.1). */
export const KEM_SEED_BYTES = 64;
/** What an encapsulation is made from, m (FIPS 203 §7.2). */
export const KEM_MESSAGE_BYTES = 32;
/** An encapsulation key of ML-KEM-768 (FIPS 203, table 3). */
export const KEM_PUBLIC_BYTES = 1184;
/** A ciphertext of ML-KEM-768 (FIPS 203, table 3). */
export const KEM_CIPHERTEXT_BYTES = 1088;
