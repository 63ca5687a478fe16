/**
 * Registration (RFC 9807 §5.2): the client asks, the server evaluates, the client stretches and makes the record.
 *
 * Stretching is asynchronous on most platforms, so the client's second step is two: `receiveRegistrationResponse`
 * gives the input, the caller stretches it (Argon2id over `STRETCH_SALT`), `finalizeRegistrationRequest` takes the
 * result. No step wipes or changes the state it is given; the caller disposes every state and result. Whether the
 * asker may register at all is not this module's concern.
 */
import { concat } from "../bytes.ts";
import { oprfBlind, oprfFinalize } from "../crypto/oprf.ts";
import { HASH512_BYTES, type RandomBytes } from "../crypto/provider.ts";
import { type Secret, wipe } from "../secret.ts";
import { evaluate, type OpaqueServerKeys } from "./credential.ts";
import { deriveMaskingKey, type Identities, randomizePassword, store } from "./envelope.ts";
import { checkAkePublicKey, type OpaqueConfig } from "./group.ts";
import { expectLength, OPAQUE_NONCE_BYTES, REGISTRATION_REQUEST_BYTES, splitRegistrationResponse } from "./messages.ts";
import { makeRecord, type RegistrationRecord } from "./record.ts";
import { badKeyAs } from "./refusal.ts";

/** The client between request and response. */
interface RegistrationState extends Disposable {
  readonly password: Secret;
  readonly blind: Secret;
}

/** The client while the password is being stretched. */
export interface RegistrationStretching extends Disposable {
  /** `oprf_output`, 64 bytes: the input of the key stretching function. */
  readonly stretchInput: Secret;
  readonly serverPublicKey: Uint8Array;
}

/**
 * CreateRegistrationRequest (RFC 9807 §5.2.1): the request is 32 bytes.
 * @param password at most 65,535 bytes, copied
 */
export function createRegistrationRequest(
  password: Secret,
  randomBytes: RandomBytes,
): { readonly request: Uint8Array; readonly state: RegistrationState } {
  const { blind, blinded } = oprfBlind(password, randomBytes);
  const copy = password.slice(0, password.length);
  return { request: blinded, state: { password: copy, blind, [Symbol.dispose]: () => wipe(copy, blind) } };
}

/**
 * CreateRegistrationResponse (RFC 9807 §5.2.2): 64 bytes.
 * @throws wire.malformed when `request` is not 32 bytes or not a group element
 */
export function createRegistrationResponse(
  config: OpaqueConfig,
  keys: OpaqueServerKeys,
  request: Uint8Array,
  credentialIdentifier: Uint8Array,
): Uint8Array {
  expectLength(request, REGISTRATION_REQUEST_BYTES, "registration request");
  return concat(evaluate(config, keys, credentialIdentifier, request), keys.privateKey.publicKey);
}

/**
 * The first half of FinalizeRegistrationRequest (RFC 9807 §5.2.3).
 * @throws wire.malformed when `response` is not 64 bytes, or its element or public key is not a valid one
 */
export function receiveRegistrationResponse(
  config: OpaqueConfig,
  state: RegistrationState,
  response: Uint8Array,
): RegistrationStretching {
  const { evaluated, serverPublicKey } = splitRegistrationResponse(response);
  const stretchInput = badKeyAs("wire.malformed", () => {
    checkAkePublicKey(config, serverPublicKey);
    return oprfFinalize(state.password, state.blind, evaluated);
  });
  return {
    stretchInput,
    serverPublicKey: serverPublicKey.slice(),
    [Symbol.dispose]: () => stretchInput[Symbol.dispose](),
  };
}

/**
 * The second half of FinalizeRegistrationRequest (RFC 9807 §5.2.3).
 * @param input.stretched 64 bytes, made from `state.stretchInput`; borrowed
 * @returns the 192 bytes that the server keeps, to be sent over a confidential channel (RFC 9807 §10.10), and the
 * 64-byte export key
 */
export function finalizeRegistrationRequest(
  config: OpaqueConfig,
  state: RegistrationStretching,
  input: { readonly stretched: Secret; readonly identities: Identities },
  randomBytes: RandomBytes,
): { readonly record: RegistrationRecord; readonly exportKey: Secret } {
  const { serverPublicKey } = state;
  const { stretched, identities } = input;
  using randomizedPassword = randomizePassword(config, state.stretchInput, stretched);
  using maskingKey = deriveMaskingKey(config, randomizedPassword);
  const nonce = randomBytes(OPAQUE_NONCE_BYTES);
  using stored = store(config, randomizedPassword, nonce, { serverPublicKey, identities });
  const record = makeRecord(stored.privateKey.publicKey, maskingKey, stored.envelope);
  return { record, exportKey: stored.exportKey.slice(0, HASH512_BYTES) };
}
