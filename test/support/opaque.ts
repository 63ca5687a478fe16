import { createHash } from "node:crypto";
import { nativeCrypto } from "../../core/crypto/native.ts";
import { nobleCrypto } from "../../core/crypto/noble.ts";
import type { CryptoProvider, RandomBytes } from "../../core/crypto/provider.ts";
import { CodedError, type ErrorCode } from "../../core/errors.ts";
import type { OpaqueServerKeys } from "../../core/opaque/credential.ts";
import type { Identities } from "../../core/opaque/envelope.ts";
import { importAkeKey, type OpaqueConfig } from "../../core/opaque/group.ts";
import { type ClientLogin, generateKE1, generateKE2, generateKE3, receiveKE2 } from "../../core/opaque/login.ts";
import type { RegistrationRecord } from "../../core/opaque/record.ts";
import {
  createRegistrationRequest,
  createRegistrationResponse,
  finalizeRegistrationRequest,
  receiveRegistrationResponse,
} from "../../core/opaque/registration.ts";
import { Secret } from "../../core/secret.ts";

export const PROVIDERS: readonly CryptoProvider[] = [nobleCrypto, nativeCrypto];
export const GROUPS = ["curve25519", "ristretto255"] as const;

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
export const secret = (text: string): Secret => Secret.take(bytes(text));
export const unhex = (hex: string): Uint8Array => Uint8Array.fromHex(hex);
export const hexOf = (value: Uint8Array | Secret): string =>
  value instanceof Secret ? value.use((inner) => inner.toHex()) : value.toHex();

/** Serves `queue` in order, each to a request of just its length; anything else is a bug of the step under test. */
export function queuedRandom(...queue: readonly Uint8Array[]): RandomBytes {
  const left = [...queue];
  return (length) => {
    const next = left.shift();
    if (next?.length !== length) throw new Error(`queuedRandom: ${length} bytes asked, ${next?.length} queued`);
    return next.slice();
  };
}

/** What makes `oprfBlind` draw `blind` (32 bytes, little endian): 48 bytes of `blind - 1`. */
export function drawsBlind(blind: Uint8Array): Uint8Array {
  const out = new Uint8Array(48);
  out.set(blind);
  for (let i = 0; i < out.length; i += 1) {
    const value = out[i] ?? 0;
    out[i] = (value + 255) & 255;
    if (value !== 0) break;
  }
  return out;
}

/** The same bytes for the same seed: a test's randomness, good for nothing else. */
export function seededRandom(seed: string): RandomBytes {
  let counter = 0;
  return (length) => {
    const out = new Uint8Array(length);
    for (let at = 0; at < length; at += 64) {
      const block = createHash("sha512").update(`${seed}/${counter}`).digest();
      counter += 1;
      out.set(block.subarray(0, Math.min(64, length - at)), at);
    }
    return out;
  };
}

export function serverKeys(config: OpaqueConfig, name = "server"): OpaqueServerKeys {
  const random = seededRandom(`keys of ${name}`);
  const privateKey = random(32);
  privateKey[31] = 0; // below the order of ristretto255 as well
  return { privateKey: importAkeKey(config, Secret.take(privateKey)), oprfSeed: Secret.take(random(64)) };
}

/** The key stretching function of the public vectors: the identity. */
export const unstretched = (input: Secret): Secret => input.slice(0, input.length);

export interface Account {
  readonly config: OpaqueConfig;
  readonly keys: OpaqueServerKeys;
  readonly credentialIdentifier: Uint8Array;
  readonly identities: Identities;
  readonly context: Uint8Array;
}

export function account(config: OpaqueConfig, change: Partial<Account> = {}): Account {
  return {
    config,
    keys: serverKeys(config),
    credentialIdentifier: bytes("alice"),
    identities: { client: bytes("alice"), server: bytes("realm") },
    context: bytes("context"),
    ...change,
  };
}

/** A whole registration. */
export function register(
  of: Account,
  password: string,
  random: RandomBytes = seededRandom("registration"),
): { readonly record: RegistrationRecord; readonly exportKey: Secret } {
  using input = secret(password);
  const { request, state } = createRegistrationRequest(input, random);
  const response = createRegistrationResponse(of.config, of.keys, request, of.credentialIdentifier);
  using stretching = receiveRegistrationResponse(of.config, state, response);
  using stretched = unstretched(stretching.stretchInput);
  state[Symbol.dispose]();
  return finalizeRegistrationRequest(of.config, stretching, { stretched, identities: of.identities }, random);
}

/** The client's side of a login from KE2 on. */
export function answer(
  of: Account,
  state: ReturnType<typeof generateKE1>["state"],
  ke2: Uint8Array,
  stretch: (input: Secret) => Secret = unstretched,
): ClientLogin {
  using stretching = receiveKE2(state, ke2);
  using stretched = stretch(stretching.stretchInput);
  return generateKE3(of.config, stretching, { stretched, identities: of.identities, context: of.context });
}

/** A login up to KE2. */
export function begin(of: Account, record: RegistrationRecord | null, password: string, seed = "login") {
  using input = secret(password);
  const client = generateKE1(of.config, input, seededRandom(`client ${seed}`));
  const server = generateKE2(of.config, of.keys, { ...of, record, ke1: client.ke1 }, seededRandom(`server ${seed}`));
  return { client, server };
}

/** The code with which `fn` is refused; a bug is thrown on. */
export function codeOf(fn: () => unknown): ErrorCode | "accepted" {
  try {
    fn();
  } catch (error) {
    if (error instanceof CodedError) return error.code;
    throw error;
  }
  return "accepted";
}

/** `input` with one bit of byte `at` flipped. */
export function flipped(input: Uint8Array, at: number): Uint8Array {
  const out = input.slice();
  out[at] = (out[at] ?? 0) ^ (1 << (at % 8));
  return out;
}
