import { describe, expect, test } from "bun:test";
import { nativeCrypto } from "../../../core/crypto/native.ts";
import { ERRORS } from "../../../core/errors.ts";
import { STRETCH } from "../../../core/limits.ts";
import { importAkeKey, STRETCH_SALT } from "../../../core/opaque/group.ts";
import { finishLogin, generateKE1, generateKE2, generateKE3, receiveKE2 } from "../../../core/opaque/login.ts";
import { fakeRecord, parseRecord } from "../../../core/opaque/record.ts";
import {
  createRegistrationRequest,
  createRegistrationResponse,
  finalizeRegistrationRequest,
  receiveRegistrationResponse,
} from "../../../core/opaque/registration.ts";
import { Secret } from "../../../core/secret.ts";
import { codeOf, hexOf, PROVIDERS, queuedRandom, seededRandom, unhex } from "../../support/opaque.ts";
import vector from "../../vectors/opaque-login.json";

const { inputs, registration, login, unknownName, refused } = vector;
const identities = { client: unhex(inputs.clientIdentity), server: unhex(inputs.serverIdentity) };
const credentialIdentifier = unhex(inputs.credentialIdentifier);
const context = unhex(inputs.context);
const held = (hex: string): Secret => Secret.take(unhex(hex));
const draws = (...names: readonly (keyof typeof inputs)[]) => queuedRandom(...names.map((name) => unhex(inputs[name])));
const serverDraws = () => draws("maskingNonce", "serverNonce", "serverKeyShareSeed");

test("the file has just the fields that are checked here", () => {
  expect(Object.keys(vector)).toEqual([
    "about",
    "stretch",
    "inputs",
    "registration",
    "login",
    "unknownName",
    "refused",
  ]);
  expect(Object.keys(inputs)).toEqual([
    "password",
    "credentialIdentifier",
    "clientIdentity",
    "serverIdentity",
    "context",
    "serverPrivateKey",
    "oprfSeed",
    "registrationBlind",
    "envelopeNonce",
    "loginBlind",
    "clientNonce",
    "clientKeyShareSeed",
    "maskingNonce",
    "serverNonce",
    "serverKeyShareSeed",
  ]);
  expect(Object.keys(unknownName)).toEqual(["record", "ke2"]);
  for (const one of refused) {
    expect(Object.keys(one)).toEqual(["message", "at", "with", "why", "code"]);
    expect(Object.keys(ERRORS)).toContain(one.code);
  }
});

test("the stretching is that of the protocol", async () => {
  expect(vector.stretch).toEqual(STRETCH);
  const job = { op: "stretch", input: held(registration.stretchInput), salt: STRETCH_SALT, params: STRETCH } as const;
  const result = await nativeCrypto.run(job, seededRandom("unused"));
  expect(result.op === "stretch" && hexOf(result.output)).toBe(registration.stretched);
});

describe.each(PROVIDERS.map((crypto) => [crypto.name, crypto] as const))("frozen login, %s", (_name, crypto) => {
  const config = { crypto, group: "curve25519" } as const;
  const keys = { privateKey: importAkeKey(config, held(inputs.serverPrivateKey)), oprfSeed: held(inputs.oprfSeed) };
  const stretched = held(registration.stretched);
  const record = parseRecord(config, unhex(registration.record));

  function started() {
    const random = draws("loginBlind", "clientNonce", "clientKeyShareSeed");
    return generateKE1(config, held(inputs.password), random);
  }

  function answered(ke1: Uint8Array, known = true) {
    const request = { record: known ? record : null, credentialIdentifier, identities, context, ke1 };
    return generateKE2(config, keys, request, serverDraws());
  }

  function finished(ke2: Uint8Array) {
    return generateKE3(config, receiveKE2(started().state, ke2), { stretched, identities, context });
  }

  test("registration", () => {
    const random = draws("registrationBlind", "envelopeNonce");
    const { request, state } = createRegistrationRequest(held(inputs.password), random);
    const response = createRegistrationResponse(config, keys, request, credentialIdentifier);
    const stretching = receiveRegistrationResponse(config, state, response);
    const made = finalizeRegistrationRequest(config, stretching, { stretched, identities }, random);
    expect({
      serverPublicKey: hexOf(keys.privateKey.publicKey),
      request: hexOf(request),
      response: hexOf(response),
      stretchInput: hexOf(stretching.stretchInput),
      stretched: hexOf(stretched),
      record: hexOf(made.record),
      exportKey: hexOf(made.exportKey),
    }).toEqual(registration);
  });

  test("login", () => {
    const { ke1 } = started();
    const { ke2, state } = answered(ke1);
    const { ke3, sessionKey, exportKey } = finished(ke2);
    expect({ ke1: hexOf(ke1), ke2: hexOf(ke2), ke3: hexOf(ke3), sessionKey: hexOf(sessionKey) }).toEqual(login);
    expect(hexOf(finishLogin(state, ke3))).toBe(login.sessionKey);
    expect(hexOf(exportKey)).toBe(registration.exportKey);
  });

  test("a name without a record", () => {
    const { ke2 } = answered(unhex(login.ke1), false);
    const record = fakeRecord(config, keys, credentialIdentifier);
    expect({ record: hexOf(record), ke2: hexOf(ke2) }).toEqual(unknownName);
    expect(codeOf(() => finished(ke2))).toBe("auth.rejected");
  });

  const readers: Readonly<Record<string, (message: Uint8Array) => unknown>> = {
    ke1: (ke1) => answered(ke1),
    ke2: (ke2) => finished(ke2),
    ke3: (ke3) => finishLogin(answered(unhex(login.ke1)).state, ke3),
  };
  const whole: Readonly<Record<string, string>> = { ke1: login.ke1, ke2: login.ke2, ke3: login.ke3 };
  test.each(refused.map((one) => [`${one.message}: ${one.why}`, one] as const))("refused, %s", (_title, one) => {
    const before = unhex(whole[one.message] ?? "");
    const bytes = unhex(one.with);
    const message = new Uint8Array(Math.max(before.length, one.at + bytes.length));
    message.set(before);
    message.set(bytes, one.at);
    expect(message).not.toEqual(before);
    expect<string>(codeOf(() => readers[one.message]?.(message))).toBe(one.code);
  });
});
