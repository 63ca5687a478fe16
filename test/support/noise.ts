import { gcm } from "@noble/ciphers/aes.js";
import { chacha20poly1305 } from "@noble/ciphers/chacha.js";
import { blake2b, blake2s } from "@noble/hashes/blake2.js";
import { hmac } from "@noble/hashes/hmac.js";
import { sha256, sha512 } from "@noble/hashes/sha2.js";
import { concat, utf8 } from "../../core/bytes.ts";
import type { CryptoProvider, KemPrivateKey, RandomBytes } from "../../core/crypto/provider.ts";
import { CodedError } from "../../core/errors.ts";
import { readMessage, type Split, startHandshake, writeMessage } from "../../core/noise/handshake.ts";
import type { Handshake } from "../../core/noise/handshakeState.ts";
import { type HandshakePattern, isKnown, K, NK, type Role, sender, sends } from "../../core/noise/patterns.ts";
import type { NoiseSuite } from "../../core/noise/suite.ts";
import type { KemAnswer, KemRequest } from "../../core/noise/tokens.ts";
import { Secret, wipe } from "../../core/secret.ts";

/** Patterns that the protocol does not use (Noise rev 34 §7.4, §7.5; hfs §5), to test those that it does. */
export const PATTERNS: readonly HandshakePattern[] = [
  NK,
  K,
  {
    name: "NN",
    preMessages: [],
    messages: [
      ["->", "e"],
      ["<-", "e", "ee"],
    ],
  },
  {
    name: "NX",
    preMessages: [],
    messages: [
      ["->", "e"],
      ["<-", "e", "ee", "s", "es"],
    ],
  },
  { name: "N", preMessages: [["<-", "s"]], messages: [["->", "e", "es"]] },
  { name: "X", preMessages: [["<-", "s"]], messages: [["->", "e", "es", "s", "ss"]] },
  {
    name: "KK",
    preMessages: [
      ["->", "s"],
      ["<-", "s"],
    ],
    messages: [
      ["->", "e", "es", "ss"],
      ["<-", "e", "ee", "se"],
    ],
  },
  {
    name: "XK",
    preMessages: [["<-", "s"]],
    messages: [
      ["->", "e", "es"],
      ["<-", "e", "ee"],
      ["->", "s", "se"],
    ],
  },
  {
    name: "IK",
    preMessages: [["<-", "s"]],
    messages: [
      ["->", "e", "es", "s", "ss"],
      ["<-", "e", "ee", "se"],
    ],
  },
  {
    name: "XXhfs",
    preMessages: [],
    messages: [
      ["->", "e", "e1"],
      ["<-", "e", "ee", "ekem1", "s", "es"],
      ["->", "s", "se"],
    ],
  },
];

/** The pattern called `name`. */
export function patternNamed(name: string): HandshakePattern {
  const found = PATTERNS.find((pattern) => pattern.name === name);
  if (found === undefined) throw new Error(`no pattern ${name}`);
  return found;
}

const HASHES = { SHA256: sha256, SHA512: sha512, BLAKE2s: blake2s, BLAKE2b: blake2b };
const CIPHERS = { AESGCM: gcm, ChaChaPoly: chacha20poly1305 };

/** The suite that a protocol name ends with, built on noble; X25519 by `crypto`. */
export function suiteNamed(cipherName: string, hashName: string, crypto: CryptoProvider): NoiseSuite {
  const hash = HASHES[hashName as keyof typeof HASHES];
  const aead = CIPHERS[cipherName as keyof typeof CIPHERS];
  const nonce = (counter: number | bigint): Uint8Array => {
    const bytes = new Uint8Array(12);
    new DataView(bytes.buffer).setBigUint64(4, BigInt(counter), cipherName === "ChaChaPoly");
    return bytes;
  };
  return {
    dhName: "25519",
    kemName: "MLKEM768",
    cipherName,
    hashName,
    hashBytes: hash.outputLen,
    crypto,
    hash: (...parts) => hash(concat(...parts)),
    hmac: (key, ...parts) => hmac(hash, key, concat(...parts)),
    seal: (key, counter, ad, plaintext) => key.use((bytes) => aead(bytes, nonce(counter), ad).encrypt(plaintext)),
    open: (key, counter, ad, sealed) =>
      key.use((bytes) => {
        try {
          return aead(bytes, nonce(counter), ad).decrypt(sealed);
        } catch {
          throw new CodedError("crypto.open");
        }
      }),
  };
}

/** Bytes that differ from name to name and stay the same from run to run. */
export function fixedBytes(name: string, length = 32): Uint8Array {
  return sha512(utf8(name)).slice(0, length);
}

/** A generator of randomness that gives `bytes` once and fails when asked for more or for another length. */
export function once(bytes: Uint8Array): RandomBytes {
  let left: Uint8Array | null = bytes;
  return (length) => {
    if (left?.length !== length) throw new Error("not the randomness that was expected");
    const given = left.slice();
    left = null;
    return given;
  };
}

/** Runs a handshake generator with a provider that may answer later. */
export async function runAsync<T>(
  generator: Generator<KemRequest, T, KemAnswer>,
  crypto: CryptoProvider,
  randomBytes: RandomBytes = (length) => fixedBytes("encapsulation", length),
): Promise<T> {
  let step = generator.next();
  while (!step.done) {
    let answer: KemAnswer;
    try {
      answer = (await crypto.run(step.value, randomBytes)) as KemAnswer;
    } catch (error) {
      step = generator.throw(error);
      continue;
    }
    step = generator.next(answer);
  }
  return step.value;
}

/** An ML-KEM key from `seed` (64 bytes), where the provider takes one. */
export async function kemKey(crypto: CryptoProvider, seed: Uint8Array): Promise<KemPrivateKey> {
  const result = await crypto.run({ op: "kemGenerate" }, once(seed));
  if (result.op !== "kemGenerate") throw new Error("another answer");
  return result.privateKey;
}

/** All that a handshake holds, as text, to see that it has not changed. */
export function snapshot({ index, symmetric, e, e1, s, rs, re, re1 }: Handshake): string {
  const secret = (value: Secret | undefined) => value?.use((bytes) => bytes.toHex()) ?? "-";
  return [
    index,
    secret(symmetric.chainingKey),
    symmetric.hash.toHex(),
    secret(symmetric.cipher?.key),
    symmetric.cipher?.counter ?? "-",
    ...[e?.publicKey, e1?.publicKey, s?.publicKey, rs, re, re1].map((key) => key?.toHex() ?? "-"),
  ].join("\n");
}

/** What `run` throws, as its code (or the message of a plain `Error`); "nothing" when it does not. */
export async function failure(run: () => unknown): Promise<string> {
  try {
    await run();
  } catch (error) {
    if (error instanceof CodedError) return error.code;
    return error instanceof Error ? error.message : String(error);
  }
  return "nothing";
}

/** A copy of `bytes` with one bit of byte `at` flipped, another bit from byte to byte. */
export function flip(bytes: Uint8Array, at: number): Uint8Array {
  const out = bytes.slice();
  out[at] = (out[at] ?? 0) ^ (1 << (at % 8));
  return out;
}

/** A secret of fixed bytes. */
export function fixedSecret(name: string): Secret {
  return Secret.take(fixedBytes(name));
}

/** One side of a handshake whose keys follow from `label`; both sides of one label fit each other. */
export async function side(
  role: Role,
  pattern: HandshakePattern,
  suite: NoiseSuite,
  label = "handshake",
): Promise<Handshake> {
  const { crypto } = suite;
  const peer = role === "initiator" ? "responder" : "initiator";
  const name = (what: string, of: Role) => `${label} ${of} ${what}`;
  using peerKey = crypto.dhKey(fixedBytes(name("static", peer)));
  return startHandshake({
    suite,
    pattern,
    role,
    prologue: utf8(label),
    ...((isKnown(pattern, role) || sends(pattern, role, "s")) && { s: crypto.dhKey(fixedBytes(name("static", role))) }),
    ...(isKnown(pattern, peer) && { rs: peerKey.publicKey }),
    ...(sends(pattern, role, "e") && { ephemeralSecret: fixedSecret(name("ephemeral", role)) }),
    ...(sends(pattern, role, "e1") && { e1: await kemKey(crypto, fixedBytes(name("kem", role), 64)) }),
  });
}

export interface Exchange {
  /** Before each message: who writes it, who reads it, and its bytes. */
  readonly rounds: readonly { readonly writer: Handshake; readonly reader: Handshake; readonly message: Uint8Array }[];
  readonly splits: Record<Role, Split>;
}

/** A whole handshake. Nothing is wiped, so that each of its states can be used again, unless `wiping`. */
export async function exchange(
  start: Record<Role, Handshake>,
  payloads: readonly Uint8Array[] = [],
  wiping = false,
): Promise<Exchange> {
  const now: Record<Role, Handshake> = { ...start };
  const splits: Partial<Record<Role, Split>> = {};
  const rounds: Exchange["rounds"][number][] = [];
  const settle = (role: Role, result: Awaited<ReturnType<typeof write>> | Awaited<ReturnType<typeof read>>) => {
    if (wiping) wipe(...result.spent);
    if (result.next === null) splits[role] = result.split;
    else now[role] = result.next;
  };
  for (const [index, [arrow]] of start.initiator.pattern.messages.entries()) {
    const from = sender(arrow);
    const to = from === "initiator" ? "responder" : "initiator";
    const [writer, reader] = [now[from], now[to]];
    const written = await write(writer, payloads[index]);
    rounds.push({ writer, reader, message: written.message });
    settle(from, written);
    settle(to, await read(reader, written.message));
  }
  if (!splits.initiator || !splits.responder) throw new Error("the handshake did not end");
  return { rounds, splits: { initiator: splits.initiator, responder: splits.responder } };
}

export function write(handshake: Handshake, payload: Uint8Array = new Uint8Array(0)) {
  return runAsync(writeMessage(handshake, payload), handshake.suite.crypto);
}

export function read(handshake: Handshake, message: Uint8Array) {
  return runAsync(readMessage(handshake, message), handshake.suite.crypto);
}

/** Both sides of `pattern` at their start. */
export async function both(
  pattern: HandshakePattern,
  suite: NoiseSuite,
  label?: string,
): Promise<Record<Role, Handshake>> {
  return {
    initiator: await side("initiator", pattern, suite, label),
    responder: await side("responder", pattern, suite, label),
  };
}
