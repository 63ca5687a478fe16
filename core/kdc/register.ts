/**
 * Registration by an operator (PROTOCOL §6): the server plays both parts of OPAQUE's registration, and keeps the
 * record alone. The password is known to it for that moment.
 */
import { utf8 } from "../bytes.ts";
import type { Job } from "../crypto/provider.ts";
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

/** A user whose password is being stretched. */
interface Registering extends Disposable {
  readonly stretching: RegistrationStretching;
  readonly identities: Identities;
}

/**
 * All up to the stretching of `password` (NFKC, UTF-8; borrowed). The caller runs `job`, which borrows from `state`, and
 * disposes `state` in the end.
 * @throws password.invalid when the password is empty or too long
 */
export function startRegistration(
  env: Env,
  { realm, keys }: RegistrationRealm,
  user: UserName,
  password: Secret,
): { readonly job: Job; readonly state: Registering } {
  const config = opaqueConfig(env.crypto);
  using input = passwordInput(password, user, realm);
  const { request, state } = createRegistrationRequest(input, env.randomBytes);
  using asked = state;
  const response = createRegistrationResponse(config, keys, request, utf8(user));
  const stretching = receiveRegistrationResponse(config, asked, response);
  return {
    job: stretchJob(stretching.stretchInput),
    state: { stretching, identities: identities(user, realm), [Symbol.dispose]: () => wipe(stretching) },
  };
}

/** The record with which the user logs in. `stretched` is what the job gave: 64 bytes, borrowed. */
export function finishRegistration(env: Env, state: Registering, stretched: Secret): RegistrationRecord {
  const config = opaqueConfig(env.crypto);
  const input = { stretched, identities: state.identities };
  const { record, exportKey } = finalizeRegistrationRequest(config, state.stretching, input, env.randomBytes);
  wipe(exportKey);
  return record;
}
