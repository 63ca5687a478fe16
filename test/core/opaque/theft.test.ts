import { describe, expect, test } from "bun:test";
import { nativeCrypto } from "../../../core/crypto/native.ts";
import { oprfEvaluate } from "../../../core/crypto/oprf.ts";
import { deriveOprfKey } from "../../../core/opaque/credential.ts";
import { randomizePassword, recover } from "../../../core/opaque/envelope.ts";
import { type AkePrivateKey, deriveAkeKey, importAkeKey } from "../../../core/opaque/group.ts";
import { agree } from "../../../core/opaque/keySchedule.ts";
import { finishLogin, generateKE1, receiveKE2 } from "../../../core/opaque/login.ts";
import { splitKe2 } from "../../../core/opaque/messages.ts";
import { splitRecord } from "../../../core/opaque/record.ts";
import { createRegistrationRequest, receiveRegistrationResponse } from "../../../core/opaque/registration.ts";
import { Secret } from "../../../core/secret.ts";
import {
  account,
  answer,
  begin,
  codeOf,
  GROUPS,
  register,
  secret,
  seededRandom,
  serverKeys,
  unstretched,
} from "../../support/opaque.ts";

const GUESSES = ["pizza", "password", "i<3j@1eb!"];

describe.each(GROUPS)("what a thief can test guesses against, %s", (group) => {
  const alice = account({ crypto: nativeCrypto, group });
  const { config, keys, credentialIdentifier, identities } = alice;
  const { record } = register(alice, "pizza");

  /** Offline guessing with a record and an OPRF seed: does the envelope open? */
  function opens(guess: string, oprfSeed: Secret, stretch = unstretched): boolean {
    const { request, state } = createRegistrationRequest(secret(guess), seededRandom("guess"));
    const evaluated = oprfEvaluate(deriveOprfKey(config, oprfSeed, credentialIdentifier), request);
    const response = new Uint8Array(64);
    response.set(evaluated);
    response.set(keys.privateKey.publicKey, 32);
    const { stretchInput, serverPublicKey } = receiveRegistrationResponse(config, state, response);
    const randomized = randomizePassword(config, stretchInput, stretch(stretchInput));
    return recover(config, randomized, splitRecord(record).envelope, { serverPublicKey, identities }) !== null;
  }

  // That no test at all exists is the OPRF's security (RFC 9807 §10.2), which no test shows; this is the
  // obvious one, run as a client with the transcript and the guess but without the blind of the captured login.
  test("a captured login refuses the right guess as it refuses the wrong ones", () => {
    const captured = begin(alice, record, "pizza", "captured");
    const { ke2 } = captured.server;
    const outcomes = GUESSES.map((guess) => {
      const { state } = generateKE1(config, secret(guess), seededRandom(`thief ${guess}`));
      const { keyShareSeed } = captured.client.state; // even with the victim's key share
      return codeOf(() => answer(alice, { ...state, keyShareSeed, ke1: captured.client.ke1 }, ke2));
    });
    expect(outcomes).toEqual(["auth.rejected", "auth.rejected", "auth.rejected"]);
    expect(codeOf(() => answer(alice, captured.client.state, ke2))).toBe("accepted");
  });

  test("a blinded password is another at each login, and the same only for the same blind", () => {
    const blinded = (guess: string, seed: string) =>
      generateKE1(config, secret(guess), seededRandom(seed)).ke1.subarray(0, 32).toHex();
    expect(blinded("pizza", "one")).not.toBe(blinded("pizza", "two"));
    expect(blinded("pizza", "one")).not.toBe(blinded("password", "one"));
  });

  test("a stolen record tells nothing of a guess without the OPRF seed", () => {
    const other = serverKeys(config, "a thief's own").oprfSeed;
    expect(GUESSES.map((guess) => opens(guess, other))).toEqual([false, false, false]);
  });

  test("with the OPRF seed it does, and each guess must be stretched", () => {
    expect(GUESSES.map((guess) => opens(guess, keys.oprfSeed))).toEqual([true, false, false]);
    const skipped = () => Secret.take(new Uint8Array(64));
    expect(GUESSES.map((guess) => opens(guess, keys.oprfSeed, skipped))).toEqual([false, false, false]);
  });

  /** KE3 as the client of `one` would make it with `privateKey` in place of its own. */
  function forge(one: ReturnType<typeof begin>, privateKey: AkePrivateKey): Uint8Array {
    const { keyShare, unsigned } = splitKe2(one.server.ke2);
    const serverPublicKey = keys.privateKey.publicKey;
    const own = deriveAkeKey(config, one.client.state.keyShareSeed);
    const ikm = Secret.concat(own.dh(keyShare), own.dh(serverPublicKey), privateKey.dh(keyShare));
    const { clientMac } = agree(config.crypto, ikm, {
      context: alice.context,
      clientIdentity: identities.client ?? privateKey.publicKey,
      serverIdentity: identities.server ?? serverPublicKey,
      ke1: one.client.ke1,
      unsignedKe2: unsigned,
    });
    return clientMac.use((mac) => mac.slice());
  }

  test("a stolen record does not log in: no part of it is the client's private key", () => {
    const thief = begin(alice, record, "no idea", "thief");
    const parts = [0, 32, 64, 96, 128, 160].map((at) => record.slice(at, at + 32));
    for (const part of parts) {
      part[31] = (part[31] ?? 0) & 0x0f; // below the order of ristretto255
      const ke3 = forge(thief, importAkeKey(config, Secret.take(part)));
      expect(codeOf(() => finishLogin(thief.server.state, ke3))).toBe("auth.rejected");
    }
  });

  test("the same with the private key that the password opens does", () => {
    const owner = begin(alice, record, "pizza", "owner");
    const { stretchInput } = receiveKE2(owner.client.state, owner.server.ke2);
    const randomized = randomizePassword(config, stretchInput, unstretched(stretchInput));
    const bound = { serverPublicKey: keys.privateKey.publicKey, identities };
    const opened = recover(config, randomized, splitRecord(record).envelope, bound);
    if (opened === null) throw new Error("refused");
    expect(codeOf(() => finishLogin(owner.server.state, forge(owner, opened.privateKey)))).toBe("accepted");
  });
});
