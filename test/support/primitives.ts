import { nativeCrypto } from "../../core/crypto/native.ts";
import { nobleCrypto } from "../../core/crypto/noble.ts";
import type {
  CryptoProvider,
  Job,
  JobResult,
  KemPrivateKey,
  RandomBytes,
  StretchParams,
} from "../../core/crypto/provider.ts";
import { CodedError } from "../../core/errors.ts";
import { Secret } from "../../core/secret.ts";

/** Both providers, named for `describe.each`. */
export const PROVIDERS: readonly (readonly [string, CryptoProvider])[] = [
  ["noble", nobleCrypto],
  ["native", nativeCrypto],
];

export function hex(text: string): Uint8Array {
  return Uint8Array.fromHex(text);
}

/** The bytes of a secret, copied, so that a test can look at them. */
export function reveal(secret: Secret): Uint8Array {
  return secret.use((bytes) => new Uint8Array(bytes));
}

export function secret(bytes: Uint8Array): Secret {
  return Secret.copy(bytes);
}

/** `length` bytes that differ from `seed` to `seed`. */
export function filled(length: number, seed: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 31 + seed * 17 + 5) & 0xff);
}

/** Where an operation must draw nothing. */
export function noRandom(): never {
  throw new Error("asked for randomness");
}

/** What `fn` throws or rejects with: a code; "plain" for an error that is not coded; null for none. */
export async function refusal(fn: () => unknown): Promise<string | null> {
  try {
    await fn();
    return null;
  } catch (error) {
    return error instanceof CodedError ? error.code : "plain";
  }
}

async function run<Op extends Job["op"]>(
  crypto: CryptoProvider,
  job: Job & { readonly op: Op },
  random: RandomBytes,
): Promise<Extract<JobResult, { readonly op: Op }>> {
  const result = await crypto.run(job, random);
  if (result.op !== job.op) throw new Error(`asked for ${job.op}, got ${result.op}`);
  return result as Extract<JobResult, { readonly op: Op }>;
}

/** An ML-KEM-768 key from its 64-byte seed, d and z. */
export async function kemKey(crypto: CryptoProvider, seed: Uint8Array): Promise<KemPrivateKey> {
  return (await run(crypto, { op: "kemGenerate" }, () => new Uint8Array(seed))).privateKey;
}

export async function encapsulate(
  crypto: CryptoProvider,
  publicKey: Uint8Array,
  random: RandomBytes = (length) => filled(length, 9),
): Promise<{ ciphertext: Uint8Array; shared: Uint8Array }> {
  const { ciphertext, sharedSecret } = await run(crypto, { op: "kemEncapsulate", publicKey }, random);
  return { ciphertext, shared: reveal(sharedSecret) };
}

export async function decapsulate(
  crypto: CryptoProvider,
  privateKey: KemPrivateKey,
  ciphertext: Uint8Array,
): Promise<Uint8Array> {
  return reveal((await run(crypto, { op: "kemDecapsulate", privateKey, ciphertext }, noRandom)).sharedSecret);
}

export async function stretch(
  crypto: CryptoProvider,
  input: Uint8Array,
  salt: Uint8Array,
  params: StretchParams,
): Promise<Uint8Array> {
  using borrowed = secret(input);
  return reveal((await run(crypto, { op: "stretch", input: borrowed, salt, params }, noRandom)).output);
}
