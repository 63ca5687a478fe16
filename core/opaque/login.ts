/**
 * Login (RFC 9807 §6.2, §6.4): KE1 and KE3 from the client, KE2 from the server, and one session key for both.
 *
 * The client's second step is two, because stretching is asynchronous on most platforms: `receiveKE2` gives the input,
 * the caller stretches it (Argon2id over `STRETCH_SALT`), `generateKE3` takes the result. No step wipes or changes the
 * state it is given, so a refused message leaves it as it was; the caller disposes every state and result.
 *
 * Failures. The client says `auth.rejected`, and nothing more, whether the password is wrong, the name unknown or KE2
 * altered: it cannot tell them apart, and must not seem to. The server calls a KE1 that is no KE1 `wire.malformed`,
 * which depends on nothing secret; of the user it says nothing before KE3, and then only accepts or rejects.
 *
 * `context` names the configuration and the channel (PROTOCOL §6): a login counts only where it was made. Counting
 * guesses, and treating a missing KE3 as one, is the caller's part (RFC 9807 §9.2).
 */
import { concat } from "../bytes.ts";
import { equalBytes } from "../crypto/compare.ts";
import { oprfBlind, oprfFinalize } from "../crypto/oprf.ts";
import { DH_BYTES, HASH512_BYTES, type RandomBytes } from "../crypto/provider.ts";
import { CodedError } from "../errors.ts";
import { Secret, wipe } from "../secret.ts";
import { applyMask, evaluate, type OpaqueServerKeys } from "./credential.ts";
import { deriveMaskingKey, type Identities, randomizePassword, recover } from "./envelope.ts";
import { type AkePrivateKey, checkAkePublicKey, deriveAkeKey, type OpaqueConfig, SEED_BYTES } from "./group.ts";
import { agree } from "./keySchedule.ts";
import { expectLength, KE3_BYTES, OPAQUE_NONCE_BYTES, splitKe1, splitKe2 } from "./messages.ts";
import { fakeRecord, type RegistrationRecord, splitRecord } from "./record.ts";
import { badKeyAs } from "./refusal.ts";

/** The client between KE1 and KE2. */
export interface ClientLoginState extends Disposable {
  readonly password: Secret;
  readonly blind: Secret;
  readonly keyShareSeed: Secret;
  readonly ke1: Uint8Array;
}

/** The client while the password is being stretched. */
export interface ClientLoginStretching extends Disposable {
  /** `oprf_output`, 64 bytes: the input of the key stretching function. */
  readonly stretchInput: Secret;
  readonly keyShareSeed: Secret;
  readonly ke1: Uint8Array;
  readonly ke2: Uint8Array;
}

/** The server between KE2 and KE3. */
export interface ServerLoginState extends Disposable {
  readonly expectedClientMac: Secret;
  readonly sessionKey: Secret;
}

/** What the server answers a KE1 for. */
interface LoginRequest {
  /** Null for a name that is unknown, locked or without a password. */
  readonly record: RegistrationRecord | null;
  /** Unique per user, the same as at registration. */
  readonly credentialIdentifier: Uint8Array;
  readonly identities: Identities;
  /** At most 65,535 bytes. */
  readonly context: Uint8Array;
  readonly ke1: Uint8Array;
}

/**
 * GenerateKE1 (RFC 9807 §6.2.1): 96 bytes. Draws, in this order, the blind, the nonce and the key share's seed.
 * @param password at most 65,535 bytes, copied
 */
export function generateKE1(
  config: OpaqueConfig,
  password: Secret,
  randomBytes: RandomBytes,
): { readonly ke1: Uint8Array; readonly state: ClientLoginState } {
  using stack = new DisposableStack();
  const { blind, blinded } = oprfBlind(password, randomBytes);
  stack.use(blind);
  const nonce = randomBytes(OPAQUE_NONCE_BYTES);
  const keyShareSeed = stack.use(Secret.take(randomBytes(SEED_BYTES)));
  using keyShare = deriveAkeKey(config, keyShareSeed);
  const copy = stack.use(password.slice(0, password.length));
  const ke1 = concat(blinded, nonce, keyShare.publicKey);
  const kept = stack.move();
  return {
    ke1,
    state: { password: copy, blind, keyShareSeed, ke1: ke1.slice(), [Symbol.dispose]: () => kept.dispose() },
  };
}

/**
 * GenerateKE2 (RFC 9807 §6.2.2): 320 bytes. Draws, in this order, the masking nonce, the nonce and the key share's
 * seed.
 *
 * A known and an unknown name cost the same steps in the same order: see `fakeRecord`.
 * @throws wire.malformed when `ke1` is not 96 bytes, or its element or key share is not a valid one
 */
export function generateKE2(
  config: OpaqueConfig,
  keys: OpaqueServerKeys,
  login: LoginRequest,
  randomBytes: RandomBytes,
): { readonly ke2: Uint8Array; readonly state: ServerLoginState } {
  const { keyShare } = splitKe1(login.ke1);
  badKeyAs("wire.malformed", () => checkAkePublicKey(config, keyShare));
  const fake = fakeRecord(config, keys, login.credentialIdentifier);
  try {
    return respond(config, keys, { ...login, record: login.record ?? fake }, randomBytes);
  } finally {
    fake.fill(0);
  }
}

/** CreateCredentialResponse and AuthServerRespond (RFC 9807 §6.3.2.2, §6.4.4). */
function respond(
  config: OpaqueConfig,
  keys: OpaqueServerKeys,
  login: LoginRequest & { readonly record: RegistrationRecord },
  randomBytes: RandomBytes,
): { readonly ke2: Uint8Array; readonly state: ServerLoginState } {
  const { blinded, keyShare: clientKeyShare } = splitKe1(login.ke1);
  const { clientPublicKey, envelope } = splitRecord(login.record);
  const serverPublicKey = keys.privateKey.publicKey;
  const evaluated = evaluate(config, keys, login.credentialIdentifier, blinded);
  const maskingNonce = randomBytes(OPAQUE_NONCE_BYTES);
  using maskingKey = Secret.copy(splitRecord(login.record).maskingKey);
  const masked = applyMask(config, maskingKey, maskingNonce, concat(serverPublicKey, envelope));
  const serverNonce = randomBytes(OPAQUE_NONCE_BYTES);
  using seed = Secret.take(randomBytes(SEED_BYTES));
  using keyShare = deriveAkeKey(config, seed);
  const unsignedKe2 = concat(evaluated, maskingNonce, masked, serverNonce, keyShare.publicKey);
  using dh1 = keyShare.dh(clientKeyShare);
  using dh2 = keys.privateKey.dh(clientKeyShare);
  using dh3 = keyShare.dh(clientPublicKey);
  using ikm = Secret.concat(dh1, dh2, dh3);
  using agreed = agree(config.crypto, ikm, {
    context: login.context,
    clientIdentity: login.identities.client ?? clientPublicKey,
    serverIdentity: login.identities.server ?? serverPublicKey,
    ke1: login.ke1,
    unsignedKe2,
  });
  const ke2 = agreed.serverMac.use((mac) => concat(unsignedKe2, mac));
  const expectedClientMac = agreed.clientMac.slice(0, HASH512_BYTES);
  const sessionKey = agreed.sessionKey.slice(0, HASH512_BYTES);
  return {
    ke2,
    state: { expectedClientMac, sessionKey, [Symbol.dispose]: () => wipe(expectedClientMac, sessionKey) },
  };
}

/**
 * The first half of GenerateKE3 (RFC 9807 §6.2.3): up to the key stretching function.
 * @throws wire.malformed when `ke2` is not 320 bytes; auth.rejected when its element is not a valid one
 */
export function receiveKE2(state: ClientLoginState, ke2: Uint8Array): ClientLoginStretching {
  const { evaluated } = splitKe2(ke2);
  const stretchInput = badKeyAs("auth.rejected", () => oprfFinalize(state.password, state.blind, evaluated));
  const keyShareSeed = state.keyShareSeed.slice(0, SEED_BYTES);
  return {
    stretchInput,
    keyShareSeed,
    ke1: state.ke1.slice(),
    ke2: ke2.slice(),
    [Symbol.dispose]: () => wipe(stretchInput, keyShareSeed),
  };
}

/** What a login gives the client: 64 bytes each, both secrets the caller's. */
export interface ClientLogin {
  readonly ke3: Uint8Array;
  readonly sessionKey: Secret;
  /** The same at every login until the user registers again (RFC 9807 §10.4). */
  readonly exportKey: Secret;
}

/**
 * The second half of GenerateKE3 (RFC 9807 §6.2.3).
 * @param input.stretched 64 bytes, made from `state.stretchInput`; borrowed
 * @throws auth.rejected for a wrong password, an unknown name, another server, context or identity, or an altered KE2
 */
export function generateKE3(
  config: OpaqueConfig,
  state: ClientLoginStretching,
  input: { readonly stretched: Secret; readonly identities: Identities; readonly context: Uint8Array },
): ClientLogin {
  const { masked, maskingNonce, mac } = splitKe2(state.ke2);
  const { stretched, identities } = input;
  using randomizedPassword = randomizePassword(config, state.stretchInput, stretched);
  using maskingKey = deriveMaskingKey(config, randomizedPassword);
  using unmasked = Secret.take(applyMask(config, maskingKey, maskingNonce, masked));
  const serverPublicKey = unmasked.use((bytes) => bytes.slice(0, DH_BYTES));
  using opened = unmasked.use((bytes) =>
    recover(config, randomizedPassword, bytes.subarray(DH_BYTES), { serverPublicKey, identities }),
  );
  if (opened === null) throw new CodedError("auth.rejected", "opaque");
  using ikm = badKeyAs("auth.rejected", () => agreeAsClient(config, state, opened.privateKey, serverPublicKey));
  using agreed = agree(config.crypto, ikm, {
    context: input.context,
    clientIdentity: identities.client ?? opened.privateKey.publicKey,
    serverIdentity: identities.server ?? serverPublicKey,
    ke1: state.ke1,
    unsignedKe2: splitKe2(state.ke2).unsigned,
  });
  if (!agreed.serverMac.use((expected) => equalBytes(expected, mac))) throw new CodedError("auth.rejected", "opaque");
  return {
    ke3: agreed.clientMac.use((bytes) => bytes.slice()),
    sessionKey: agreed.sessionKey.slice(0, HASH512_BYTES),
    exportKey: opened.exportKey.slice(0, HASH512_BYTES),
  };
}

/** dh1 || dh2 || dh3 of AuthClientFinalize (RFC 9807 §6.4.3). @throws crypto.badKey for a key that is not one */
function agreeAsClient(
  config: OpaqueConfig,
  state: ClientLoginStretching,
  privateKey: AkePrivateKey,
  serverPublicKey: Uint8Array,
): Secret {
  const { keyShare: serverKeyShare } = splitKe2(state.ke2);
  using keyShare = deriveAkeKey(config, state.keyShareSeed);
  using dh1 = keyShare.dh(serverKeyShare);
  using dh2 = keyShare.dh(serverPublicKey);
  using dh3 = privateKey.dh(serverKeyShare);
  return Secret.concat(dh1, dh2, dh3);
}

/**
 * ServerFinish (RFC 9807 §6.2.4): the 64-byte session key, the caller's own copy.
 * @throws wire.malformed when `ke3` is not 64 bytes; auth.rejected when it is not the one expected
 */
export function finishLogin(state: ServerLoginState, ke3: Uint8Array): Secret {
  expectLength(ke3, KE3_BYTES, "KE3");
  const valid = state.expectedClientMac.use((expected) => equalBytes(expected, ke3));
  if (!valid) throw new CodedError("auth.rejected", "opaque");
  return state.sessionKey.slice(0, HASH512_BYTES);
}
