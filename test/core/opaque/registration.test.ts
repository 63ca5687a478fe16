import { describe, expect, test } from "bun:test";
import { nobleCrypto } from "../../../core/crypto/noble.ts";
import {
  createRegistrationRequest,
  createRegistrationResponse,
  finalizeRegistrationRequest,
  receiveRegistrationResponse,
} from "../../../core/opaque/registration.ts";
import { Secret } from "../../../core/secret.ts";
import { BAD_PUBLIC_KEYS, BAD_RISTRETTO } from "../../support/badKeys.ts";
import { account, codeOf, GROUPS, hexOf, register, secret, seededRandom, unstretched } from "../../support/opaque.ts";

describe.each(GROUPS)("registration, %s", (group) => {
  const config = { crypto: nobleCrypto, group };
  const alice = account(config);
  const { keys, credentialIdentifier, identities } = alice;

  function started() {
    const { request, state } = createRegistrationRequest(secret("pizza"), seededRandom("started"));
    return { request, state, response: createRegistrationResponse(config, keys, request, credentialIdentifier) };
  }

  test("the same password twice gives two records and two export keys", () => {
    const first = register(alice, "pizza", seededRandom("first"));
    const second = register(alice, "pizza", seededRandom("second"));
    expect(first.record).not.toEqual(second.record);
    expect(hexOf(first.exportKey)).not.toBe(hexOf(second.exportKey));
  });

  test.each([0, 31, 33])("a request of %p bytes is malformed", (length) => {
    const ask = () => createRegistrationResponse(config, keys, new Uint8Array(length), credentialIdentifier);
    expect(codeOf(ask)).toBe("wire.malformed");
  });

  test.each(BAD_RISTRETTO)("a request that is no element is malformed: %s", (_name, element) => {
    expect(codeOf(() => createRegistrationResponse(config, keys, element, credentialIdentifier))).toBe(
      "wire.malformed",
    );
  });

  test.each([0, 63, 65])("a response of %p bytes is malformed", (length) => {
    const { state } = started();
    expect(codeOf(() => receiveRegistrationResponse(config, state, new Uint8Array(length)))).toBe("wire.malformed");
  });

  test.each(BAD_RISTRETTO)("a response with no element is malformed: %s", (_name, element) => {
    const { state, response } = started();
    response.set(element);
    expect(codeOf(() => receiveRegistrationResponse(config, state, response))).toBe("wire.malformed");
  });

  test.each(BAD_PUBLIC_KEYS[group])("a response with no public key is malformed: %s", (_name, publicKey) => {
    const { state, response } = started();
    response.set(publicKey, 32);
    expect(codeOf(() => receiveRegistrationResponse(config, state, response))).toBe("wire.malformed");
  });

  test("a refused response leaves the state as it was", () => {
    const { state, response } = started();
    const before = [hexOf(state.password), hexOf(state.blind)];
    expect(codeOf(() => receiveRegistrationResponse(config, state, new Uint8Array(64)))).toBe("wire.malformed");
    expect([hexOf(state.password), hexOf(state.blind)]).toEqual(before);
    expect(codeOf(() => receiveRegistrationResponse(config, state, response))).toBe("accepted");
  });

  test("the password belongs to the caller, the states wipe their own copies", () => {
    const password = secret("pizza");
    const { request, state } = createRegistrationRequest(password, seededRandom("owner"));
    password[Symbol.dispose]();
    const response = createRegistrationResponse(config, keys, request, credentialIdentifier);
    const stretching = receiveRegistrationResponse(config, state, response);
    state[Symbol.dispose]();
    expect([state.password.wiped, state.blind.wiped]).toEqual([true, true]);
    using stretched = unstretched(stretching.stretchInput);
    const { exportKey } = finalizeRegistrationRequest(
      config,
      stretching,
      { stretched, identities },
      seededRandom("owner"),
    );
    stretching[Symbol.dispose]();
    expect([stretching.stretchInput.wiped, stretched.wiped, exportKey.wiped]).toEqual([true, false, false]);
  });

  test("a stretched password of another length is a bug", () => {
    const { state, response } = started();
    const stretching = receiveRegistrationResponse(config, state, response);
    const short = { stretched: Secret.take(new Uint8Array(32)), identities };
    expect(() => finalizeRegistrationRequest(config, stretching, short, seededRandom("short"))).toThrow(
      "stretched length",
    );
  });
});
