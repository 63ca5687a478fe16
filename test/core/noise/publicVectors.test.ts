import { describe, expect, test } from "bun:test";
import { nativeCrypto } from "../../../core/crypto/native.ts";
import { nobleCrypto } from "../../../core/crypto/noble.ts";
import type { CryptoProvider } from "../../../core/crypto/provider.ts";
import { type CipherState, decryptWithAd, encryptWithAd } from "../../../core/noise/cipherState.ts";
import { runSync } from "../../../core/noise/drive.ts";
import {
  type HandshakeOptions,
  readMessage,
  type Split,
  startHandshake,
  writeMessage,
} from "../../../core/noise/handshake.ts";
import type { Handshake } from "../../../core/noise/handshakeState.ts";
import { protocolName, type Role } from "../../../core/noise/patterns.ts";
import { aesGcmSha256, type NoiseSuite } from "../../../core/noise/suite.ts";
import { Secret, wipe } from "../../../core/secret.ts";
import { patternNamed, suiteNamed } from "../../support/noise.ts";
import { externalVectors } from "../../support/vectors.ts";

interface Vector {
  readonly protocol_name: string;
  readonly handshake_hash: string;
  readonly messages: readonly { readonly payload: string; readonly ciphertext: string }[];
  readonly [field: string]: unknown;
}

const file = externalVectors("noise") as { vectors: Vector[] } | null;
const vectors = file?.vectors ?? [];
const EXPECTED_VECTORS = 48;
const ROLES: readonly Role[] = ["initiator", "responder"];
const NONE = new Uint8Array(0);

function field(vector: Vector, role: Role, name: string): Uint8Array | undefined {
  const value = vector[`${role === "initiator" ? "init" : "resp"}_${name}`];
  return typeof value === "string" ? Uint8Array.fromHex(value) : undefined;
}

function suiteOf(vector: Vector, crypto: CryptoProvider): NoiseSuite {
  const [, , , cipher = "", hash = ""] = vector.protocol_name.split("_");
  return cipher === "AESGCM" && hash === "SHA256" ? aesGcmSha256(crypto) : suiteNamed(cipher, hash, crypto);
}

function start(vector: Vector, role: Role, crypto: CryptoProvider): Handshake {
  const s = field(vector, role, "static");
  const rs = field(vector, role, "remote_static");
  const ephemeral = field(vector, role, "ephemeral");
  const options: HandshakeOptions = {
    suite: suiteOf(vector, crypto),
    pattern: patternNamed(vector.protocol_name.split("_")[1] ?? ""),
    role,
    prologue: field(vector, role, "prologue") ?? NONE,
    ...(s && { s: crypto.dhKey(s) }),
    ...(rs && { rs }),
    ...(ephemeral && { ephemeralSecret: Secret.take(ephemeral) }),
  };
  return startHandshake(options);
}

/** Plays one side through the handshake messages, all of whose bytes are given; returns the split and their number. */
function play(vector: Vector, role: Role, crypto: CryptoProvider): { split: Split; used: number } {
  let handshake: Handshake = start(vector, role, crypto);
  expect(protocolName(handshake.pattern, handshake.suite)).toBe(vector.protocol_name);
  for (const [index, { payload, ciphertext }] of vector.messages.entries()) {
    const writes = (index % 2 === 0) === (role === "initiator");
    const noRandomness = () => NONE;
    const result = writes
      ? runSync(writeMessage(handshake, Uint8Array.fromHex(payload)), crypto, noRandomness)
      : runSync(readMessage(handshake, Uint8Array.fromHex(ciphertext)), crypto, noRandomness);
    if ("message" in result) expect(result.message.toHex()).toBe(ciphertext);
    else expect(result.payload.toHex()).toBe(payload);
    wipe(...result.spent);
    if (result.next === null) return { split: result.split, used: index + 1 };
    handshake = result.next;
  }
  throw new Error("the vector ends before the handshake");
}

/** Plays the transport messages after a handshake, in which both sides take turns unless the pattern is one-way. */
function transport(vector: Vector, role: Role, suite: NoiseSuite, { split, used }: { split: Split; used: number }) {
  const oneWay = used === 1;
  const states: Record<Role, CipherState> = {
    initiator: split.initiatorToResponder,
    responder: split.responderToInitiator,
  };
  for (const [offset, { payload, ciphertext }] of vector.messages.slice(used).entries()) {
    const from: Role = oneWay || (used + offset) % 2 === 0 ? "initiator" : "responder";
    if (from === role) {
      const sealed = encryptWithAd(suite, states[from], NONE, Uint8Array.fromHex(payload));
      expect(sealed.ciphertext.toHex()).toBe(ciphertext);
      states[from] = sealed.next;
    } else {
      const opened = decryptWithAd(suite, states[from], NONE, Uint8Array.fromHex(ciphertext));
      expect(opened.plaintext.toHex()).toBe(payload);
      states[from] = opened.next;
    }
  }
}

function check(vector: Vector, crypto: CryptoProvider): void {
  for (const role of ROLES) {
    const played = play(vector, role, crypto);
    expect(played.split.handshakeHash.toHex()).toBe(vector.handshake_hash);
    transport(vector, role, suiteOf(vector, crypto), played);
  }
}

describe.skipIf(file === null)("public Noise vectors", () => {
  test("all of them are there", () => {
    expect(vectors.length).toBe(EXPECTED_VECTORS);
  });

  test.each(vectors.map((vector) => [vector.protocol_name, vector] as const))("%s, both roles, noble", (_, vector) => {
    check(vector, nobleCrypto);
  });

  const own = vectors.filter((vector) => vector.protocol_name.endsWith("AESGCM_SHA256"));
  test.each(own.map((vector) => [vector.protocol_name, vector] as const))("%s, both roles, native", (_, vector) => {
    check(vector, nativeCrypto);
  });
});
