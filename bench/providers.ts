/** The primitives of both providers, one by one, with inputs as the protocol has them. */
import { nativeCrypto } from "../core/crypto/native.ts";
import { nobleCrypto } from "../core/crypto/noble.ts";
import type { CryptoProvider, Job, JobResult } from "../core/crypto/provider.ts";
import { STRETCH } from "../core/limits.ts";
import { Secret } from "../core/secret.ts";
import { loadEnv } from "./peers.ts";
import { cpuUsOf } from "./primitives.ts";

export interface Compared {
  readonly name: string;
  readonly nativeUs: number;
  readonly nobleUs: number;
}

type Call = () => unknown;

/** A second and more: it is made once, and nothing has to warm up for it. */
const SLOW = "Argon2id, 64 MiB";

/** Each primitive for about `forMs` with each provider, the two in turn. */
export async function compareProviders(forMs: number): Promise<readonly Compared[]> {
  const [native, noble] = [await callsOf(nativeCrypto), await callsOf(nobleCrypto)];
  const compared: Compared[] = [];
  for (const [name, call] of native) {
    const other = noble.get(name);
    if (other === undefined) throw new Error(`both providers have ${name}`);
    const ms = name === SLOW ? 0 : forMs;
    compared.push({ name, nativeUs: await cpuUsOf([call], ms), nobleUs: await cpuUsOf([other], ms) });
  }
  return compared;
}

async function callsOf(crypto: CryptoProvider): Promise<ReadonlyMap<string, Call>> {
  const { randomBytes } = loadEnv;
  const run = async (job: Job): Promise<JobResult> => crypto.run(job, randomBytes);
  const [hashed, text, nonce] = [randomBytes(64), randomBytes(256), randomBytes(12)];
  const none = new Uint8Array(0);
  const key = Secret.take(randomBytes(32));
  const sealed = crypto.seal(key, nonce, none, text);
  const [own, other] = [crypto.dhKey(randomBytes(32)), crypto.dhKey(randomBytes(32))];
  const secretKey = randomBytes(32);
  const signKey = crypto.signKey(secretKey);
  const signature = crypto.sign(signKey, text);
  const made = await run({ op: "kemGenerate" });
  if (made.op !== "kemGenerate") throw new Error("another job was done");
  const { privateKey } = made;
  const kem = await run({ op: "kemEncapsulate", publicKey: privateKey.publicKey });
  if (kem.op !== "kemEncapsulate") throw new Error("another job was done");
  const stretching: Job = {
    op: "stretch",
    input: Secret.take(text.slice(0, 64)),
    salt: hashed.slice(0, 16),
    params: STRETCH,
  };
  return new Map<string, Call>([
    ["SHA-256, 64 bytes", () => crypto.sha256(hashed)],
    ["SHA-512, 64 bytes", () => crypto.sha512(hashed)],
    ["HMAC-SHA-256, 64 bytes", () => crypto.hmacSha256(secretKey, hashed)],
    ["HMAC-SHA-512, 64 bytes", () => crypto.hmacSha512(secretKey, hashed)],
    ["AES-256-GCM seal, 256 bytes", () => crypto.seal(key, nonce, none, text)],
    ["AES-256-GCM open, 256 bytes", () => crypto.open(key, nonce, none, sealed)],
    ["X25519 key", () => crypto.dhKey(secretKey)[Symbol.dispose]()],
    ["X25519 agreement", () => crypto.dh(own, other.publicKey)],
    ["Ed25519 key", () => crypto.signKey(secretKey)[Symbol.dispose]()],
    ["Ed25519 signature, 256 bytes", () => crypto.sign(signKey, text)],
    ["Ed25519 verification, 256 bytes", () => crypto.verify(signKey.publicKey, text, signature)],
    ["ML-KEM-768 key", () => run({ op: "kemGenerate" })],
    ["ML-KEM-768 encapsulation", () => run({ op: "kemEncapsulate", publicKey: privateKey.publicKey })],
    ["ML-KEM-768 decapsulation", () => run({ op: "kemDecapsulate", privateKey, ciphertext: kem.ciphertext })],
    [SLOW, () => run(stretching)],
  ]);
}
