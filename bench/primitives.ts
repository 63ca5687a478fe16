/**
 * What a piece of work would cost if it were nothing but its primitives. The work is done once with a provider that
 * writes down every call; then the calls are made again, kind by kind, with the same inputs, and timed.
 */
import { nativeCrypto } from "../core/crypto/native.ts";
import { oprfBlind, oprfDeriveKey, oprfEvaluate } from "../core/crypto/oprf.ts";
import type { CryptoProvider, DhPrivateKey, Job, RandomBytes, SignPrivateKey } from "../core/crypto/provider.ts";
import { Secret } from "../core/secret.ts";

export interface Primitive {
  readonly name: string;
  /** How often the work calls it. */
  readonly calls: number;
  /** CPU of all of them together. */
  readonly cpuUs: number;
}

type Call = () => unknown;

/** By the name of the primitive. */
export type Calls = ReadonlyMap<string, readonly Call[]>;

/** A provider that does the work and remembers the calls, with copies of what they were given. */
export class Recorder {
  #calls = new Map<string, Call[]>();
  /** Of keys that were made: the work may dispose them. */
  readonly #secrets = new WeakMap<DhPrivateKey | SignPrivateKey, Uint8Array>();

  readonly crypto: CryptoProvider = {
    name: "native",
    sha256: (...parts) => this.#again("SHA-256", parts, (copies) => nativeCrypto.sha256(...copies)),
    sha512: (...parts) => this.#again("SHA-512", parts, (copies) => nativeCrypto.sha512(...copies)),
    hmacSha256: (key, ...parts) => this.#again("HMAC-SHA-256", [key, ...parts], mac("hmacSha256")),
    hmacSha512: (key, ...parts) => this.#again("HMAC-SHA-512", [key, ...parts], mac("hmacSha512")),
    seal: (key, nonce, ...rest) => this.#aead("seal", key, [nonce, ...rest]),
    open: (key, nonce, ...rest) => this.#aead("open", key, [nonce, ...rest]),
    dhKey: (secretKey) => {
      const key = this.#again("X25519 key", [secretKey], ([secret = secretKey]) => nativeCrypto.dhKey(secret));
      this.#secrets.set(key, secretKey.slice());
      return key;
    },
    dh: (privateKey, publicKey) => {
      const key = nativeCrypto.dhKey(this.#secretOf(privateKey));
      const peer = publicKey.slice();
      this.add("X25519 agreement", () => nativeCrypto.dh(key, peer));
      return nativeCrypto.dh(privateKey, publicKey);
    },
    signKey: (secretKey) => {
      const key = this.#again("Ed25519 key", [secretKey], ([secret = secretKey]) => nativeCrypto.signKey(secret));
      this.#secrets.set(key, secretKey.slice());
      return key;
    },
    sign: (privateKey, message) => {
      const key = nativeCrypto.signKey(this.#secretOf(privateKey));
      const copy = message.slice();
      this.add("Ed25519 signature", () => nativeCrypto.sign(key, copy));
      return nativeCrypto.sign(privateKey, message);
    },
    verify: (...inputs) => {
      const [key, message, signature] = [inputs[0].slice(), inputs[1].slice(), inputs[2].slice()];
      this.add("Ed25519 verification", () => nativeCrypto.verify(key, message, signature));
      return nativeCrypto.verify(...inputs);
    },
    kemPublicKey: (seed) => {
      const copy = seed.slice(0, seed.length);
      this.add("ML-KEM-768 key, noble", () => nativeCrypto.kemPublicKey(copy));
      return nativeCrypto.kemPublicKey(seed);
    },
    kemEncapsulate: (publicKey, message) => {
      const [key, drawn] = [publicKey.slice(), message.slice(0, message.length)];
      this.add("ML-KEM-768 encapsulation, noble", () => nativeCrypto.kemEncapsulate(key, drawn));
      return nativeCrypto.kemEncapsulate(publicKey, message);
    },
    kemDecapsulate: (seed, ciphertext) => {
      const [copy, bytes] = [seed.slice(0, seed.length), ciphertext.slice()];
      this.add("ML-KEM-768 decapsulation, noble", () => nativeCrypto.kemDecapsulate(copy, bytes));
      return nativeCrypto.kemDecapsulate(seed, ciphertext);
    },
    run: (job, randomBytes) => {
      if (job.op !== "kemEncapsulate") throw new Error("bench: the server asks for encapsulation alone");
      const copy: Job = { op: job.op, publicKey: job.publicKey.slice() };
      this.add("ML-KEM-768 encapsulation", () => nativeCrypto.run(copy, randomBytes));
      return nativeCrypto.run(job, randomBytes);
    },
  };

  /** What has been written down since the last time. */
  take(): Calls {
    const calls = this.#calls;
    this.#calls = new Map();
    return calls;
  }

  /** Writes down a call that does not go through the provider. */
  add(name: string, call: Call): void {
    this.#calls.set(name, [...(this.#calls.get(name) ?? []), call]);
  }

  #secretOf(privateKey: DhPrivateKey | SignPrivateKey): Uint8Array {
    const secret = this.#secrets.get(privateKey);
    if (secret === undefined) throw new Error("bench: a key that was not seen being made");
    return secret;
  }

  #again<T>(name: string, inputs: readonly Uint8Array[], run: (inputs: readonly Uint8Array[]) => T): T {
    const copies = inputs.map((input) => input.slice());
    this.add(name, () => run(copies));
    return run(inputs);
  }

  #aead(direction: "seal" | "open", key: Secret, inputs: readonly Uint8Array[]): Uint8Array {
    const copy = key.slice(0, key.length);
    const run = (secret: Secret, [nonce, associatedData, bytes]: readonly Uint8Array[]): Uint8Array => {
      if (nonce === undefined || associatedData === undefined || bytes === undefined) throw new Error("bench: inputs");
      return nativeCrypto[direction](secret, nonce, associatedData, bytes);
    };
    const copies = inputs.map((input) => input.slice());
    this.add(`AES-256-GCM ${direction}`, () => run(copy, copies));
    return run(key, inputs);
  }
}

function mac(name: "hmacSha256" | "hmacSha512"): (inputs: readonly Uint8Array[]) => Uint8Array {
  return ([key = new Uint8Array(0), ...parts]) => nativeCrypto[name](key, ...parts);
}

/** The two steps of the OPRF that a server makes at each login; noble's, and so not the provider's. */
export function addOprf(recorder: Recorder, randomBytes: RandomBytes): void {
  const seed = randomBytes(32);
  const info = new TextEncoder().encode("OPAQUE-DeriveKeyPair");
  const key = oprfDeriveKey(seed, info);
  const { blinded } = oprfBlind(Secret.take(randomBytes(64)), randomBytes);
  recorder.add("OPRF key", () => oprfDeriveKey(seed, info));
  recorder.add("OPRF evaluation", () => oprfEvaluate(key, blinded));
}

/** Makes the calls again, each kind for about `forMs`. */
export async function timeCalls(calls: Calls, forMs: number): Promise<readonly Primitive[]> {
  const primitives: Primitive[] = [];
  for (const [name, made] of calls) {
    primitives.push({ name, calls: made.length, cpuUs: await cpuUsOf(made, forMs) });
  }
  return primitives.sort((a, b) => b.cpuUs - a.cpuUs);
}

/** User and system time of this process, all threads, for one round of `calls`; one round at least is made. */
export async function cpuUsOf(calls: readonly Call[], forMs: number): Promise<number> {
  const round = async (): Promise<void> => {
    for (const call of calls) {
      const result = call();
      if (result instanceof Promise) await result;
    }
  };
  for (const until = performance.now() + forMs / 4; performance.now() < until; ) await round();
  const before = process.cpuUsage();
  let rounds = 0;
  for (const until = performance.now() + forMs; rounds === 0 || performance.now() < until; rounds += 1) await round();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / rounds;
}
