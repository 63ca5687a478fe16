import { describe, expect, spyOn, test } from "bun:test";
import { nobleCrypto } from "../../../core/crypto/noble.ts";
import type { RandomBytes } from "../../../core/crypto/provider.ts";
import { finishLogin, generateKE1, generateKE2, generateKE3, receiveKE2 } from "../../../core/opaque/login.ts";
import { fakeRecord } from "../../../core/opaque/record.ts";
import {
  createRegistrationRequest,
  createRegistrationResponse,
  finalizeRegistrationRequest,
  receiveRegistrationResponse,
} from "../../../core/opaque/registration.ts";
import { Secret } from "../../../core/secret.ts";
import {
  account,
  answer,
  begin,
  flipped,
  GROUPS,
  register,
  secret,
  seededRandom,
  unstretched,
} from "../../support/opaque.ts";

/** Runs `fn`, and gives its result and the secrets made meanwhile that are not wiped yet. */
function leftBy<T>(fn: () => T): { readonly result: T | null; readonly made: number; readonly left: Set<Secret> } {
  const spies = [
    spyOn(Secret, "take"),
    spyOn(Secret, "copy"),
    spyOn(Secret, "concat"),
    spyOn(Secret.prototype, "slice"),
  ] as const;
  let result: T | null = null;
  try {
    result = fn();
  } catch {
    // A refusal: nothing may be left at all.
  }
  const made = spies.flatMap((spy) =>
    spy.mock.results.flatMap(({ value }) => (value instanceof Secret ? [value] : [])),
  );
  for (const spy of spies) spy.mockRestore();
  return { result, made: made.length, left: new Set(made.filter((one) => !one.wiped)) };
}

/** The secrets that a result hands over, one level deep. */
function handedOver(result: unknown): Set<Secret> {
  if (result instanceof Secret) return new Set([result]);
  const values = Object.values(result ?? {}).flatMap((value: unknown) =>
    value instanceof Secret || value instanceof Uint8Array ? [value] : Object.values(value ?? {}),
  );
  return new Set(values.filter((value) => value instanceof Secret));
}

/** Fails at the draw numbered `at`, from 0. */
function failingAt(at: number): RandomBytes {
  const random = seededRandom("failing");
  let draws = 0;
  return (length) => {
    draws += 1;
    if (draws > at) throw new Error("no randomness");
    return random(length);
  };
}

describe.each(GROUPS)("secrets left behind, %s", (group) => {
  const config = { crypto: nobleCrypto, group };
  const alice = account(config);
  const { keys, credentialIdentifier, identities, context } = alice;
  const { record } = register(alice, "pizza");
  const password = secret("pizza");
  const random = seededRandom("wiping");
  const registering = createRegistrationRequest(password, random);
  const response = createRegistrationResponse(config, keys, registering.request, credentialIdentifier);
  const registered = receiveRegistrationResponse(config, registering.state, response);
  const known = begin(alice, record, "pizza");
  const stretching = receiveKE2(known.client.state, known.server.ke2);
  const stretched = unstretched(stretching.stretchInput);
  const forRecord = unstretched(registered.stretchInput);
  const wrong = secret("x".repeat(64));
  const { ke1 } = known.client;
  const { ke3 } = answer(alice, known.client.state, known.server.ke2);

  test.each([
    ["createRegistrationRequest", 2, () => createRegistrationRequest(password, random)],
    [
      "createRegistrationResponse",
      0,
      () => createRegistrationResponse(config, keys, registering.request, credentialIdentifier),
    ],
    ["receiveRegistrationResponse", 1, () => receiveRegistrationResponse(config, registering.state, response)],
    [
      "finalizeRegistrationRequest",
      1,
      () => finalizeRegistrationRequest(config, registered, { stretched: forRecord, identities }, random),
    ],
    ["fakeRecord", 0, () => fakeRecord(config, keys, credentialIdentifier)],
    ["generateKE1", 3, () => generateKE1(config, password, random)],
    ["generateKE2", 2, () => generateKE2(config, keys, { ...alice, record, ke1 }, random)],
    ["generateKE2 for nobody", 2, () => generateKE2(config, keys, { ...alice, record: null, ke1 }, random)],
    ["receiveKE2", 2, () => receiveKE2(known.client.state, known.server.ke2)],
    ["generateKE3", 2, () => generateKE3(config, stretching, { stretched, identities, context })],
    ["finishLogin", 1, () => finishLogin(known.server.state, ke3)],
  ] as const)("%s: only the %p it hands over", (_name, count, step) => {
    const { result, left } = leftBy<unknown>(step);
    expect(result).not.toBeNull();
    expect(left.size).toBe(count);
    expect(left).toEqual(handedOver(result));
  });

  test.each([
    [
      "KE1 without an element",
      () => generateKE2(config, keys, { ...alice, record, ke1: ke1.slice().fill(255, 0, 32) }, random),
    ],
    ["KE2 without an element", () => receiveKE2(known.client.state, new Uint8Array(320))],
    ["a wrong password", () => generateKE3(config, stretching, { stretched: wrong, identities, context })],
    ["a wrong server MAC", () => answer(alice, known.client.state, flipped(known.server.ke2, 319))],
    ["a key share that is none", () => answer(alice, known.client.state, known.server.ke2.slice().fill(0, 224, 256))],
    ["a wrong KE3", () => finishLogin(known.server.state, flipped(ke3, 0))],
    [
      "no randomness for the envelope",
      () => finalizeRegistrationRequest(config, registered, { stretched: forRecord, identities }, failingAt(0)),
    ],
    ["no randomness for KE1's nonce", () => generateKE1(config, password, failingAt(1))],
    ["no randomness for KE1's key share", () => generateKE1(config, password, failingAt(2))],
    ["no randomness for KE2's mask", () => generateKE2(config, keys, { ...alice, record, ke1 }, failingAt(0))],
    ["no randomness for KE2's key share", () => generateKE2(config, keys, { ...alice, record, ke1 }, failingAt(2))],
  ] as const)("none after %s", (_name, step) => {
    const { result, left } = leftBy<unknown>(step);
    expect(result).toBeNull();
    expect(left.size).toBe(0);
  });

  test("the fake record is wiped, the real one is not", () => {
    for (const one of [record, null]) {
      const copy = spyOn(Secret, "copy");
      generateKE2(config, keys, { ...alice, record: one, ke1 }, random);
      const maskingKeys = copy.mock.calls.flatMap(([given]) => (given.length === 64 ? [given] : []));
      copy.mockRestore();
      expect(maskingKeys.map((key) => key.some((byte) => byte !== 0))).toEqual([one !== null]);
    }
  });

  test("a disposed state holds nothing", () => {
    const { client, server } = begin(alice, record, "pizza");
    const next = receiveKE2(client.state, server.ke2);
    for (const state of [client.state, server.state, next]) {
      const secrets = handedOver({ state });
      expect(secrets.size).toBeGreaterThan(1);
      state[Symbol.dispose]();
      for (const one of secrets) expect(one.wiped).toBe(true);
    }
  });
});
