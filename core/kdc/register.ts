/**
 * OPAQUE's registration as this protocol runs it (PROTOCOL §6): the asker's half, and the server's.
 *
 * An operator's program plays both parts and keeps the record alone; the password is known to it for that moment. A user
 * who changes the password plays the asker's part over the channel, and wraps the account key under the export key. Not its
 * concern: who may register, and that the old password is proved first.
 */
import { utf8 } from "../bytes.ts";
import type { CryptoProvider, Job } from "../crypto/provider.ts";
import type { Env } from "../env.ts";
import type { UserName } from "../name.ts";
import type { OpaqueServerKeys } from "../opaque/credential.ts";
import type { Identities } from "../opaque/envelope.ts";
import type { RegistrationRecord } from "../opaque/record.ts";
import {
  createRegistrationRequest,
  createRegistrationResponse,
  finalizeRegistrationRequest,
  type RegistrationStretching,
  receiveRegistrationResponse,
} from "../opaque/registration.ts";
import { type Secret, wipe } from "../secret.ts";
import { identities, opaqueConfig } from "./login.ts";
import { passwordInput, stretchJob } from "./password.ts";

/** What the realm contributes to a registration. */
export interface RegistrationRealm {
  /** The realm id: 32 bytes. */
  readonly realm: Uint8Array;
  readonly keys: OpaqueServerKeys;
}

/** An asker who waits for the response. */
export interface AskedRegistration extends Disposable {
  readonly asked: ReturnType<typeof createRegistrationRequest>["state"];
  readonly identities: Identities;
}

/** An asker whose password is being stretched. */
export interface Registering extends Disposable {
  readonly stretching: RegistrationStretching;
  readonly identities: Identities;
  /** Borrows from this state. */
  readonly job: Job;
}

/**
 * The asker's first step: `request` is 32 bytes. `password` (NFKC, UTF-8) is borrowed.
 * @param asker.realm the realm id, 32 bytes
 * @throws password.invalid when the password is empty or too long
 */
export function requestRegistration(
  env: Env,
  asker: { readonly user: UserName; readonly realm: Uint8Array },
  password: Secret,
): { readonly request: Uint8Array; readonly state: AskedRegistration } {
  const { user, realm } = asker;
  using input = passwordInput(password, user, realm);
  const { request, state: asked } = createRegistrationRequest(input, env.randomBytes);
  return { request, state: { asked, identities: identities(user, realm), [Symbol.dispose]: () => wipe(asked) } };
}

/** The server's step: 64 bytes. @throws wire.malformed when `request` is none */
export function answerRegistration(
  crypto: CryptoProvider,
  keys: OpaqueServerKeys,
  user: UserName,
  request: Uint8Array,
): Uint8Array {
  return createRegistrationResponse(opaqueConfig(crypto), keys, request, utf8(user));
}

/** The asker's second step: the caller runs the job of what it returns. @throws wire.malformed when `response` is none */
export function receiveRegistration(
  crypto: CryptoProvider,
  { asked, identities }: AskedRegistration,
  response: Uint8Array,
): { readonly state: Registering } {
  const stretching = receiveRegistrationResponse(opaqueConfig(crypto), asked, response);
  const job = stretchJob(stretching.stretchInput);
  return { state: { stretching, identities, job, [Symbol.dispose]: () => wipe(stretching) } };
}

/**
 * The asker's last step: the record with which the user logs in, and the export key (64 bytes), which is the caller's.
 * `stretched` is what the job gave: 64 bytes, borrowed.
 */
export function finishRegistration(
  env: Env,
  state: Registering,
  stretched: Secret,
): { readonly record: RegistrationRecord; readonly exportKey: Secret } {
  const input = { stretched, identities: state.identities };
  return finalizeRegistrationRequest(opaqueConfig(env.crypto), state.stretching, input, env.randomBytes);
}

/**
 * An operator's registration, all up to the stretching of `password` (NFKC, UTF-8; borrowed). The caller runs `job`, which
 * borrows from `state`, and disposes `state` in the end.
 * @throws password.invalid when the password is empty or too long
 */
export function startRegistration(
  env: Env,
  { realm, keys }: RegistrationRealm,
  user: UserName,
  password: Secret,
): { readonly job: Job; readonly state: Registering } {
  const { request, state: asked } = requestRegistration(env, { user, realm }, password);
  using waiting = asked;
  const response = answerRegistration(env.crypto, keys, user, request);
  const { state } = receiveRegistration(env.crypto, waiting, response);
  return { job: state.job, state };
}

/** Its end: the record alone, as `finishRegistration` makes it. The export key is nobody's and is wiped. */
export function finishRecord(env: Env, state: Registering, stretched: Secret): RegistrationRecord {
  const { record, exportKey } = finishRegistration(env, state, stretched);
  wipe(exportKey);
  return record;
}
